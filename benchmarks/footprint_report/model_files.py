"""What a model file holds: bytes, packed bytes, parameters, zeros, operations, pieces for the delegate."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import measure_footprint
from benchmarks.native_model import read_networks
from edge_runtime.errors import ModelError, PhotogateError
from edge_runtime.interpreter import Interpreter, count_worst_partitions, select_runtime

__all__ = ["describe_model_file"]


def describe_model_file(path: Path, processes: int = 3) -> dict[str, Any]:
    """Looks into a .tflite file and loads it in fresh processes.

    Args:
        path: photogate's or another's.
        processes: whose medians count.

    Returns:
        ``size_bytes``; ``deflate_bytes`` (level 9, as a ZIP archive or an APK packs it); ``parameters`` (numbers in
        constant float and quantised tensors); ``zero_share`` of those in kernels (two dimensions or more);
        ``operations`` (name → count) and ``delegate_partitions``, both None for a model that is not photogate's;
        ``load_ms``, ``first_invoke_ms`` and ``peak_memory_bytes`` as in ``benchmarks.memory.Footprint``.

    Raises:
        ModelError: it cannot be read or loaded.
        RuntimeUnavailableError: no interpreter is installed.
    """
    content = path.read_bytes()
    networks = read_networks(path)
    try:
        interpreters = [Interpreter(flatbuffer) for flatbuffer in networks]
    except PhotogateError:  # no photogate signature: a peer
        operations, partitions = None, None
    else:
        counts: Counter[str] = Counter()
        for interpreter in interpreters:
            counts.update(interpreter.count_operations())
        operations = {name: count for name, count in counts.items() if name != "DELEGATE"} or None
        found = count_worst_partitions(interpreters)
        partitions = found if found >= 0 else None
    return {
        "size_bytes": len(content),
        "deflate_bytes": len(zlib.compress(content, 9)),
        **_count_parameters(path, networks),
        "operations": operations,
        "delegate_partitions": partitions,
        **vars(measure_footprint(path, processes=processes)),
    }


def _count_parameters(path: Path, networks: Sequence[bytes]) -> dict[str, Any]:
    """Constants can be read before tensors are allocated; shapes and axes, plain integers, are no parameters."""
    module, runtime_name = select_runtime()
    try:
        natives = [module.Interpreter(model_content=flatbuffer) for flatbuffer in networks]
    except (ValueError, RuntimeError, TypeError) as error:
        raise ModelError(f"{path}: {runtime_name} refuses the model: {error}") from error
    parameters = kernels = zeros = 0
    for native, detail in ((each, detail) for each in natives for detail in each.get_tensor_details()):
        is_quantised = len(detail["quantization_parameters"]["scales"]) > 0
        if not is_quantised and not np.issubdtype(detail["dtype"], np.floating):
            continue
        try:
            values = native.get_tensor(detail["index"])
        except ValueError:  # not a constant
            continue
        parameters += values.size
        if values.ndim >= 2 and values.size > 1:
            points = detail["quantization_parameters"]["zero_points"]
            zero = int(points[0]) if is_quantised else 0
            kernels += values.size
            zeros += int(np.count_nonzero(values == zero))
    return {"parameters": parameters, "zero_share": zeros / kernels if kernels else None}
