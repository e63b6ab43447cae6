"""The student's input pipeline: labelled views in random order, with changes that leave the rating as it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

__all__ = ["augment_view", "build_pipeline"]

MAX_SHIFT_SHARE = 0.04  # of the side; a shift of the frame that no rater would mark


def build_pipeline(
    views: NDArray[np.uint8],
    targets: Mapping[str, NDArray[np.float32]],
    rows: NDArray[np.intp],
    batch_size: int,
    seed: int,
    is_augmented: bool = True,
) -> tf.data.Dataset:
    """An endless dataset of batches (views float32 0-255, targets by head).

    Args:
        views: (n, height, width, 3), in memory or mapped.
        targets: by head, (n, ...).
        rows: which of the n to use; shuffled anew in each pass.
        batch_size: a last smaller batch is left out, for correlations within a batch need its full size.
        seed: of the order; the augmentation follows TensorFlow's global seed.
        is_augmented: mirror and shift the views.
    """
    shape = views.shape[1:]
    names = list(targets)

    def gather(batch: NDArray[np.intp]) -> list[NDArray[np.generic]]:
        order = np.sort(batch)  # ascending reads from a mapped file
        return [views[order], *(targets[name][order] for name in names)]

    def load(batch: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        images, *values = tf.numpy_function(gather, [batch], [tf.uint8] + [tf.float32] * len(names))
        images.set_shape((batch_size, *shape))
        for name, value in zip(names, values, strict=True):
            value.set_shape((batch_size, *targets[name].shape[1:]))
        return images, dict(zip(names, values, strict=True))

    def augment(images: tf.Tensor, values: dict[str, tf.Tensor]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        return tf.map_fn(augment_view, images), values

    def cast(images: tf.Tensor, values: dict[str, tf.Tensor]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        return tf.cast(images, tf.float32), values

    dataset = tf.data.Dataset.from_tensor_slices(rows.astype(np.int64))
    dataset = dataset.shuffle(len(rows), seed=seed, reshuffle_each_iteration=True).repeat()
    dataset = dataset.batch(batch_size, drop_remainder=True)
    dataset = dataset.map(load, num_parallel_calls=2)
    if is_augmented:
        dataset = dataset.map(augment, num_parallel_calls=2)
    return dataset.map(cast).prefetch(4)


def augment_view(view: tf.Tensor) -> tf.Tensor:
    """Mirrors a view left to right half of the time, and shifts it a little, the rim continued by reflection."""
    view = tf.image.random_flip_left_right(view)
    height, width = view.shape[0], view.shape[1]
    pad_y, pad_x = int(height * MAX_SHIFT_SHARE), int(width * MAX_SHIFT_SHARE)
    padded = tf.pad(view, [[pad_y, pad_y], [pad_x, pad_x], [0, 0]], mode="REFLECT")
    return tf.image.random_crop(padded, view.shape)
