"""Planes, their means in machine words, and the conversion to RGB, held against written-out arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.camera.frames import Frame, PixelFormat
from edge_runtime.camera.lanes import average_rows, fold, plan_rows, split_lanes
from edge_runtime.camera.yuv import Planes, convert_planes, resize_plane, shrink_luma, shrink_planes, split_planes
from edge_runtime.contract import ViewSpec

SPEC = ViewSpec(32, 24)


def build_noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)


def convert_exactly(y: NDArray[np.float64], u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """ITU-R BT.601-7 with luma 16-235 and chroma 16-240, from its constants kr = 0.299 and kb = 0.114."""
    luma, blue, red = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    r = luma + 2 * (1 - 0.299) * red
    b = luma + 2 * (1 - 0.114) * blue
    g = (luma - 0.299 * r - 0.114 * b) / 0.587
    return (255 * np.stack([r, g, b], axis=-1)).clip(0, 255)


def test_conversion_is_the_standard_s() -> None:
    y, u, v = (grid.ravel() for grid in np.mgrid[0:256:3, 0:256:5, 0:256:5])
    rgb = convert_planes(Planes(*((plane.astype(np.int16) << 3)[np.newaxis] for plane in (y, u, v))))
    difference = rgb[0] - convert_exactly(*(plane.astype(float) for plane in (y, u, v)))
    assert np.abs(difference).max() <= 1.2
    assert np.abs(difference.mean(axis=0)).max() <= 0.2


def test_black_white_and_grey_are_exact() -> None:
    y = np.array([[16, 235, 126, 0, 255]])
    grey = np.full_like(y, 128)
    rgb = convert_planes(Planes(*(plane.astype(np.int16) << 3 for plane in (y, grey, grey))))
    assert rgb[0, :, 0].tolist() == rgb[0, :, 1].tolist() == rgb[0, :, 2].tolist() == [0, 255, 128, 0, 255]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_lanes_sum_bytes_that_stand_at_even_and_at_odd_places(count: int) -> None:
    plane = build_noise(5, 64)
    for lanes, bytes_ in zip(split_lanes(plane), (plane[:, ::2], plane[:, 1::2]), strict=True):
        wanted = bytes_.astype(int).reshape(5, -1, count).sum(axis=-1)
        assert np.array_equal(fold(lanes, count), wanted)


def test_lanes_of_rows_that_lie_askew() -> None:
    plane = build_noise(6, 99)[1:, 3:67]
    even, odd = split_lanes(plane)
    assert np.array_equal(fold(even, 1), plane[:, ::2])
    assert np.array_equal(fold(odd, 1), plane[:, 1::2])


@pytest.mark.parametrize(("rows_in", "rows_out", "columns"), [(480, 320, 2), (960, 320, 4), (768, 320, 1), (30, 24, 2)])
def test_rows_are_averaged_by_the_share_they_cover(rows_in: int, rows_out: int, columns: int) -> None:
    sums = (build_noise(rows_in, 7).astype(np.uint16)) * np.uint16(columns)
    plan = plan_rows(rows_in, rows_out, columns)
    assert plan is not None
    assert plan.weights
    fine = np.repeat(sums / columns, rows_out, axis=0)  # each row as often as rows of the view can cut it
    wanted = 8 * fine.reshape(rows_out, rows_in, 7).mean(axis=1)
    assert np.abs(average_rows(sums, plan, columns) - wanted).max() <= 1


@pytest.mark.parametrize(("rows_in", "count"), [(720, 2), (640, 2), (320, 1), (1280, 4), (1440, 4), (350, 1)])
def test_near_a_whole_factor_rows_count_alike(rows_in: int, count: int) -> None:
    plan = plan_rows(rows_in, 320, 4)
    assert plan is not None
    assert not plan.weights
    assert plan.weight == len(plan.indices) == count
    center = (np.arange(320) + 0.5) * rows_in / 320 - 0.5
    assert np.abs(np.mean(plan.indices, axis=0) - center).max() <= 0.5
    assert min(index.min() for index in plan.indices) >= 0
    assert max(index.max() for index in plan.indices) < rows_in


@pytest.mark.parametrize(
    ("rows_in", "rows_out", "columns"), [(200, 320, 2), (1080, 320, 8), (1081, 320, 8), (480, 320, 16)]
)
def test_what_does_not_fit_into_lanes_is_not_planned(rows_in: int, rows_out: int, columns: int) -> None:
    plan = plan_rows(rows_in, rows_out, columns)
    assert plan is None


@pytest.mark.parametrize("columns", [2, 4, 8])
def test_luma_is_the_mean_of_its_box(columns: int) -> None:
    plane = build_noise(48, 32 * columns)
    wanted = plane.reshape(24, 2, 32, columns).mean(axis=(1, 3))
    assert np.abs(shrink_luma(plane, SPEC, (0, 0, 32 * columns, 48)) / 8 - wanted).max() <= 0.125


@pytest.mark.parametrize("columns", [2, 4, 8])
@pytest.mark.parametrize("pixel_format", ["nv12", "nv21", "i420"])
def test_each_plane_is_shrunk_for_itself(pixel_format: PixelFormat, columns: int) -> None:
    width = 32 * columns
    frame = Frame(build_noise(72, width), 0, pixel_format)
    small = shrink_planes(frame, SPEC, (0, 0, width, 48))
    planes = split_planes(frame)
    assert np.abs(small.luma / 8 - planes.luma.reshape(24, 2, 32, columns).mean(axis=(1, 3))).max() <= 0.125
    for plane, shrunk in zip(planes[1:], small[1:], strict=True):
        assert np.abs(shrunk / 8 - plane.reshape(24, 32, columns // 2).mean(axis=-1)).max() <= 0.125


@pytest.mark.parametrize("columns", [2, 4])
def test_interleaved_planes_are_shrunk_each_for_itself(columns: int) -> None:
    width = 32 * columns
    frame = Frame(build_noise(48, width, 2), 0, "yuyv")
    small = shrink_planes(frame, SPEC, (0, 0, width, 48))
    for plane, shrunk in zip(split_planes(frame), small, strict=True):
        wanted = plane.reshape(24, 2, 32, -1).mean(axis=(1, 3))
        assert np.abs(shrunk / 8 - wanted).max() <= 0.125


def test_planes_share_the_frame_s_memory() -> None:
    names: tuple[PixelFormat, ...] = ("nv12", "nv21", "i420")
    for pixel_format in names:
        frame = Frame(build_noise(72, 64), 0, pixel_format)
        assert all(np.shares_memory(plane, frame.pixels) for plane in split_planes(frame))


def test_planes_lie_where_each_format_has_them() -> None:
    pixels = build_noise(72, 64)
    names: tuple[PixelFormat, ...] = ("nv12", "nv21", "i420")
    nv12, nv21, i420 = (split_planes(Frame(pixels, 0, name)) for name in names)
    assert np.array_equal(nv12.u, pixels[48:, 0::2])
    assert np.array_equal(nv12.v, pixels[48:, 1::2])
    assert np.array_equal(nv21.u, nv12.v)
    assert np.array_equal(nv21.v, nv12.u)
    assert np.array_equal(i420.u.ravel(), pixels[48:60].ravel())
    assert np.array_equal(i420.v.ravel(), pixels[60:].ravel())
    pairs = build_noise(48, 64, 2)
    yuyv = split_planes(Frame(pairs, 0, "yuyv"))
    assert np.array_equal(np.dstack(yuyv[1:]).reshape(48, -1), pairs[..., 1])


def test_resized_plane_keeps_an_even_level() -> None:
    for size in [(100, 70), (20, 17), (32, 24)]:
        plane = np.full((size[1], size[0]), 77, np.uint8)
        assert (resize_plane(plane, SPEC, (0.5, 0.5, size[0], size[1] - 1.5)) == 8 * 77).all()
