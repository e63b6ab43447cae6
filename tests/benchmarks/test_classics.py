"""The untrained backbones: real files with their weights inside, made once."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from benchmarks.classics import ensure_classic
from benchmarks.native_model import NativeModel
from edge_runtime.errors import RuntimeUnavailableError


@pytest.mark.slow
@pytest.mark.needs_tensorflow
def test_resnet50_carries_its_weights_and_depends_on_the_picture(tmp_path: Path) -> None:
    path = ensure_classic("resnet50", width_px=64, height_px=48, cache=tmp_path)
    # 23.6 million float32 weights without the classifier (Keras's table of applications), batch norms folded.
    assert path.stat().st_size > 23.4e6 * 4
    model = NativeModel(path, num_threads=1)
    assert model.input_shape == (1, 48, 64, 3)
    model.fill_input(np.zeros(model.input_shape, dtype=np.uint8))
    model.invoke()
    black = model.read_output()
    model.fill_input_with_noise()
    model.invoke()
    assert model.output_size == 1
    assert abs(float(model.read_output()[0] - black[0])) > 1e-6
    made = path.stat().st_mtime_ns
    assert ensure_classic("resnet50", width_px=64, height_px=48, cache=tmp_path).stat().st_mtime_ns == made


def test_without_tensorflow_the_reason_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeUnavailableError, match="pip install"):
        ensure_classic("vgg16", width_px=32, height_px=32, cache=tmp_path)
