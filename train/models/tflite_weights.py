"""Reads the convolutions of a TFLite model back, for a network that somebody published in no other form.

A converter folds each batch normalisation into the convolution before it and, for dynamic-range models, rounds kernels
to 8 bits a channel. What is left is enough to run the network anywhere: a kernel and a bias for each convolution.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge_runtime.model_file import TFLITE_IDENTIFIER

__all__ = ["fill_folded", "let_through", "read_convolutions"]

Convolution = tuple[NDArray[np.float32], NDArray[np.float32]]
_TYPES: dict[int, np.dtype[Any]] = {0: np.dtype("<f4"), 9: np.dtype("i1")}  # of TFLite's TensorType


def read_convolutions(path: Path) -> list[Convolution]:
    """Kernel and bias of every convolution, in the order they run.

    Returns:
        Kernels as Keras lays them out: (height, width, in, out); depthwise (height, width, channels, 1).

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no TFLite model, or holds a convolution of other types, or one whose kernel is computed.
    """
    try:
        from tensorflow.lite.python import schema_py_generated as schema
    except ImportError as error:
        raise ValueError("reading a TFLite model needs TensorFlow: pip install tensorflow") from error
    content = path.read_bytes()
    if content[4:8] != TFLITE_IDENTIFIER:
        raise ValueError("not a TFLite model")
    try:
        return _find_convolutions(schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(content))), schema)
    except (struct.error, AttributeError, IndexError, TypeError) as error:
        raise ValueError(f"a damaged TFLite model: {error}") from error


def fill_folded(model: Any, convolutions: list[Convolution]) -> None:
    """Fills a Keras network each of whose convolutions is followed by a batch normalisation: that one then only adds
    the bias.

    Raises:
        ValueError: the convolutions are those of another network.
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)]
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if not len(layers) == len(norms) == len(convolutions):
        raise ValueError(f"{len(convolutions)} convolutions for {len(layers)}")
    for layer, norm, (kernel, bias) in zip(layers, norms, convolutions, strict=True):
        layer.set_weights([kernel])
        let_through(norm, bias)


def let_through(norm: Any, bias: NDArray[np.float32]) -> None:
    """Makes a batch normalisation, of Keras 3 or tf_keras, add ``bias`` (channels,) and do nothing else."""
    ones = np.ones_like(bias)
    norm.set_weights([ones, bias, 0 * ones, ones - norm.epsilon])


def _find_convolutions(model: Any, schema: Any) -> list[Convolution]:
    graph = model.subgraphs[0]
    found = []
    for operator in graph.operators:
        kind = model.operatorCodes[operator.opcodeIndex].builtinCode
        if kind not in (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEPTHWISE_CONV_2D):
            continue
        kernel, bias = (_read_constant(model, graph.tensors[index]) for index in operator.inputs[1:3])
        # (out, height, width, in), or (1, height, width, channels): either way the first axis is Keras's last.
        found.append((kernel.transpose(1, 2, 3, 0), bias))
    return found


def _read_constant(model: Any, tensor: Any) -> NDArray[np.float32]:
    """A constant tensor's values, dequantised; TFLite Quantization Specification: scale * (q - zero point)."""
    data = model.buffers[tensor.buffer].data
    if tensor.type not in _TYPES or data is None:
        raise ValueError("a convolution's kernel or bias is no constant float32 or int8 tensor")
    values = np.frombuffer(bytes(data), _TYPES[tensor.type]).reshape(tensor.shape).astype(np.float32)
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None:
        return values
    shape = [1] * values.ndim
    shape[quantization.quantizedDimension] = -1
    scale = np.asarray(quantization.scale, dtype=np.float32).reshape(shape)
    return np.asarray(scale * (values - np.asarray(quantization.zeroPoint, dtype=np.float32).reshape(shape)))
