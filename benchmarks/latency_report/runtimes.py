"""One model under one runtime: LiteRT, the older tflite-runtime, either without XNNPACK, or ONNX Runtime."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.latency import build_invoke_call
from benchmarks.native_model import read_flatbuffer
from edge_runtime.errors import ModelError, UsageError
from edge_runtime.interpreter import RUNTIMES as INTERPRETERS

__all__ = ["RUNTIME_NAMES", "build_runtime_call"]

RUNTIME_NAMES = ("default", "litert", "tflite-runtime", "no-xnnpack")
"""default: what photogate itself would take; no-xnnpack: the same without its delegate. A .onnx file always runs in
ONNX Runtime."""
_MODULES = dict(zip(("litert", "tflite-runtime"), INTERPRETERS, strict=True))


def build_runtime_call(path: Path, runtime: str, num_threads: int) -> Callable[[], Any]:
    """The bare inference of the model at ``path``, its input filled once with noise.

    Args:
        path: a .tflite file, or a .onnx file, for which ``runtime`` does not matter.
        runtime: one of RUNTIME_NAMES.
        num_threads: 1 or more.

    Raises:
        UsageError: the runtime is not installed here.
        ModelError: it cannot load the model.
    """
    if path.suffix == ".onnx":
        return _build_onnx_call(path, num_threads)
    if runtime == "default":
        return build_invoke_call(path, num_threads)
    return _build_interpreter_call(path, runtime, num_threads)


def _build_interpreter_call(path: Path, runtime: str, num_threads: int) -> Callable[[], Any]:
    names = [runtime] if runtime in _MODULES else list(_MODULES)
    module = next((found for name in names if (found := _import(_MODULES[name][1])) is not None), None)
    if module is None:
        raise UsageError(f"not installed here: {' or '.join(_MODULES[name][0] for name in names)}")
    options: dict[str, Any] = {}
    if runtime == "no-xnnpack":
        resolver = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        options["experimental_op_resolver_type"] = resolver
    try:
        native = module.Interpreter(model_content=read_flatbuffer(path), num_threads=num_threads, **options)
        native.allocate_tensors()
    except (ValueError, RuntimeError, TypeError) as error:
        raise ModelError(f"{path}: {runtime} refuses the model: {error}") from error
    details = native.get_input_details()[0]
    native.set_tensor(details["index"], _make_noise(details["shape"], details["dtype"]))
    invoke: Callable[[], Any] = native.invoke
    return invoke


def _build_onnx_call(path: Path, num_threads: int) -> Callable[[], Any]:
    module = _import("onnxruntime")
    if module is None:
        raise UsageError("not installed here: onnxruntime")
    options = module.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = num_threads, 1
    try:
        session = module.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base but this
        raise ModelError(f"{path}: ONNX Runtime refuses the model: {error}") from error
    entry = session.get_inputs()[0]
    if not all(isinstance(side, int) and side > 0 for side in entry.shape):
        raise ModelError(
            f"{path}: its input {entry.name!r} has the open shape {entry.shape}; convert it with a fixed one"
        )
    types = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}
    if entry.type not in types:
        raise ModelError(f"{path}: its input is a {entry.type}, neither uint8 nor float")
    feed = {entry.name: _make_noise(entry.shape, types[entry.type])}
    return lambda: session.run(None, feed)


def _make_noise(shape: Any, dtype: Any) -> Any:
    """As ``NativeModel.fill_input_with_noise``: uint8, or floats from -1 to 1."""
    noise = np.random.default_rng(0).integers(0, 256, size=tuple(int(side) for side in shape), dtype=np.uint8)
    return noise if np.dtype(dtype) == np.uint8 else (noise / 127.5 - 1.0).astype(dtype)


def _import(name: str) -> Any | None:
    try:
        return importlib.import_module(name)
    except (ImportError, AttributeError):  # AttributeError: built for another numpy
        return None
