"""Kernels are rounded to int8 so that outputs change least."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
tf_keras = pytest.importorskip("tf_keras")

from compress.folding import build_deploy_student  # noqa: E402
from compress.rounding import MAX_STEP, round_kernel, round_kernels  # noqa: E402
from train.models.student import StudentSpec, build_student  # noqa: E402


def round_to_nearest(rows: np.ndarray) -> np.ndarray:
    scale = np.abs(rows).max(axis=1, keepdims=True) / MAX_STEP
    return np.round(rows / scale) * scale


def draw_problem(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Kernels, and inputs that share an even background as pixels do."""
    rng = np.random.default_rng(seed)
    inputs = 5 + rng.normal(size=(500, 9)) * 0.5
    return rng.normal(size=(16, 9)).astype(np.float32), inputs


@pytest.mark.parametrize("seed", range(5))
def test_outputs_are_nearer_than_with_nearest_weights(seed: int) -> None:
    rows, inputs = draw_problem(seed)
    found = round_kernel(rows, inputs.T @ inputs / len(inputs))
    errors = [np.square(inputs @ (each - rows).T).mean() for each in (found, round_to_nearest(rows))]
    assert errors[0] < 0.25 * errors[1]


def test_weights_lie_on_the_grid_of_the_largest_and_zeros_stay() -> None:
    rows, inputs = draw_problem(9)
    rows[:, ::3] = 0
    found = round_kernel(rows, inputs.T @ inputs / len(inputs))
    steps = found / (np.abs(rows).max(axis=1, keepdims=True) / MAX_STEP)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    np.testing.assert_array_equal(np.abs(found).max(axis=1), np.abs(rows).max(axis=1))
    assert (found[:, ::3] == 0).all() and (np.abs(steps) <= MAX_STEP + 1e-3).all()


def test_inputs_that_are_never_seen_and_kernels_of_zeros_do_no_harm() -> None:
    rows, _ = draw_problem(3)
    rows[4] = 0
    found = round_kernel(rows, np.zeros((9, 9)))
    np.testing.assert_allclose(np.delete(found, 4, 0), round_to_nearest(np.delete(rows, 4, 0)), atol=1e-6)
    assert (found[4] == 0).all()


def test_a_student_with_rounded_kernels_answers_nearly_as_before(
    randomize: Callable[[Any], None], calibration_views: np.ndarray
) -> None:
    spec = StudentSpec("small", 64, ("a", "b"), ("c",), hidden_units=16)
    student = build_student(spec)
    randomize(student)
    deploy = build_deploy_student(student, spec)
    views = calibration_views.astype(np.float32)
    before = deploy(views, training=False)["category"].numpy()
    kernels = {layer.name: layer.get_weights()[0] for layer in deploy.layers if layer.weights}
    plain = build_deploy_student(student, spec)
    round_kernels(deploy, calibration_views)
    for layer in plain.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            axes = (0, 1) if isinstance(layer, tf_keras.layers.DepthwiseConv2D) else tuple(range(kernel.ndim - 1))
            scale = np.maximum(np.abs(kernel).max(axis=axes, keepdims=True) / MAX_STEP, 1e-12)
            layer.set_weights([np.round(kernel / scale) * scale, bias])
    errors = [np.abs(model(views, training=False)["category"].numpy() - before).mean() for model in (deploy, plain)]
    assert 0 < errors[0] < 0.7 * errors[1]
    weighted = [layer for layer in deploy.layers if layer.weights]
    assert any((layer.get_weights()[0] != kernels[layer.name]).any() for layer in weighted)
