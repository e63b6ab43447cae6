"""A degraded view loses quality, a flawless photo keeps its framing, an unrated one is blamed less."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.contract import ATTRIBUTE_NAMES
from train.config import LabelsConfig
from train.corrections import (
    BELIEVED,
    BELIEVED_BEFORE_WHITE,
    FRAMED_LEAST,
    PRODUCT_QUALITY,
    QUALITY_LOST,
    doubt_of_unrated,
    hold_below_originals,
    hold_framing_up,
    lift_before_white,
)
from train.data.degradations import Degradation
from train.data.manifest import Photo
from train.data.samples import Sample

PHOTO = Photo("a.jpg", Path("a.jpg"), None, "", "", "g", "")
LABELS = LabelsConfig(style={"white": "studio", "street": "scene"}, scenes=("scene",))
ORIGINAL = Sample(PHOTO, "train", is_clean=True)
WHITE = replace(PHOTO, style="studio_white")


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


def lift(photo: Photo, quality: list[float]) -> list[float]:
    """Of a photo, its spoilt copy and a crop of it."""
    original = Sample(photo, "train", is_clean=True)
    views = [replace(original, degradation=Degradation("defocus", 0.5)), replace(original, crop_seed=1)]
    given = np.array(quality, np.float32)
    lifted: list[float] = lift_before_white([original, *views], given).tolist()
    assert given.tolist() == pytest.approx(quality), "the input is left as it is"
    return lifted


def test_a_product_before_white_is_thought_better_of_and_its_other_views_by_as_much() -> None:
    gain = (1 - BELIEVED_BEFORE_WHITE) * (PRODUCT_QUALITY - 0.35)
    assert lift(WHITE, [0.35, 0.2, 0.3]) == pytest.approx([0.35 + gain, 0.2 + gain, 0.3 + gain])


def test_no_view_is_lifted_above_its_photo() -> None:
    gain = (1 - BELIEVED_BEFORE_WHITE) * (PRODUCT_QUALITY - 0.35)
    assert lift(WHITE, [0.35, 0.5, 0.9]) == pytest.approx([0.35 + gain, 0.35 + gain, 0.9])


@pytest.mark.parametrize(
    "photo",
    [replace(PHOTO, style="studio_white", mos=0.4), replace(PHOTO, style="street")],
    ids=["rated", "not before white"],
)
def test_other_photos_keep_the_quality_the_teacher_gave_them(photo: Photo) -> None:
    assert lift(photo, [0.35, 0.2, 0.3]) == pytest.approx([0.35, 0.2, 0.3])


def test_a_good_product_before_white_is_good_enough() -> None:
    assert lift(WHITE, [0.9, 0.5, 0.8]) == pytest.approx([0.9, 0.5, 0.8])


RATED = replace(PHOTO, mos=0.8)
COMPOSITION = ATTRIBUTE_NAMES.index("composition")


def hold_framing(sample: Sample, known: float = np.nan, taught: float = 0.4) -> list[float]:
    attributes = np.full((1, len(ATTRIBUTE_NAMES)), taught, np.float32)
    known_attributes = np.full_like(attributes, np.nan)
    known_attributes[0, COMPOSITION] = known
    held = hold_framing_up([sample], known_attributes, attributes)
    assert attributes.tolist() == [[pytest.approx(taught)] * len(ATTRIBUTE_NAMES)]  # the input is left as it is
    found: list[float] = held[0].tolist()
    assert found[:COMPOSITION] == [pytest.approx(taught)] * COMPOSITION
    return found[COMPOSITION:]


@pytest.mark.parametrize("degradation", [None, Degradation("white_balance", 0.5)])
def test_a_photo_that_people_rated_flawless_is_not_called_badly_framed(degradation: Degradation | None) -> None:
    sample = Sample(RATED, "train", is_clean=True, degradation=degradation)
    assert hold_framing(sample) == pytest.approx([FRAMED_LEAST])
    assert hold_framing(sample, taught=0.97) == pytest.approx([0.97])


@pytest.mark.parametrize(
    "sample",
    [
        Sample(PHOTO, "train", is_clean=True),
        Sample(RATED, "train", is_clean=False),
        Sample(RATED, "train", is_clean=True, crop_seed=1),
    ],
    ids=["rated by nobody", "not flawless", "crop"],
)
def test_of_other_framings_the_teacher_may_think_ill(sample: Sample) -> None:
    assert hold_framing(sample) == pytest.approx([0.4])


def test_a_framing_that_is_known_is_left_alone() -> None:
    assert hold_framing(Sample(RATED, "train", is_clean=True), known=0.2) == pytest.approx([0.4])


UNRATED = Sample(PHOTO, "train", is_clean=False)


def doubt(sample: Sample, **known: float) -> dict[str, float]:
    attributes = np.full((1, len(ATTRIBUTE_NAMES)), 0.3, np.float32)
    row = np.array([[known.get(name, np.nan) for name in ATTRIBUTE_NAMES]], np.float32)
    held = doubt_of_unrated([sample], row, attributes)
    assert attributes[0].tolist() == pytest.approx([0.3] * len(ATTRIBUTE_NAMES)), "the input is left as it is"
    return dict(zip(ATTRIBUTE_NAMES, held[0].tolist(), strict=True))


@pytest.mark.parametrize(
    "sample",
    [UNRATED, replace(UNRATED, crop_seed=1), replace(UNRATED, degradation=Degradation("defocus", 0.7))],
    ids=["original", "crop", "another fault"],
)
def test_light_and_colours_of_a_photo_that_nobody_rated_are_blamed_less(sample: Sample) -> None:
    expected = {name: 1 - 0.7 * BELIEVED.get(name, 1.0) for name in ATTRIBUTE_NAMES}
    assert expected["color"] > expected["exposure"] > expected["noise"]
    assert doubt(sample) == pytest.approx(expected)


def test_what_is_known_and_what_people_rated_stay_as_the_teacher_has_them() -> None:
    assert doubt(replace(UNRATED, photo=RATED)) == pytest.approx(dict.fromkeys(ATTRIBUTE_NAMES, 0.3))
    cast = doubt(replace(UNRATED, degradation=Degradation("white_balance", 0.7)), color=0.2)
    assert cast["color"] == pytest.approx(0.3)
    assert cast["exposure"] > 0.3
