"""How well predicted scores agree with people's: the four figures of image quality assessment, with intervals.

SRCC (Spearman), KRCC (Kendall's tau-b) and PLCC (Pearson) measure agreement, RMSE error; all without a fitted logistic
in between, because the product's score claims to be on people's scale already. See the Video Quality Experts Group's
report of 2003 (FR-TV Phase II), section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

__all__ = [
    "METRICS",
    "MIN_GROUPS",
    "bootstrap_interval",
    "compute_all",
    "compute_krcc",
    "compute_plcc",
    "compute_rmse",
    "compute_srcc",
]

MIN_GROUPS = 5  # drawing whole groups out of fewer gives an interval that is far too narrow, and none out of one

Metric = Callable[[ArrayLike, ArrayLike], float]


def compute_srcc(predicted: ArrayLike, target: ArrayLike) -> float:
    """Spearman's rank correlation of two (n,) arrays, -1 to 1; ties share their mean rank.

    Raises:
        ValueError: the arrays do not match, hold fewer than two or non-finite values, or one of them is constant.
    """
    x, y = _validate(predicted, target, needs_spread=True)
    return float(np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1])


def compute_plcc(predicted: ArrayLike, target: ArrayLike) -> float:
    """Pearson's linear correlation of two (n,) arrays, -1 to 1.

    Raises:
        ValueError: as for :func:`compute_srcc`.
    """
    x, y = _validate(predicted, target, needs_spread=True)
    return float(stats.pearsonr(x, y).statistic)


def compute_krcc(predicted: ArrayLike, target: ArrayLike) -> float:
    """Kendall's rank correlation (tau-b, which corrects for ties) of two (n,) arrays, -1 to 1.

    Raises:
        ValueError: as for :func:`compute_srcc`.
    """
    x, y = _validate(predicted, target, needs_spread=True)
    return float(stats.kendalltau(x, y).statistic)


def compute_rmse(predicted: ArrayLike, target: ArrayLike) -> float:
    """Root of the mean squared error of two (n,) arrays, in their unit.

    Raises:
        ValueError: the arrays do not match, are empty or hold non-finite values.
    """
    x, y = _validate(predicted, target, needs_spread=False)
    return float(np.sqrt(np.mean((x - y) ** 2)))


METRICS: dict[str, Metric] = {"srcc": compute_srcc, "plcc": compute_plcc, "krcc": compute_krcc, "rmse": compute_rmse}


def bootstrap_interval(
    metric: Metric,
    predicted: ArrayLike,
    target: ArrayLike,
    *,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 1000,
    coverage: float = 0.95,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Percentile bootstrap interval of a metric (Efron and Tibshirani 1993, chapter 13).

    Args:
        metric: takes (predicted, target).
        predicted, target: (n,) each.
        groups: (n,) labels. Photos of one group (one scene, one object) are not independent; with groups, whole groups
            are drawn, which widens the interval to what new groups would show.
        resamples: how many draws.
        coverage: share of the draws inside the interval, above 0 and below 1.
        seed: of the draws; the same seed gives the same interval.

    Returns:
        (low, high), in the metric's unit; None where there are fewer than MIN_GROUPS groups.

    Raises:
        ValueError: the arrays, groups or options do not fit, or every resample was constant.
    """
    x, y = _validate(predicted, target, needs_spread=False)
    if not 0.0 < coverage < 1.0 or resamples < 1:
        raise ValueError(f"coverage must be in (0, 1) and resamples at least 1, not {coverage} and {resamples}")
    members = _members_of(groups, len(x))
    if len(members) < MIN_GROUPS:
        return None
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        drawn = rng.integers(0, len(members), len(members))
        index = np.concatenate([members[i] for i in drawn])
        try:
            values.append(metric(x[index], y[index]))
        except ValueError:  # a resample of a small set can be constant, where a correlation has no value
            continue
    if not values:
        raise ValueError("no resample had a value: there are too few different values for an interval")
    low, high = np.quantile(values, [(1.0 - coverage) / 2.0, (1.0 + coverage) / 2.0])
    return float(low), float(high)


def compute_all(
    predicted: ArrayLike,
    target: ArrayLike,
    *,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 1000,
    coverage: float = 0.95,
    seed: int = 0,
) -> dict[str, dict[str, float | None]]:
    """Every metric with its interval: ``{"srcc": {"value": .., "low": .., "high": ..}, ...}``, ready for JSON; None
    for low and high where there are too few groups.

    Raises:
        ValueError: as for :func:`compute_srcc` and :func:`bootstrap_interval`.
    """
    result: dict[str, dict[str, float | None]] = {}
    for name, metric in METRICS.items():
        value = metric(predicted, target)
        interval = bootstrap_interval(
            metric, predicted, target, groups=groups, resamples=resamples, coverage=coverage, seed=seed
        )
        low, high = interval or (None, None)
        result[name] = {"value": value, "low": low, "high": high}
    return result


def _validate(
    predicted: ArrayLike, target: ArrayLike, *, needs_spread: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(predicted, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"predicted and target must be one-dimensional and match, not {x.shape} and {y.shape}")
    if len(x) < (2 if needs_spread else 1):
        raise ValueError(f"{len(x)} pairs are too few for this metric")
    for name, values in (("predicted", x), ("target", y)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds {np.count_nonzero(~np.isfinite(values))} values that are not finite")
        if needs_spread and np.ptp(values) == 0.0:
            raise ValueError(f"{name} is constant ({values[0]:g}): a correlation has no value")
    return x, y


def _members_of(groups: Sequence[Hashable] | None, count: int) -> list[NDArray[np.intp]]:
    """Indices of each group's members; without groups, everyone alone."""
    if groups is None:
        return [np.array([i], dtype=np.intp) for i in range(count)]
    if len(groups) != count:
        raise ValueError(f"{len(groups)} groups for {count} photos")
    index: dict[Hashable, list[int]] = {}
    for i, group in enumerate(groups):
        index.setdefault(group, []).append(i)
    return [np.array(members, dtype=np.intp) for members in index.values()]
