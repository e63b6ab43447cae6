"""MobileNetV3 (Howard et al. 2019, https://arxiv.org/abs/1905.02244) as the student's backbone.

Two changes. Swish, ``x * sigmoid(x)``, stands where the paper puts its piecewise linear stand-in hard-swish, and the
sigmoid where it puts the hard sigmoid. XNNPACK has no int8 hard-swish and would cut the graph into pieces; the int8
sigmoid is a table look-up, faster than the additions and clamps that spell hard-swish out, and needs no float
fallback. And the first convolution, the network's largest map, ends in a ReLU: int8 then rounds it once instead of
twice, and its channels can be scaled freely (``train.models.balance``). Networks trained with the paper's activations
take both after a little fine-tuning.

The *training* form has batch normalisation; in the *deploy* form it is folded into the convolutions, and so is the
scaling of the input (``compress.folding``). The order of the weights of the training form is that of
``keras.applications.MobileNetV3*(include_top=False)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf
from tf_keras import layers

__all__ = [
    "INPUT_OFFSET",
    "INPUT_SCALE",
    "LARGE",
    "SMALL",
    "Block",
    "Swish",
    "Variant",
    "build_backbone",
    "round_channels",
]

INPUT_SCALE, INPUT_OFFSET = 1 / 127.5, -1.0  # 0-255 to -1..1, as the ImageNet weights expect


@dataclass(frozen=True)
class Block:
    """One inverted residual block: expansion factor, output channels, kernel, stride, squeeze-excite?, swish?"""

    expansion: float
    filters: int
    kernel: int
    stride: int
    has_se: bool
    is_swish: bool


@dataclass(frozen=True)
class Variant:
    """A MobileNetV3 architecture. ``taps`` are the blocks whose outputs the heads read besides the last convolution."""

    name: str
    blocks: tuple[Block, ...]
    taps: tuple[int, ...]


# Tables 1 and 2 of the paper. The taps are the last blocks of each resolution.
SMALL = Variant(
    "small",
    (
        Block(1, 16, 3, 2, True, False),
        Block(72 / 16, 24, 3, 2, False, False),
        Block(88 / 24, 24, 3, 1, False, False),
        Block(4, 40, 5, 2, True, True),
        Block(6, 40, 5, 1, True, True),
        Block(6, 40, 5, 1, True, True),
        Block(3, 48, 5, 1, True, True),
        Block(3, 48, 5, 1, True, True),
        Block(6, 96, 5, 2, True, True),
        Block(6, 96, 5, 1, True, True),
        Block(6, 96, 5, 1, True, True),
    ),
    taps=(0, 2, 7, 10),
)
LARGE = Variant(
    "large",
    (
        Block(1, 16, 3, 1, False, False),
        Block(4, 24, 3, 2, False, False),
        Block(3, 24, 3, 1, False, False),
        Block(3, 40, 5, 2, True, False),
        Block(3, 40, 5, 1, True, False),
        Block(3, 40, 5, 1, True, False),
        Block(6, 80, 3, 2, False, True),
        Block(2.5, 80, 3, 1, False, True),
        Block(2.3, 80, 3, 1, False, True),
        Block(2.3, 80, 3, 1, False, True),
        Block(6, 112, 3, 1, True, True),
        Block(6, 112, 3, 1, True, True),
        Block(6, 160, 5, 2, True, True),
        Block(6, 160, 5, 1, True, True),
        Block(6, 160, 5, 1, True, True),
    ),
    taps=(0, 2, 5, 11, 14),
)


class Swish(layers.Layer):
    """``x * sigmoid(x)``, written out so that the converter keeps the two operations that XNNPACK takes.

    ``is_rounded`` rounds the sigmoid as the int8 file does, for quantisation-aware training.
    """

    def __init__(self, is_rounded: bool = False, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.is_rounded = is_rounded

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        gate = tf.sigmoid(inputs)
        if self.is_rounded:
            gate = tf.quantization.fake_quant_with_min_max_args(gate, 0.0, 255 / 256, num_bits=8)
        return inputs * gate

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "is_rounded": self.is_rounded}


def round_channels(channels: float, divisor: int = 8) -> int:
    """Rounds to a multiple of ``divisor``, never more than 10 % down (the authors' rule)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def build_backbone(
    image: tf.Tensor,
    variant: Variant,
    *,
    alpha: float = 1.0,
    expansion_share: float = 1.0,
    is_minimalistic: bool = False,
    is_deploy: bool = False,
) -> Sequence[tf.Tensor]:
    """Adds the backbone behind ``image`` (batch, height, width, 3), values 0-255, sides multiples of 32.

    Args:
        image: the Keras tensor to start from.
        variant: SMALL or LARGE.
        alpha: width multiplier.
        expansion_share: of the channels between a block's two pointwise convolutions, how many are there, 0-1.
        is_minimalistic: no squeeze-excite, no swish, 3x3 kernels only.
        is_deploy: build the deploy form instead of the training form.

    Returns:
        The tapped blocks' outputs, then the last convolution's.
    """
    builder = _Builder(expansion_share, is_minimalistic=is_minimalistic, is_deploy=is_deploy)
    x, padding = image, "same"
    if not is_deploy:
        # Padded before scaling, as the deploy form's first convolution does, which takes 0-255 as they are.
        x, padding = layers.ZeroPadding2D(((0, 1), (0, 1)), name="pad")(x), "valid"
        x = layers.Rescaling(scale=INPUT_SCALE, offset=INPUT_OFFSET, name="rescaling")(x)
    x = builder.convolve(x, 16, 3, 2, "Conv", is_activated=True, padding=padding)
    taps = []
    for index, block in enumerate(variant.blocks):
        x = builder.add_block(x, block, round_channels(block.filters * alpha), index)
        if index in variant.taps:
            taps.append(x)
    last_channels = round_channels(x.shape[-1] * 6)
    x = builder.convolve(x, last_channels, 1, 1, "Conv_1", is_swish=True, is_activated=True)
    return [*taps, x]


