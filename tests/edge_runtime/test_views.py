"""The model's view: its size, its means, and no aliasing."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edge_runtime.contract import ViewSpec
from edge_runtime.views import make_view

SPEC = ViewSpec(width_px=320, height_px=256)


@pytest.mark.parametrize("size", [(320, 256), (1280, 720), (500, 375), (320, 2000), (4000, 3000), (100, 80), (64, 900)])
def test_shape_type_and_mean(size: tuple[int, int]) -> None:
    generator = np.random.default_rng(1)
    shades = Image.fromarray(generator.integers(0, 256, (7, 9, 3), dtype=np.uint8)).resize(size)
    view = make_view(shades, SPEC)
    assert view.shape == (256, 320, 3)
    assert view.dtype == np.uint8
    assert np.abs(view.mean(axis=(0, 1)) - np.asarray(shades).mean(axis=(0, 1))).max() < 1.5


def test_array_and_image_agree(photo: Image.Image) -> None:
    frame = np.asarray(photo)
    view = make_view(photo, SPEC)
    assert np.array_equal(make_view(frame, SPEC), view)
    assert np.array_equal(make_view(np.asfortranarray(frame), SPEC), view)


def test_flip_of_the_photo_flips_the_view(photo: Image.Image) -> None:
    flipped = make_view(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), SPEC)
    assert np.abs(flipped[:, ::-1].astype(int) - make_view(photo, SPEC)).max() <= 2


def test_stripes_finer_than_the_view_average_to_grey() -> None:
    stripes = np.zeros((1440, 2560, 3), np.uint8)
    stripes[:, ::2] = 255
    view = make_view(stripes, SPEC)
    assert np.abs(view.astype(int) - 127).max() <= 4


def test_view_of_its_own_size_is_unchanged() -> None:
    frame = np.random.default_rng(2).integers(0, 256, (256, 320, 3), dtype=np.uint8)
    assert np.array_equal(make_view(frame, SPEC), frame)
