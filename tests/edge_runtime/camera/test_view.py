"""The view of a frame is that of the same picture in RGB, in whatever format it came and however it is turned."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.camera.frames import Box, Frame, PixelFormat, Rotation
from edge_runtime.camera.view import make_camera_view, to_rgb
from edge_runtime.contract import ViewSpec
from edge_runtime.errors import FrameError
from edge_runtime.frame import make_frame_view
from edge_runtime.views import make_view

SPEC = ViewSpec(320, 320)
OBLONG = ViewSpec(192, 128)
FORMATS = get_args(PixelFormat)
COLORFUL = [name for name in FORMATS if name != "gray"]
SIZES = [(1280, 720), (640, 480), (1280, 960), (1920, 1080), (1000, 702), (200, 100)]


def encode(rgb: NDArray[np.uint8], pixel_format: str) -> NDArray[np.uint8]:
    """A picture of even sides in another format; YUV by the matrix of ITU-R BT.601-7, limited range."""
    height, width, _ = rgb.shape
    if pixel_format in ("rgb", "bgr", "rgba", "bgra"):
        colors = rgb if pixel_format.startswith("rgb") else rgb[..., ::-1]
        fourth = np.random.default_rng(1).integers(0, 256, (height, width, len(pixel_format) - 3), dtype=np.uint8)
        return np.concatenate([colors, fourth], axis=-1)
    luma = rgb @ np.array([0.299, 0.587, 0.114])
    if pixel_format == "gray":
        return np.rint(luma).astype(np.uint8)
    y = np.rint(16 + 219 / 255 * luma).astype(np.uint8)
    u, v = 128 + 224 / 255 * (rgb[..., 2] - luma) / 1.772, 128 + 224 / 255 * (rgb[..., 0] - luma) / 1.402
    rows = 1 if pixel_format == "yuyv" else 2
    u, v = (
        np.rint(plane.reshape(height // rows, rows, width // 2, 2).mean(axis=(1, 3))).clip(0, 255).astype(np.uint8)
        for plane in (u, v)
    )
    if pixel_format == "yuyv":
        return np.stack([y, np.stack([u, v], axis=-1).reshape(height, width)], axis=-1)
    if pixel_format == "i420":
        return np.concatenate([y.ravel(), u.ravel(), v.ravel()]).reshape(height * 3 // 2, width)
    chroma = (u, v) if pixel_format == "nv12" else (v, u)
    return np.concatenate([y, np.stack(chroma, axis=-1).reshape(height // 2, width)])


def build_rgb(photo: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.asarray(photo.resize(size, Image.Resampling.BICUBIC)))


def desaturate(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.repeat((rgb @ np.array([0.299, 0.587, 0.114]))[..., np.newaxis], 3, axis=-1)


def assert_close(view: NDArray[np.uint8], wanted: NDArray[Any], mean: float = 1.0, bias: float = 0.6) -> None:
    assert view.dtype == np.uint8
    assert view.flags.c_contiguous
    assert view.shape == wanted.shape
    difference = view - wanted.astype(float)
    assert np.abs(difference).mean() <= mean
    assert np.abs(difference.mean(axis=(0, 1))).max() <= bias


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pixel_format", COLORFUL)
def test_every_format_gives_nearly_the_rgb_view(
    photo: Image.Image, pixel_format: PixelFormat, size: tuple[int, int]
) -> None:
    rgb = build_rgb(photo, size)
    wanted = make_frame_view(rgb, SPEC)
    view = make_camera_view(Frame(encode(rgb, pixel_format), 0, pixel_format), SPEC)
    # Of the smallest the chroma has 100 x 50 pixels, and its edges are enlarged.
    assert_close(view, wanted, mean=1.8 if size == SIZES[-1] else 1.0)
    if pixel_format in ("rgb", "bgr"):
        assert np.array_equal(view, wanted)


@pytest.mark.parametrize("size", SIZES)
def test_grey_gives_three_equal_channels(photo: Image.Image, size: tuple[int, int]) -> None:
    rgb = build_rgb(photo, size)
    view = make_camera_view(Frame(encode(rgb, "gray"), 0, "gray"), SPEC)
    assert_close(view, desaturate(make_frame_view(rgb, SPEC)))
    assert (view == view[..., :1]).all()


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("example", ["mug-good.jpg", "coffee-noisy.jpg", "mug-color-cast.jpg"])
def test_on_photos_the_views_differ_by_little(examples_dir: Any, example: str, pixel_format: PixelFormat) -> None:
    with Image.open(examples_dir / example) as image:
        rgb = build_rgb(image.convert("RGB"), (1280, 720))
    view = make_camera_view(Frame(encode(rgb, pixel_format), 0, pixel_format), SPEC)
    exact = make_view(rgb, SPEC)
    # As close to the exact view as the short cut for RGB is, but for the chroma that the format leaves out.
    short_cut = np.abs(make_frame_view(rgb, SPEC).astype(int) - exact).mean()
    assert_close(view, desaturate(exact) if pixel_format == "gray" else exact, mean=short_cut + 0.8)


@pytest.mark.parametrize("pixel_format", COLORFUL)
def test_full_size(photo: Image.Image, pixel_format: PixelFormat) -> None:
    rgb = build_rgb(photo, (320, 240))
    assert_close(to_rgb(Frame(encode(rgb, pixel_format), 0, pixel_format)), rgb, mean=1.6)
    assert_close(to_rgb(Frame(encode(rgb, pixel_format), 0, pixel_format, 270)), np.rot90(rgb), mean=1.6)
    grey = encode(rgb, "gray")
    assert np.array_equal(to_rgb(Frame(grey, 0, "gray", 90))[..., 1], np.rot90(grey, -1))


@pytest.mark.parametrize("spec", [SPEC, OBLONG])
@pytest.mark.parametrize("rotation", get_args(Rotation))
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_turned_frame_gives_the_view_of_the_upright_one(
    photo: Image.Image, pixel_format: PixelFormat, rotation: Rotation, spec: ViewSpec
) -> None:
    upright = build_rgb(photo, (640, 480))
    stored = np.ascontiguousarray(np.rot90(upright, rotation // 90))
    view = make_camera_view(Frame(encode(stored, pixel_format), 0, pixel_format, rotation), spec)
    wanted = make_frame_view(upright, spec)
    assert_close(view, desaturate(wanted) if pixel_format == "gray" else wanted, mean=1.4)


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_square_view_turns_with_the_frame(photo: Image.Image, pixel_format: PixelFormat) -> None:
    pixels = encode(build_rgb(photo, (1280, 720)), pixel_format)
    view = make_camera_view(Frame(pixels, 0, pixel_format), SPEC)
    for rotation in get_args(Rotation):
        turned = make_camera_view(Frame(pixels, 0, pixel_format, rotation), SPEC)
        assert np.array_equal(turned, np.rot90(view, -rotation // 90))


@pytest.mark.parametrize("box", [(100, 60, 740, 420), (1, 3, 200, 100), (0, 0, 1280, 720), (639, 359, 1279, 719)])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_box_gives_the_view_of_the_slice(photo: Image.Image, pixel_format: PixelFormat, box: Box) -> None:
    rgb = build_rgb(photo, (1280, 720))
    left, top, right, bottom = box
    wanted = make_frame_view(np.ascontiguousarray(rgb[top:bottom, left:right]), SPEC)
    view = make_camera_view(Frame(encode(rgb, pixel_format), 0, pixel_format), SPEC, box)
    assert_close(view, desaturate(wanted) if pixel_format == "gray" else wanted, mean=1.2, bias=0.8)


@pytest.mark.parametrize("rotation", get_args(Rotation))
def test_box_is_cut_from_the_upright_frame(photo: Image.Image, rotation: Rotation) -> None:
    upright = build_rgb(photo, (640, 480))
    stored = np.ascontiguousarray(np.rot90(upright, rotation // 90))
    view = make_camera_view(Frame(stored, 0, "rgb", rotation), OBLONG, (30, 20, 330, 220))
    assert_close(view, make_frame_view(np.ascontiguousarray(upright[20:220, 30:330]), OBLONG), mean=1.4)


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_pixels_may_lie_apart_in_memory(photo: Image.Image, pixel_format: PixelFormat) -> None:
    pixels = encode(build_rgb(photo, (1280, 720)), pixel_format)
    wanted = make_camera_view(Frame(pixels, 0, pixel_format), SPEC)
    padded = np.zeros((pixels.shape[0], pixels.shape[1] + 24, *pixels.shape[2:]), np.uint8)[:, 8:-16]
    padded[...] = pixels
    mirrored = np.ascontiguousarray(pixels[::-1, ::-1])[::-1, ::-1]
    fortran = np.asfortranarray(pixels)
    for frame in (padded, mirrored, fortran):
        assert np.array_equal(make_camera_view(Frame(frame, 0, pixel_format), SPEC), wanted)
        assert np.array_equal(to_rgb(Frame(frame, 0, pixel_format)), to_rgb(Frame(pixels, 0, pixel_format)))


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_even_color_is_kept(pixel_format: PixelFormat) -> None:
    for color in [(0, 0, 0), (255, 255, 255), (200, 30, 60), (10, 20, 220), (130, 128, 126)]:
        rgb = np.full((720, 1280, 3), color, np.uint8)
        view = make_camera_view(Frame(encode(rgb, pixel_format), 0, pixel_format), SPEC)
        wanted = desaturate(rgb[:1, :1]) if pixel_format == "gray" else np.array(color)
        assert np.abs(view - wanted.astype(float)).max() <= 2
        assert (view == view[0, 0]).all()


def test_frame_is_left_as_it_was(photo: Image.Image) -> None:
    rgb = build_rgb(photo, (1280, 720))
    for pixel_format in FORMATS:
        pixels = encode(rgb, pixel_format)
        before = pixels.copy()
        pixels.flags.writeable = False
        make_camera_view(Frame(pixels, 0, pixel_format), SPEC)
        to_rgb(Frame(pixels, 0, pixel_format))
        assert np.array_equal(pixels, before)


def test_box_outside_is_refused(photo: Image.Image) -> None:
    with pytest.raises(FrameError, match="640 x 480"):
        make_camera_view(Frame(build_rgb(photo, (640, 480)), 0), SPEC, (0, 0, 700, 100))
