"""What teachers and classifiers said, in 8 bits a number, for files that are small enough to keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pack_hints", "pack_probabilities", "unpack_hints", "unpack_probabilities"]

_LEVELS = 255  # of a probability, and of a hint between its component's least and largest


def pack_probabilities(probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Numbers from 0 to 1, of any shape."""
    return np.round(probabilities * _LEVELS).astype(np.uint8)


def unpack_probabilities(packed: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What :func:`pack_probabilities` packed."""
    return packed.astype(np.float32) / np.float32(_LEVELS)


def pack_hints(hints: NDArray[np.float32]) -> dict[str, Any]:
    """Hints (n, count) in 8 bits, as arrays of an ``.npz``: ``hints``, ``hints_low`` and ``hints_spread``."""
    low, high = hints.min(axis=0, initial=0.0), hints.max(axis=0, initial=0.0)  # there may be none
    spread = np.maximum(high - low, 1e-9)
    levels = np.round((hints - low) / spread * _LEVELS).astype(np.uint8)
    return {"hints": levels, "hints_low": low.astype(np.float32), "hints_spread": spread.astype(np.float32)}


def unpack_hints(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """What :func:`pack_hints` packed; KeyError where ``arrays`` lack something of it."""
    shares = arrays["hints"].astype(np.float32) / _LEVELS
    return np.asarray(shares * arrays["hints_spread"] + arrays["hints_low"])
