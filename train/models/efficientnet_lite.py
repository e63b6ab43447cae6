"""EfficientNet-Lite (Tan and Le 2019, https://arxiv.org/abs/1905.11946, in the form that its authors published for
devices): no squeeze-excite, ReLU6 for swish, stem and head of one width in all sizes. Keras 3 has no application of it.

As a teacher's backbone it sees what a ResNet50 does not, at a sixth of the cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

__all__ = ["build_efficientnet_lite2"]

_BN_EPSILON = 1e-3


@dataclass(frozen=True)
class _Stage:
    """Inverted residual blocks of one kind; only the first has the stride."""

    expansion: int
    kernel: int
    stride: int
    filters: int
    repeats: int


_STAGES = (
    _Stage(1, 3, 1, 16, 1),
    _Stage(6, 3, 2, 24, 2),
    _Stage(6, 5, 2, 40, 2),
    _Stage(6, 3, 2, 80, 3),
    _Stage(6, 5, 1, 112, 3),
    _Stage(6, 5, 2, 192, 4),
    _Stage(6, 3, 1, 320, 1),
)
_STEM_FILTERS, _HEAD_FILTERS = 32, 1280


def build_efficientnet_lite2(include_top: bool, weights: None, input_shape: tuple[int | None, int | None, int]) -> Any:
    """Builds EfficientNet-Lite2 up to its last convolution, from random weights: (image - 127) / 128 is its input.

    The arguments are those of ``keras.applications``. The last blocks of the stages are named ``stage1`` to ``stage7``,
    the last convolution ``head``; the order of the weights is that of the layers.
    """
    if include_top or weights is not None:
        raise ValueError("EfficientNet-Lite2 comes without its classifier, and its weights from a file")
    return _build(input_shape, width=1.1, depth=1.2)


def _build(input_shape: tuple[int | None, int | None, int], width: float, depth: float) -> Any:
    image = keras.Input(input_shape)
    x = _normalize(layers.Conv2D(_STEM_FILTERS, 3, strides=2, padding="same", use_bias=False, name="stem_conv")(image))
    for number, stage in enumerate(_STAGES, start=1):
        is_outermost = number in (1, len(_STAGES))
        repeats = stage.repeats if is_outermost else math.ceil(stage.repeats * depth)
        for repeat in range(repeats):
            name = f"stage{number}" if repeat == repeats - 1 else f"stage{number}_block{repeat + 1}"
            x = _add_block(x, stage, _round_filters(stage.filters * width), stage.stride if repeat == 0 else 1, name)
    x = layers.Conv2D(_HEAD_FILTERS, 1, use_bias=False, name="head_conv")(x)
    return keras.Model(image, _normalize(x, "head"), name="efficientnet_lite")


def _add_block(x: Any, stage: _Stage, filters: int, stride: int, name: str) -> Any:
    shortcut = x
    if stage.expansion > 1:
        expanded = x.shape[-1] * stage.expansion
        x = _normalize(layers.Conv2D(expanded, 1, use_bias=False, name=f"{name}_expand")(x))
    options = {"strides": stride, "padding": "same", "use_bias": False, "name": f"{name}_depthwise"}
    x = _normalize(layers.DepthwiseConv2D(stage.kernel, **options)(x))
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project")(x)
    has_shortcut = stride == 1 and shortcut.shape[-1] == filters
    x = layers.BatchNormalization(epsilon=_BN_EPSILON, name=f"{name}_norm" if has_shortcut else name)(x)
    return layers.Add(name=name)([shortcut, x]) if has_shortcut else x


def _normalize(x: Any, name: str | None = None) -> Any:
    return layers.ReLU(6.0, name=name)(layers.BatchNormalization(epsilon=_BN_EPSILON)(x))


def _round_filters(filters: float) -> int:
    """Rounds to a multiple of 8, never more than 10 % down (the authors' rule)."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded
