"""Balancing gives the channels behind a ReLU one scale and leaves what the network computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
tf_keras = pytest.importorskip("tf_keras")

from train.models.balance import MAX_OFFSET, balance_channels  # noqa: E402
from train.models.student import StudentSpec, build_student  # noqa: E402

SIZE_PX = 64


def build(offset: float) -> Any:
    """A student whose early channels differ in scale by a factor of a hundred, some moved by ``offset`` deviations."""
    rng = np.random.default_rng(3)
    student = build_student(StudentSpec("small", SIZE_PX, ("a", "b"), ("c", "d"), hidden_units=8))
    for layer in student.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            is_early = layer.name.startswith(("Conv_bn", "block0", "block1", "block2"))
            gamma = 10 ** rng.uniform(-1, 1, gamma.shape) if is_early else gamma
            beta = gamma * rng.choice((0.5, offset), gamma.shape) if is_early else beta
            layer.set_weights([gamma, beta, mean, variance])
        elif "_se_reduce" in layer.name:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, rng.normal(0, 0.1, bias.shape)])
    return student


def compute(student: Any) -> dict[str, np.ndarray]:
    views = np.random.default_rng(5).integers(0, 256, (3, SIZE_PX, SIZE_PX, 3)).astype(np.float32)
    return {name: np.asarray(values) for name, values in student(views).items()}


def test_scales_change_and_the_function_does_not() -> None:
    student = build(offset=1.5)
    before = compute(student)
    balanced = balance_channels(student)
    assert balanced == [
        "Conv",
        "block0_depthwise",
        "block1_expand",
        "block1_depthwise",
        "block2_expand",
        "block2_depthwise",
    ]
    for name in balanced:
        np.testing.assert_allclose(np.abs(student.get_layer(f"{name}_bn").get_weights()[0]), 1.0, rtol=1e-5)
    for name, values in compute(student).items():
        np.testing.assert_allclose(values, before[name], rtol=1e-3, atol=1e-4)


def test_far_offsets_come_near_and_the_mean_behind_them_stays() -> None:
    """Where a ReLU lets everything pass, a channel's offset is cancelled by the batch normalisation behind it."""
    student = build(offset=40.0)
    probe = tf_keras.Model(student.input, student.get_layer("block0_depthwise_bn").output)
    views = np.full((1, SIZE_PX, SIZE_PX, 3), 128, dtype=np.float32)
    before = np.asarray(probe(views))[0, 10, 10]
    balance_channels(student)
    assert np.abs(student.get_layer("Conv_bn").get_weights()[1]).max() <= MAX_OFFSET
    after = np.asarray(probe(views))[0, 10, 10]
    gamma = np.abs(student.get_layer("block0_depthwise_bn").get_weights()[0])
    assert np.allclose(gamma, 1.0, rtol=1e-5)
    # The second normalisation was rescaled as well: compare in its own units, where it did not have to be cut.
    original = build(offset=40.0).get_layer("block0_depthwise_bn").get_weights()
    is_near = np.abs(original[1] / original[0]) <= MAX_OFFSET
    np.testing.assert_allclose(after[is_near], (before / original[0])[is_near], rtol=1e-3, atol=1e-3)


def test_balancing_twice_changes_nothing_more() -> None:
    student = build(offset=1.5)
    balance_channels(student)
    weights = student.get_weights()
    balance_channels(student)
    for found, expected in zip(student.get_weights(), weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
