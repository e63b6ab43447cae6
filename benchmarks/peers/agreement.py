"""Agreement of a peer's numbers with people's ratings, each correlation with its interval."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from train.metrics import Metric, bootstrap_interval, compute_plcc, compute_srcc

__all__ = ["compute_agreement", "fit_rating_map"]

RatingMap = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def fit_rating_map(scores: Sequence[float], ratings: Sequence[float]) -> RatingMap:
    """The rising map from scores to ratings that errs least on these photos.

    Least squares under monotony (isotonic regression), linear between the scores seen, constant beyond them. It
    takes no shape for granted, and being monotone leaves ranks alone but for ties.

    Args:
        scores: (n,), such that higher is better; of photos that are not judged.
        ratings: (n,).
    """
    levels, index = np.unique(np.asarray(scores, dtype=np.float64), return_inverse=True)
    weights = np.bincount(index).astype(np.float64)
    means = np.bincount(index, weights=np.asarray(ratings, dtype=np.float64)) / weights
    fitted = isotonic_regression(means, weights=weights).x
    return lambda values: np.interp(values, levels, fitted)


def compute_agreement(
    scores: Sequence[float],
    ratings: Sequence[float],
    groups: Sequence[Hashable],
    rating_map: RatingMap | None,
    resamples: int,
) -> dict[str, Any]:
    """SRCC and PLCC, whole groups drawn for their intervals.

    Args:
        scores: (n,), such that higher is better.
        ratings: (n,).
        groups: (n,).
        rating_map: applied before PLCC; None: the scores are ratings already.
        resamples: of each bootstrap.

    Returns:
        ``srcc`` and ``plcc``, each ``{"value", "low", "high", "reason"}``; without a value ``reason`` says why. Too few
        groups have no ``low`` and ``high``.
    """
    plain = np.asarray(scores, dtype=np.float64)
    mapped = plain if rating_map is None else rating_map(plain)
    return {
        "srcc": _compute(compute_srcc, plain, ratings, groups, resamples),
        "plcc": _compute(compute_plcc, mapped, ratings, groups, resamples),
    }


def _compute(
    metric: Metric,
    scores: NDArray[np.float64],
    ratings: Sequence[float],
    groups: Sequence[Hashable],
    resamples: int,
) -> dict[str, Any]:
    try:
        value = metric(scores, ratings)
        interval = bootstrap_interval(metric, scores, ratings, groups=groups, resamples=resamples)
    except ValueError as error:
        return {"value": None, "low": None, "high": None, "reason": str(error)}
    low, high = interval or (None, None)
    return {"value": value, "low": low, "high": high, "reason": ""}
