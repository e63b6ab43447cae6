"""The model's view: its size, its means, and no aliasing."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edge_runtime.contract import ViewSpec
from edge_runtime.views import make_detail_view, make_view

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


def test_a_detail_view_shows_the_middle(photo: Image.Image) -> None:
    spec = ViewSpec(160, 160)
    found = make_detail_view(photo, spec, 0.5)
    expected = make_view(photo, spec, (160.0, 120.0, 480.0, 360.0))
    assert found is not None
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(make_detail_view(np.asarray(photo), spec, 0.5), expected)


def test_there_is_no_closer_look_without_pixels_to_spare(photo: Image.Image) -> None:
    """Of 480 rows half are 240: a tenth more than 218, not than 219."""
    assert make_detail_view(photo, ViewSpec(218, 218), 0.5) is not None
    assert make_detail_view(photo, ViewSpec(219, 219), 0.5) is None
    assert make_detail_view(photo, ViewSpec(218, 218), 0.5, (0.0, 0.0, 640.0, 479.0)) is None


def test_a_detail_view_stays_inside_the_box_of_a_reduced_jpeg(photo: Image.Image) -> None:
    spec = ViewSpec(160, 160)
    box = (0.0, 0.0, 639.5, 479.25)
    found = make_detail_view(photo, spec, 0.5, box)
    inner = (639.5 / 4, 479.25 / 4, 639.5 * 3 / 4, 479.25 * 3 / 4)
    np.testing.assert_array_equal(found, make_view(photo, spec, inner))
