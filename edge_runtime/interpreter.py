"""The one place that knows LiteRT and TFLite: opens a flatbuffer, runs it, gives its outputs by name as float32.

LiteRT (``ai-edge-litert``) is asked for first, then the older ``tflite-runtime``. Both are imported when an interpreter
is made, not when this module is.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import ModelError, RuntimeUnavailableError, UsageError
from edge_runtime.flatbuffer import add_outputs
from edge_runtime.interrupts import import_native

__all__ = [
    "Graph",
    "Interpreter",
    "TensorInterpreter",
    "count_worst_partitions",
    "quiet_native_log",
    "read_graph",
    "select_runtime",
]

RUNTIMES = (("ai-edge-litert", "ai_edge_litert.interpreter"), ("tflite-runtime", "tflite_runtime.interpreter"))
SIGNATURE = "serving_default"
INPUT_NAME = "image"
MAX_THREADS = 1024


def select_runtime() -> tuple[Any, str]:
    """The first interpreter module that can be imported.

    Returns:
        The module and its name with version, e.g. "ai-edge-litert 2.3.0".

    Raises:
        RuntimeUnavailableError: none is installed, or those that are cannot be loaded; the message says why.
    """
    faults = []
    for distribution, module_name in RUNTIMES:
        try:
            module = import_native(module_name)
        except ModuleNotFoundError as error:
            faults.append(f"{distribution}: {error}")
            continue
        except (ImportError, AttributeError) as error:  # e.g. built for another numpy
            faults.append(f"{distribution} is installed but does not load: {error}")
            continue
        try:
            version = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            version = "of unknown version"
        return module, f"{distribution} {version}"
    raise RuntimeUnavailableError(
        "no interpreter can be loaded; install one: pip install ai-edge-litert "
        f"(or, for Python up to 3.11 and numpy below 2: pip install tflite-runtime). Tried: {'; '.join(faults)}"
    )


class Interpreter:
    """A model ready to run. Not thread-safe: one call at a time (PhotoScorer holds a lock).

    Attributes:
        runtime_name: e.g. "ai-edge-litert 2.3.0".
        input_shape: (1, height, width, 3).
        output_sizes: number of values of each output, by name.
    """

    def __init__(self, flatbuffer: bytes, num_threads: int = 1) -> None:
        """Opens ``flatbuffer``.

        Bytes that are damaged behind a sound header can end the process inside the native library: check the
        contract's SHA-256 first, as ``unpack_model`` does.

        Raises:
            RuntimeUnavailableError: no interpreter is installed.
            ModelError: the interpreter refuses the model, or its input or outputs have no names.
            UsageError: ``num_threads`` is not from 1 to 1,024.
        """
        if not 1 <= num_threads <= MAX_THREADS:
            raise UsageError(f"num_threads is {num_threads}; pass 1 to {MAX_THREADS}")
        module, self.runtime_name = select_runtime()
        try:
            self._native: Any = module.Interpreter(model_content=flatbuffer, num_threads=num_threads)
            self._native.allocate_tensors()
            signatures = self._native.get_signature_list()
            runner = self._native.get_signature_runner(SIGNATURE) if SIGNATURE in signatures else None
        except (ValueError, RuntimeError, TypeError) as error:
            reason = str(error).partition("\n")[0]  # of a wrong call the rest quotes the whole model
            raise ModelError(
                f"{self.runtime_name} refuses the model: {reason}; copy it again, or upgrade the interpreter"
            ) from error
        if runner is None:
            raise ModelError(f"the model has no signature {SIGNATURE!r}; export it with `python -m compress`")
        inputs = runner.get_input_details()
        if list(inputs) != [INPUT_NAME]:
            raise ModelError(f"the model's inputs are {sorted(inputs)}, not [{INPUT_NAME!r}]; export it again")
        details = inputs[INPUT_NAME]
        self.input_shape: tuple[int, ...] = tuple(int(side) for side in details["shape"])
        if details["dtype"] is not np.uint8 or len(self.input_shape) != 4 or self.input_shape[0] != 1:
            raise ModelError(
                f"the model's input is {np.dtype(details['dtype'])} {self.input_shape}, not uint8 (1, height, width, 3)"
            )
        self._input_index = int(details["index"])
        self._outputs: list[tuple[str, int, float, int]] = []
        self.output_sizes: dict[str, int] = {}
        for name, output in runner.get_output_details().items():
            scale, zero_point = output["quantization"]  # (0.0, 0) for a float tensor
            self._outputs.append((name, int(output["index"]), float(scale), int(zero_point)))
            self.output_sizes[name] = int(np.prod(output["shape"]))

    def invoke(self, view: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Runs the model once.

        Args:
            view: uint8 (height, width, 3), the size of ``input_shape``.

        Returns:
            Each output by name, dequantised, float32 (1, size); the arrays are copies.

        Raises:
            ModelError: the view has another shape or type, or the interpreter fails.
        """
        _run(self._native, self._input_index, view, self.runtime_name)
        results: dict[str, NDArray[np.float32]] = {}
        for name, index, scale, zero_point in self._outputs:
            values = self._native.get_tensor(index)
            if scale:
                values = (values.astype(np.float32) - zero_point) * np.float32(scale)
            results[name] = values
        return results

    def count_delegate_partitions(self) -> int:
        """How many pieces of the graph a delegate (XNNPACK) runs; 1 means the whole graph, 0 means no delegate.

        Read from the interpreter's list of nodes, which is not part of its documented interface: -1 if it is missing.
        """
        operations = self.count_operations()
        return operations.get("DELEGATE", 0) if operations else -1

    def count_operations(self) -> dict[str, int]:
        """How often each operation stands in the graph, those that a delegate took over included, by name.

        Empty where the interpreter does not tell; see :meth:`count_delegate_partitions`.
        """
        try:
            return dict(Counter(node["op_name"] for node in self._native._get_ops_details()))
        except (AttributeError, KeyError, TypeError):
            return {}


