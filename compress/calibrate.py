"""From a model's raw quality to points people would give, and how sure that is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import PiecewiseLinear

__all__ = ["fit_calibration", "fit_interval"]

_BINS = 3
_MINIMUM_PER_BIN = 30


def fit_calibration(raw: NDArray[np.floating[Any]], mos: NDArray[np.floating[Any]]) -> PiecewiseLinear:
    """A straight line, least squares, from raw quality to points, cut off at 0 and 100.

    A line and no more: it repairs the shrinkage to the mean that dropout and small data bring, and cannot invent
    differences; ranks stay as they are. Constant ratings, constant or contrary predictions leave it at 0-100. Where
    deductions for faults lead below a raw quality of 0, the line goes on.

    Args:
        raw: (n,) raw quality, 1 at most.
        mos: (n,) mean opinion scores, 0-1.
    """
    identity = PiecewiseLinear((0.0, 1.0), (0.0, 100.0))
    if len(raw) < 3 or np.ptp(raw) == 0 or np.ptp(mos) == 0:
        return identity
    slope, offset = np.polyfit(raw, 100 * mos, 1)
    if slope <= 0:
        return identity
    knots = {0.0, 1.0} | {x for x in ((0 - offset) / slope, (100 - offset) / slope) if x < 1}
    xs = tuple(sorted(float(x) for x in knots))
    return PiecewiseLinear(xs, tuple(round(float(np.clip(slope * x + offset, 0, 100)), 6) for x in xs))


def fit_interval(points: NDArray[np.floating[Any]], mos: NDArray[np.floating[Any]], coverage: float) -> PiecewiseLinear:
    """Half-width of the interval as a function of the score: split conformal prediction in bins of the score.

    In each bin it is the ``ceil((n + 1) * coverage)``-th smallest absolute error (Vovk et al. 2005, Mondrian variant),
    which covers new photos of the same kind with at least that probability, if there are enough of them: n photos can
    promise n / (n + 1) at most.

    Args:
        points: (n,) calibrated scores, 0-100.
        mos: (n,) mean opinion scores, 0-1.
        coverage: share of photos whose rating shall lie inside, 0-1.
    """
    errors = np.abs(points - 100 * mos)
    bins = _BINS if len(points) >= _BINS * _MINIMUM_PER_BIN else 1
    centers, widths = [], []
    for chosen in np.array_split(np.argsort(points, kind="stable"), bins):
        rank = min(len(chosen), math.ceil((len(chosen) + 1) * coverage))
        centers.append(float(np.median(points[chosen])))
        widths.append(float(np.sort(errors[chosen])[rank - 1]))
    distinct: dict[float, float] = {}
    for center, width in zip(centers, widths, strict=True):  # many equal scores can give two bins one center
        key = round(center, 3)
        distinct[key] = max(round(width, 3), distinct.get(key, 0.0))
    return PiecewiseLinear(tuple(distinct), tuple(distinct.values()))
