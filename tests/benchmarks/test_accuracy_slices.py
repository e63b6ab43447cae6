"""Slices of the rated photos, and the figures on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.accuracy_report.photos import ScoredPhoto
from benchmarks.accuracy_report.slices import compute_agreement, compute_slice, find_slices

Build = Callable[..., ScoredPhoto]


def _build_rated(build_scored: Build) -> list[ScoredPhoto]:
    """25 photos of ss01 that the model gets right, and 25 of ss02 that it gets exactly wrong."""
    photos = []
    for index in range(50):
        series, rank = ("ss01", index) if index < 25 else ("ss02", 49 - index)
        photos.append(
            build_scored(
                index,
                mos=(index % 25) / 25,
                quality=4.0 * (rank % 25),
                brightness=float(index),
                file=f"folder/{series}_{index}.jpg",
                source="Rated",
                style="tabletop" if index < 30 else "in_store" if index < 45 else "",
                extra={"content": "food" if index < 25 else "scene"},
            )
        )
    return photos


def test_every_dimension_divides_the_photos(build_scored: Build) -> None:
    slices = find_slices(_build_rated(build_scored))
    assert list(slices)[:2] == ["all", "headline"]
    assert next(iter(slices["headline"].values())).tolist() == list(range(25))
    assert {name: len(rows) for name, rows in slices["series"].items()} == {"ss01": 25, "ss02": 25}
    assert {name: len(rows) for name, rows in slices["style"].items()} == {"in_store": 15, "tabletop": 30}
    assert set(slices["content"]) == {"food", "scene"}
    assert "source" not in slices, "one source divides nothing"
    assert "category" not in slices and "device" not in slices, "nothing is known"


def test_brightness_has_three_slices_from_dark_to_bright(build_scored: Build) -> None:
    slices = find_slices(_build_rated(build_scored))["brightness"]
    assert [len(rows) for rows in slices.values()] == [17, 17, 16]
    assert [name.split()[0] for name in slices] == ["dark", "middle", "bright"]
    assert next(iter(slices)) == "dark (mean luma 0-16)"
    assert list(slices.values())[2].tolist() == list(range(34, 50))


def test_a_slice_has_its_own_figures_or_says_that_it_is_too_small(build_scored: Build) -> None:
    scored = _build_rated(build_scored)
    points = {"int8": np.array([entry.scores["int8"].quality for entry in scored])}
    report = {(entry["dimension"], entry["name"]): entry for entry in compute_agreement(scored, points, resamples=20)}
    right, wrong = (report["series", name]["models"]["int8"]["srcc"] for name in ("ss01", "ss02"))
    assert (right["value"], right["low"], right["high"]) == pytest.approx((1.0, 1.0, 1.0))
    assert wrong["value"] == pytest.approx(-1.0)
    assert abs(report["all", "all"]["models"]["int8"]["srcc"]["value"]) < 0.1
    assert report["series", "ss01"]["models"]["int8"]["rmse"]["value"] == pytest.approx(0.0), "points, like the scores"
    small = report["style", "in_store"]
    assert small["models"] == {} and "15 photos" in small["reason"]
    assert report["series", "ss01"]["reason"] == ""


def test_few_groups_have_a_value_but_no_interval() -> None:
    predicted, mos = np.arange(40.0), np.arange(40.0) ** 2
    few = compute_slice(predicted, mos, ["a", "b", "c", "d"] * 10, resamples=20)
    assert few["srcc"] == {"value": pytest.approx(1.0), "low": None, "high": None}
    assert compute_slice(predicted, mos, ["a", "b", "c", "d", "e"] * 8, resamples=20)["srcc"]["low"] is not None


def test_a_constant_model_has_an_error_but_no_correlation() -> None:
    found = compute_slice(np.full(20, 50.0), np.linspace(0, 100, 20), [str(index) for index in range(20)], resamples=20)
    assert found["srcc"]["value"] is None and found["plcc"]["low"] is None
    assert found["rmse"]["value"] == pytest.approx(np.std(np.linspace(0, 100, 20)))
