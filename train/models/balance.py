"""Makes pretrained weights fit for int8: channels of one map get one scale, and none lives far from zero.

int8 has one scale for a whole map. In the ImageNet weights some channels of the early maps vary by a tenth of what
others do, and two of the first convolution stand at 14 while their values vary by 0.5: rounding that map alone moved
the score by 7 points (root mean square), rounding the kernel behind it by another 4. Behind a ReLU a channel's scale
is free, for the next convolution can take it over (cross-layer equalisation, Nagel et al. 2019,
https://arxiv.org/abs/1906.04721), and its offset nearly so, for the next batch normalisation takes it away.
"""

from __future__ import annotations

import numpy as np
import tf_keras
from numpy.typing import NDArray
from tf_keras import layers

__all__ = ["MAX_OFFSET", "balance_channels"]

MAX_OFFSET = 3.0  # of a channel's mean, in its standard deviations: as far as a ReLU must be to let all but 0.1 % pass
_MIN_SCALE = 1e-3  # a channel that hardly varies is asleep and stays so


def balance_channels(student: tf_keras.Model) -> list[str]:
    """Scales every channel between a ReLU and the next convolution to a standard deviation of about one, in place.

    The function stays the same but for what a ReLU with a smaller offset before it cuts off, and for the rim of the
    picture.

    Args:
        student: in training form.

    Returns:
        The names of the convolutions whose outputs were balanced.
    """
    names = {layer.name for layer in student.layers}
    balanced = []
    for name in (layer.name for layer in student.layers if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D)):
        following = _find_following(name)
        has_shortcut = name == "Conv" and "block0_add" in names  # past the next convolution
        if following in names and f"{name}_relu" in names and not has_shortcut:
            scale, moved = _balance_norm(student.get_layer(f"{name}_bn"))
            reduce = following.replace("_project", "_se_reduce")
            if reduce in names and reduce != following:
                _take_over(student.get_layer(reduce), scale, moved, None)
            _take_over(student.get_layer(following), scale, moved, student.get_layer(f"{following}_bn"))
            balanced.append(name)
    return balanced


def _find_following(name: str) -> str:
    """The convolution behind ``name``'s activation inside a block, or "" for convolutions that end one."""
    if name == "Conv":
        return "block0_depthwise"
    block, _, kind = name.partition("_")
    following = {"expand": "depthwise", "depthwise": "project"}.get(kind, "")
    return f"{block}_{following}" if following else ""


def _balance_norm(norm: layers.BatchNormalization) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rescales a normalisation; returns each channel's factor and by how much its mean behind the ReLU fell, before it
    was rescaled."""
    gamma, beta, mean, variance = norm.get_weights()
    scale = np.maximum(np.abs(gamma), _MIN_SCALE)
    offset = np.clip(beta / scale, -MAX_OFFSET, MAX_OFFSET)
    norm.set_weights([gamma / scale, offset, mean, variance])
    return scale, np.maximum(beta, 0) - np.maximum(offset, 0) * scale


def _take_over(
    layer: layers.Layer,
    scale: NDArray[np.float32],
    moved: NDArray[np.float32],
    norm: layers.BatchNormalization | None,
) -> None:
    """Multiplies a kernel by its inputs' scale; their lost mean goes into the normalisation behind, or the bias."""
    kernel, *bias = layer.get_weights()
    if isinstance(layer, layers.DepthwiseConv2D):
        shift = moved * kernel.sum(axis=(0, 1))[:, 0]
    else:
        shift = moved @ kernel.sum(axis=(0, 1))
    layer.set_weights([kernel * scale[:, np.newaxis], *(value + shift for value in bias)])
    if norm is not None:
        gamma, beta, mean, variance = norm.get_weights()
        norm.set_weights([gamma, beta, mean - shift, variance])
