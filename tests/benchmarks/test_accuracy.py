"""Correlations on the chosen part of the split, on subsets, and what is said when they have no value."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.accuracy import compute_accuracies, compute_accuracy, load_rated_photos, predict_all
from edge_runtime.errors import UsageError
from train.data.manifest import Photo


def _build_photo(index: int, mos: float, name: str = "ss03_", content: str = "") -> Photo:
    file = f"{name}{index}.jpg"
    return Photo(file, Path("/photos") / file, mos, "", "", f"group{index}", "CC0", extra={"content": content})


def test_perfect_order_is_one_and_reversed_minus_one() -> None:
    photos = [_build_photo(index, index / 10) for index in range(10)]
    up = compute_accuracy(photos, [float(index**3) for index in range(10)], resamples=50)
    assert up.srcc == pytest.approx(1.0)
    assert up.srcc_interval == pytest.approx((1.0, 1.0))
    assert up.plcc is not None and 0.8 < up.plcc < 1.0, "linear correlation sees that a cube is not a line"
    down = compute_accuracy(photos, [-float(index) for index in range(10)], resamples=50)
    assert down.srcc == pytest.approx(-1.0)
    assert down.plcc == pytest.approx(-1.0)
    assert (up.photos, up.groups) == (10, 10)


def test_the_interval_holds_the_value_and_shrinks_with_the_photos() -> None:
    def compute_width(count: int) -> float:
        photos = [_build_photo(index, index / count) for index in range(count)]
        found = compute_accuracy(photos, [index + (index * 7919 % 97) / 97 * count for index in range(count)], 200)
        assert found.srcc is not None and found.srcc_interval is not None
        low, high = found.srcc_interval
        assert low < found.srcc < high
        return high - low

    assert compute_width(400) < compute_width(25)


def test_few_groups_have_a_value_and_no_interval() -> None:
    photos = [replace(_build_photo(index, index / 20), group=f"group{index % 4}") for index in range(20)]
    found = compute_accuracy(photos, [float(index) for index in range(20)], resamples=20)
    assert (found.srcc, found.plcc) == pytest.approx((1.0, 1.0))
    assert found.srcc_interval is None and found.groups == 4 and found.reason == ""


def test_ss01_holds_objects_and_food_of_that_series_only() -> None:
    photos = [
        *(_build_photo(index, index / 10, "ss01_", "object" if index % 2 else "food") for index in range(4)),
        *(_build_photo(index, index / 10, "ss01_", "scene") for index in range(4, 7)),
        *(_build_photo(index, index / 10, "ss02_", "object") for index in range(7, 10)),
    ]
    scores = [0.0, 1.0, 2.0, 3.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0]
    found = compute_accuracies(photos, scores, resamples=20)
    assert found["ss01"].photos == 4
    assert found["ss01"].srcc == pytest.approx(1.0)
    assert found["all"].photos == 10
    assert found["all"].srcc is not None and found["all"].srcc < 0.9


def test_no_value_comes_with_its_reason() -> None:
    photos = [_build_photo(index, index / 10) for index in range(5)]
    constant = compute_accuracy(photos, [1.0] * 5)
    assert constant.srcc is None and "constant" in constant.reason
    few = compute_accuracy(photos[:2], [1.0, 2.0])
    assert few.srcc is None and "too few" in few.reason


def test_rated_photos_of_the_part_are_kept_evenly_spaced(brightness_manifest: Path) -> None:
    photos = load_rated_photos([brightness_manifest], "test", seed=0)
    assert len(photos) == 8
    some = load_rated_photos([brightness_manifest], "test", seed=0, limit=3)
    assert [photo.file for photo in some] == [photos[0].file, photos[4].file, photos[7].file]
    with pytest.raises(UsageError, match="no rated photo in part 'validation'"):
        load_rated_photos([brightness_manifest], "validation", seed=0)


def test_scores_come_in_the_order_of_the_photos(brightness_manifest: Path) -> None:
    photos = load_rated_photos([brightness_manifest], "test", seed=0)
    assert predict_all(photos, lambda path: float(path.stem.split("_")[-1]), "x") == [
        20.0, 50.0, 80.0, 110.0, 140.0, 170.0, 200.0, 230.0,
    ]  # fmt: skip
