"""The student's input pipeline: labelled views in random order, with changes that leave the rating as it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from train.data.augment import augment_view

__all__ = ["ViewBatches", "build_pipeline"]

_SAME_SHARE = 0.3  # of the partners are the very view again, changed in another way


def build_pipeline(
    views: NDArray[np.uint8] | NDArray[np.float32],
    targets: Mapping[str, NDArray[np.float32]],
    rows: NDArray[np.intp],
    batch_size: int,
    seed: int,
    partners: Mapping[int, NDArray[np.intp]] | None = None,
    is_augmented: bool = True,
) -> tf.data.Dataset:
    """An endless dataset of batches (views float32, targets by head).

    Args:
        views: uint8 (n, height, width, 3), in memory or mapped; not augmented, any (n, ...).
        targets: by head, (n, ...).
        rows: which of the n to use; shuffled anew in each pass.
        batch_size: a last smaller batch is left out, for correlations within a batch need its full size.
        seed: of the order, the partners and the augmentation.
        partners: other views of a row's photo. If given, a batch holds half as many rows, each followed by a partner
            drawn for it: one of those views, or the very view again, changed in another way.
        is_augmented: change the views as ``train.data.augment`` does.
    """
    shape = views.shape[1:]
    names = list(targets)

    def gather(batch: NDArray[np.intp], seeds: NDArray[np.int64]) -> list[NDArray[np.generic]]:
        order = np.sort(batch)  # ascending reads from a mapped file
        if partners is not None:
            order = np.stack([order, [_draw_partner(partners, *pair) for pair in zip(order, seeds, strict=True)]], 1)
            order = order.ravel()
        return [views[order], *(targets[name][order] for name in names)]

    def load(batch: tf.Tensor, seeds: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        images, *values = tf.numpy_function(
            gather, [batch, seeds], [tf.as_dtype(views.dtype)] + [tf.float32] * len(names)
        )
        images.set_shape((batch_size, *shape))
        for name, value in zip(names, values, strict=True):
            value.set_shape((batch_size, *targets[name].shape[1:]))
        if is_augmented:
            order = tf.stack([tf.repeat(seeds[:1], batch_size), tf.range(batch_size, dtype=tf.int64)], axis=1)
            images = tf.map_fn(lambda pair: augment_view(*pair), (images, order), fn_output_signature=tf.uint8)
            images.set_shape((batch_size, *shape))
        return images, dict(zip(names, values, strict=True))

    def cast(images: tf.Tensor, values: dict[str, tf.Tensor]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        return tf.cast(images, tf.float32), values

    if partners is not None and batch_size % 2:
        raise ValueError(f"a batch of partners has an even size, not {batch_size}")
    dataset = tf.data.Dataset.from_tensor_slices(rows.astype(np.int64))
    dataset = dataset.shuffle(len(rows), seed=seed, reshuffle_each_iteration=True).repeat()
    dataset = tf.data.Dataset.zip((dataset, tf.data.Dataset.random(seed=seed)))
    dataset = dataset.batch(batch_size if partners is None else batch_size // 2, drop_remainder=True)
    return dataset.map(load, num_parallel_calls=2).map(cast).prefetch(4)


def _draw_partner(partners: Mapping[int, NDArray[np.intp]], row: int, seed: int) -> int:
    others = partners[int(row)]
    rng = np.random.default_rng(int(seed))
    return int(row) if not len(others) or rng.uniform() < _SAME_SHARE else int(rng.choice(others))


class ViewBatches(tf_keras.utils.Sequence):
    """Rows of mapped views, a batch at a time: all at once would need gigabytes."""

    def __init__(self, views: np.ndarray, rows: np.ndarray, batch_size: int = 32) -> None:
        self.views, self.rows, self.batch_size = views, rows, batch_size

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.views[self.rows[index * self.batch_size : (index + 1) * self.batch_size]].astype(np.float32)
