"""Averaged weights: the mean of what a training passed through, at a constant rate, also after an interruption."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
tf_keras = pytest.importorskip("tf_keras")

from edge_runtime.errors import UsageError  # noqa: E402
from train.averaging import WeightAverage, measure_statistics  # noqa: E402
from train.loop import Validation, fit  # noqa: E402
from train.training_config import FitConfig  # noqa: E402

STEPS = 25  # an epoch: weights are taken behind the 10th and the 20th
CONFIG = FitConfig(epochs=4, batch_size=8, learning_rate=0.05, averages_from=3)
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(3.0, 2.0, size=(200, 4)).astype(np.float32)
QUALITY = (1 / (1 + np.exp(-INPUTS @ np.array([[1.0], [-2.0], [0.5], [0.0]])))).astype(np.float32)
VALIDATION = Validation(INPUTS, QUALITY[:, 0], np.repeat(["one", "two"], 100))
APIS = pytest.mark.parametrize("api", [keras, tf_keras], ids=["keras", "tf_keras"])


def build(api: Any) -> Any:
    api.utils.set_random_seed(1)
    x = api.Input((4,))
    normalized = api.layers.BatchNormalization(name="norm")(x)
    return api.Model(x, {"quality": api.layers.Dense(1, "sigmoid", name="quality")(normalized)})


def generate() -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    while True:
        for start in range(0, 200, 8):
            yield INPUTS[start : start + 8], {"quality": QUALITY[start : start + 8]}


def compute_loss(target: Any, predicted: Any) -> Any:
    return keras.ops.mean(keras.ops.square(predicted - target))


def build_witness(api: Any, fails_in: int | None = None) -> Any:
    class Witness(api.callbacks.Callback):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.epoch = 0
            self.kernels: list[tuple[int, np.ndarray]] = []
            self.rates: list[float] = []

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.epoch = epoch
            if epoch == fails_in:
                raise KeyboardInterrupt

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            rate = self.model.optimizer.learning_rate
            self.rates.append(float(rate(self.model.optimizer.iterations) if callable(rate) else rate))
            if batch in (9, 19):
                self.kernels.append((self.epoch, self.model.get_layer("quality").get_weights()[0]))

    return Witness()


def run(api: Any, work: Path, witness: Any, config: FitConfig = CONFIG) -> Any:
    work.mkdir(exist_ok=True)
    model = build(api)
    losses = {"quality": compute_loss}
    fit(api, model, generate(), STEPS, VALIDATION, config, losses, work, callbacks=[witness])
    return model


@APIS
def test_a_training_ends_with_the_mean_of_its_weights(tmp_path: Path, api: Any) -> None:
    witness = build_witness(api)
    model = run(api, tmp_path / "work", witness)
    seen = [kernel for epoch, kernel in witness.kernels if epoch >= 2]
    assert len(seen) == 4
    assert np.ptp(seen, axis=0).max() > 0.01  # the weights did move
    np.testing.assert_allclose(model.get_layer("quality").get_weights()[0], np.mean(seen, axis=0), atol=1e-6)
    assert witness.rates[-1] == pytest.approx(0.05)
    assert witness.rates[-1] == pytest.approx(witness.rates[STEPS])


@APIS
def test_normalisations_are_measured_behind_the_mean(tmp_path: Path, api: Any) -> None:
    model = run(api, tmp_path / "work", build_witness(api))
    *_, mean, variance = model.get_layer("norm").get_weights()
    batches = INPUTS.reshape(STEPS, 8, 4)
    np.testing.assert_allclose(mean, batches.mean(axis=(0, 1)), rtol=0.05)  # 60 batches are two epochs and a bit
    np.testing.assert_allclose(variance, batches.var(axis=1).mean(axis=0), rtol=0.1)


@APIS
def test_statistics_weigh_every_batch_alike_and_momentum_comes_back(api: Any) -> None:
    model = build(api)
    batches = [(INPUTS[:8], None), (INPUTS[8:16], None), (INPUTS[16:24], None)]
    measure_statistics(api, model, iter(batches))
    norm = model.get_layer("norm")
    np.testing.assert_allclose(norm.get_weights()[2], INPUTS[:24].mean(axis=0), atol=1e-5)
    assert norm.momentum == 0.99


def test_frozen_normalisations_stay() -> None:
    model = build(keras)
    model.get_layer("norm").trainable = False
    measure_statistics(keras, model, iter([(INPUTS[:8], None)]))
    np.testing.assert_array_equal(model.get_layer("norm").get_weights()[2], np.zeros(4))


@APIS
def test_an_interruption_loses_nothing_of_the_mean(tmp_path: Path, api: Any) -> None:
    whole = run(api, tmp_path / "whole", build_witness(api))
    with pytest.raises(KeyboardInterrupt):
        run(api, tmp_path / "cut", build_witness(api, fails_in=3))
    first = WeightAverage(tmp_path / "cut" / "average.npz")
    assert first.count == 2
    witness = build_witness(api)
    resumed = run(api, tmp_path / "cut", witness)
    assert {epoch for epoch, _ in witness.kernels} == {3}
    assert WeightAverage(tmp_path / "cut" / "average.npz").count == 4
    one, other = (model.get_layer("quality").get_weights()[0] for model in (resumed, whole))
    np.testing.assert_allclose(one, other, atol=0.05)  # the batches' order begins anew


@APIS
def test_an_epoch_of_few_batches_is_averaged_at_its_end(tmp_path: Path, api: Any) -> None:
    (tmp_path / "work").mkdir()
    fit(api, build(api), generate(), 3, VALIDATION, CONFIG, {"quality": compute_loss}, tmp_path / "work")
    assert WeightAverage(tmp_path / "work" / "average.npz").count == 2


def test_a_damaged_mean_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "average.npz"
    path.write_bytes(b"PK\x03\x04 cut short")
    assert WeightAverage(path).count == 0


def test_to_average_from_behind_the_end_is_refused() -> None:
    with pytest.raises(UsageError, match="averages_from is 5, but there are 4 epochs"):
        FitConfig(epochs=4, averages_from=5)
