"""Pretrained weights arrive in the right variables from each form, or are refused with the file's name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.errors import UsageError

pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

from train.models.weights import load_pretrained_weights  # noqa: E402


def build(filters: int = 4) -> Any:
    """A model with layers of three kinds, of which only two have weights; its weights are random."""
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(filters, 3, name="conv")(image)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = keras.layers.ReLU(name="relu")(x)
    model = keras.Model(image, x, name="tiny")
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=weight.shape).astype(np.float32) for weight in model.weights])
    return model


def reset(model: Any) -> Any:
    model.set_weights([np.zeros(weight.shape, dtype=np.float32) for weight in model.weights])
    return model


def write_tensorflowjs(folder: Path, model: Any, **changes: Any) -> Path:
    """What the TensorFlow.js converter writes, in reverse order and in two groups of several shards."""
    entries = [(f"{layer.name}/{weight.name}", weight) for layer in model.layers for weight in layer.weights][::-1]
    groups = []
    for number, members in enumerate((entries[:2], entries[2:])):
        content = b"".join(weight.numpy().astype("<f4").tobytes() for _, weight in members)
        names = []
        for shard, start in enumerate(range(0, len(content), 50)):  # shards end in the middle of a weight
            names.append(f"group{number}-shard{shard}.bin")
            (folder / names[-1]).write_bytes(content[start : start + 50])
        described = [
            {"name": name, "shape": list(weight.shape), "dtype": "float32", **changes} for name, weight in members
        ]
        groups.append({"paths": names, "weights": described})
    path = folder / "model.json"
    path.write_text(json.dumps({"format": "layers-model", "weightsManifest": groups}), encoding="utf-8")
    return path


def write_npz(folder: Path, model: Any) -> Path:
    path = folder / "w.npz"
    np.savez(path, **{f"{index:03d}": array for index, array in enumerate(model.get_weights())})
    return path


def write_h5(folder: Path, model: Any) -> Path:
    path = folder / "w.weights.h5"
    model.save_weights(path)
    return path


@pytest.mark.parametrize("write", [write_tensorflowjs, write_npz, write_h5])
def test_every_form_fills_the_model(tmp_path: Path, write: Any) -> None:
    source = build()
    target = reset(build())
    load_pretrained_weights(target, write(tmp_path, source))
    assert len(target.get_weights()) == 6
    for found, expected in zip(target.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("write", [write_tensorflowjs, write_npz, write_h5])
def test_another_architecture_is_refused(tmp_path: Path, write: Any) -> None:
    path = write(tmp_path, build(filters=5))
    with pytest.raises(UsageError, match=r"w\.|model\.json") as caught:
        load_pretrained_weights(build(), path)
    assert "do not fit tiny" in str(caught.value) and str(path) in str(caught.value)


def test_a_model_json_without_a_layer_is_refused(tmp_path: Path) -> None:
    path = write_tensorflowjs(tmp_path, build())
    path.write_text(path.read_text(encoding="utf-8").replace("conv/", "other/"), encoding="utf-8")
    with pytest.raises(UsageError, match="do not fit tiny: 'conv/kernel'"):
        load_pretrained_weights(build(), path)


@pytest.mark.parametrize("changes", [{"dtype": "uint8"}, {"quantization": {"dtype": "uint8", "scale": 1, "min": 0}}])
def test_quantised_shards_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = write_tensorflowjs(tmp_path, build(), **changes)
    with pytest.raises(UsageError, match="is not plain float32"):
        load_pretrained_weights(build(), path)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    path = write_tensorflowjs(tmp_path, build())
    (tmp_path / "group1-shard0.bin").unlink()
    with pytest.raises(UsageError, match=r"group1-shard0\.bin"):
        load_pretrained_weights(build(), path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.npz", None, "there is no such weights file"),
        ("w.bin", b"x", "weights come as"),
        ("model.json", b"{", "do not fit tiny"),
        ("model.json", b"{}", "do not fit tiny"),
        ("w.npz", b"no archive", "do not fit tiny"),
        ("w.npz", b"PK\x03\x04 cut short", "do not fit tiny"),
        ("w.npz", b"", "do not fit tiny"),
        ("model.json", b"[]", "do not fit tiny"),
        ("w.weights.h5", b"no archive", "do not fit tiny"),
    ],
)
def test_an_unusable_file_is_named(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        load_pretrained_weights(build(), tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
