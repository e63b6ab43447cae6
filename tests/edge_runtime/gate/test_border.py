"""Frames, drawn lines and bars are found; products are not taken for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge_runtime.gate.checks import RuleOutcome

DrawPhoto = Callable[..., Image.Image]
CheckPhoto = Callable[..., RuleOutcome]
WHITE = 'check = "background_white"\nminimum = 255'
BORDER = 'check = "border"'


@pytest.mark.parametrize("width", [1, 3, 10, 60])
@pytest.mark.parametrize("color", [(0, 0, 0), (200, 30, 30), (230, 225, 160)])
def test_frames_are_found(
    check: CheckPhoto, photo: Image.Image, draw_photo: DrawPhoto, width: int, color: tuple[int, int, int]
) -> None:
    for picture in (photo, draw_photo((640, 640), (100, 100, 540, 540))):
        framed = Image.new("RGB", (picture.width + 2 * width, picture.height + 2 * width), color)
        framed.paste(picture, (width, width))
        outcome = check(BORDER, framed)
        assert (outcome.state, outcome.code) == ("failed", "border_found")
        assert outcome.value == pytest.approx(100 * width / max(framed.size))
        assert check(BORDER, picture).state == "passed"


@pytest.mark.parametrize("inset", [8, 30])
@pytest.mark.parametrize("width", [2, 5])
def test_drawn_lines_are_found(check: CheckPhoto, draw_photo: DrawPhoto, inset: int, width: int) -> None:
    picture = draw_photo((800, 600), (250, 150, 550, 450))
    framed = picture.copy()
    framed.paste((90, 90, 90), (inset, inset, 800 - inset, 600 - inset))
    inner = (inset + width, inset + width, 800 - inset - width, 600 - inset - width)
    framed.paste(picture.crop(inner), inner[:2])
    assert check(BORDER, framed).state == "failed"
    # Inside the line the background is still white, and the product is measured against what the line leaves.
    assert check(WHITE, framed).state == "passed"


@pytest.mark.parametrize("is_upright", [False, True])
def test_bars_are_found(check: CheckPhoto, photo: Image.Image, is_upright: bool) -> None:
    framed = Image.new("RGB", (640, 600))
    framed.paste(photo, (0, 60))
    picture = framed.transpose(Image.Transpose.ROTATE_90) if is_upright else framed
    outcome = check(BORDER, picture)
    assert outcome.state == "failed"
    assert outcome.value == pytest.approx(100 * 60 / 640)


def test_a_frame_of_a_jpeg_decoded_at_an_eighth(check: CheckPhoto, tmp_path: Path, photo: Image.Image) -> None:
    framed = Image.new("RGB", (4000, 3000), (20, 60, 30))
    framed.paste(photo.resize((3960, 2960)), (20, 20))
    path = tmp_path / "a.jpg"
    framed.save(path, quality=90)
    assert check(BORDER, path).state == "failed"


def test_what_is_no_border(check: CheckPhoto, draw_photo: DrawPhoto) -> None:
    for box in ((20, 300, 980, 700), (0, 0, 1000, 1000), (300, 0, 700, 1000)):
        assert check(BORDER, draw_photo(product=box)).state == "passed"
    dark = draw_photo(background=(8, 8, 8), color=(240, 200, 120))
    assert check(BORDER, dark).state == "passed"


def test_a_white_margin_around_a_rectangle_is_not_decided(check: CheckPhoto, photo: Image.Image) -> None:
    framed = Image.new("RGB", (700, 540), "white")
    framed.paste(photo, (30, 30))
    outcome = check(BORDER, framed)
    assert (outcome.state, outcome.code) == ("not_checked", "not_checked_border")


@pytest.mark.parametrize("rim", [25, 30])
def test_a_product_that_is_a_frame_itself_is_not_decided(check: CheckPhoto, photo: Image.Image, rim: int) -> None:
    framed = Image.new("RGB", (1000, 1000), "white")
    framed.paste((60, 40, 25), (60, 60, 940, 940))
    framed.paste("white", (60 + rim, 60 + rim, 940 - rim, 940 - rim))
    framed.paste(photo.resize((450, 340)), (275, 330))
    outcome = check(BORDER, framed)
    assert (outcome.state, outcome.code) == ("not_checked", "not_checked_border")
    # The rim is the product's edge, not the photo's: 88 % of the longer side.
    assert check('check = "product_fill"\nminimum = 85', framed).state != "failed"
