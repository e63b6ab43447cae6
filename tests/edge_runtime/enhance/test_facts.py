"""What is measured on pictures: casts, tilts, and what follows from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from edge_runtime.enhance.cast import estimate_casts
from edge_runtime.enhance.facts import measure_facts
from edge_runtime.enhance.operations import OPERATION_NAMES
from edge_runtime.enhance.proposals import find_sharpness_limit, propose_operations
from edge_runtime.enhance.tilt import measure_tilt
from edge_runtime.enhance.tone import balance_white
from edge_runtime.gate.backdrop import measure_backdrop
from edge_runtime.gate.policy import load_policy, parse_policy
from edge_runtime.result import Attributes

cv2 = pytest.importorskip("cv2", reason="needs OpenCV: pip install 'photogate[fix]'")

WARM = (1.5, 1.0, 0.6)


def draw_product(backdrop: tuple[int, int, int], product: tuple[int, int, int], box: tuple[int, ...]) -> Image.Image:
    image = Image.new("RGB", (800, 600), backdrop)
    ImageDraw.Draw(image).rounded_rectangle(box, 40, fill=product)
    return image


def draw(backdrop: tuple[int, int, int], product: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.asarray(draw_product(backdrop, product, (200, 150, 600, 450)))


def estimate(picture: NDArray[np.uint8]) -> list[str]:
    return [cast.method for cast in estimate_casts(picture, measure_backdrop(picture))]


def propose(picture: NDArray[np.uint8], **points: float) -> list[str]:
    attributes = Attributes(**{**dict.fromkeys(Attributes.__slots__, 95.0), **points})
    size = (picture.shape[1], picture.shape[0])
    steps = propose_operations(attributes, (), measure_facts(picture), size, 50.0, OPERATION_NAMES)
    return [step.name for step in steps]


def test_a_cast_on_a_grey_backdrop_is_found_and_taken_away() -> None:
    picture = balance_white(draw((190, 190, 190), (90, 90, 90)), WARM)
    (cast,) = estimate_casts(picture, measure_backdrop(picture))
    assert cast.method == "backdrop"
    corrected = balance_white(picture, cast.gains).astype(int)
    assert np.ptp(corrected[5, 5]) <= 3
    assert np.ptp(corrected[300, 400]) <= 3


@pytest.mark.parametrize("backdrop", [(255, 255, 255), (200, 200, 200), (245, 244, 243)])
def test_a_coloured_product_on_a_neutral_backdrop_is_no_cast(backdrop: tuple[int, int, int]) -> None:
    assert estimate(draw(backdrop, (200, 30, 40))) == []


def test_a_neutral_product_on_a_coloured_backdrop_is_no_cast() -> None:
    assert estimate(draw((225, 205, 170), (60, 60, 60))) == []


def test_a_picture_without_any_grey_tells_nothing() -> None:
    assert estimate(draw((40, 160, 60), (200, 30, 40))) == []


def test_light_on_a_scene_without_backdrop_is_estimated() -> None:
    rng = np.random.default_rng(5)
    grey = rng.integers(60, 200, (12, 16, 1)).repeat(3, axis=2)
    grey = (grey + rng.integers(-6, 7, grey.shape)).astype(np.uint8)
    scene = np.asarray(Image.fromarray(grey).resize((640, 480), Image.Resampling.BICUBIC))
    assert estimate(scene) == []
    casts = estimate_casts(balance_white(scene, (1.2, 1.0, 0.75)), measure_backdrop(scene))
    assert [cast.method for cast in casts] == ["grey_world", "shades_of_grey"]
    red, _, blue = casts[0].gains
    assert blue / red == pytest.approx(1.2 / 0.75, rel=0.1)


@pytest.mark.parametrize("angle", [-4.0, 2.5])
def test_tilt(angle: float) -> None:
    image = Image.new("L", (800, 600), 230)
    pen = ImageDraw.Draw(image)
    for y in (100, 250, 400, 550):
        pen.rectangle((0, y, 800, y + 30), fill=60)
    turned = np.asarray(image.rotate(-angle, Image.Resampling.BICUBIC, fillcolor=145))
    tilt = measure_tilt(turned)
    assert tilt.angle_deg == pytest.approx(angle, abs=0.3)
    assert tilt.agreement > 0.8
    assert tilt.length > 1.0


def test_an_even_picture_has_no_tilt() -> None:
    assert measure_tilt(np.full((300, 400), 128, np.uint8)).length == 0.0


def test_a_dark_picture_gets_light_and_no_crop(photo: Image.Image) -> None:
    names = propose((np.asarray(photo) * 0.4).astype(np.uint8), exposure=40.0)
    assert {"exposure", "gamma"} <= set(names)
    assert not {"crop", "deskew", "sharpen"} & set(names)


def test_a_small_product_is_cropped_to_with_room_to_spare() -> None:
    picture = np.asarray(draw_product((255, 255, 255), (90, 40, 40), (250, 200, 450, 350)).resize((1600, 1200)))
    attributes = Attributes(95.0, 95.0, 95.0, 95.0, 50.0)
    steps = propose_operations(attributes, (), measure_facts(picture), (2400, 1800), 50.0, ["crop"])
    assert [step.name for step in steps] == ["crop", "crop"]
    for step in steps:
        values: dict[str, Any] = dict(step.parameters)
        assert values["left"] < 250 / 800
        assert values["right"] > 450 / 800
        assert values["top"] < 200 / 600
        assert values["bottom"] > 350 / 600
        assert values["right"] - values["left"] == pytest.approx(values["bottom"] - values["top"])
    small = propose_operations(attributes, (), measure_facts(picture), (700, 525), 50.0, ["crop"])
    (step,) = small
    values = dict[str, Any](step.parameters)
    assert (values["right"] - values["left"]) * 700 == pytest.approx(501), "marketplaces take no fewer pixels"
    assert propose_operations(attributes, (), measure_facts(picture), (520, 390), 50.0, ["crop"]) == ()


def test_a_crop_leaves_the_rows_that_a_score_needs() -> None:
    picture = np.full((18, 1024, 3), 255, np.uint8)
    picture[8:11, 500:524] = (90, 40, 40)
    facts = measure_facts(picture)
    attributes = Attributes(95.0, 95.0, 95.0, 95.0, 50.0)
    (step,) = propose_operations(attributes, (), facts, (3000, 53), 50.0, ["crop"])
    values: dict[str, Any] = dict(step.parameters)
    assert (values["bottom"] - values["top"]) * 18 == pytest.approx(17), "one may be lost to rounding"


def test_a_cut_off_product_is_not_cropped() -> None:
    picture = np.asarray(draw_product((255, 255, 255), (90, 40, 40), (-50, 200, 200, 350)))
    assert "crop" not in propose(picture, composition=40.0)


def test_sharpening_is_for_medium_sharpness_only(photo: Image.Image) -> None:
    picture = np.asarray(photo)
    for sharpness, is_proposed in ((30.0, False), (49.9, False), (50.0, True), (69.0, True), (70.0, False)):
        assert ("sharpen" in propose(picture, sharpness=sharpness)) is is_proposed


def test_the_policy_says_what_is_blurred() -> None:
    assert find_sharpness_limit(load_policy()) == 50.0
    quality = "[quality]\naccept_from = 60\nreject_below = 40\n"
    assert find_sharpness_limit(parse_policy(quality, "none")) == 50.0
    assert find_sharpness_limit(parse_policy(f"{quality}[attributes.sharpness]\nreject_below = 33", "own")) == 33.0
