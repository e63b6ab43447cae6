"""From an exported float student back to the training form, so that training goes on from a model that ships.

The deploy form has each batch normalisation folded into its convolution (``compress.folding``). Here the normalisations
come back with the mean and variance that their inputs have on real views: in inference the function is the same, and in
training, where a batch's own statistics normalise, nearly so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray
from tf_keras import layers

from edge_runtime.errors import UsageError
from edge_runtime.interpreter import select_runtime
from train.models.mobilenet_v3 import INPUT_OFFSET, INPUT_SCALE
from train.models.tflite_weights import let_through

__all__ = ["Pair", "fill_exported", "read_exported_weights"]

_FIRST = "Conv"
_BATCH_SIZE = 32
_OPERATIONS = ("Conv2D", "depthwise", "MatMul")
Pair = tuple[NDArray[np.float32], NDArray[np.float32]]


def fill_exported(student: tf_keras.Model, exported: Mapping[str, Pair], views: NDArray[np.uint8], path: Path) -> None:
    """Fills a training-form student with the weights of an exported float one; hints, which no export has, stay.

    Args:
        student: from ``train.models.student.build_student``.
        exported: from :func:`read_exported_weights`, of the same architecture and labels.
        views: (n, height, width, 3) to measure the statistics on; a few hundred are enough.
        path: the file that they come from, for errors.

    Raises:
        UsageError: the weights are another architecture's.
    """
    names = {layer.name for layer in student.layers}
    for layer in student.layers:
        if not isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.Dense) or layer.name == "hints":
            continue
        if layer.name not in exported:
            raise UsageError(f"{path} holds no layer {layer.name}: it was made from another architecture")
        kernel, bias = exported[layer.name]
        expected = layer.kernel.shape if not isinstance(layer, layers.DepthwiseConv2D) else layer.depthwise_kernel.shape
        if kernel.shape != tuple(expected):
            raise UsageError(f"{path}: layer {layer.name} is {kernel.shape} there, {tuple(expected)} here")
        if layer.name == _FIRST:
            kernel = kernel / INPUT_SCALE
            bias = bias - INPUT_OFFSET * kernel.sum(axis=(0, 1, 2))
        if f"{layer.name}_bn" not in names:
            layer.set_weights([kernel, bias])
            continue
        layer.set_weights([kernel])
        let_through(student.get_layer(f"{layer.name}_bn"), bias)
    for name in names:
        if name.endswith("_norm"):
            norm = student.get_layer(name)
            let_through(norm, np.zeros(norm.gamma.shape, dtype=np.float32))
    _restore_statistics(student, views)


def read_exported_weights(path: Path) -> Mapping[str, Pair]:
    """The kernel and the bias of every layer of a float32 ``.tflite``, by the layer's name, in Keras's layout.

    Raises:
        UsageError: the file cannot be read.
        RuntimeUnavailableError: there is no interpreter to read it with.
    """
    runtime, _ = select_runtime()
    try:
        interpreter = runtime.Interpreter(str(path))
        interpreter.allocate_tensors()
        details = interpreter.get_tensor_details()
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{path}: this is no model file that can be read: {error}") from error
    kernels: dict[str, NDArray[np.float32]] = {}
    biases: dict[str, NDArray[np.float32]] = {}
    for detail in details:
        parts = [part.split("/") for part in detail["name"].split(";")]
        ends = {part[2] for part in parts if len(part) > 2}
        is_bias = len(detail["shape"]) == 1 and "BiasAdd" in ends
        if detail["dtype"] is not np.float32 or not (is_bias or ends & set(_OPERATIONS)):
            continue
        try:
            value = interpreter.get_tensor(detail["index"])
        except ValueError:  # a tensor of the run, not a constant of the file
            continue
        if is_bias:
            biases.update({part[1]: value for part in parts if len(part) > 2 and part[2] == "BiasAdd"})
        elif len(parts) == 1 and parts[0][2] in _OPERATIONS:
            kernels[parts[0][1]] = _to_keras(value, parts[0][2])
    return {name: (kernel, biases[name]) for name, kernel in kernels.items() if name in biases}


def _to_keras(kernel: NDArray[np.float32], operation: str) -> NDArray[np.float32]:
    """TFLite keeps the output channels first, and of a depthwise kernel (1, height, width, channels)."""
    if operation == "MatMul":
        return kernel.T
    return kernel.transpose(1, 2, 3, 0)


def _restore_statistics(student: tf_keras.Model, views: NDArray[np.uint8]) -> None:
    """Gives every normalisation the mean and variance of its input, and what keeps the function as it is."""
    norms = [layer for layer in student.layers if isinstance(layer, layers.BatchNormalization)]
    moments = []
    for norm in norms:
        axes = list(range(len(norm.input.shape) - 1))
        moments += [tf.reduce_mean(norm.input, axes), tf.reduce_mean(tf.square(norm.input), axes)]
    measure = tf.function(tf_keras.Model(student.input, moments), jit_compile=False)
    starts = range(0, len(views) // _BATCH_SIZE * _BATCH_SIZE, _BATCH_SIZE) or (0,)
    batches = [[part.numpy() for part in measure(views[at : at + _BATCH_SIZE].astype(np.float32))] for at in starts]
    averages = [np.mean(parts, axis=0) for parts in zip(*batches, strict=True)]
    for norm, mean, square in zip(norms, averages[::2], averages[1::2], strict=True):
        variance = np.maximum(square - mean**2, 0)
        deviation = np.sqrt(variance + norm.epsilon)
        gamma, beta, *_ = norm.get_weights()
        if not norm.name.endswith("_norm"):
            norm.set_weights([gamma * deviation, beta + gamma * mean, mean, variance])
            continue
        # A pooled statistic: the dense layer behind takes the scale, so that the normalised value stays near one.
        norm.set_weights([gamma, beta, mean, variance])
        dense = student.get_layer(norm.name.removesuffix("_norm"))
        kernel, bias = dense.get_weights()
        dense.set_weights([kernel * deviation[:, np.newaxis], bias + mean @ kernel])
