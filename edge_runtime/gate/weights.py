"""The weighted quality: a mean of the attributes that anybody can recompute, beside the model's own quality."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType

from edge_runtime.result import Attributes

__all__ = ["DEFAULT_WEIGHTS", "compute_weighted_quality"]

# From 11,125 phone photos of which people rated the whole and its attributes: whole = .61 sharpness + .15 brightness +
# .12 contrast + .07 colour + .07 noise (rank correlation .977). photogate's "exposure" stands for both brightness and
# contrast (its reason reads "too dark, too bright, or flat"), so it weighs .15 + .12. Nobody rated the composition of
# those photos: without evidence it weighs nothing, until a policy says otherwise.
DEFAULT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"sharpness": 0.61, "noise": 0.07, "exposure": 0.27, "color": 0.07, "composition": 0.0}
)
# Times 100 points it is still a number. What overflows ends in NaN, which is under no limit and would be accepted.
LARGEST_SUM = sys.float_info.max / 100.0


def compute_weighted_quality(attributes: Attributes, weights: Mapping[str, float] = DEFAULT_WEIGHTS) -> float:
    """The weighted mean of the attributes, in points, 0-100.

    Args:
        attributes: points, 0-100.
        weights: by attribute name, 0 or more; they need not add up to 1, for the mean divides by their sum. An
            attribute that is left out weighs nothing.

    Raises:
        ValueError: the weights add up to 0, or to more than can be computed with.
    """
    total = sum(weights.values())
    if total <= 0:
        raise ValueError("the weights add up to 0; give at least one attribute a weight above 0")
    if not total <= LARGEST_SUM:  # true for NaN, too
        raise ValueError("the weights add up to no usable number; give smaller ones: only their ratios count")
    return float(sum(weight * getattr(attributes, name) for name, weight in weights.items()) / total)