@dataclass(frozen=True)
class Graph:
    """What a model is made of.

    Attributes:
        operations: in order: dicts with "op_name", and with "inputs" and "outputs", which are tensors' indices.
        tensors: by index: dicts with "index", "shape" and "quantization".
    """

    operations: Sequence[Mapping[str, Any]]
    tensors: Mapping[int, Mapping[str, Any]]


def read_graph(flatbuffer: bytes) -> Graph:
    """Reads the graph of a model that is checked first, as for :class:`Interpreter`; runs nothing.

    Raises:
        RuntimeUnavailableError: no interpreter is installed.
        ModelError: the interpreter refuses the model, or does not tell its operations.
    """
    module, runtime_name = select_runtime()
    try:
        native = module.Interpreter(model_content=flatbuffer)
        tensors = {int(tensor["index"]): tensor for tensor in native.get_tensor_details()}
        return Graph(native._get_ops_details(), tensors)
    except (ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{runtime_name} does not tell the model's operations: {error}; upgrade the interpreter"
        ) from error


def count_worst_partitions(interpreters: Sequence[Interpreter]) -> int:
    """:meth:`Interpreter.count_delegate_partitions` of that of a model's networks which the delegate takes worst: in no
    piece, or else in the most."""
    counts = [interpreter.count_delegate_partitions() for interpreter in interpreters]
    return max(counts) if min(counts) > 0 else min(counts)


class TensorInterpreter:
    """A model of which some tensors between input and output can be read after a run, for who asks what the model sees.

    It runs as :class:`Interpreter` does, delegate and all: those tensors are made outputs. Not thread-safe.

    Attributes:
        runtime_name: e.g. "ai-edge-litert 2.3.0".
    """

    def __init__(self, flatbuffer: bytes, shown: Sequence[int]) -> None:
        """Opens ``flatbuffer``, which is checked first, as for :class:`Interpreter`.

        Args:
            flatbuffer: the model.
            shown: indices of the tensors to be read.

        Raises:
            RuntimeUnavailableError: no interpreter is installed.
            ModelError: the interpreter refuses the model.
        """
        module, self.runtime_name = select_runtime()
        try:
            self._native: Any = module.Interpreter(model_content=add_outputs(flatbuffer, shown), num_threads=1)
            self._native.allocate_tensors()
        except (ValueError, RuntimeError, TypeError) as error:
            raise ModelError(
                f"{self.runtime_name} does not show the model's feature maps: {error}; upgrade the interpreter"
            ) from error
        self._input_index = int(self._native.get_input_details()[0]["index"])

    def invoke(self, view: NDArray[np.uint8]) -> None:
        """Runs the model once.

        Args:
            view: uint8 (height, width, 3), the size of the model's input.

        Raises:
            ModelError: the view has another shape or type, or the interpreter fails.
        """
        _run(self._native, self._input_index, view, self.runtime_name)

    def read(self, index: int) -> NDArray[Any]:
        """One of those tensors, of the last run, as it is stored; a copy."""
        values: NDArray[Any] = self._native.get_tensor(index)
        return values


def _run(native: Any, input_index: int, view: NDArray[np.uint8], runtime_name: str) -> None:
    try:
        native.set_tensor(input_index, view[np.newaxis])
        native.invoke()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{runtime_name} cannot run the model: {error}") from error


@contextmanager
def quiet_native_log() -> Iterator[None]:
    """Holds back what the native library says on file descriptor 2 while an interpreter is made ("INFO: Created ...").

    Warnings and errors are passed on afterwards. The descriptor belongs to the whole process, so this is
    for programs that have only one thread, like the command line; the library itself never does it.
    """
    with ExitStack() as stack:
        try:
            sys.stderr.flush()
            log = stack.enter_context(tempfile.TemporaryFile())
            saved = os.dup(2)
        except (OSError, ValueError, AttributeError):
            # Stderr is closed or replaced; or its lines have nowhere to wait, and they are better than no score.
            yield
            return
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            log.seek(0)
            kept = [line for line in log.read().splitlines(keepends=True) if not line.startswith((b"INFO:", b"I0000"))]
            if kept:
                os.write(2, b"".join(kept))
