"""Changes that no rater would mark: mirrored, shifted, re-encoded, a trace noisier or brighter, it is the same photo.

Cameras and marketplaces do all of this to a photo on its way; a score that moves with it measures the way. The changes
are those of a view of 320 px: what a photo of ten times that size suffers comes down here as next to nothing.
Resampling the view, or JPEG at a quality of 85, is no such change: it takes the finest detail away, by which good
photos differ (the first model's score fell by 8 points on average when its views were enlarged by up to 8 %).
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

__all__ = ["augment_view"]

MAX_SHIFT_SHARE = 0.04  # of the side; a shift of the frame that no rater would mark
JPEG_QUALITY = (94, 99)
MAX_NOISE = 1.0  # standard deviation in pixel values; less than half of the weakest sensor noise that counts as a fault
MAX_GAIN = 0.03  # of a pixel value
_SHARE = 0.35  # of the views undergo each change but the mirror and the shift


def augment_view(view: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirrors half of the views left to right, shifts all a little, and now and then brightens or darkens, adds a trace
    of noise or re-encodes as JPEG.

    Args:
        view: uint8 (height, width, 3).
        seed: int (2,); equal seeds make equal changes.

    Returns:
        uint8 of the same shape.
    """
    seeds = tf.random.experimental.stateless_split(seed, 6)
    chances = tf.random.stateless_uniform([3], seeds[0])

    def maybe(index: int, change: Callable[[tf.Tensor], tf.Tensor], value: tf.Tensor) -> tf.Tensor:
        return tf.cond(chances[index] < _SHARE, lambda: change(value), lambda: value)

    view = tf.image.stateless_random_flip_left_right(view, seeds[1])
    value = tf.cast(_shift(view, seeds[2]), tf.float32)
    value = maybe(0, lambda x: x * tf.random.stateless_uniform([], seeds[3], 1 - MAX_GAIN, 1 + MAX_GAIN), value)
    value = maybe(1, lambda x: x + _draw_noise(tf.shape(x), seeds[4]), value)
    changed = tf.cast(tf.round(tf.clip_by_value(value, 0.0, 255.0)), tf.uint8)
    changed = maybe(2, lambda x: tf.image.stateless_random_jpeg_quality(x, *JPEG_QUALITY, seeds[5]), changed)
    return tf.ensure_shape(changed, view.shape)


def _shift(view: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Moves the frame, the rim continued by reflection."""
    height, width = view.shape[0], view.shape[1]
    pad_y, pad_x = int(height * MAX_SHIFT_SHARE), int(width * MAX_SHIFT_SHARE)
    padded = tf.pad(view, [[pad_y, pad_y], [pad_x, pad_x], [0, 0]], mode="REFLECT")
    return tf.image.stateless_random_crop(padded, view.shape, seed)


def _draw_noise(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Even noise, a third of the price of normal noise."""
    reach = tf.sqrt(3.0) * tf.random.stateless_uniform([], seed, 0.0, MAX_NOISE)
    return tf.random.stateless_uniform(shape, seed + 1, -reach, reach)
