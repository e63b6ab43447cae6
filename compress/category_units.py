"""Hidden units of the category head's own, added to a model that is converted already.

What a photo shows asks for other features of the pooled statistics than how good it is, and the hidden layer, which
all heads share, was learnt for quality. A few units that only the category reads, fitted last and to the very
statistics that the rounded network has, leave every other answer what it was, bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema

from compress.graph import (
    add_constant,
    add_float,
    add_float_twin,
    build_addition,
    build_dequantize,
    build_fully_connected,
    read_kind,
    read_model_graph,
    replace_constant,
)
from compress.sharing import pack_shared
from edge_runtime.interpreter import TensorInterpreter
from train.progress import track

__all__ = ["CategoryUnits", "add_category_units", "compute_statistics", "has_category_units"]

_OUTPUT = "category"
_NO_BIAS = -1


@dataclass(frozen=True)
class CategoryUnits:
    """What the category head computes: ``kernel`` of the hidden layer, plus ``units_kernel`` of units of its own.

    Attributes:
        statistics_kernel: (statistics, units), in the order of :func:`compute_statistics`.
        statistics_bias: (units,)
        units_kernel: (units, categories)
        kernel: (hidden, categories)
        bias: (categories,)
    """

    statistics_kernel: NDArray[np.float32]
    statistics_bias: NDArray[np.float32]
    units_kernel: NDArray[np.float32]
    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True)
class _Head:
    """Where things are in a graph: the pooled statistics that the hidden layer reads, that layer's output as the
    category's last layer reads it, and that layer's place among the operations."""

    statistics: list[int]
    hidden: int
    last: int


def has_category_units(flatbuffer: bytes) -> bool:
    """Whether the units are there."""
    model, graph = read_model_graph(flatbuffer)
    return _find_maker(graph, _find_output(model), schema.BuiltinOperator.FULLY_CONNECTED, model) is None


def compute_statistics(
    flatbuffer: bytes, views: NDArray[np.uint8], rows: Sequence[int] | NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What a model's category head can read of views.

    Args:
        flatbuffer: the model, int8 or float32, without category units.
        views: (n, height, width, 3) uint8.
        rows: which of them.

    Returns:
        The pooled statistics (rows, statistics), and the hidden layer's output (rows, hidden).
    """
    model, graph = read_model_graph(flatbuffer)
    head = _find_head(model, graph)
    source = _find_maker(graph, head.hidden, schema.BuiltinOperator.DEQUANTIZE, model)
    shown = [*head.statistics, head.hidden if source is None else int(graph.operators[source].inputs[0])]
    steps = [_read_step(graph.tensors[index]) for index in shown]
    interpreter = TensorInterpreter(flatbuffer, shown)
    collected: list[NDArray[np.float32]] = []
    for row in track(rows, "statistics", total=len(rows)):
        interpreter.invoke(np.ascontiguousarray(views[row]))
        parts = zip(shown, steps, strict=True)
        values = [(interpreter.read(index)[0].astype(np.float32) - zero) * scale for index, (scale, zero) in parts]
        collected.append(np.concatenate(values))
    every = np.stack(collected)
    hidden_count = int(graph.tensors[head.hidden].shape[-1])
    return every[:, :-hidden_count], every[:, -hidden_count:]


def add_category_units(flatbuffer: bytes, units: CategoryUnits) -> bytes:
    """The same model with another category head; every other output stays, bit by bit.

    Args:
        flatbuffer: int8 with its last layer in float32, or float32; without category units.
        units: of as many statistics, hidden units and categories as the model has.

    Raises:
        ValueError: the units are another model's, or the model has some.
    """
    model, graph = read_model_graph(flatbuffer)
    head = _find_head(model, graph)
    last = graph.operators[head.last]
    output = int(last.outputs[0])
    found = (
        sum(_read_widths(graph, head)),
        int(graph.tensors[head.hidden].shape[-1]),
        int(graph.tensors[output].shape[-1]),
    )
    if found != (len(units.statistics_kernel), *units.kernel.shape):
        raise ValueError(f"the model has {found} statistics, hidden units and categories, the units are for others")
    added: list[schema.OperatorT] = []
    seen = _add_units(model, head, units, added)
    last_kernel = add_constant(model, "category_units/last", units.units_kernel.T)
    own = add_float(graph, "category_units/own", (1, found[2]))
    added.append(build_fully_connected(model, seen, last_kernel, _NO_BIAS, own))
    shared = add_float(graph, "category_units/shared", (1, found[2]))
    last.outputs = np.array([shared], dtype=np.int32)
    for index, values in zip(map(int, last.inputs[1:]), (units.kernel.T, units.bias), strict=True):
        replace_constant(model, index, values)
    operators = list(graph.operators)
    sum_up = build_addition(model, own, shared, output)
    graph.operators = [*operators[: head.last + 1], *added, sum_up, *operators[head.last + 1 :]]
    return pack_shared(model, len(flatbuffer))


