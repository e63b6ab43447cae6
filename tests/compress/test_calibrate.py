"""The line from raw quality to points, and how wide an interval must be to keep its promise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from compress.calibrate import fit_calibration, fit_interval
from edge_runtime.contract import PiecewiseLinear

IDENTITY = PiecewiseLinear((0.0, 1.0), (0.0, 100.0))


def evaluate(line: PiecewiseLinear, values: np.ndarray) -> np.ndarray:
    return np.array([line(float(value)) for value in values])


def test_a_shrunken_scale_is_stretched_back() -> None:
    raw = np.linspace(0.3, 0.8, 50)
    line = fit_calibration(raw, 0.1 + 0.9 * raw)
    np.testing.assert_allclose(evaluate(line, raw), 10 + 90 * raw, atol=1e-5)
    assert line(0.0) == pytest.approx(10) and line(1.0) == pytest.approx(100)


def test_noise_around_the_line_averages_out() -> None:
    rng = np.random.default_rng(2)
    raw = rng.uniform(0.2, 0.9, 4000)
    line = fit_calibration(raw, 0.7 * raw + 0.2 + rng.normal(0, 0.05, raw.size))
    np.testing.assert_allclose(evaluate(line, raw), 70 * raw + 20, atol=1.0)


def test_points_end_at_0_and_100_where_the_line_leaves_the_scale() -> None:
    raw = np.linspace(0.4, 0.6, 20)
    line = fit_calibration(raw, 4 * (raw - 0.5) + 0.5)  # 0 points at 0.375, 100 at 0.625
    assert line.x == pytest.approx((0.0, 0.375, 0.625, 1.0))
    assert line.y == pytest.approx((0.0, 0.0, 100.0, 100.0), abs=1e-5)
    values = np.linspace(0, 1, 201)
    points = evaluate(line, values)
    assert points.min() == 0.0 and points.max() == 100.0
    np.testing.assert_allclose(points, np.clip(400 * (values - 0.375), 0, 100), atol=1e-4)


@pytest.mark.parametrize("seed", range(20))
def test_ranks_stay_as_they_are(seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.uniform(0, 1, 40)
    line = fit_calibration(raw, np.clip(rng.uniform(0.2, 3) * raw + rng.normal(0, 0.3, 40), 0, 1))
    points = evaluate(line, np.sort(raw))
    assert np.all(np.diff(points) >= 0) and points.min() >= 0 and points.max() <= 100


@pytest.mark.parametrize(
    ("raw", "mos"),
    [
        pytest.param([0.5] * 6, [0.1, 0.3, 0.5, 0.6, 0.8, 0.9], id="constant"),
        pytest.param([0.9, 0.7, 0.5, 0.3], [0.1, 0.4, 0.5, 0.8], id="contrary"),
        pytest.param([0.1, 0.4, 0.6, 0.9], [0.7] * 4, id="ratings all alike"),
        pytest.param([0.2, 0.8], [0.3, 0.4], id="two photos"),
    ],
)
def test_what_teaches_nothing_changes_nothing(raw: list[float], mos: list[float]) -> None:
    assert fit_calibration(np.array(raw), np.array(mos)) == IDENTITY


def draw(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and ratings of one population whose ratings scatter more in the middle of the scale."""
    points = rng.uniform(15, 85, count)
    spread = 3 + 9 * np.exp(-(((points - 50) / 15) ** 2))
    return points, (points + rng.normal(0, spread)) / 100


@pytest.mark.parametrize("count", [12, 60, 90, 300])
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_the_interval_covers_new_photos_at_least_as_often_as_stated(count: int, coverage: float) -> None:
    shares = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        width = fit_interval(*draw(rng, count), coverage)
        points, mos = draw(rng, 500)
        shares.append(np.mean(np.abs(points - 100 * mos) <= evaluate(width, points)))
    # The promise is one on average over calibration sets; sixty of them leave an error of their own.
    assert np.mean(shares) >= coverage - 3 * np.std(shares) / np.sqrt(len(shares))
    assert np.mean(shares) <= coverage + 0.1, "far wider than needed"


def test_the_interval_is_wider_where_the_model_errs_more() -> None:
    width = fit_interval(*draw(np.random.default_rng(0), 900), 0.9)
    assert len(width.x) == 3
    assert width.y[1] > 1.5 * max(width.y[0], width.y[2])


def test_few_photos_get_one_width_for_all() -> None:
    width = fit_interval(*draw(np.random.default_rng(0), 89), 0.9)
    assert len(width.x) == 1 and width(0.0) == width(100.0) == width.y[0]


def test_too_few_photos_for_the_promise_get_the_largest_error() -> None:
    points = np.array([40.0, 50.0, 60.0])
    width = fit_interval(points, np.array([0.45, 0.38, 0.61]), 0.9)
    assert width.y == pytest.approx((12.0,))


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_knots_grow_and_still_cover_when_many_scores_are_equal(coverage: float) -> None:
    """An int8 model that hardly knows anything: two thirds of its scores are one and the same."""
    points = np.concatenate([np.full(200, 50.0), np.linspace(50.0, 70.0, 100)])
    errors = np.concatenate([np.linspace(0, 40, 100), np.full(100, 1.0), np.full(100, 2.0)])
    width = fit_interval(points, (points + errors) / 100, coverage)
    assert all(a < b for a, b in itertools.pairwise(width.x))
    assert np.mean(errors <= evaluate(width, points)) >= coverage


def test_one_score_for_all_gives_one_knot() -> None:
    errors = np.linspace(0, 10, 120)
    width = fit_interval(np.full(120, 61.0), (61.0 + errors) / 100, 0.9)
    assert width.x == (61.0,)
    assert np.mean(errors <= width(61.0)) >= 0.9
