"""The quick way from a camera frame to the view stays close to the exact one, and is taken only where it does."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.contract import ViewSpec
from edge_runtime.frame import check_frame, make_frame_view
from edge_runtime.views import make_view

SPEC = ViewSpec(width_px=320, height_px=320)
SHORT_CUT_SIZES = [(1280, 720), (1280, 640), (2560, 1440)]


def build_frame(photo: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.asarray(photo.resize(size, Image.Resampling.BICUBIC)))


@pytest.mark.parametrize("size", SHORT_CUT_SIZES)
def test_short_cut_is_close(photo: Image.Image, size: tuple[int, int]) -> None:
    frame = build_frame(photo, size)
    exact = make_view(frame, SPEC).astype(int)
    difference = make_frame_view(frame, SPEC) - exact
    assert np.abs(difference).mean() <= 1.0
    assert np.abs(difference.mean(axis=(0, 1))).max() <= 0.35


@pytest.mark.parametrize("size", SHORT_CUT_SIZES)
@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
def test_even_color_is_kept_exactly(size: tuple[int, int], level: int) -> None:
    frame = np.full((size[1], size[0], 3), level, np.uint8)
    frame[..., 1] = 255 - level
    view = make_frame_view(frame, SPEC)
    assert view.shape == (320, 320, 3)
    assert np.array_equal(view, np.broadcast_to([level, 255 - level, level], view.shape))


def test_means_are_the_boxes_means() -> None:
    frame = np.random.default_rng(4).integers(0, 256, (640, 1280, 3), dtype=np.uint8)
    means = frame.reshape(320, 2, 320, 4, 3).mean(axis=(1, 3))
    difference = make_frame_view(frame, SPEC) - means
    assert np.abs(difference).max() <= 1.5
    assert abs(difference.mean()) <= 0.3


def test_fine_stripes_average_to_grey() -> None:
    frame = np.zeros((720, 1280, 3), np.uint8)
    frame[:, ::2] = 255
    assert np.abs(make_frame_view(frame, SPEC).astype(int) - 127).max() <= 2
    frame[...] = 0
    frame[::2] = 255
    assert np.abs(make_frame_view(frame, SPEC).astype(int) - 127).max() <= 2


@pytest.mark.parametrize("size", [*SHORT_CUT_SIZES, (640, 480), (1920, 1080), (1000, 700)])
def test_color_order(photo: Image.Image, size: tuple[int, int]) -> None:
    rgb = build_frame(photo, size)
    view = make_frame_view(rgb, SPEC)
    assert np.array_equal(make_frame_view(np.ascontiguousarray(rgb[..., ::-1]), SPEC, "bgr"), view)


@pytest.mark.parametrize("size", [(640, 480), (1920, 1080), (1281, 720), (1280, 960), (320, 320), (200, 100)])
def test_other_sizes_go_the_exact_way(photo: Image.Image, size: tuple[int, int]) -> None:
    frame = build_frame(photo, size)
    assert np.array_equal(make_frame_view(frame, SPEC), make_view(frame, SPEC))


@pytest.mark.parametrize("size", [*SHORT_CUT_SIZES, (640, 480)])
def test_how_a_frame_lies_in_memory_does_not_tell(photo: Image.Image, size: tuple[int, int]) -> None:
    rgb = build_frame(photo, size)
    view = make_frame_view(rgb, SPEC)
    backwards = np.ascontiguousarray(rgb[..., ::-1])[..., ::-1]
    with_gaps = rgb.repeat(2, axis=1)[:, ::2]
    for frame in (backwards, with_gaps):
        assert not frame.flags.c_contiguous
        assert np.array_equal(make_frame_view(check_frame(frame), SPEC), view)
