"""A degraded view never keeps its original's quality, where the fault is known to show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("keras")

from edge_runtime.contract import ATTRIBUTE_NAMES
from train.config import LabelsConfig
from train.data.degradations import Degradation
from train.data.manifest import Photo
from train.data.samples import Sample
from train.stages.label import CROPPED, QUALITY_LOST, LabelledViews, hold_below_originals

PHOTO = Photo("a.jpg", Path("a.jpg"), None, "", "", "g", "")
LABELS = LabelsConfig(style={"white": "studio", "street": "scene"}, scenes=("scene",))
ORIGINAL = Sample(PHOTO, "train", is_clean=True)


def degrade(kind: str, strength: float) -> Sample:
    return Sample(PHOTO, "train", is_clean=True, degradation=Degradation(kind, strength))


def hold(samples: list[Sample], quality: list[float], known: bool = True) -> list[float]:
    attributes = np.full((len(samples), len(ATTRIBUTE_NAMES)), 0.5 if known else np.nan, np.float32)
    return hold_below_originals(samples, attributes, np.array(quality, np.float32), LABELS).tolist()


def test_a_view_the_teacher_thinks_too_well_of_is_held_down() -> None:
    samples = [ORIGINAL, degrade("underexposed", 0.5), degrade("defocus", 1.0)]
    expected = [0.8, 0.8 * (1 - 0.5 * QUALITY_LOST["exposure"]), 0.8 * (1 - QUALITY_LOST["sharpness"])]
    assert hold(samples, [0.8, 0.9, 0.8]) == pytest.approx(expected)


def test_a_view_the_teacher_thinks_less_of_stays_where_it_is() -> None:
    assert hold([ORIGINAL, degrade("sensor_noise", 0.5)], [0.8, 0.1]) == pytest.approx([0.8, 0.1])


def test_a_fault_that_is_not_known_to_show_changes_nothing() -> None:
    assert hold([ORIGINAL, degrade("undersaturated", 1.0)], [0.8, 0.9], known=False) == pytest.approx([0.8, 0.9])


@pytest.mark.parametrize(("style", "is_held"), [("white", True), ("unheard of", True), ("street", False)])
def test_scenes_stay_as_the_teacher_has_them(style: str, is_held: bool) -> None:
    samples = [replace(each, photo=replace(PHOTO, style=style)) for each in (ORIGINAL, degrade("underexposed", 1.0))]
    expected = 0.8 * (1 - QUALITY_LOST["exposure"]) if is_held else 0.9
    assert hold(samples, [0.8, 0.9]) == pytest.approx([0.8, expected])


def test_a_good_framing_is_no_fault() -> None:
    reframed = Sample(PHOTO, "train", is_clean=True, reframe_seed=1)
    assert hold([ORIGINAL, reframed], [0.8, 0.9]) == pytest.approx([0.8, 0.9])


def test_originals_and_crops_have_the_degraded_views_of_their_photo_as_partners() -> None:
    files = np.array(["a", "b", "a", "a", "b", "c", "a"])
    degradations = np.array(["", "", "defocus", CROPPED, CROPPED, "", "reframed"])
    count = len(files)
    text = np.full(count, "x")
    views = np.zeros((count, 8, 8, 3), np.uint8)
    labels = LabelledViews(views, {}, text, files, text, text, degradations, (), (), 0, ())
    partners = labels.find_partners(np.arange(count))
    assert {row: found.tolist() for row, found in partners.items()} == {0: [2, 6], 3: [2, 6], 1: [], 4: [], 5: []}
    assert {row: found.tolist() for row, found in labels.find_partners(np.arange(3)).items()} == {0: [2], 1: []}


def test_a_share_of_the_crops_is_trained_on() -> None:
    degradations = np.array(["", *[CROPPED] * 100, "defocus", CROPPED])
    sides = np.array(["train"] * 102 + ["test"])
    text = np.full(len(sides), "x")
    views = np.zeros((len(sides), 8, 8, 3), np.uint8)
    labels = LabelledViews(views, {}, sides, text, text, text, degradations, (), (), 0, ())
    assert labels.select_training(1.0, 0).tolist() == list(range(102))
    assert labels.select_training(0.0, 0).tolist() == [0, 101]
    quarter = labels.select_training(0.25, 0)
    assert len(quarter) == 27 and {0, 101} < set(quarter.tolist()) and (np.diff(quarter) > 0).all()
    assert quarter.tolist() == labels.select_training(0.25, 0).tolist() != labels.select_training(0.25, 1).tolist()