@dataclass
class _Builder:
    expansion_share: float
    is_minimalistic: bool
    is_deploy: bool

    def convolve(
        self,
        x: tf.Tensor,
        filters: int | None,
        kernel: int,
        stride: int,
        name: str,
        *,
        is_swish: bool = False,
        is_activated: bool = False,
        padding: str = "same",
    ) -> tf.Tensor:
        """A convolution (depthwise when ``filters`` is None), its batch normalisation and activation."""
        options = {"strides": stride, "padding": padding, "use_bias": self.is_deploy, "name": name}
        if filters is None:
            x = layers.DepthwiseConv2D(kernel, **options)(x)
        else:
            x = layers.Conv2D(filters, kernel, **options)(x)
        if not self.is_deploy:
            x = layers.BatchNormalization(epsilon=1e-3, momentum=0.99, name=f"{name}_bn")(x)
        if not is_activated:
            return x
        if is_swish and not self.is_minimalistic:
            return Swish(name=f"{name}_swish")(x)
        return layers.ReLU(name=f"{name}_relu")(x)

    def add_block(self, x: tf.Tensor, block: Block, filters: int, index: int) -> tf.Tensor:
        shortcut = x
        prefix = f"block{index}"
        kernel = 3 if self.is_minimalistic else block.kernel
        expanded = round_channels(x.shape[-1] * block.expansion)
        squeezed = round_channels(expanded / 4)  # the gate is cheap: it keeps its width
        if index:
            expanded = round_channels(expanded * self.expansion_share)
            x = self.convolve(x, expanded, 1, 1, f"{prefix}_expand", is_swish=block.is_swish, is_activated=True)
        x = self.convolve(
            x, None, kernel, block.stride, f"{prefix}_depthwise", is_swish=block.is_swish, is_activated=True
        )
        if block.has_se and not self.is_minimalistic:
            x = self.add_squeeze_excite(x, squeezed, prefix)
        x = self.convolve(x, filters, 1, 1, f"{prefix}_project")
        if block.stride == 1 and shortcut.shape[-1] == filters:
            x = layers.Add(name=f"{prefix}_add")([shortcut, x])
        return x

    def add_squeeze_excite(self, x: tf.Tensor, squeezed: int, prefix: str) -> tf.Tensor:
        gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{prefix}_se_pool")(x)
        gate = layers.Conv2D(squeezed, 1, name=f"{prefix}_se_reduce")(gate)
        gate = layers.ReLU(name=f"{prefix}_se_relu")(gate)
        gate = layers.Conv2D(x.shape[-1], 1, name=f"{prefix}_se_expand")(gate)
        gate = layers.Activation("sigmoid", name=f"{prefix}_se_gate")(gate)
        return layers.Multiply(name=f"{prefix}_se_mul")([x, gate])
