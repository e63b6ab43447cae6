"""Equalising changes the scale of squeeze-excite channels, never what the student answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
tf_keras = pytest.importorskip("tf_keras")

from compress.equalize import MAX_REQUANTIZATION_FACTOR, equalize_squeeze_excite  # noqa: E402
from train.models.student import StudentSpec, build_student  # noqa: E402

LAYER = "block3_se_reduce"
Randomize = Callable[[Any], None]


@pytest.fixture
def deploy(randomize: Randomize) -> Any:
    model = build_student(StudentSpec("small", 64, ("a", "b"), ("c",), hidden_units=8), is_deploy=True)
    randomize(model)
    return model


def predict(model: Any, views: np.ndarray) -> dict[str, np.ndarray]:
    """The student's outputs, and what the gate behind LAYER says before its sigmoid."""
    gate = model.get_layer(LAYER.replace("reduce", "expand")).output
    probe = tf_keras.Model(model.input, {**model.output, "gate": gate})
    return {name: np.asarray(values) for name, values in probe(views.astype(np.float32)).items()}


def compute_factor(model: Any, name: str, views: np.ndarray) -> float:
    """The largest requantisation factor of a reduce convolution, from its own ranges over ``views``."""
    layer = model.get_layer(name)
    probe = tf_keras.Model(model.input, [layer.input, layer.output])
    into, out = (np.asarray(x) for x in probe(views.astype(np.float32)))
    input_scale = (max(into.max(), 0) - min(into.min(), 0)) / 255
    output_scale = max(out.max(), 1e-6) / 255  # behind the fused ReLU
    kernel_scale = np.abs(layer.get_weights()[0]).max() / 127
    return float(input_scale * kernel_scale / output_scale)


def set_peaks(model: Any, views: np.ndarray, peaks: np.ndarray) -> None:
    """Shifts the biases of LAYER so that each channel's output over ``views`` peaks at a given value."""
    layer = model.get_layer(LAYER)
    kernel, bias = layer.get_weights()
    probe = tf_keras.Model(model.input, layer.output)
    reached = np.asarray(probe(views.astype(np.float32))).reshape(-1, len(bias)).max(axis=0)
    layer.set_weights([kernel, bias - reached + peaks])


def count_channels(model: Any) -> int:
    return len(model.get_layer(LAYER).get_weights()[1])


def test_a_student_that_needs_nothing_is_left_alone(deploy: Any, calibration_views: np.ndarray) -> None:
    before = deploy.get_weights()
    assert compute_factor(deploy, LAYER, calibration_views) < 1
    assert equalize_squeeze_excite(deploy, calibration_views) == []
    for now, then in zip(deploy.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_student_without_squeeze_excite_is_left_alone(calibration_views: np.ndarray) -> None:
    spec = StudentSpec("small", 64, ("a",), ("b",), hidden_units=8, is_minimalistic=True)
    assert equalize_squeeze_excite(build_student(spec, is_deploy=True), calibration_views) == []


def test_a_channel_at_rest_with_a_huge_kernel_is_bounded(deploy: Any, calibration_views: np.ndarray) -> None:
    layer = deploy.get_layer(LAYER)
    kernel, bias = layer.get_weights()
    probe = tf_keras.Model(deploy.input, layer.input)
    inputs = np.abs(np.asarray(probe(calibration_views.astype(np.float32)))).reshape(-1, kernel.shape[2])
    kernel[..., 2] = 0.0
    kernel[0, 0, inputs.max(axis=0).argmin(), 2] = 1e4  # on a small input, or float32 would round the sum too much
    layer.set_weights([kernel, bias])
    peaks = np.full(count_channels(deploy), 0.5)
    peaks[2] = 0.4  # hardly ever more than zero, but not dead
    set_peaks(deploy, calibration_views, peaks)
    expected = predict(deploy, calibration_views)
    assert compute_factor(deploy, LAYER, calibration_views) > MAX_REQUANTIZATION_FACTOR
    assert equalize_squeeze_excite(deploy, calibration_views) == [LAYER]
    assert compute_factor(deploy, LAYER, calibration_views) < MAX_REQUANTIZATION_FACTOR
    for name, values in predict(deploy, calibration_views).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-3, atol=1e-3)
    assert equalize_squeeze_excite(deploy, calibration_views) == []


def test_a_layer_that_never_wakes_is_bounded(deploy: Any, calibration_views: np.ndarray) -> None:
    set_peaks(deploy, calibration_views, np.full(count_channels(deploy), -1.0))
    expected = predict(deploy, calibration_views)
    assert compute_factor(deploy, LAYER, calibration_views) > MAX_REQUANTIZATION_FACTOR
    assert equalize_squeeze_excite(deploy, calibration_views) == [LAYER]
    assert compute_factor(deploy, LAYER, calibration_views) < MAX_REQUANTIZATION_FACTOR
    for name, values in predict(deploy, calibration_views).items():
        np.testing.assert_allclose(values, expected[name], atol=1e-6)


def test_a_layer_that_hardly_wakes_is_bounded(deploy: Any, calibration_views: np.ndarray) -> None:
    set_peaks(deploy, calibration_views, np.full(count_channels(deploy), 1e-5))
    expected = predict(deploy, calibration_views)
    assert compute_factor(deploy, LAYER, calibration_views) > MAX_REQUANTIZATION_FACTOR
    assert equalize_squeeze_excite(deploy, calibration_views) == [LAYER]
    for name, values in predict(deploy, calibration_views).items():
        np.testing.assert_allclose(values, expected[name], atol=1e-3)
    assert compute_factor(deploy, LAYER, calibration_views) < MAX_REQUANTIZATION_FACTOR
