"""Quantisation-aware training of the deploy form (Jacob et al. 2017, https://arxiv.org/abs/1712.05877).

The wrapper is tfmot's, the configuration ours: tfmot's default quantises a depthwise kernel per tensor, and its layout
transforms know batch normalisation and ReLU, which the deploy form has folded away or replaced.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras
from numpy.typing import NDArray
from tf_keras import layers

from train.config import FitConfig, LossConfig
from train.loop import Validation, fit
from train.losses import build_losses
from train.models.mobilenet_v3 import Swish

__all__ = ["ChannelQuantizer", "LayerQuantizeConfig", "fine_tune_quantized", "wrap_for_qat"]

_KERNELS = {layers.Conv2D: "kernel", layers.DepthwiseConv2D: "depthwise_kernel", layers.Dense: "kernel"}
_BATCH_SIZE = 16
_OUTPUT_ONLY = (layers.ReLU, layers.Add, layers.Multiply, Swish)  # a sigmoid's int8 range is fixed, 0-1


class ChannelQuantizer(tfmot.quantization.keras.quantizers.Quantizer):
    """Symmetric int8 rounding of a kernel, one scale an output channel, gradients straight through.

    The converter finds the same scales in the rounded values, for the largest of each channel stays what it is.
    """

    def __init__(self, is_depthwise: bool) -> None:
        self.is_depthwise = is_depthwise

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        return {}

    def __call__(self, inputs: tf.Tensor, training: Any, weights: Any, **kwargs: Any) -> tf.Tensor:
        rank = len(inputs.shape)
        axes = [0, 1] if self.is_depthwise else list(range(rank - 1))
        scale = tf.maximum(tf.reduce_max(tf.abs(inputs), axis=axes, keepdims=True), 1e-9) / 127.0
        return inputs + tf.stop_gradient(tf.round(inputs / scale) * scale - inputs)

    def get_config(self) -> dict[str, Any]:
        return {"is_depthwise": self.is_depthwise}


class LayerQuantizeConfig(tfmot.quantization.keras.QuantizeConfig):
    """Quantises a layer's kernel, if ``kernel_name`` is given, and its output, if ``has_output``."""

    def __init__(self, kernel_name: str | None, has_output: bool) -> None:
        self.kernel_name = kernel_name
        self.has_output = has_output

    def get_weights_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        if self.kernel_name is None:
            return []
        return [(getattr(layer, self.kernel_name), ChannelQuantizer(self.kernel_name == "depthwise_kernel"))]

    def get_activations_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        return []

    def set_quantize_weights(self, layer: Any, quantize_weights: list[Any]) -> None:
        if self.kernel_name is not None:
            setattr(layer, self.kernel_name, quantize_weights[0])

    def set_quantize_activations(self, layer: Any, quantize_activations: list[Any]) -> None:
        return

    def get_output_quantizers(self, layer: Any) -> list[Any]:
        quantizers = tfmot.quantization.keras.quantizers
        if not self.has_output:
            return []
        return [quantizers.MovingAverageQuantizer(num_bits=8, per_axis=False, symmetric=False, narrow_range=False)]

    def get_config(self) -> dict[str, Any]:
        return {"kernel_name": self.kernel_name, "has_output": self.has_output}


def wrap_for_qat(deploy: tf_keras.Model, views: NDArray[np.uint8]) -> tf_keras.Model:
    """A copy of a deploy-form student that rounds weights and outputs as the int8 file will.

    Args:
        deploy: is left as it is.
        views: (n, height, width, 3); the ranges of the outputs start from what these views need. tfmot's start of -6..6
            would take hundreds of steps to forget.
    """

    def wrap(layer: Any) -> Any:
        clone = layer.__class__.from_config(layer.get_config())
        kernel_name = _KERNELS.get(type(layer))
        if kernel_name is None and not isinstance(layer, _OUTPUT_ONLY):
            return clone
        has_output = not _is_fused_into_relu(layer) and not _ends_in_sigmoid(layer)
        config = LayerQuantizeConfig(kernel_name, has_output)
        return tfmot.quantization.keras.QuantizeWrapperV2(clone, config)

    wrapped = tf_keras.models.clone_model(deploy, clone_function=wrap)
    for layer in deploy.layers:
        if layer.weights:
            twin = wrapped.get_layer(f"quant_{layer.name}")
            for variable, value in zip(_find_variables(twin, layer), layer.get_weights(), strict=True):
                variable.assign(value)
    _set_ranges(deploy, wrapped, views)
    return wrapped


