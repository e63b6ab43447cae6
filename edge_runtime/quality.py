"""From what the model answers to one number: raw quality, which the contract's calibration turns into points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from edge_runtime.contract import ATTRIBUTE_NAMES

__all__ = ["compute_raw_quality"]


def compute_raw_quality(looks: Sequence[Mapping[str, NDArray[Any]]], deductions: Mapping[str, float]) -> float:
    """The quality that the model sees, less what the faults that it sees take off.

    The quality head learnt from people's ratings of photos that were taken in earnest: hardly one is full of noise, so
    of noise it knows little. The attributes learnt from faults of known strength. A fault takes off the square of its
    strength: slight ones, which may be none, next to nothing.

    Args:
        looks: the model's outputs for each view of one photo, that of the whole first; "quality" (1, 1), 0-1, and
            "attributes" (1, 5), 0-1, in the order of ``contract.ATTRIBUTE_NAMES``.
        deductions: by attribute, what its worst fault takes off.

    Returns:
        The mean of the looks' qualities less the deductions: at most 1; below 0 where many faults come together.
    """
    mean = sum(float(look["quality"].item()) for look in looks) / len(looks)
    faults = dict(zip(ATTRIBUTE_NAMES, (1.0 - looks[0]["attributes"][0]).tolist(), strict=True))
    return mean - sum(most * max(float(faults[name]), 0.0) ** 2 for name, most in deductions.items())
