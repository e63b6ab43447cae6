"""Operations and tensors of a TFLite graph, for who changes a model that is converted already."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema

__all__ = [
    "add_constant",
    "add_float",
    "add_float_twin",
    "build_addition",
    "build_dequantize",
    "build_fully_connected",
    "declare_float",
    "name_kind",
    "read_kind",
    "read_model_graph",
    "replace_constant",
]

_DEQUANTIZE_VERSION = 2  # the first that takes int8


def read_model_graph(flatbuffer: bytes) -> tuple[schema.ModelT, schema.SubGraphT]:
    """A model as objects that can be changed, and its only graph."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(flatbuffer)))
    return model, model.subgraphs[0]


def read_kind(model: schema.ModelT, operator: schema.OperatorT) -> int:
    """An operation's ``BuiltinOperator``."""
    return _read_code(model.operatorCodes[operator.opcodeIndex])


def name_kind(model: schema.ModelT, operator: schema.OperatorT) -> str:
    """As the schema calls an operation's kind, e.g. "FULLY_CONNECTED"."""
    kind = read_kind(model, operator)
    return next(name for name, value in vars(schema.BuiltinOperator).items() if value == kind)


def declare_float(tensor: schema.TensorT) -> None:
    """Makes a tensor of the run, or one whose content is float already, float32."""
    tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None


def add_float(graph: schema.SubGraphT, name: str, shape: tuple[int, ...]) -> int:
    """Adds a float32 tensor of the run; its index."""
    tensor = schema.TensorT()
    tensor.shape, tensor.name = np.array(shape, dtype=np.int32), name.encode()
    tensor.type, tensor.buffer = schema.TensorType.FLOAT32, 0  # buffer 0 is the empty one
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def add_float_twin(graph: schema.SubGraphT, index: int) -> int:
    """Adds a float32 tensor of another tensor's shape; its index."""
    tensor = graph.tensors[index]
    twin = add_float(graph, f"{tensor.name.decode()}/float", tuple(tensor.shape))
    graph.tensors[twin].shapeSignature = tensor.shapeSignature
    return twin


def add_constant(model: schema.ModelT, name: str, values: NDArray[Any]) -> int:
    """Adds a float32 tensor with content; its index."""
    graph = model.subgraphs[0]
    index = add_float(graph, name, values.shape)
    replace_constant(model, index, values)
    return index


def replace_constant(model: schema.ModelT, index: int, values: NDArray[Any]) -> None:
    """Gives a tensor other content of its shape, in float32; what shares its old content keeps that."""
    graph = model.subgraphs[0]
    tensor = graph.tensors[index]
    if sum(other.buffer == tensor.buffer for other in graph.tensors) == 1:
        model.buffers[tensor.buffer].data = None
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(values, dtype=np.float32).tobytes(), dtype=np.uint8)
    model.buffers.append(buffer)
    tensor.buffer = len(model.buffers) - 1


def build_dequantize(model: schema.ModelT, source: int, target: int) -> schema.OperatorT:
    """From an int8 tensor to its float32 twin."""
    kind, options = schema.BuiltinOperator.DEQUANTIZE, schema.DequantizeOptionsT()
    return _build(model, kind, _DEQUANTIZE_VERSION, [source], target, schema.BuiltinOptions.DequantizeOptions, options)


def build_fully_connected(model: schema.ModelT, source: int, kernel: int, bias: int, target: int) -> schema.OperatorT:
    """A connected layer in float32; ``kernel`` is (out, in), ``bias`` -1 where there is none."""
    kind, options = schema.BuiltinOperator.FULLY_CONNECTED, schema.FullyConnectedOptionsT()
    return _build(model, kind, 1, [source, kernel, bias], target, schema.BuiltinOptions.FullyConnectedOptions, options)


def build_addition(
    model: schema.ModelT, first: int, second: int, target: int, *, has_relu: bool = False
) -> schema.OperatorT:
    """The sum of two float32 tensors of one shape, or its positive part."""
    options = schema.AddOptionsT()
    if has_relu:
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU
    return _build(
        model, schema.BuiltinOperator.ADD, 1, [first, second], target, schema.BuiltinOptions.AddOptions, options
    )


def _build(
    model: schema.ModelT, kind: int, version: int, inputs: list[int], target: int, options_type: int, options: Any
) -> schema.OperatorT:
    operator = schema.OperatorT()
    operator.opcodeIndex = _find_code(model, kind, version)
    # As arrays, for those are shared with their equals when the model is packed (``compress.sharing``).
    operator.inputs, operator.outputs = np.array(inputs, dtype=np.int32), np.array([target], dtype=np.int32)
    operator.builtinOptionsType, operator.builtinOptions = options_type, options
    return operator


def _read_code(code: schema.OperatorCodeT) -> int:
    return max(code.builtinCode, code.deprecatedBuiltinCode)  # the older field holds codes up to 127


def _find_code(model: schema.ModelT, kind: int, version: int) -> int:
    """The place of a kind of operation in the model's list, to which it is added if it is not there."""
    for index, code in enumerate(model.operatorCodes):
        if _read_code(code) == kind and code.version == version:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = kind  # all of ours fit the older field
    code.version = version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1