def _add_units(model: schema.ModelT, head: _Head, units: CategoryUnits, added: list[schema.OperatorT]) -> int:
    """Adds what computes the units to the model's tensors and to ``added``; the tensor (1, units) of their outputs.

    There is a connected layer for each statistic instead of one for all, as in the hidden layer that all heads share:
    XNNPACK joins no more than a few tensors.
    """
    graph = model.subgraphs[0]
    shape = (1, units.statistics_kernel.shape[1])
    kernels = np.split(units.statistics_kernel, np.cumsum(_read_widths(graph, head))[:-1])
    parts = []
    for number, (source, kernel) in enumerate(zip(head.statistics, kernels, strict=True)):
        values = source
        if graph.tensors[source].type != schema.TensorType.FLOAT32:
            values = add_float_twin(graph, source)
            added.append(build_dequantize(model, source, values))
        weights = add_constant(model, f"category_units/kernel{number}", kernel.T)
        bias = _NO_BIAS if number else add_constant(model, "category_units/bias", units.statistics_bias)
        parts.append(add_float(graph, f"category_units/part{number}", shape))
        added.append(build_fully_connected(model, values, weights, bias, parts[-1]))
    total, *others = parts
    for number, part in enumerate(others, start=1):
        joined = add_float(graph, f"category_units/sum{number}", shape)
        added.append(build_addition(model, total, part, joined, has_relu=number == len(others)))
        total = joined
    return total


def _read_widths(graph: schema.SubGraphT, head: _Head) -> list[int]:
    return [int(graph.tensors[index].shape[-1]) for index in head.statistics]


def _find_output(model: schema.ModelT) -> int:
    for entry in model.signatureDefs[0].outputs:
        if entry.name.decode() == _OUTPUT:
            return int(entry.tensorIndex)
    raise ValueError("the model has no category")


def _find_maker(graph: schema.SubGraphT, tensor: int, kind: int, model: schema.ModelT) -> int | None:
    """The place of the operation that makes a tensor, None if it is of another kind or there is none."""
    for place, operator in enumerate(graph.operators):
        if tensor in map(int, operator.outputs):
            return place if read_kind(model, operator) == kind else None
    return None


def _find_head(model: schema.ModelT, graph: schema.SubGraphT) -> _Head:
    connected = schema.BuiltinOperator.FULLY_CONNECTED
    last = _find_maker(graph, _find_output(model), connected, model)
    if last is None:
        raise ValueError("the category does not come from one connected layer: the model has category units already")
    layers = [operator for operator in graph.operators if read_kind(model, operator) == connected]
    sources = [int(layer.inputs[0]) for layer in layers]
    mean = schema.BuiltinOperator.MEAN
    statistics = [source for source in sources if _find_maker(graph, source, mean, model) is not None]
    if len(statistics) < 2:
        raise ValueError("the model's heads do not read pooled statistics of several blocks: it is no student")
    return _Head(statistics, int(graph.operators[last].inputs[0]), last)


def _read_step(tensor: schema.TensorT) -> tuple[np.float32, np.float32]:
    """Scale and zero point of a tensor's integers; 1 and 0 of floats."""
    if tensor.type == schema.TensorType.FLOAT32:
        return np.float32(1), np.float32(0)
    return np.float32(tensor.quantization.scale[0]), np.float32(tensor.quantization.zeroPoint[0])
