"""Hints: what the teacher's hidden layer sees in a picture, in few numbers, for the student to learn beside its task.

A rating is one number a photo; the layer behind it says why (Romero et al. 2015, FitNets, https://arxiv.org/abs/1412.6550).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["summarize_hidden"]


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
    values = hidden.astype(np.float64)
    centered = values - values[is_training].mean(axis=0)
    variances, directions = np.linalg.eigh(centered[is_training].T @ centered[is_training] / max(1, is_training.sum()))
    chosen = np.argsort(variances)[::-1][:count]
    mean_variance = max(float(variances[chosen].mean()), 1e-12)
    return np.asarray(centered @ directions[:, chosen] / np.sqrt(mean_variance), dtype=np.float32)
