"""Targets say what people and known degradations say, the teacher's word beside it, and NaN for the rest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from train.config import LabelsConfig
from train.data.degradations import Degradation
from train.data.manifest import Photo
from train.data.samples import Sample
from train.targets import Arrays, collect_known, pack_targets

MakePhoto = Callable[..., Photo]
LABELS = LabelsConfig(category={"mug": "kitchen", "doll": "toys", "pan": "kitchen"}, style={"white": "studio"})
ATTRIBUTES = np.array([[1, 1, 1, 1, np.nan], [0.2, 1, 1, 1, np.nan], [np.nan] * 5, [np.nan] * 5], dtype=np.float32)


@pytest.fixture
def known(make_photo: MakePhoto) -> Arrays:
    rated = make_photo("a.png", mos=0.75, category="doll", style="white")
    blurred = Sample(rated, "train", True, Degradation("defocus", 0.8, 1))
    reframed = Sample(rated, "train", True, reframe_seed=3)
    unrated = Sample(make_photo("b.png", category="car", style="beach"), "test", False)
    return collect_known([Sample(rated, "train", True), blurred, reframed, unrated], ATTRIBUTES, LABELS)


def test_a_rating_belongs_to_the_original_alone(known: Arrays) -> None:
    np.testing.assert_array_equal(known["quality"], [[0.75], [np.nan], [np.nan], [np.nan]])


def test_attributes_are_passed_on(known: Arrays) -> None:
    np.testing.assert_array_equal(known["attributes"], ATTRIBUTES)


def test_labels_are_one_hot_in_sorted_order_whatever_was_done_to_the_photo(known: Arrays) -> None:
    np.testing.assert_array_equal(known["category"], [[0, 1], [0, 1], [0, 1], [np.nan, np.nan]])
    np.testing.assert_array_equal(known["style"], [[1], [1], [1], [np.nan]])


def test_everything_is_float32(known: Arrays) -> None:
    assert {values.dtype for values in known.values()} == {np.dtype(np.float32)}


def test_without_a_teacher_its_half_is_unknown(known: Arrays) -> None:
    for name, values in pack_targets(known, None).items():
        width = known[name].shape[1]
        np.testing.assert_array_equal(values[:, :width], known[name])
        assert values.shape[1] == 2 * width and np.isnan(values[:, width:]).all()


def test_the_teacher_stands_behind_what_is_known(known: Arrays) -> None:
    taught = {name: np.full_like(values, 0.5) for name, values in known.items()}
    packed = pack_targets(known, taught)
    assert packed["attributes"].shape == (4, 10) and packed["quality"].shape == (4, 2)
    for name, values in packed.items():
        width = known[name].shape[1]
        np.testing.assert_array_equal(values[:, :width], known[name])
        np.testing.assert_array_equal(values[:, width:], taught[name])
