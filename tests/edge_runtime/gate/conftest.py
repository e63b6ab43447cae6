"""Drawn product photos whose background, fill and borders are known to the pixel, and a way to check one rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge_runtime.contract import ViewSpec
from edge_runtime.decode import decode_photo
from edge_runtime.gate.checks import RuleOutcome, check_rule
from edge_runtime.gate.evidence import Evidence, FileFacts
from edge_runtime.gate.rules import parse_pack
from edge_runtime.result import ImageSize

Color = tuple[int, int, int]
DrawPhoto = Callable[..., Image.Image]
TODAY = date(2026, 11, 20)
PACK = """
schema = 1
name = "p"
title = "P"
source = "test"
as_of = 2026-11-20
[[rules]]
name = "r"
level = "must"
"""


def draw(
    size: tuple[int, int] = (1000, 1000),
    product: tuple[int, int, int, int] | None = (75, 75, 925, 925),
    background: Color = (255, 255, 255),
    color: Color = (40, 90, 160),
) -> Image.Image:
    """A coloured ellipse in the box ``product`` (right and bottom exclusive), with soft stripes on it."""
    image = Image.new("RGB", size, background)
    if product is not None:
        left, top, right, bottom = product
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).ellipse((left, top, right - 1, bottom - 1), fill=255)
        stripes = np.full((size[1], size[0], 3), color, np.uint8)
        stripes[::20] = [channel // 2 for channel in color]
        image.paste(Image.fromarray(stripes), mask=mask)
    return image


@pytest.fixture(scope="session")
def draw_photo() -> DrawPhoto:
    """See ``draw``."""
    return draw


def check_photo(rule: str, photo: Path | Image.Image, detectors: dict | None = None) -> RuleOutcome:
    """The outcome of one rule, written in TOML, on a file or a picture."""
    (parsed,) = parse_pack(PACK + rule, "p.toml").rules
    if isinstance(photo, Image.Image):
        evidence = Evidence(ImageSize(*photo.size), FileFacts(), photo)
    else:
        decoded = decode_photo(photo, ViewSpec(320, 320))
        size = ImageSize(decoded.width_px, decoded.height_px)
        evidence = Evidence(size, FileFacts.read(photo), decoded.image, decoded.box)
    return check_rule(parsed, "must", evidence, detectors or {}, TODAY)


@pytest.fixture(scope="session")
def check() -> Callable[..., RuleOutcome]:
    """See ``check_photo``."""
    return check_photo
