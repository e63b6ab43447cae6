"""The losses against numpy, their masks, and that nothing known means no loss and finite gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
tf_keras = pytest.importorskip("tf_keras")
if keras.backend.backend() != "tensorflow":
    pytest.skip("needs Keras's TensorFlow backend", allow_module_level=True)

from train.losses import (  # noqa: E402
    build_losses,
    compute_correlation_loss,
    compute_partner_loss,
    compute_rank_loss,
    compute_squared_loss,
)
from train.training_config import LossConfig  # noqa: E402

Array = NDArray[np.float32]
NAN = float("nan")
HEADS = {"quality": 1, "attributes": 5, "category": 3, "style": 2}


def column(*values: float) -> Array:
    return np.array(values, dtype=np.float32)[:, np.newaxis]


def draw(rng: np.random.Generator, count: int = 16) -> tuple[Array, Array]:
    """Targets with a quarter unknown, and predictions."""
    target = rng.uniform(size=(count, 1)).astype(np.float32)
    target[::4] = np.nan
    return target, rng.uniform(size=(count, 1)).astype(np.float32)


def test_squared_loss_is_the_mean_over_what_is_known() -> None:
    target = np.array([[0.5, NAN], [NAN, 1.0]], dtype=np.float32)
    predicted = np.array([[0.7, 9.0], [-9.0, 0.4]], dtype=np.float32)
    assert float(compute_squared_loss(target, predicted)) == pytest.approx((0.2**2 + 0.6**2) / 2, rel=1e-5)


def test_correlation_loss_is_half_of_one_minus_pearson() -> None:
    target, predicted = draw(np.random.default_rng(0))
    is_known = ~np.isnan(target[:, 0])
    pearson = np.corrcoef(target[is_known, 0], predicted[is_known, 0])[0, 1]
    assert float(compute_correlation_loss(target, predicted)) == pytest.approx((1 - pearson) / 2, abs=1e-5)


def test_correlation_loss_of_the_same_is_nothing_and_of_the_opposite_one() -> None:
    target = column(0.1, 0.9, 0.4, 0.6, NAN)
    assert float(compute_correlation_loss(target, np.nan_to_num(target))) == pytest.approx(0.0, abs=1e-4)
    assert float(compute_correlation_loss(target, 1 - np.nan_to_num(target))) == pytest.approx(1.0, abs=1e-4)


def test_two_ratings_are_no_correlation() -> None:
    assert float(compute_correlation_loss(column(0.1, 0.9, NAN), column(0.9, 0.1, 0.5))) == 0.0


def test_rank_loss_is_the_mean_shortfall_of_the_ordered_pairs() -> None:
    target, predicted = draw(np.random.default_rng(1), 9)
    target[5] = target[6] + 0.01  # a tie
    shortfalls = []
    for i in range(9):
        for j in range(9):
            rated = target[i, 0] - target[j, 0]
            if abs(rated) > 0.02:
                shortfalls.append(max(0.0, abs(rated) - np.sign(rated) * (predicted[i, 0] - predicted[j, 0])))
    assert 20 < len(shortfalls) < 30  # six are known, and one pair of them is a tie
    assert float(compute_rank_loss(target, predicted)) == pytest.approx(np.mean(shortfalls), rel=1e-4)


def test_rank_loss_minds_the_order_but_not_the_level() -> None:
    target = column(0.1, 0.5, 0.9)
    assert float(compute_rank_loss(target, target + 0.3)) == pytest.approx(0.0, abs=1e-6)
    assert float(compute_rank_loss(target, 2 * target)) == pytest.approx(0.0, abs=1e-6)
    assert float(compute_rank_loss(target, target[::-1])) == pytest.approx(2 * (0.4 + 0.8 + 0.4) / 3, rel=1e-5)
    assert float(compute_rank_loss(column(0.5, 0.51, 0.515), column(0.9, 0.1, 0.5))) == 0.0


def test_partners_are_asked_for_their_difference_not_their_level() -> None:
    target = column(0.8, 0.5, 0.6, 0.6, NAN, 0.2)
    assert float(compute_partner_loss(target, np.nan_to_num(target) + 0.15)) == pytest.approx(0.0, abs=1e-6)
    predicted = column(0.8, 0.6, 0.6, 0.5, 0.9, 0.1)
    assert float(compute_partner_loss(target, predicted)) == pytest.approx((0.1**2 + 0.1**2) / 2, rel=1e-4)
    packed = np.concatenate([np.full_like(target, np.nan), target], axis=1)
    plain, with_partners = (
        float(build_losses(LossConfig(quality_partners=weight))["quality"](packed, predicted)) for weight in (0.0, 3.0)
    )
    assert with_partners == pytest.approx(plain + 3.0 * 0.01, rel=1e-4)


def test_hints_have_a_loss_where_they_have_a_weight() -> None:
    assert "hints" not in build_losses(LossConfig())
    loss = build_losses(LossConfig(hints=2.0))["hints"]
    target = np.array([[1.0, 2.0], [NAN, NAN]], dtype=np.float32)
    assert float(loss(target, np.zeros((2, 2), dtype=np.float32))) == pytest.approx(2.0 * 2.5, rel=1e-5)


def test_label_losses_are_the_cross_entropy_of_the_labelled_rows() -> None:
    logits = np.array([[2.0, 0.0, -1.0], [0.5, 0.5, 0.5], [9.0, 9.0, -9.0]], dtype=np.float32)
    known = np.array([[0, 1, 0], [0.2, 0.3, 0.5], [NAN, NAN, NAN]], dtype=np.float32)
    losses = build_losses(LossConfig(category=2.0, teacher_share=0.0))
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = 2.0 * -(known[:2] * np.log(probability[:2])).sum() / 2
    packed = np.concatenate([known, np.full_like(known, np.nan)], axis=1)
    assert float(losses["category"](packed, logits)) == pytest.approx(expected, rel=1e-5)


def test_people_and_teacher_are_mixed_by_the_share() -> None:
    target, predicted = np.array([[0.2, 0.8], [0.4, 0.9], [0.9, 0.1]], dtype=np.float32), column(0.5, 0.6, 0.7)
    weights = {"quality_mse": 1.0, "quality_plcc": 2.0, "quality_rank": 3.0}

    def compute(share: float) -> float:
        loss = build_losses(LossConfig(**weights, teacher_share=share))["quality"](target, predicted)
        return float(loss)

    def compute_part(side: Array) -> float:
        parts = (compute_squared_loss, compute_correlation_loss, compute_rank_loss)
        return sum(weight * float(part(side, predicted)) for weight, part in zip((1, 2, 3), parts, strict=True))

    people, teacher = compute_part(target[:, :1]), compute_part(target[:, 1:])
    assert people != pytest.approx(teacher)
    assert compute(0.0) == pytest.approx(people, rel=1e-5) and compute(1.0) == pytest.approx(teacher, rel=1e-5)
    assert compute(0.25) == pytest.approx(0.75 * people + 0.25 * teacher, rel=1e-5)


def test_faults_may_count_more_than_what_is_flawless() -> None:
    target, predicted = np.array([[1.0, 0.0, 0.5, np.nan]]), np.array([[0.8, 0.4, 0.5, 0.3]])
    weighted = float(compute_squared_loss(target, predicted, 5.0))
    assert weighted == pytest.approx((1 * 0.2**2 + 5 * 0.4**2 + 3 * 0.0) / (1 + 5 + 3), rel=1e-5)
    once, often = (build_losses(LossConfig(fault_weight=weight))["attributes"] for weight in (1.0, 5.0))
    both = np.concatenate([target, target], axis=1)
    assert float(once(both, predicted)) == pytest.approx(float(compute_squared_loss(target, predicted)), rel=1e-5)
    assert float(often(both, predicted)) == pytest.approx(weighted, rel=1e-5)


def test_attributes_are_weighted_and_mixed() -> None:
    known = np.array([[1, NAN, NAN, NAN, 0.5], [NAN] * 5], dtype=np.float32)
    taught = np.full((2, 5), 0.5, dtype=np.float32)
    predicted = np.full((2, 5), 0.75, dtype=np.float32)
    loss = build_losses(LossConfig(attributes=4.0, teacher_share=0.5))["attributes"]
    assert float(loss(np.concatenate([known, taught], axis=1), predicted)) == pytest.approx(4.0 * 0.0625, rel=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_a_batch_of_which_nothing_is_known_has_no_loss_and_no_gradient(head: str) -> None:
    predicted = tf.Variable(np.random.default_rng(2).uniform(size=(8, HEADS[head])).astype(np.float32))
    target = np.full((8, 2 * HEADS[head]), np.nan, dtype=np.float32)
    with tf.GradientTape() as tape:
        loss = build_losses(LossConfig())[head](target, predicted)
    assert float(loss) == 0.0
    np.testing.assert_array_equal(tape.gradient(loss, predicted).numpy(), 0.0)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("is_constant", [False, True])
def test_gradients_are_finite_and_do_not_reach_what_is_unknown(head: str, is_constant: bool) -> None:
    rng = np.random.default_rng(3)
    width = HEADS[head]
    start = np.full((8, width), 0.5) if is_constant else rng.uniform(size=(8, width))
    predicted = tf.Variable(start.astype(np.float32))
    target = rng.uniform(size=(8, 2 * width)).astype(np.float32)
    target[:3] = np.nan
    with tf.GradientTape() as tape:
        loss = build_losses(LossConfig())[head](target, predicted)
    gradient = tape.gradient(loss, predicted).numpy()
    assert float(loss) > 0 and np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[:3], 0.0)
    assert np.abs(gradient[3:]).max() > 0


@pytest.mark.parametrize("api", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_both_libraries_train_with_them(api: Any) -> None:
    """One layer to four heads learns a linear rating although most targets are unknown."""
    api.utils.set_random_seed(0)
    rng = np.random.default_rng(4)
    inputs = rng.normal(size=(96, 6)).astype(np.float32)
    quality = (1 / (1 + np.exp(-inputs[:, :1]))).astype(np.float32)
    targets = {name: np.full((96, 2 * width), np.nan, dtype=np.float32) for name, width in HEADS.items()}
    targets["quality"][::2, :1] = quality[::2]
    targets["quality"][:, 1:] = quality
    targets["category"][::3, :3] = np.eye(3, dtype=np.float32)[np.argmax(inputs[::3, :3], axis=1)]
    x = api.Input((6,))
    activations = {"quality": "sigmoid", "attributes": "sigmoid"}
    outputs = {name: api.layers.Dense(width, activations.get(name), name=name)(x) for name, width in HEADS.items()}
    model = api.Model(x, outputs)
    model.compile(optimizer=api.optimizers.Adam(0.05), loss=build_losses(LossConfig(category=1.0)), jit_compile=False)
    history = model.fit(inputs, targets, epochs=12, batch_size=32, verbose=0).history
    assert np.isfinite(history["loss"]).all() and history["loss"][-1] < 0.3 * history["loss"][0]
    predicted = model.predict(inputs, verbose=0)
    assert np.corrcoef(predicted["quality"][:, 0], quality[:, 0])[0, 1] > 0.98
    assert history["attributes_loss"] == [0.0] * 12
