"""An exported float student becomes the training form again, with the same answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
tf_keras = pytest.importorskip("tf_keras")

from compress.convert import convert_float  # noqa: E402
from compress.folding import build_deploy_student  # noqa: E402
from edge_runtime.errors import UsageError  # noqa: E402
from train.models.student import StudentSpec, build_student  # noqa: E402
from train.models.unfolding import fill_exported, read_exported_weights  # noqa: E402

SPEC = StudentSpec("small", 64, ("a", "b", "c"), ("d", "e"), hidden_units=24, hint_count=8)


@pytest.fixture
def exported(randomize: Callable[[Any], None], tmp_path: Path) -> tuple[Any, Path]:
    student = build_student(SPEC)
    randomize(student)
    path = tmp_path / "student.tflite"
    path.write_bytes(convert_float(build_deploy_student(student, SPEC)))
    return student, path


def test_answers_are_those_of_the_exported_student(exported: tuple[Any, Path], calibration_views: np.ndarray) -> None:
    student, path = exported
    again = build_student(SPEC)
    fill_exported(again, read_exported_weights(path), calibration_views, path)
    views = calibration_views.astype(np.float32)
    expected, found = student(views, training=False), again(views, training=False)
    for name in ("quality", "attributes", "category", "style"):
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(found[name] / scale, expected[name] / scale, atol=2e-3, err_msg=name)


def test_in_training_a_batch_is_judged_nearly_as_in_inference(
    exported: tuple[Any, Path], calibration_views: np.ndarray
) -> None:
    """The point of the statistics: otherwise the first steps would have to learn the function anew."""
    _, path = exported
    again = build_student(replace(SPEC, dropout=0.0))
    fill_exported(again, read_exported_weights(path), calibration_views, path)
    views = calibration_views[:32].astype(np.float32)
    still, moved = again(views, training=False), again(views, training=True)
    spread = np.std(still["category"])
    assert np.abs(moved["category"] - still["category"]).mean() < 0.1 * spread


def test_every_layer_is_found(exported: tuple[Any, Path]) -> None:
    student, path = exported
    found = read_exported_weights(path)
    wanted = {layer.name for layer in student.layers if hasattr(layer, "kernel") or hasattr(layer, "depthwise_kernel")}
    assert set(found) == wanted - {"hints"}


def test_another_architecture_or_no_model_is_refused(
    exported: tuple[Any, Path], calibration_views: np.ndarray, tmp_path: Path
) -> None:
    _, path = exported
    with pytest.raises(UsageError, match="layer category is"):
        fill_exported(
            build_student(replace(SPEC, category_labels=("a",))), read_exported_weights(path), calibration_views, path
        )
    with pytest.raises(UsageError, match="layer block1_expand is"):
        fill_exported(
            build_student(replace(SPEC, variant="large")), read_exported_weights(path), calibration_views, path
        )
    (tmp_path / "no.tflite").write_bytes(b"no model")
    with pytest.raises(UsageError, match="no model file that can be read"):
        read_exported_weights(tmp_path / "no.tflite")
