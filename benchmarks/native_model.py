"""Any TFLite model, photogate's or not, opened without a contract: for timing and for the public peers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import ModelError
from edge_runtime.interpreter import select_runtime
from edge_runtime.model_file import CONTRACT_MEMBER, read_model

__all__ = ["NativeModel", "count_multiply_accumulates", "read_flatbuffer", "read_networks"]

_WEIGHT_SIDES = {
    "CONV_2D": slice(1, 4),  # kernel (out, height, width, in)
    "DEPTHWISE_CONV_2D": slice(1, 3),  # kernel (1, height, width, out)
    "FULLY_CONNECTED": slice(1, 2),  # weights (out, in)
}
"""Of an operation's weights, the sides that are multiplied for a single number of its output."""
TAIL_BYTES = 4096  # a ZIP archive's directory, which names the contract, is at its end


def read_flatbuffer(path: Path) -> bytes:
    """The first of :func:`read_networks`: the network that looks at the whole of a photo."""
    return read_networks(path)[0]


def read_networks(path: Path) -> tuple[bytes, ...]:
    """The flatbuffers of a photogate model, their digests checked, or the whole file of a model without a contract.

    Raises:
        ModelError: missing, not TFLite, or a photogate model that is damaged.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(8)
            stream.seek(max(path.stat().st_size - TAIL_BYTES, 0))
            tail = stream.read()
    except OSError as error:
        raise ModelError(f"{path}: cannot read the model: {error.strerror or error}") from error
    if head[4:8] == b"TFL3" and CONTRACT_MEMBER.encode() not in tail:
        return (path.read_bytes(),)
    return read_model(path).networks


def count_multiply_accumulates(flatbuffer: bytes) -> int | None:
    """Multiplications with a weight in one invoke: of convolutions, depthwise ones and fully connected layers.

    Counted in the graph, so that it is the same on every machine. None where the interpreter does not list its graph,
    which is no part of its documented interface.

    Raises:
        RuntimeUnavailableError: no interpreter is installed.
    """
    module, _ = select_runtime()
    native = module.Interpreter(model_content=flatbuffer)  # tensors need not be allocated to tell their shapes
    try:
        operations = native._get_ops_details()
    except AttributeError:
        return None
    shapes = {tensor["index"]: [int(side) for side in tensor["shape"]] for tensor in native.get_tensor_details()}
    total = 0
    for operation in operations:
        if operation["op_name"] in _WEIGHT_SIDES:  # the second input holds the weights
            sides = shapes[int(operation["inputs"][1])][_WEIGHT_SIDES[operation["op_name"]]]
            total += math.prod(shapes[int(operation["outputs"][0])]) * math.prod(sides)
    return total


class NativeModel:
    """A model with one image input and one output worth reading.

    Attributes:
        input_shape: (batch, height, width, channels).
        output_size: number of values of the first output.
    """

    def __init__(self, path: Path, num_threads: int, flatbuffer: bytes | None = None) -> None:
        """Opens the file, or one of its networks, ``flatbuffer``, where that has been read already.

        Raises:
            ModelError: it cannot be read, or the interpreter refuses it.
            RuntimeUnavailableError: no interpreter is installed.
        """
        flatbuffer = flatbuffer or read_flatbuffer(path)
        module, runtime_name = select_runtime()
        try:
            self._native: Any = module.Interpreter(model_content=flatbuffer, num_threads=num_threads)
            self._native.allocate_tensors()
        except (ValueError, RuntimeError, TypeError) as error:
            raise ModelError(f"{path}: {runtime_name} refuses the model: {error}") from error
        self._input, self._output = self._native.get_input_details()[0], self._native.get_output_details()[0]
        self.input_shape: tuple[int, ...] = tuple(int(size) for size in self._input["shape"])
        self.output_size = int(np.prod(self._output["shape"]))
        self.invoke = self._native.invoke  # bound once: what is timed has no wrapper around it

    def fill_input(self, content: NDArray[Any]) -> None:
        """Sets the input; ``content`` has the model's shape and type."""
        self._native.set_tensor(self._input["index"], content)

    def fill_input_with_noise(self) -> None:
        """Sets the input to seeded noise: the kernels' time does not depend on the values."""
        noise = np.random.default_rng(0).integers(0, 256, size=self.input_shape, dtype=np.uint8)
        is_uint8 = self._input["dtype"] is np.uint8
        self.fill_input(noise if is_uint8 else (noise / 127.5 - 1.0).astype(self._input["dtype"]))

    def read_output(self) -> NDArray[Any]:
        """A copy of the first output as it is, not dequantised, flattened."""
        values: NDArray[Any] = self._native.get_tensor(self._output["index"])
        return values.reshape(-1)
