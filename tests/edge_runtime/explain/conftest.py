"""A photo full of texture, the same photo spoilt in one place, and an explainer with the shipped model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from edge_runtime.explain import Explainer, Study

PLACE = (96, 224, 208, 336)  # left, top, right, bottom of the spoilt place, in pixels of 480 x 480


@pytest.fixture(scope="session")
def explainer() -> Iterator[Explainer]:
    """Of the shipped model."""
    with Explainer.from_file() as explainer:
        yield explainer


@pytest.fixture(scope="session")
def textured() -> Image.Image:
    """Coloured tiles with sharp edges all over, 480 x 480 pixels, neither dark nor bright."""
    rng = np.random.default_rng(7)
    tiles = rng.integers(60, 200, (40, 40, 3), dtype=np.uint8).repeat(12, axis=0).repeat(12, axis=1)
    return Image.fromarray(tiles)


@pytest.fixture(scope="session")
def blurred_place(textured: Image.Image) -> Image.Image:
    """The same, out of focus in ``PLACE``."""
    picture = textured.copy()
    picture.paste(textured.filter(ImageFilter.GaussianBlur(7)).crop(PLACE), PLACE[:2])
    return picture


@pytest.fixture(scope="session")
def blurred_study(explainer: Explainer, blurred_place: Image.Image) -> Study:
    """What the model was asked about the photo with the blurred place."""
    return explainer.study(blurred_place, budget_ms=float("inf"), rounds=10)


@pytest.fixture(scope="session")
def spot() -> NDArray[np.float32]:
    """A heat map of 20 x 20 cells with 40 points in one place."""
    heat = np.zeros((20, 20), dtype=np.float32)
    heat[12:16, 3:7] = 40.0
    return heat
