"""From what the model answers to each look to the photo's attributes and to one number: raw quality, which the
contract's calibration turns into points."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ATTRIBUTE_NAMES

__all__ = ["compute_attribute_points", "compute_attributes", "compute_raw_quality"]


def compute_attributes(
    looks: Sequence[Mapping[str, NDArray[Any]]], of_both: Collection[str] = ()
) -> NDArray[np.float64]:
    """The attributes that the model sees.

    A look at the middle has more pixels of it, and sees light blur and noise that the view of the whole has averaged
    away; of framing it shows nothing.

    Args:
        looks: the model's outputs for each view of one photo, that of the whole first; "attributes" (1, 5).
        of_both: names of the attributes that are the mean of the looks; the others are those of the whole.

    Returns:
        float64 (5,), 0-1, in the order of ``contract.ATTRIBUTE_NAMES``.
    """
    seen = np.array([look["attributes"][0] for look in looks], dtype=np.float64)
    is_of_both = np.array([name in of_both for name in ATTRIBUTE_NAMES])
    attributes: NDArray[np.float64] = np.where(is_of_both, seen.mean(axis=0), seen[0])
    return attributes


def compute_attribute_points(attributes: NDArray[np.float64], stretch: Mapping[str, float]) -> NDArray[np.float64]:
    """The attributes in points, such that slight faults of different attributes may be compared.

    The attributes learnt how strong a fault is by how much a photo changes, and light noise changes it less than a cast
    that nobody sees: at 0.9 noise tells a fault, and color hardly. So the upper half of an attribute's scale is
    stretched: the odds of ``u`` = 2 x attribute - 1 are divided by its factor. One half, near which policies have their
    limits, and 1 stay as they are.

    Args:
        attributes: from :func:`compute_attributes`.
        stretch: by attribute, the factor; above 1 it lowers what lies between one half and 1, left out it is 1.

    Returns:
        float64 (5,), 0-100, in the order of ``contract.ATTRIBUTE_NAMES``.
    """
    limited = np.clip(attributes, 0.0, 1.0)
    factors = np.array([stretch.get(name, 1.0) for name in ATTRIBUTE_NAMES])
    upper = np.maximum(2.0 * limited - 1.0, 0.0)
    stretched = upper / (upper + factors * (1.0 - upper))
    points: NDArray[np.float64] = 100.0 * np.minimum(limited, 0.5) + 50.0 * stretched
    return points


def compute_raw_quality(
    looks: Sequence[Mapping[str, NDArray[Any]]],
    attributes: NDArray[np.float64],
    deductions: Mapping[str, float],
    detail_weight: float = 0.5,
) -> float:
    """The quality that the model sees, less what the faults that it sees take off.

    The quality head learnt from people's ratings of photos that were taken in earnest: hardly one is full of noise, so
    of noise it knows little. The attributes learnt from faults of known strength. A fault takes off the square of its
    strength: slight ones, which may be none, next to nothing.

    Args:
        looks: as for :func:`compute_attributes`, one or two; "quality" (1, 1), 0-1.
        attributes: from there.
        deductions: by attribute, what its worst fault takes off.
        detail_weight: of the second look, where there is one, 0-1.

    Returns:
        The weighted mean of the looks' qualities less the deductions: at most 1; below 0 where many faults come
        together.
    """
    weights = (1.0 - detail_weight, detail_weight) if len(looks) > 1 else (1.0,)
    mean = sum(weight * float(look["quality"].item()) for weight, look in zip(weights, looks, strict=True))
    faults: dict[str, float] = dict(zip(ATTRIBUTE_NAMES, (1.0 - attributes).tolist(), strict=True))
    return mean - sum(most * max(faults[name], 0.0) ** 2 for name, most in deductions.items())
