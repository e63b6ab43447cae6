"""A teacher's backbone that is trained with its heads, on one device and on two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.errors import UsageError

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")

from train.config import TeacherConfig  # noqa: E402
from train.data.manifest import load_manifests  # noqa: E402
from train.data.samples import Sample, load_sample, plan_samples  # noqa: E402
from train.data.split import assign_split  # noqa: E402
from train.models import backbones  # noqa: E402
from train.models.teacher import load_teacher  # noqa: E402
from train.stages.fine_tune import _draw_batches  # noqa: E402
from train.stages.fit_teacher import fit_teacher  # noqa: E402
from train.stages.label import label  # noqa: E402
from train.stages.labelled_views import load_labels  # noqa: E402
from train.training_config import FitConfig  # noqa: E402


def build_pair(weights: str | None, include_top: bool, input_shape: Any) -> Any:
    image = keras.Input(input_shape)
    x = keras.layers.Conv2D(4, 3, strides=2, name="first")(image)
    x = keras.layers.BatchNormalization(name="normal")(x)
    return keras.Model(image, keras.layers.Conv2D(6, 3, strides=2, name="second")(x), name="pair")


@pytest.fixture(autouse=True)
def pair_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a backbone of two stages known, with a normalisation between them."""
    entry = backbones._Backbone(build_pair, ("first", "second"), 1 / 255, (0.0, 0.0, 0.0))
    monkeypatch.setitem(backbones.BACKBONES, "pair", entry)


@pytest.fixture
def tuned_config(chain: Any, tmp_path: Path) -> TeacherConfig:
    network = build_pair(None, False, (None, None, 3))
    path = tmp_path / "start.npz"
    np.savez(path, **{f"{index:03d}": array for index, array in enumerate(network.get_weights())})
    entry = replace(chain.teacher_config.backbones[0], name="pair", weights=str(path), is_trainable=True)
    tune = FitConfig(epochs=2, batch_size=16, learning_rate=1e-2)
    return replace(chain.teacher_config, backbones=(entry,), tune=tune)


def read_layers(model: Any) -> dict[str, list[NDArray[np.float32]]]:
    (stages,) = (layer for layer in model.layers if isinstance(layer, keras.Model))
    return {layer.name: layer.get_weights() for layer in stages.layers if layer.weights}


def test_all_but_the_first_stages_and_the_normalisations_learn(
    chain: Any, tuned_config: TeacherConfig, tmp_path: Path
) -> None:
    out = tmp_path / "tuned"
    metrics = fit_teacher(tuned_config, [chain.manifest], out)
    start = read_layers(backbones.build_feature_model("pair", tuned_config.backbones[0].weights, "float32"))
    teacher = load_teacher(out)
    learnt = read_layers(teacher.backbones[0])
    for name in ("first", "normal"):
        for before, after in zip(start[name], learnt[name], strict=True):
            np.testing.assert_array_equal(after, before)
    assert np.abs(learnt["second"][0] - start["second"][0]).max() > 1e-3
    log = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["log"]
    assert len(log) == tuned_config.fit.epochs + tuned_config.tune.epochs
    assert metrics["train"]["all"]["srcc"]["value"] > 0.8


def test_what_is_saved_is_what_was_measured_and_labels(chain: Any, tuned_config: TeacherConfig, tmp_path: Path) -> None:
    """Features that were cached before are those of the backbone as it was: labels must not come from them."""
    out = tmp_path / "tuned"
    fit_teacher(tuned_config, [chain.manifest], out)
    label(out, [chain.manifest], tmp_path / "labels", view_size_px=32)
    labels = load_labels(tmp_path / "labels")
    photos = labels.load_photos()
    rows = labels.select_rated("validation")
    pictures = [load_sample(Sample(photos[labels.files[row]], "validation", False), 48)[0] for row in rows]
    answers = load_teacher(out).predict(pictures)["quality"]
    np.testing.assert_allclose(labels.targets["quality"][rows, 1], answers, atol=2e-3)


def test_half_of_each_batch_was_rated(chain: Any, tuned_config: TeacherConfig) -> None:
    photos = load_manifests([chain.manifest])
    plan = plan_samples(photos, assign_split(photos, 0), tuned_config.samples, 0)
    training = [sample for sample in plan if sample.side == "train"]
    batches: Iterator[Any] = _draw_batches(tuned_config, training, 8)
    seen = []
    for views, targets in islice(batches, 8):
        assert views.shape == (8, 48, 48, 3) and views.dtype == np.float32
        assert np.isfinite(targets["quality"][0::2, 0]).all()
        assert np.isnan(targets["quality"][:, 1]).all()  # nobody teaches, people and faults are all there is
        seen += targets["quality"][0::2, 0].tolist()
    rated = sum(sample.is_original and sample.photo.mos is not None for sample in training)
    assert rated == 32 and len(set(seen)) == 32  # each once in its turn
    (_, first), (_, again) = next(_draw_batches(tuned_config, training, 8)), next(batches)
    assert not np.array_equal(first["quality"], again["quality"], equal_nan=True)


def test_a_backbone_that_is_frozen_whole_is_refused(chain: Any, tuned_config: TeacherConfig, tmp_path: Path) -> None:
    entry = replace(tuned_config.backbones[0], frozen_stages=2)
    with pytest.raises(UsageError, match="frozen_stages is 2, and pair_statistics is of 2 stages"):
        fit_teacher(replace(tuned_config, backbones=(entry,)), [chain.manifest], tmp_path / "t")


TWO_DEVICES = """
import keras, numpy as np
from edge_runtime.errors import UsageError
from train.devices import share_batches
from train.loop import Validation, fit
from train.training_config import FitConfig
from pathlib import Path
import sys

rng = np.random.default_rng(0)
x = rng.normal(size=(64, 3)).astype(np.float32)
y = x @ np.float32([[1.0], [-2.0], [0.5]])
def draw():
    while True:
        yield x, {"quality": y}
with share_batches(64):
    image = keras.Input((3,))
    model = keras.Model(image, {"quality": keras.layers.Dense(1)(image)})
    places = {len(weight.value.devices()) for weight in model.weights}
    watched = Validation(x[:5], y[:5, 0], np.zeros(5))
    loss = {"quality": lambda target, answer: keras.ops.mean(keras.ops.square(target - answer))}
    config = FitConfig(epochs=4, learning_rate=0.3)
    fit(keras, model, draw(), 40, watched, config, loss, Path(sys.argv[1]), keeps_best=False)
off = np.abs(model.get_weights()[0] - [[1], [-2], [0.5]]).max()
print("devices", places, "has learnt", off < 0.01)
try:
    with share_batches(63):
        pass
except UsageError as error:
    print(error)
"""


def test_two_devices_share_the_batches(tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="training on several devices needs jax")
    variables = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    command = [sys.executable, "-W", "ignore", "-c", TWO_DEVICES, str(tmp_path)]
    run = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "devices {2} has learnt True" in run.stdout
    assert "2 devices cannot share a batch of 63 evenly: set batch_size to a multiple of 2" in run.stdout
