"""Calibration, coverage, fidelity, and agreement with the teacher."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.accuracy_report.calibration import compare_models, compare_with_teacher, measure_calibration
from benchmarks.accuracy_report.goals import Goal
from benchmarks.accuracy_report.photos import ScoredPhoto
from edge_runtime.gate import load_policy

Build = Callable[..., ScoredPhoto]


def test_bins_show_where_the_model_says_too_much(build_scored: Build) -> None:
    # Right below 50, ten points too high above; the interval reaches 5 points to either side.
    scored = [build_scored(index, index / 100, index + (10.0 if index >= 50 else 0.0)) for index in range(100)]
    found = measure_calibration(scored, "int8")
    assert [part["photos"] for part in found["bins"]] == [10] * 10
    gaps = [part["mean_predicted_points"] - part["mean_rated_points"] for part in found["bins"]]
    assert gaps == pytest.approx([0.0] * 5 + [10.0] * 5)
    assert found["calibration_error_points"] == pytest.approx(5.0)
    assert [part["coverage"] for part in found["bins"]] == [1.0] * 5 + [0.0] * 5
    assert (found["measured_coverage"], found["stated_coverage"]) == (0.5, 0.9)
    assert found["mean_width_points"] == pytest.approx(10.0)


def test_few_photos_make_one_bin(build_scored: Build) -> None:
    assert len(measure_calibration([build_scored(index, 0.5, index) for index in range(7)], "int8")["bins"]) == 1


def test_fidelity_counts_differences_and_flipped_verdicts(build_scored: Build) -> None:
    policy = load_policy()
    same = [build_scored(index, None, 90.0) for index in range(98)]
    near = build_scored(98, None, policy.accept_from + 0.5, other=policy.accept_from - 0.5)
    far = build_scored(99, None, 10.0, other=50.0)
    found = compare_models([*same, near, far], "float", "int8", policy)
    assert found["photos"] == 100
    assert (found["p50_points"], found["max_points"]) == (0.0, 40.0)
    assert 1.0 < found["p99_points"] < 40.0
    assert found["verdict_flip_share"] == pytest.approx(0.02)
    assert set(found["attribute_p99_points"].values()) == {0.0}


def test_the_teacher_stands_in_for_people(build_scored: Build) -> None:
    scored = [build_scored(index, None, float(index), other=float(-index)) for index in range(30)]
    found = compare_with_teacher(scored, np.arange(30.0) * 2, ["int8", "float"], resamples=20)
    assert found["models"]["int8"]["srcc"]["value"] == pytest.approx(1.0)
    assert found["models"]["float"]["srcc"]["value"] == pytest.approx(-1.0)
    assert compare_with_teacher(scored[:5], np.arange(5.0), ["int8"], resamples=20)["models"] == {}


def test_a_goal_is_met_inside_both_its_limits() -> None:
    assert Goal("x", 0.9, at_least=0.88, at_most=0.92).is_met is True
    assert Goal("x", 0.93, at_least=0.88, at_most=0.92).is_met is False
    assert Goal("x", 0.87, at_least=0.88, at_most=0.92).is_met is False
    assert Goal("x", None, at_least=0.88).is_met is None