def _set_ranges(deploy: tf_keras.Model, wrapped: tf_keras.Model, views: NDArray[np.uint8]) -> None:
    """Starts every output quantizer of ``wrapped`` from the range that the layer of ``deploy`` shows on ``views``."""
    names = [name for name in (layer.name for layer in deploy.layers) if _find_range(wrapped, name)]
    probe = tf_keras.Model(deploy.input, [deploy.get_layer(name).output for name in names])
    lows, highs = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    for start in range(0, len(views), _BATCH_SIZE):
        outputs = probe(views[start : start + _BATCH_SIZE].astype(np.float32), training=False)
        lows = np.minimum(lows, [float(tf.reduce_min(output)) for output in outputs])
        highs = np.maximum(highs, [float(tf.reduce_max(output)) for output in outputs])
    for name, low, high in zip(names, lows, highs, strict=True):
        variables = _find_range(wrapped, name)
        variables["output_min"].assign(min(low, 0.0))
        variables["output_max"].assign(max(high, 0.0))


def _find_range(wrapped: tf_keras.Model, name: str) -> dict[str, Any]:
    """The variables of the output quantizer around layer ``name``; empty where there is none."""
    layer = next((layer for layer in wrapped.layers if layer.name == f"quant_{name}"), None)
    variables = {} if layer is None else {v.name.split("/")[-1].split(":")[0]: v for v in layer.weights}
    return {key: v for key, v in variables.items() if key in ("output_min", "output_max")}


def fine_tune_quantized(
    wrapped: tf_keras.Model,
    config: FitConfig,
    data: Any,
    steps: int,
    validation: Validation,
    loss: LossConfig,
    work: Path,
) -> None:
    """Trains a model of :func:`wrap_for_qat` in place; weights that are zero stay zero."""

    class KeepZeros(tf_keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_begin(self, logs: Any = None) -> None:
            kernels = [variable for variable in wrapped.trainable_variables if "kernel" in variable.name]
            self.masks = [(kernel, tf.cast(kernel != 0, kernel.dtype)) for kernel in kernels]
            self.masks = [(kernel, mask) for kernel, mask in self.masks if float(tf.reduce_min(mask)) == 0.0]

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            for kernel, mask in self.masks:
                kernel.assign(kernel * mask)

    fit(tf_keras, wrapped, data, steps, validation, config, build_losses(loss), work, [KeepZeros()])


def _is_fused_into_relu(layer: Any) -> bool:
    """Whether the converter fuses the layer with the ReLU behind it, so that only the ReLU's output exists."""
    consumers = [node.outbound_layer for node in layer.outbound_nodes]
    return len(consumers) == 1 and isinstance(consumers[0], layers.ReLU)


def _ends_in_sigmoid(layer: Any) -> bool:
    """Whether the layer's own activation is a sigmoid, whose range another quantizer would only have to be undone."""
    return getattr(layer, "activation", None) is tf_keras.activations.sigmoid


def _find_variables(twin: Any, layer: Any) -> list[Any]:
    """The wrapped layer's own variables in the order of ``layer.get_weights()``."""
    names = [weight.name.split("/")[-1] for weight in layer.weights]
    found = {weight.name.split("/")[-1]: weight for weight in twin.weights}
    return [found[name] for name in names]
