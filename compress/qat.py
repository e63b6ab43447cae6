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

from train.loop import Validation, fit
from train.losses import build_losses
from train.models.mobilenet_v3 import Swish
from train.models.student import OUTPUT_NAMES
from train.training_config import FitConfig, LossConfig

__all__ = [
    "ChannelQuantizer",
    "LayerQuantizeConfig",
    "copy_weights",
    "find_variables",
    "fine_tune_quantized",
    "wrap_for_qat",
]

_KERNELS = {layers.Conv2D: "kernel", layers.DepthwiseConv2D: "depthwise_kernel", layers.Dense: "kernel"}
_BATCH_SIZE = 16
_OUTPUT_ONLY = (layers.ReLU, layers.Add, layers.Multiply, layers.GlobalAveragePooling2D, Swish)
_SIGMOID_RANGE = (0.0, 255 / 256)  # TFLite fixes the scale of an int8 sigmoid at 1/256
_LARGE = 4096  # values of one view from which on a range is cut at quantiles
_TAIL = 5e-4  # share of a large map's values beyond either end of its range
_DRAWN = 100_000  # values of a large map that its quantiles are read from, a batch


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
    """Quantises a layer's kernel, if ``kernel_name`` is given, and its output to the fixed ``output_range``, if any."""

    def __init__(self, kernel_name: str | None, output_range: tuple[float, float] | None) -> None:
        self.kernel_name = kernel_name
        self.output_range = output_range

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
        if self.output_range is None:
            return []
        low, high = self.output_range
        return [tfmot.quantization.keras.quantizers.FixedQuantizer(8, low, high, narrow_range=False)]

    def get_config(self) -> dict[str, Any]:
        return {"kernel_name": self.kernel_name, "output_range": self.output_range}


def wrap_for_qat(deploy: tf_keras.Model, views: NDArray[np.uint8]) -> tf_keras.Model:
    """A copy of a deploy-form student that rounds weights and outputs as the int8 file will.

    The ranges are fixed: large maps have rare values far outside the rest, and 8 bits spent on those are missing where
    the picture is. They are cut at quantiles, and the weights learn to live with it.

    Args:
        deploy: is left as it is.
        views: (n, height, width, 3), what the ranges are read from.
    """
    ranges = _measure_ranges(deploy, views)

    def wrap(layer: Any) -> Any:
        config = layer.get_config()
        clone = layer.__class__.from_config({**config, "is_rounded": True} if isinstance(layer, Swish) else config)
        if layer.name not in ranges and type(layer) not in _KERNELS:
            return clone
        quantize = LayerQuantizeConfig(_KERNELS.get(type(layer)), ranges.get(layer.name))
        return tfmot.quantization.keras.QuantizeWrapperV2(clone, quantize)

    wrapped = tf_keras.models.clone_model(deploy, clone_function=wrap)
    for layer in deploy.layers:
        if layer.weights:
            twin = wrapped.get_layer(f"quant_{layer.name}")
            copy_weights(layer, twin)
    return wrapped


def _measure_ranges(deploy: tf_keras.Model, views: NDArray[np.uint8]) -> dict[str, tuple[float, float]]:
    """The range of each layer's output that int8 rounds; 0 is always inside. The model's own outputs stay float."""
    inner = [layer for layer in deploy.layers if layer.name not in OUTPUT_NAMES]
    ranges = {layer.name: _SIGMOID_RANGE for layer in inner if _ends_in_sigmoid(layer)}
    measured = [
        layer
        for layer in inner
        if (type(layer) in _KERNELS or isinstance(layer, _OUTPUT_ONLY))
        and layer.name not in ranges
        and not _is_fused_into_relu(layer)
    ]
    probe = tf_keras.Model(deploy.input, [layer.output for layer in measured])
    rng = np.random.default_rng(0)
    ends: dict[str, list[tuple[float, float]]] = {layer.name: [] for layer in measured}
    for start in range(0, len(views), _BATCH_SIZE):
        outputs = probe(views[start : start + _BATCH_SIZE].astype(np.float32), training=False)
        for layer, output in zip(measured, outputs, strict=True):
            values = np.asarray(output).ravel()
            if values.size < _LARGE * len(output):
                ends[layer.name].append((float(values.min()), float(values.max())))
                continue
            drawn = values[rng.integers(0, values.size, _DRAWN)]
            low, high = np.quantile(drawn, (_TAIL, 1 - _TAIL))
            ends[layer.name].append((float(low), float(high)))
    for name, pairs in ends.items():
        lows, highs = zip(*pairs, strict=True)
        ranges[name] = (min(*lows, 0.0), max(*highs, 1e-3))
    return ranges


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

    # The last epoch counts: to the end the model comes closer to its float original, which is what is asked of it.
    fit(tf_keras, wrapped, data, steps, validation, config, build_losses(loss), work, [KeepZeros()], keeps_best=False)


def _is_fused_into_relu(layer: Any) -> bool:
    """Whether the converter fuses the layer with the ReLU behind it, so that only the ReLU's output exists."""
    consumers = [node.outbound_layer for node in layer.outbound_nodes]
    return len(consumers) == 1 and isinstance(consumers[0], layers.ReLU)


def _ends_in_sigmoid(layer: Any) -> bool:
    """Whether the layer's own activation is a sigmoid, whose int8 range is fixed."""
    return getattr(layer, "activation", None) is tf_keras.activations.sigmoid


def copy_weights(layer: Any, twin: Any) -> None:
    """Gives the wrapped layer ``twin`` the weights of the plain ``layer``."""
    for variable, values in zip(find_variables(twin, layer), layer.get_weights(), strict=True):
        variable.assign(values)


def find_variables(twin: Any, layer: Any) -> list[Any]:
    """The wrapped layer's own variables in the order of ``layer.get_weights()``."""
    names = [weight.name.split("/")[-1] for weight in layer.weights]
    found = {weight.name.split("/")[-1]: weight for weight in twin.weights}
    return [found[name] for name in names]
