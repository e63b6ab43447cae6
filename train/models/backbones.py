"""Teacher backbones: ImageNet networks cut into stages, and the statistics of each stage that the heads read.

People see blur and noise at the scale of early stages and content at that of late ones, so every stage counts. The
mean says what is there, the standard deviation how unevenly: second moments carry the texture that quality shows in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edge_runtime.errors import UsageError
from train.models.efficientnet_lite import build_efficientnet_lite2
from train.models.weights import load_pretrained_weights

__all__ = ["BACKBONES", "build_feature_model", "freeze_stages"]


@dataclass(frozen=True)
class _Backbone:
    """A Keras application, the layers that end its stages, and its preprocessing as scale and offset of 0-255 RGB."""

    build: Callable[..., Any]
    stages: tuple[str, ...]
    scale: float
    offset: tuple[float, float, float]
    bgr_layer: str = ""  # the first convolution, where the weights expect BGR


_CAFFE_OFFSET = (-123.68, -116.779, -103.939)  # ImageNet's mean RGB, which the Caffe-trained networks subtract

BACKBONES = {
    "resnet50": _Backbone(
        keras.applications.ResNet50,
        ("conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out"),
        1.0,
        _CAFFE_OFFSET,
        "conv1_conv",
    ),
    "vgg16": _Backbone(
        keras.applications.VGG16,
        ("block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3"),
        1.0,
        _CAFFE_OFFSET,
        "block1_conv1",
    ),
    "mobilenet_v3_small": _Backbone(
        lambda **options: keras.applications.MobileNetV3Small(include_preprocessing=False, **options),
        ("expanded_conv_project_bn", "expanded_conv_2_add", "expanded_conv_7_add", "expanded_conv_10_add"),
        1 / 127.5,
        (-1.0, -1.0, -1.0),
    ),
    "mobilenet": _Backbone(
        keras.applications.MobileNet,
        ("conv_pw_1_relu", "conv_pw_3_relu", "conv_pw_5_relu", "conv_pw_11_relu", "conv_pw_13_relu"),
        1 / 127.5,
        (-1.0, -1.0, -1.0),
    ),
    "efficientnet_lite2": _Backbone(
        build_efficientnet_lite2,
        ("stage2", "stage3", "stage5", "stage7", "head"),
        1 / 128,
        (-127 / 128, -127 / 128, -127 / 128),
    ),
}


def build_feature_model(name: str, weights: str, precision: str) -> Any:
    """Builds backbone and statistics as one Keras 3 model.

    Args:
        name: one of ``BACKBONES``.
        weights: "imagenet" (downloaded by Keras), "random", or a file (``train.models.weights``).
        precision: a Keras dtype policy, for example "float32" or "mixed_bfloat16".

    Returns:
        A model from RGB (batch, height, width, 3), values 0-255, any size, to float32 features (batch, n): mean and
        standard deviation of every channel of every stage.

    Raises:
        UsageError: the name or the weights are unknown.
    """
    if name not in BACKBONES:
        raise UsageError(f"unknown backbone {name!r}: choose one of {', '.join(BACKBONES)}")
    entry = BACKBONES[name]
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        is_online = weights == "imagenet"
        try:
            backbone = entry.build(
                include_top=False, weights="imagenet" if is_online else None, input_shape=(None, None, 3)
            )
        except Exception as error:  # Keras has no class of its own for a download that failed
            raise UsageError(
                f"Keras cannot provide the ImageNet weights of {name}: {error}; pass --weights FILE"
            ) from error
        if weights not in ("imagenet", "random"):
            load_pretrained_weights(backbone, Path(weights))
        if entry.bgr_layer and weights != "random":
            _swap_input_channels(backbone.get_layer(entry.bgr_layer))
        stages = keras.Model(backbone.input, [backbone.get_layer(stage).output for stage in entry.stages])
        image = keras.Input((None, None, 3), name="image")
        scaled = keras.layers.Rescaling(entry.scale, offset=list(entry.offset), name="preprocess")(image)
        statistics = []
        for stage in stages(scaled):
            stage = keras.ops.cast(stage, "float32")
            variance = keras.ops.var(stage, axis=(1, 2))
            # A channel at rest has no spread, and the root no slope there: without the floor, gradients are NaN.
            deviation = keras.ops.sqrt(keras.ops.maximum(variance, 1e-12))
            statistics += [keras.ops.mean(stage, axis=(1, 2)), deviation]
        return keras.Model(image, keras.ops.concatenate(statistics, axis=-1), name=f"{name}_statistics")
    finally:
        keras.config.set_dtype_policy(before)


def freeze_stages(features: Any, count: int) -> None:
    """Keeps part of a backbone as it is while the rest is trained: its first stages, and all batch normalisations.

    The few views of a batch are a poor measure of the statistics that a network was trained with, and what the first
    stages see, edges and grain, is the same in every photo.

    Args:
        features: from :func:`build_feature_model`.
        count: of the stages that its entry in ``BACKBONES`` names, the first so many.

    Raises:
        UsageError: no stage is left to be trained.
    """
    (stages,) = (layer for layer in features.layers if isinstance(layer, keras.Model))
    if count >= len(stages.outputs):
        raise UsageError(
            f"frozen_stages is {count}, and {features.name} is of {len(stages.outputs)} stages: leave one to be trained"
        )
    fixed = keras.Model(stages.input, stages.outputs[:count]).layers if count else []
    for layer in stages.layers:
        if layer in fixed or isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def _swap_input_channels(layer: Any) -> None:
    """Lets a first convolution trained on BGR take RGB."""
    kernel, *rest = layer.get_weights()
    layer.set_weights([np.ascontiguousarray(kernel[:, :, ::-1]), *rest])
