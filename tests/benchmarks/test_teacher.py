"""The teacher's worker: its protocol with a teacher that knows brightness, and its end when there is none."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from benchmarks import teacher
from edge_runtime.errors import ModelError


class _Network:
    def __init__(self, count: int) -> None:
        self._count = count

    def count_params(self) -> int:
        return self._count


class _BrightnessTeacher:
    backbones, heads, ridges = (_Network(1000),), (_Network(10),), (_Network(200),)

    def predict(self, images: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        assert all(image.dtype == np.uint8 and image.ndim == 3 for image in images)
        return {"quality": np.array([image.mean() / 255 for image in images], dtype=np.float32)}


def _serve(monkeypatch: pytest.MonkeyPatch, module: ModuleType, *requests: dict[str, str]) -> list[dict[str, object]]:
    monkeypatch.setitem(sys.modules, "train.models.teacher", module)
    monkeypatch.setattr(teacher, "_limit_cores", lambda num_threads: None)  # not for the process that runs the tests
    answers = io.StringIO()
    teacher._serve(
        Path("folder"), 1, ["moved.h5"], io.StringIO("".join(json.dumps(one) + "\n" for one in requests)), answers
    )
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_worker_loads_times_scores_and_survives_a_bad_photo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    photo = tmp_path / "grey.png"
    Image.fromarray(np.full((40, 30, 3), 102, dtype=np.uint8)).save(photo)
    module = ModuleType("train.models.teacher")
    asked: list[tuple[Path, Sequence[str]]] = []

    def load_teacher(folder: Path, weights: Sequence[str]) -> _BrightnessTeacher:
        asked.append((folder, weights))
        return _BrightnessTeacher()

    module.load_teacher = load_teacher  # type: ignore[attr-defined]
    loaded, bad, scored, timed = _serve(
        monkeypatch,
        module,
        {"do": "score", "path": str(tmp_path / "absent.png")},
        {"do": "score", "path": str(photo)},
        {"do": "time"},
    )
    assert asked == [(Path("folder"), ["moved.h5"])]
    assert isinstance(loaded["load_ms"], float)
    assert loaded["weights_bytes"] == 1210 * 4
    assert "absent.png" in str(bad["error"])
    assert scored["quality"] == pytest.approx(0.4, abs=1e-6)
    assert isinstance(timed["latency_ms"], float) and timed["latency_ms"] > 0


def test_a_teacher_that_cannot_be_loaded_is_answered_with_why(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("train.models.teacher")

    def load_teacher(folder: Path, weights: Sequence[str]) -> _BrightnessTeacher:
        raise RuntimeError("no weights here")

    module.load_teacher = load_teacher  # type: ignore[attr-defined]
    (answer,) = _serve(monkeypatch, module)
    assert "RuntimeError: no weights here" in str(answer["error"])


def test_a_real_worker_without_a_teacher_ends_with_an_error_and_leaves_no_process(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing-here: the teacher cannot be loaded"):
        teacher.TeacherProcess(tmp_path / "nothing-here")
