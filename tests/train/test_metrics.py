"""Metrics against values worked out by hand, and intervals that cover what they claim."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from train.metrics import (
    METRICS,
    MIN_GROUPS,
    bootstrap_interval,
    compute_all,
    compute_krcc,
    compute_plcc,
    compute_rmse,
    compute_srcc,
)


def test_known_values() -> None:
    x, y = [1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 1.0, 4.0, 3.0, 5.0]
    assert compute_srcc(x, y) == pytest.approx(1 - 6 * 4 / (5 * 24))  # 1 - 6 Σd² / (n (n² - 1)), Σd² = 4
    assert compute_krcc(x, y) == pytest.approx((8 - 2) / 10)  # eight pairs agree, two do not
    assert compute_plcc(x, y) == pytest.approx(8 / 10)
    assert compute_rmse(x, y) == pytest.approx(math.sqrt(4 / 5))


def test_ties() -> None:
    x, y = [1.0, 1.0, 2.0], [1.0, 2.0, 3.0]
    assert compute_srcc(x, y) == pytest.approx(1.5 / math.sqrt(1.5 * 2.0))  # Pearson of the ranks 1.5 1.5 3 and 1 2 3
    assert compute_krcc(x, y) == pytest.approx(2 / math.sqrt(2 * 3))  # tau-b


def test_rank_correlations_ignore_a_monotone_map() -> None:
    rng = np.random.default_rng(0)
    y = rng.random(50)
    assert compute_srcc(np.exp(5 * y), y) == pytest.approx(1.0)
    assert compute_krcc(-(y**3), y) == pytest.approx(-1.0)
    assert compute_plcc(np.exp(5 * y), y) < 0.95


@pytest.mark.parametrize("metric", [compute_srcc, compute_plcc, compute_krcc])
def test_constant_input_has_no_correlation(metric: object) -> None:
    with pytest.raises(ValueError, match="predicted is constant"):
        metric([0.5, 0.5, 0.5], [1.0, 2.0, 3.0])  # type: ignore[operator]


@pytest.mark.parametrize("name", METRICS)
def test_bad_arrays(name: str) -> None:
    metric = METRICS[name]
    with pytest.raises(ValueError, match="match"):
        metric([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="one-dimensional"):
        metric([[1.0], [2.0]], [[1.0], [2.0]])
    with pytest.raises(ValueError, match="target holds 1 values that are not finite"):
        metric([1.0, 2.0], [1.0, float("nan")])
    with pytest.raises(ValueError, match="too few"):
        metric([], [])


def test_rmse_takes_one_pair() -> None:
    assert compute_rmse([1.0], [4.0]) == 3.0


def find_interval(*arguments: Any, **options: Any) -> tuple[float, float]:
    interval = bootstrap_interval(*arguments, **options)
    assert interval is not None
    return interval


def test_interval_is_repeatable_and_holds_the_value() -> None:
    rng = np.random.default_rng(1)
    y = rng.random(300)
    x = y + rng.normal(0, 0.2, 300)
    low, high = find_interval(compute_plcc, x, y, resamples=300)
    assert (low, high) == bootstrap_interval(compute_plcc, x, y, resamples=300)
    assert low < compute_plcc(x, y) < high
    narrow = find_interval(compute_plcc, x, y, resamples=300, coverage=0.5)
    assert low < narrow[0] < narrow[1] < high


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    truth, hits, trials = 0.1, 0, 100
    for trial in range(trials):
        x = rng.normal(0.0, truth, 60)
        low, high = find_interval(compute_rmse, x, np.zeros(60), resamples=200, coverage=0.9, seed=trial)
        hits += low <= truth <= high
    assert 0.78 <= hits / trials <= 0.98


def test_whole_groups_are_drawn() -> None:
    rng = np.random.default_rng(3)
    offset = np.repeat(rng.normal(0, 0.3, 12), 40)  # photos of a group err together
    y = rng.random(480)
    groups = np.repeat(np.arange(12), 40).tolist()
    alone = find_interval(compute_plcc, y + offset, y, resamples=200)
    together = find_interval(compute_plcc, y + offset, y, groups=groups, resamples=200)
    assert together[1] - together[0] > 1.5 * (alone[1] - alone[0])


def test_bad_options() -> None:
    x, y = [1.0, 2.0, 3.0], [1.0, 3.0, 2.0]
    with pytest.raises(ValueError, match="2 groups for 3 photos"):
        bootstrap_interval(compute_plcc, x, y, groups=["a", "b"])
    with pytest.raises(ValueError, match="coverage"):
        bootstrap_interval(compute_plcc, x, y, coverage=1.0)
    with pytest.raises(ValueError, match="no resample"):
        bootstrap_interval(compute_plcc, range(5), [1.0] * 5, resamples=5)


def test_few_groups_have_no_interval() -> None:
    """Out of one group, whatever is drawn is the same: an interval of no width, as if nothing were uncertain."""
    rng = np.random.default_rng(5)
    y = rng.random(60)
    x = y + rng.normal(0, 0.1, 60)
    for count in (1, MIN_GROUPS - 1, MIN_GROUPS):
        groups = (np.arange(60) % count).tolist()
        interval = bootstrap_interval(compute_srcc, x, y, groups=groups, resamples=50)
        found = compute_all(x, y, groups=groups, resamples=50)
        if count < MIN_GROUPS:
            assert interval is None and all(entry["low"] is entry["high"] is None for entry in found.values())
        else:
            assert interval == (found["srcc"]["low"], found["srcc"]["high"]) and interval[0] < interval[1]
        assert found["srcc"]["value"] == compute_srcc(x, y)


def test_all_metrics_as_json() -> None:
    rng = np.random.default_rng(4)
    y = rng.random(80)
    result = compute_all(y + rng.normal(0, 0.1, 80), y, groups=(np.arange(80) // 4).tolist(), resamples=50)
    assert list(result) == ["srcc", "plcc", "krcc", "rmse"]
    assert json.loads(json.dumps(result)) == result
    for entry in result.values():
        assert entry["low"] is not None and entry["value"] is not None and entry["high"] is not None
        assert entry["low"] <= entry["value"] <= entry["high"]
