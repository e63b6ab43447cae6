"""Layers of a rounded student are brought back to what the float original answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow_model_optimization")
tf_keras = pytest.importorskip("tf_keras")

from compress.matching import Lesson, match_kernels, solve_rows  # noqa: E402
from compress.qat import find_variables, wrap_for_qat  # noqa: E402
from compress.rounding import MAX_STEP  # noqa: E402

HEADS = ("quality", "attributes", "category", "style")


def draw_lesson(seed: int, channels: int = 0) -> tuple[np.ndarray, np.ndarray, Lesson]:
    """Kernels, biases, and what they shall answer although each input comes out a fifth too large and shifted."""
    rng = np.random.default_rng(seed)
    inputs = 3 + rng.normal(size=(400, 9, channels) if channels else (400, 9))
    rows = rng.normal(size=(channels or 6, 9)).astype(np.float32)
    bias = rng.normal(size=len(rows)).astype(np.float32)
    targets = apply(rows, bias, inputs)
    weights = rng.uniform(0.5, 1.5, len(inputs))
    return rows, bias, Lesson(1.2 * inputs + 0.5, targets, weights / weights.sum())


def apply(rows: np.ndarray, bias: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    return np.einsum("ntc,ct->nc" if inputs.ndim == 3 else "ni,oi->no", inputs, rows) + bias


@pytest.mark.parametrize("channels", [0, 5])
@pytest.mark.parametrize("seed", range(3))
def test_what_inputs_are_off_by_in_a_regular_way_is_made_good(seed: int, channels: int) -> None:
    rows, bias, lesson = draw_lesson(seed, channels)
    found_rows, found_bias = solve_rows(rows, bias, lesson)
    spread = lesson.targets.std(axis=0)
    before = np.abs(apply(rows, bias, lesson.inputs) - lesson.targets).mean(axis=0) / spread
    after = np.abs(apply(found_rows, found_bias, lesson.inputs) - lesson.targets).mean(axis=0) / spread
    assert (after < 0.03).all() and (before > 0.1).all()
    steps = found_rows / (np.abs(found_rows).max(axis=1, keepdims=True) / MAX_STEP)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)


def test_outputs_are_right_on_average_and_zeros_stay() -> None:
    rows, bias, lesson = draw_lesson(4)
    rows[:, ::4] = 0
    found_rows, found_bias = solve_rows(rows, bias, lesson)
    assert (found_rows[:, ::4] == 0).all() and (found_rows[:, 1] != 0).all()
    left = apply(found_rows, found_bias, lesson.inputs) - lesson.targets
    np.testing.assert_allclose(lesson.weights @ left, 0, atol=1e-4)


def test_inputs_that_are_always_zero_leave_their_weights_alone() -> None:
    rows, bias, lesson = draw_lesson(5)
    lesson.inputs[:, 3] = 0
    found, _ = solve_rows(rows, bias, lesson)
    np.testing.assert_allclose(found[:, 3], rows[:, 3], atol=np.abs(found).max() / MAX_STEP)


def compute_errors(model: Any, original: Any, views: np.ndarray) -> dict[str, float]:
    """Mean differences of the answers, as a share of what they vary by."""
    views = views.astype(np.float32)
    found, wanted = model(views, training=False), original(views, training=False)
    return {
        name: float((np.abs(np.asarray(found[name] - wanted[name])) / np.asarray(wanted[name]).std(axis=0)).mean())
        for name in HEADS
    }


@pytest.fixture(scope="module")
def sparse_student(deploy_student: Any) -> Any:
    """A copy of the deploy student without half the weights of two layers, and with a gate's inner scale halved."""
    model = tf_keras.models.clone_model(deploy_student)
    model.set_weights(deploy_student.get_weights())
    for name in ("block4_expand", "block10_project"):
        kernel, bias = model.get_layer(name).get_weights()
        kernel[np.abs(kernel) < np.quantile(np.abs(kernel), 0.5)] = 0.0
        model.get_layer(name).set_weights([kernel, bias])
    for name, factor in (("block3_se_reduce", 0.5), ("block3_se_expand", 2.0)):
        kernel, bias = model.get_layer(name).get_weights()
        model.get_layer(name).set_weights([kernel * factor, bias * (factor if factor < 1 else 1.0)])
    return model


@pytest.mark.slow
def test_a_matched_student_answers_nearer_to_the_original_on_other_views(
    sparse_student: Any, deploy_student: Any, natural_views: np.ndarray
) -> None:
    wrapped = wrap_for_qat(sparse_student, natural_views)
    before = compute_errors(wrapped, deploy_student, natural_views[1::2])
    weights = [values.copy() for values in deploy_student.get_weights()]
    match_kernels(wrapped, deploy_student, natural_views[::2])
    after = compute_errors(wrapped, deploy_student, natural_views[1::2])
    assert 0 < sum(after.values()) < 0.8 * sum(before.values()), (before, after)
    for values, kept in zip(deploy_student.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(values, kept)
    for layer in sparse_student.layers:
        if not layer.weights:
            continue
        kernel = layer.get_weights()[0]
        matched = find_variables(wrapped.get_layer(f"quant_{layer.name}"), layer)[0].numpy()
        assert (matched[kernel == 0] == 0).all(), layer.name
        if "_se_" in layer.name:
            assert np.abs(matched - kernel).max() < 0.1 * np.abs(kernel).max(), f"{layer.name} was scaled back"
        assert np.array_equal(matched, kernel) == isinstance(layer, tf_keras.layers.Dense), layer.name
