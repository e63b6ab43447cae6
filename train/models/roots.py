"""Signed square roots of features, which heads and regressions read: statistics of ReLU maps have long tails."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FLAT", "MIN_DEVIATION", "take_signed_root"]

FLAT = 1e-6
"""Flattens the root near zero, without a step there: the slope stays finite for a backbone that is fine-tuned, and a
feature that the cache's float16 has rounded to zero means what it meant before."""
MIN_DEVIATION = 1e-3
"""Of a root; those of an ImageNet ResNet50 deviate by 0.04 or more. A feature that hardly varies is not blown up to a
deviation of one: what varies in it is the rounding of the cache."""


def take_signed_root(features: NDArray[Any]) -> NDArray[np.float32]:
    """The roots of features of any shape, in float32."""
    values = features.astype(np.float32)
    roots: NDArray[np.float32] = np.sign(values) * (np.sqrt(np.abs(values) + np.float32(FLAT)) - np.float32(FLAT**0.5))
    return roots
