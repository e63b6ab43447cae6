"""The picture: colours by absolute points, a box only where a place stands out, a legend that fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.explain import Box, Explanation
from edge_runtime.explain.render import FULL_SCALE_POINTS, _say_finding, list_scale_colors
from edge_runtime.result import Score

Build = Callable[..., Explanation]


@pytest.fixture(scope="module")
def build(build_score: Callable[..., Score]) -> Build:
    """Makes an Explanation of a blurred photo."""

    def build(heat: NDArray[np.float32], *, stands_out: bool, size: tuple[int, int] = (600, 600)) -> Explanation:
        score = build_score(71.0, rest=90.0, sharpness=64.0, size=size)
        box = Box(*(round(share * side) for share, side in zip((0.15, 0.6, 0.35, 0.8), 2 * size, strict=True)))
        faults = (("blurred", 40.0),)
        return Explanation("sharpness", heat, box, float(heat.max()), stands_out, faults, score, 40, True, 300.0)

    return build


def _measure_color(picture: Image.Image) -> NDArray[np.float64]:
    """How far each pixel is from grey."""
    pixels = np.asarray(picture, dtype=np.float64)
    spread: NDArray[np.float64] = pixels.max(axis=-1) - pixels.min(axis=-1)
    return spread


GREY = Image.new("RGB", (600, 600), (128, 128, 128))


def test_only_the_hot_place_is_coloured(build: Build, spot: NDArray[np.float32]) -> None:
    color = _measure_color(build(spot, stands_out=False).render(GREY))
    assert color[390:450, 120:180].min() > 60
    assert color[:300, 300:600].max() < 3


def test_colours_stand_for_points_not_for_ranks(build: Build, spot: NDArray[np.float32]) -> None:
    faint = _measure_color(build(spot / 20.0, stands_out=False).render(GREY))[:600]
    assert faint.max() < 3, "two points are nothing to shout about, though they are the most there is"
    everywhere = np.full((20, 20), FULL_SCALE_POINTS, dtype=np.float32)
    assert _measure_color(build(everywhere, stands_out=False).render(GREY))[:600].min() > 40


def test_box_is_drawn_only_if_the_place_stands_out(build: Build, spot: NDArray[np.float32]) -> None:
    without, with_box = (build(spot, stands_out=flag).render(GREY) for flag in (False, True))
    assert np.asarray(without)[:600].min(axis=-1).max() < 255, "nothing on the photo is white"
    assert with_box.getpixel((91, 420)) == (255, 255, 255)  # the box starts at 15 % of 600
    assert with_box.getpixel((300, 100)) == without.getpixel((300, 100))


def test_legend_differs_and_stands_below(build: Build, spot: NDArray[np.float32]) -> None:
    without, with_box = (build(spot, stands_out=flag).render(GREY) for flag in (False, True))
    for picture in (without, with_box):
        assert picture.width == 600
        assert picture.height > 660
    assert without.crop((0, 600, 600, 700)).tobytes() != with_box.crop((0, 600, 600, 700)).tobytes()


def test_without_a_legend_the_photo_and_its_heat_are_left(build: Build, spot: NDArray[np.float32]) -> None:
    explanation = build(spot, stands_out=True)
    alone = explanation.render(GREY, has_legend=False)
    assert alone.size == GREY.size
    assert alone.tobytes() == explanation.render(GREY).crop((0, 0, *GREY.size)).tobytes()


def test_the_scale_goes_from_grey_to_the_colour_of_most_points(build: Build) -> None:
    colors = list_scale_colors(5)
    lost = np.full((20, 20), FULL_SCALE_POINTS, dtype=np.float32)
    covered = build(lost, stands_out=False).render(Image.new("RGB", (600, 600), (150, 150, 150)), has_legend=False)
    assert colors[0] == "#787878", "greyed and dimmed, as the photo is"
    assert colors[-1] == "#" + bytes(np.asarray(covered)[300, 300]).hex()
    assert len(set(colors)) == 5


@pytest.mark.parametrize("size", [(60, 900), (900, 60), (40, 30), (4000, 3000)])
def test_any_photo_gives_a_picture_of_sensible_size(
    build: Build, spot: NDArray[np.float32], size: tuple[int, int]
) -> None:
    picture = build(spot, stands_out=True, size=size).render(Image.new("RGB", size, (90, 120, 60)))
    assert 360 <= picture.width <= 1200
    assert picture.height <= 1600
    legend = np.asarray(picture.convert("L"))[-100:]
    assert legend.min() < 140, "there is writing at the bottom"
    assert (legend[:, -1] == 255).all(), "and nothing of it is cut off"


@pytest.mark.parametrize(("size", "shown"), [((2000, 20), (320, 3)), ((16, 12000), (16, 12000))])
def test_a_box_of_less_than_a_pixel_is_drawn(
    build: Build, spot: NDArray[np.float32], size: tuple[int, int], shown: tuple[int, int]
) -> None:
    photo = Image.new("RGB", shown, (90, 120, 60))
    without, with_box = (np.asarray(build(spot, stands_out=flag, size=size).render(photo)) for flag in (False, True))
    above_the_legend = slice(min(shown[1], 1200))
    assert (with_box[above_the_legend] != without[above_the_legend]).any()


def test_the_photo_is_left_alone_and_any_mode_is_taken(build: Build, spot: NDArray[np.float32]) -> None:
    grey = Image.new("L", (600, 600), 128)
    before = grey.tobytes()
    explanation = build(spot, stands_out=True)
    assert explanation.render(grey).tobytes() == explanation.render(GREY).tobytes()
    assert grey.tobytes() == before


def test_points_are_those_of_the_attribute(build: Build, spot: NDArray[np.float32]) -> None:
    explanation = build(spot, stands_out=True)
    assert explanation.points == 64.0
    assert replace(explanation, attribute="quality").points == 71.0


def test_unfinished_work_is_told(build: Build) -> None:
    explanation = build(np.zeros((20, 20), dtype=np.float32), stands_out=False)
    assert "Unfinished" not in _say_finding(explanation)
    assert _say_finding(replace(explanation, is_complete=False)).endswith(
        "Unfinished: time was up; try --budget-ms 600."
    )
