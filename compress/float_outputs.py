"""The last layer of an int8 model in float32, so that its answers are not rounded to steps of .4 points.

An int8 sigmoid tells 256 values apart: of the steps of a growing fault one in eighty left the attribute what it was.
And what a rounded answer is off by comes on top of what the rounded layers before it are. The last layer does a few
thousand of hundreds of millions of multiplications and takes 10 kB; XNNPACK runs it in one piece with the rest.
"""

from __future__ import annotations

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from compress.graph import (
    add_float_twin,
    build_dequantize,
    declare_float,
    name_kind,
    read_kind,
    read_model_graph,
    replace_constant,
)
from compress.sharing import pack_shared

__all__ = ["make_outputs_float"]

_STORED_TYPES = {schema.TensorType.INT8: np.int8, schema.TensorType.INT32: np.int32}
_NO_BIAS = -1


def make_outputs_float(flatbuffer: bytes) -> bytes:
    """The same model whose outputs, and the fully connected layer that each comes from, are float32.

    Weights and biases keep the values that int8 gave them. A model whose outputs are float already stays as it is.

    Args:
        flatbuffer: of an int8 model; each output is that of a fully connected layer, or of a sigmoid behind one.

    Raises:
        ValueError: an output is of another layer.
    """
    model, graph = read_model_graph(flatbuffer)
    if all(graph.tensors[output].type == schema.TensorType.FLOAT32 for output in graph.outputs):
        return flatbuffer
    last = _find_last_layers(model, graph)
    read_as_float: dict[int, int] = {}
    operators = []
    for operator in graph.operators:
        if any(operator is layer for layer in last):
            values, *constants = (int(index) for index in operator.inputs)
            if values not in read_as_float:
                read_as_float[values] = add_float_twin(graph, values)
                operators.append(build_dequantize(model, values, read_as_float[values]))
            for index in constants:
                if index == _NO_BIAS or graph.tensors[index].type == schema.TensorType.FLOAT32:  # shared, and done
                    continue
                _store_as_float(model, index)
            operator.inputs = [read_as_float[values], *constants]
            declare_float(graph.tensors[operator.outputs[0]])
        operators.append(operator)
    for output in graph.outputs:
        declare_float(graph.tensors[output])
    graph.operators = operators
    return pack_shared(model, len(flatbuffer))


def _find_last_layers(model: schema.ModelT, graph: schema.SubGraphT) -> list[schema.OperatorT]:
    """The fully connected layers in front of the outputs."""
    makers = {int(index): operator for operator in graph.operators for index in operator.outputs}
    return [_find_last_layer(model, makers, int(output)) for output in graph.outputs]


def _find_last_layer(model: schema.ModelT, makers: dict[int, schema.OperatorT], output: int) -> schema.OperatorT:
    operator = makers[output]
    if read_kind(model, operator) == schema.BuiltinOperator.LOGISTIC:
        operator = makers[int(operator.inputs[0])]
    if read_kind(model, operator) != schema.BuiltinOperator.FULLY_CONNECTED:
        raise ValueError(f"an output comes from a {name_kind(model, operator)}, not a connected layer")
    return operator


def _store_as_float(model: schema.ModelT, index: int) -> None:
    """Weights or a bias as the float32 values that their integers stand for; scales belong to the first axis."""
    tensor = model.subgraphs[0].tensors[index]
    stored = np.frombuffer(bytes(model.buffers[tensor.buffer].data), _STORED_TYPES[tensor.type]).reshape(tensor.shape)
    scales = np.asarray(tensor.quantization.scale, dtype=np.float64)
    replace_constant(model, index, stored * scales.reshape(-1, *[1] * (stored.ndim - 1)))
    declare_float(tensor)
