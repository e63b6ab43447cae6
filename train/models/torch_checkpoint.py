"""Reads the tensors of a PyTorch checkpoint without PyTorch, and without running what its pickle says.

The form is that of PyTorch before 1.6: a magic number, a protocol, the machine's facts, the pickled state dict whose
tensors name their storages, the storages' keys, then each storage as a count and its raw values.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_torch_checkpoint", "to_keras_order"]

_MAGIC = 0x1950A86A20F9469CFC6C
_TYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def read_torch_checkpoint(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a state dict, by name, in its order.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no checkpoint of that form, is cut short, or holds anything but float and integer tensors.
    """
    with path.open("rb") as stream:
        try:
            if _Unpickler(stream).load() != _MAGIC:
                raise ValueError("not a PyTorch checkpoint of the form before 1.6")
            _Unpickler(stream).load()  # the protocol
            _Unpickler(stream).load()  # facts about the machine
            reader = _Unpickler(stream)
            state = reader.load()
            keys = _Unpickler(stream).load()
            storages = {key: _read_storage(stream, reader.types[key]) for key in keys}
            return {name: _build_array(storages[tensor.key], tensor) for name, tensor in state.items()}
        except (pickle.UnpicklingError, EOFError, KeyError, IndexError, AttributeError, TypeError) as error:
            raise ValueError(f"not a PyTorch checkpoint of the form before 1.6: {error}") from error


def to_keras_order(state: dict[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
    """The arrays of convolutions and batch normalisations as Keras lays them out, without dense layers and counters."""
    arrays = []
    for name, value in state.items():
        if value.ndim == 4:  # (out, in, height, width); depthwise (channels, 1, height, width)
            arrays.append(value.transpose(2, 3, 0, 1) if value.shape[1] == 1 else value.transpose(2, 3, 1, 0))
        elif value.ndim == 1 and not name.startswith("_fc"):
            arrays.append(value)
    return arrays


class _Tensor:
    """What the pickle says of a tensor."""

    def __init__(self, key: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> None:
        self.key, self.offset, self.shape, self.strides = key, offset, shape, strides


class _Unpickler(pickle.Unpickler):
    """Builds nothing but ordered dicts and descriptions of tensors."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)
        self.types: dict[str, str] = {}

    def persistent_load(self, pid: Any) -> str:
        _, kind, key, *_ = pid
        self.types[key] = kind
        return str(key)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _TYPES:
            return name
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _read_storage(stream: IO[bytes], kind: str) -> NDArray[Any]:
    count = int.from_bytes(stream.read(8), "little")
    content = stream.read(count * _TYPES[kind].itemsize)
    return np.frombuffer(content, _TYPES[kind], count)  # a ValueError where the file ends early


def _build_array(storage: NDArray[Any], tensor: _Tensor) -> NDArray[Any]:
    values = storage[tensor.offset :]
    reach = 1 + sum((length - 1) * step for length, step in zip(tensor.shape, tensor.strides, strict=True))
    if reach > len(values):
        raise ValueError("a tensor reaches beyond its storage")
    strides = [stride * values.itemsize for stride in tensor.strides]
    return np.array(np.lib.stride_tricks.as_strided(values, tensor.shape, strides))
