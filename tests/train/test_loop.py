"""The one training loop: it stops on validation, keeps the best epoch, and goes on after an interruption."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
tf_keras = pytest.importorskip("tf_keras")

from edge_runtime.errors import UsageError  # noqa: E402
from train.loop import Validation, fit  # noqa: E402
from train.training_config import FitConfig  # noqa: E402

CONFIG = FitConfig(epochs=4, batch_size=16, learning_rate=0.05, patience=4)
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(64, 4)).astype(np.float32)
QUALITY = (1 / (1 + np.exp(-INPUTS @ np.array([[1.0], [-2.0], [0.5], [0.0]])))).astype(np.float32)
VALIDATION = Validation(INPUTS, QUALITY[:, 0], np.repeat(["one", "two"], 32))
APIS = pytest.mark.parametrize("api", [keras, tf_keras], ids=["keras", "tf_keras"])


def build(api: Any) -> Any:
    api.utils.set_random_seed(1)
    x = api.Input((4,))
    return api.Model(x, {"quality": api.layers.Dense(1, "sigmoid", name="quality")(x)})


def generate() -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    while True:
        for start in range(0, 64, 16):
            yield INPUTS[start : start + 16], {"quality": QUALITY[start : start + 16]}


def compute_loss(target: Any, predicted: Any) -> Any:
    return keras.ops.mean(keras.ops.square(predicted - target))


def build_script(api: Any, signs: list[int], fails_in: int | None = None) -> Any:
    """Sets the layer's weights at each epoch's end, so that what is best is known; may fail in one epoch."""

    class Script(api.callbacks.Callback):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.epochs: list[int] = []

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == fails_in:
                raise KeyboardInterrupt
            self.epochs.append(epoch)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            kernel = np.array([[1.0], [-2.0], [0.5], [0.0]]) * signs[self.epochs[-1]]
            noise = 0.1 * self.epochs[-1]
            self.model.get_layer("quality").set_weights([kernel + noise, np.zeros(1)])

    return Script()


def run(api: Any, model: Any, work: Path, config: FitConfig = CONFIG, **options: Any) -> list[dict[str, float]]:
    work.mkdir(exist_ok=True)
    return fit(api, model, generate(), 4, VALIDATION, config, {"quality": compute_loss}, work, **options)


def test_agreement_is_the_mean_over_collections() -> None:
    """Four photos in order and three in reverse; two photos are no collection, nor are three of one rating."""
    mos = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.5, 0.5, 0.5])
    predicted = np.array([0.1, 0.2, 0.3, 0.4, 0.7, 0.6, 0.5, 0.9, 0.1, 0.1, 0.2, 0.3])
    collections = np.array(["a"] * 4 + ["b"] * 3 + ["c"] * 2 + ["d"] * 3)
    assert Validation(mos, mos, collections).compute_agreement(predicted) == pytest.approx((1 - 1) / 2)
    predicted[4:7] = 0.5  # constant predictions agree with nobody
    assert Validation(mos, mos, collections).compute_agreement(predicted) == pytest.approx((1 + 0) / 2)


@APIS
def test_it_learns_and_logs_every_epoch(api: Any, tmp_path: Path) -> None:
    model = build(api)
    log = run(api, model, tmp_path, replace(CONFIG, epochs=6, learning_rate=0.3))
    assert len(log) == 6 and log[-1]["val_srcc"] > 0.9 and log[-1]["loss"] < 0.3 * log[0]["loss"]
    assert len((tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()) == 7


def test_the_learning_rate_warms_up_and_decays_to_nothing(tmp_path: Path) -> None:
    rates: list[float] = []

    class Recorder(tf_keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            optimizer = self.model.optimizer
            rates.append(float(optimizer.learning_rate))

    run(tf_keras, build(tf_keras), tmp_path, replace(CONFIG, warmup_share=0.25), callbacks=[Recorder()])
    assert len(rates) == 16 and max(rates) == pytest.approx(0.05, rel=1e-3)
    assert rates.index(max(rates)) == 4 and rates[:5] == sorted(rates[:5]) and rates[0] < 0.02 * max(rates)
    assert rates[4:] == sorted(rates[4:], reverse=True) and rates[-1] < 0.02 * max(rates)


def test_the_best_epoch_stands_at_the_end(tmp_path: Path) -> None:
    model = build(tf_keras)
    log = run(tf_keras, model, tmp_path, callbacks=[build_script(tf_keras, [-1, 1, -1, -1])])
    scores = [epoch["val_srcc"] for epoch in log]
    assert scores[1] == max(scores) > 0.9 and scores[3] < -0.9
    np.testing.assert_allclose(model.get_layer("quality").get_weights()[0][:, 0], [1.1, -1.9, 0.6, 0.1], rtol=1e-5)


def test_the_last_epoch_stands_where_that_is_asked_for(tmp_path: Path) -> None:
    model = build(tf_keras)
    run(tf_keras, model, tmp_path, callbacks=[build_script(tf_keras, [-1, 1, -1, -1])], keeps_best=False)
    np.testing.assert_allclose(model.get_layer("quality").get_weights()[0][:, 0], [-0.7, 2.3, -0.2, 0.3], rtol=1e-5)


def test_it_stops_when_validation_has_not_improved_for_long_enough(tmp_path: Path) -> None:
    script = build_script(tf_keras, [1, -1, -1, -1])
    run(tf_keras, build(tf_keras), tmp_path, replace(CONFIG, patience=2), callbacks=[script])
    assert script.epochs == [0, 1, 2]


@APIS
def test_early_stopping_remembers_what_was_before_an_interruption(api: Any, tmp_path: Path) -> None:
    """Epoch 0 is the best; two epochs of patience end with epoch 2, wherever the run was cut, and stay ended."""
    config = replace(CONFIG, epochs=12, patience=2)
    signs = [1] + [-1] * 11
    with pytest.raises(KeyboardInterrupt):
        run(api, build(api), tmp_path, config, callbacks=[build_script(api, signs, fails_in=2)])
    for expected in ([2], [], []):
        script, model = build_script(api, signs), build(api)
        log = run(api, model, tmp_path, config, callbacks=[script])
        assert script.epochs == expected and [epoch["epoch"] for epoch in log] == [0, 1, 2]
        np.testing.assert_allclose(model.get_layer("quality").get_weights()[0][:, 0], [1.0, -2.0, 0.5, 0.0], rtol=1e-5)


@APIS
def test_a_run_cut_short_goes_on_after_its_last_whole_epoch(api: Any, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(api, build(api), tmp_path, callbacks=[build_script(api, [1, 1, 1, 1], fails_in=2)])
    script, model = build_script(api, [1, 1, 1, 1]), build(api)
    run(api, model, tmp_path, callbacks=[script], keeps_best=False)
    assert script.epochs == [2, 3]
    assert int(model.optimizer.iterations) == 16  # the learning rate goes on where it was


def test_the_best_epoch_stands_at_the_end_of_a_resumed_run_too(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tf_keras, build(tf_keras), tmp_path, callbacks=[build_script(tf_keras, [1, -1, -1, -1], fails_in=2)])
    model = build(tf_keras)
    run(tf_keras, model, tmp_path, callbacks=[build_script(tf_keras, [1, -1, -1, -1])])
    np.testing.assert_allclose(model.get_layer("quality").get_weights()[0][:, 0], [1.0, -2.0, 0.5, 0.0], rtol=1e-5)


@APIS
def test_a_training_that_diverged_says_so(api: Any, tmp_path: Path) -> None:
    def spoil(target: Any, predicted: Any) -> Any:
        return compute_loss(target, predicted) * float("nan")

    with pytest.raises(UsageError, match="diverged in epoch 1: lower learning_rate"):
        fit(api, build(api), generate(), 4, VALIDATION, CONFIG, {"quality": spoil}, tmp_path)


@pytest.mark.parametrize("count", [5, 32, 40, 64])
def test_each_photo_is_looked_at_once_whatever_fills_the_last_batch(tmp_path: Path, count: int) -> None:
    chosen = np.random.default_rng(4).permutation(64)[:count]
    watched = Validation(INPUTS[chosen], RNG.permutation(QUALITY[chosen, 0]), np.array(["one"] * count))
    model = build(keras)
    config = replace(CONFIG, epochs=1)
    log = fit(keras, model, generate(), 4, watched, config, {"quality": compute_loss}, tmp_path, keeps_best=False)
    expected = watched.compute_agreement(model.predict_on_batch(watched.inputs)["quality"].ravel())
    assert log[-1]["val_srcc"] == pytest.approx(expected)
