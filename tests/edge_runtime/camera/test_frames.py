"""A frame is what its format says, or an error that says what to do; a box finds its pixels however it is turned."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from edge_runtime.camera.frames import Frame, PixelFormat, Rotation, check_box
from edge_runtime.errors import FrameError

SHAPES: dict[PixelFormat, tuple[int, ...]] = {
    "rgb": (48, 64, 3),
    "bgr": (48, 64, 3),
    "rgba": (48, 64, 4),
    "bgra": (48, 64, 4),
    "gray": (48, 64),
    "nv12": (72, 64),
    "nv21": (72, 64),
    "i420": (72, 64),
    "yuyv": (48, 64, 2),
}


def test_every_format_is_tested() -> None:
    assert set(SHAPES) == set(get_args(PixelFormat))


@pytest.mark.parametrize("pixel_format", SHAPES)
def test_size_is_that_of_the_upright_picture(pixel_format: PixelFormat) -> None:
    pixels = np.zeros(SHAPES[pixel_format], np.uint8)
    frame = Frame(pixels, 7, pixel_format)
    assert frame.pixels is pixels
    assert (frame.width_px, frame.height_px) == (64, 48)
    turned = Frame(pixels, 7, pixel_format, 90)
    assert (turned.width_px, turned.height_px) == (48, 64)
    assert (Frame(pixels, 7, pixel_format, 180).width_px) == 64


@pytest.mark.parametrize(
    ("pixels", "pixel_format", "words"),
    [
        (np.zeros((48, 64), np.uint8), "rgb", r"\(height, width, 3\)"),
        (np.zeros((48, 64, 3), np.uint8), "rgba", r"\(height, width, 4\)"),
        (np.zeros((48, 64, 3), np.uint8), "yuyv", r"\(height, width, 2\)"),
        (np.zeros((48, 64, 1), np.uint8), "gray", r"\(height, width\)"),
        (np.zeros((72, 64, 1), np.uint8), "nv12", r"height \* 3 // 2, width"),
        (np.zeros((71, 64), np.uint8), "nv12", "71 rows"),
        (np.zeros((72, 63), np.uint8), "i420", "63 pixels wide"),
        (np.zeros((48, 63, 2), np.uint8), "yuyv", "63 pixels wide"),
        (np.zeros((48, 64, 3), np.float32), "rgb", "float32.*uint8"),
        (np.zeros((48, 64, 3), np.int16), "bgr", "int16"),
        (np.zeros((15, 64, 3), np.uint8), "rgb", "64 x 15"),
        (np.zeros((21, 64), np.uint8), "nv21", "64 x 14"),
        (np.zeros((0, 0, 3), np.uint8), "rgb", "0 x 0"),
        (np.zeros((0, 0), np.uint8), "i420", "0 x 0"),
        ([[0]], "gray", "numpy array"),
        (None, "rgb", "numpy array"),
    ],
)
def test_other_arrays_are_refused_in_words(pixels: Any, pixel_format: PixelFormat, words: str) -> None:
    with pytest.raises(FrameError, match=words):
        Frame(pixels, 0, pixel_format)


def test_unknown_format_and_rotation_are_refused() -> None:
    pixels = np.zeros((48, 64, 3), np.uint8)
    unknown_format: Any = "uyvy"
    unknown_rotation: Any = 45
    with pytest.raises(FrameError, match=r"'uyvy'.*nv12"):
        Frame(pixels, 0, unknown_format)
    with pytest.raises(FrameError, match=r"45.*0, 90, 180, 270"):
        Frame(pixels, 0, "rgb", unknown_rotation)


@pytest.mark.parametrize("timestamp_ms", [None, float("nan"), float("inf"), -float("inf"), "soon", [1, 2], 1j])
def test_times_that_are_no_numbers_are_refused(timestamp_ms: Any) -> None:
    with pytest.raises(FrameError, match=r"timestamp_ms is .*milliseconds"):
        Frame(np.zeros((48, 64, 3), np.uint8), timestamp_ms)


@pytest.mark.parametrize("timestamp_ms", [7, 7.9, np.int64(7), np.uint32(7), np.float32(7.5)])
def test_times_of_all_kinds_become_plain_numbers(timestamp_ms: Any) -> None:
    kept = Frame(np.zeros((48, 64, 3), np.uint8), timestamp_ms).timestamp_ms
    assert kept == 7
    assert type(kept) is int


@pytest.mark.parametrize("rotation", get_args(Rotation))
def test_box_finds_the_same_pixels_before_and_after_turning(rotation: Rotation) -> None:
    pixels = np.arange(48 * 64 * 3).reshape(48, 64, 3).astype(np.uint8)
    pixels[..., 0], pixels[..., 1] = np.mgrid[0:48, 0:64]
    upright = np.rot90(pixels, -rotation // 90)
    left, top, right, bottom = check_box((3, 5, 23, 37), Frame(pixels, 0, "rgb", rotation))
    cut = pixels[top:bottom, left:right]
    assert np.array_equal(np.rot90(cut, -rotation // 90), upright[5:37, 3:23])


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((0, 0, 65, 48), "64 x 48"),
        ((0, 0, 64, 49), "resolution"),
        ((-1, 0, 40, 40), "does not lie"),
        ((40, 0, 40, 40), "does not lie"),
        ((0, 0, 64, 15), "64 x 15"),
        ((0.5, 0, 40, 40), "whole numbers"),
        ((0, 0, 40), "four"),
        (5, "four"),
        (None, "four"),
        ("0040", "four"),
    ],
)
def test_box_outside_the_frame_is_refused(box: Any, words: str) -> None:
    with pytest.raises(FrameError, match=words):
        check_box(box, Frame(np.zeros((48, 64, 3), np.uint8), 0))


def test_box_is_that_of_the_turned_frame() -> None:
    frame = Frame(np.zeros((48, 64, 3), np.uint8), 0, "rgb", 90)
    check_box((0, 0, 48, 64), frame)
    with pytest.raises(FrameError, match="48 x 64"):
        check_box((0, 0, 64, 48), frame)
