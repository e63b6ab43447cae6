"""Hints: what the teacher's hidden layer sees in a picture, in few numbers, for the student to learn beside its task.

A rating is one number a photo; the layer behind it says why (Romero et al. 2015, FitNets, https://arxiv.org/abs/1412.6550).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["summarize_hidden"]

_BLOCK_ROWS = 4096


def summarize_hidden(hidden: NDArray[Any], is_training: NDArray[np.bool_], count: int) -> NDArray[np.float32]:
    """The first principal components of a hidden layer's activations.

    Components keep their relative sizes, so that a squared error minds the ones that tell most; together they have a
    mean variance of one over the training rows.

    Args:
        hidden: (n, units).
        is_training: (n,) which rows the components are fitted on.
        count: how many components; all there are, if fewer.

    Returns:
        (n, count).
    """
    training = hidden[is_training]
    mean = training.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((hidden.shape[1], hidden.shape[1]))
    for block in _cut(training, mean):
        covariance += block.T @ block
    variances, directions = np.linalg.eigh(covariance / max(1, len(training)))
    chosen = np.argsort(variances)[::-1][:count]
    mean_variance = max(float(variances[chosen].mean()), 1e-12)
    scaled = directions[:, chosen] / np.sqrt(mean_variance)
    return np.concatenate([(block @ scaled).astype(np.float32) for block in _cut(hidden, mean)])


def _cut(hidden: NDArray[Any], mean: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Centred blocks of rows: those of a whole set of photographs in double precision would fill a machine's memory."""
    for start in range(0, len(hidden), _BLOCK_ROWS):
        yield hidden[start : start + _BLOCK_ROWS].astype(np.float64) - mean
