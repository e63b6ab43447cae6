"""Second moments of layers' inputs: they say what a change of a kernel does to the layer's output on real views."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray
from tf_keras import layers

__all__ = ["Moments", "invert_moments", "measure_moments", "to_kernel", "to_rows"]

_BATCH_SIZE = 16
_POSITIONS = 6000  # of a map that a batch's second moments are estimated from
_DAMPING = 0.01  # of the mean second moment, as GPTQ has it: lets weights whose inputs are always zero stay put

Moments = NDArray[np.float64]


def measure_moments(model: tf_keras.Model, chosen: list[layers.Layer], views: NDArray[np.uint8]) -> Iterator[Moments]:
    """The second moments of what each layer's kernel is multiplied with.

    Args:
        model: holds the layers.
        chosen: pointwise convolutions of stride 1; more than one.
        views: (n, height, width, 3), what the layers' inputs are computed from.

    Returns:
        For each layer (inputs, inputs).
    """
    probe = tf_keras.Model(model.input, [layer.input for layer in chosen])
    rng = np.random.default_rng(0)
    sums: list[Moments] = [np.zeros(()) for _ in chosen]
    starts = range(0, len(views), _BATCH_SIZE)
    for start in starts:
        inputs = probe(views[start : start + _BATCH_SIZE].astype(np.float32), training=False)
        for at, values in enumerate(inputs):
            sums[at] = sums[at] + _compute_moments(values, rng)
    return (total / len(starts) for total in sums)


def invert_moments(moments: Moments) -> Moments:
    """The inverse of second moments (..., inputs, inputs), made well-conditioned by a hundredth of their mean."""
    count = moments.shape[-1]
    damping = _DAMPING * np.trace(moments, axis1=-2, axis2=-1) / count + 1e-9
    return np.linalg.inv(moments + damping[..., np.newaxis, np.newaxis] * np.eye(count))


def to_rows(layer: layers.Layer, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """A kernel as (outputs, inputs), inputs in the order of patches."""
    if isinstance(layer, layers.DepthwiseConv2D):
        return kernel.reshape(-1, kernel.shape[2]).T
    return kernel.reshape(-1, kernel.shape[-1]).T


def to_kernel(layer: layers.Layer, rows: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The inverse of :func:`to_rows`."""
    return np.ascontiguousarray(rows.T).reshape(shape)


def _compute_moments(values: tf.Tensor, rng: np.random.Generator) -> Moments:
    """Second moments (channels, channels) of a map, from some of its positions."""
    flat = values.numpy().reshape(-1, values.shape[-1])
    if len(flat) > _POSITIONS:
        flat = flat[rng.integers(0, len(flat), _POSITIONS)]
    flat = flat.astype(np.float64)
    return flat.T @ flat / len(flat)
