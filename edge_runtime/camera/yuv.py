"""YUV as cameras deliver it: planes, their small versions, and the way to RGB.

BT.601 in the limited range (luma 16-235, chroma 16-240 around 128): what OpenCV, Android and V4L2 mean by NV12, NV21,
I420 and YUYV unless they say otherwise. The conversion is linear but for its clipping, so that planes can be shrunk
first and a tenth of the pixels be converted afterwards.

Between the steps planes are int16 and eightfold, so that means are not rounded before the end.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.camera.frames import Frame
from edge_runtime.camera.lanes import RowPlan, average_rows, fold, plan_rows, split_lanes
from edge_runtime.contract import ViewSpec

__all__ = ["Planes", "convert_planes", "resize_plane", "shrink_luma", "shrink_planes", "split_planes"]

COLUMNS = (2, 4, 8)  # whole horizontal factors whose sums lie side by side in words
COLUMNS_OF_YUYV = (2, 4)  # whose words hold half as many pixels
StoredBox = tuple[int, int, int, int]


class Planes(NamedTuple):
    """Luma and both chroma planes, each (height, width)."""

    luma: NDArray[Any]
    u: NDArray[Any]
    v: NDArray[Any]


def split_planes(frame: Frame) -> Planes:
    """The planes of a YUV frame as they are, without a copy where its memory allows: uint8, chroma not yet enlarged."""
    pixels = frame.pixels
    if frame.pixel_format == "yuyv":
        return Planes(pixels[..., 0], pixels[:, ::2, 1], pixels[:, 1::2, 1])
    height_px, width_px = len(pixels) * 2 // 3, pixels.shape[1]
    luma, rest = pixels[:height_px], pixels[height_px:]
    if frame.pixel_format == "i420":
        u, v = rest.reshape(2, height_px // 2, width_px // 2)
        return Planes(luma, u, v)
    first, second = rest[:, ::2], rest[:, 1::2]
    return Planes(luma, first, second) if frame.pixel_format == "nv12" else Planes(luma, second, first)


def shrink_planes(frame: Frame, spec: ViewSpec, box: StoredBox) -> Planes:
    """The part ``box`` of a YUV frame in the view's size, int16, eightfold, not yet rotated.

    Args:
        frame: nv12, nv21, i420 or yuyv.
        spec: the size wanted, before rotation.
        box: (left, top, right, bottom) in pixels as they lie in memory.
    """
    left, top, right, bottom = box
    columns, rest = divmod(right - left, spec.width_px)
    is_yuyv = frame.pixel_format == "yuyv"
    # The rows of I420's chroma have to hold whole words, too, and the box to cut no chroma in two.
    is_regular = columns in (COLUMNS_OF_YUYV if is_yuyv else COLUMNS) and not rest and (right - left) % 16 == 0
    plan = plan_rows(bottom - top, spec.height_px, columns) if is_regular else None
    if plan and not left % 2 and not top % 2 and not bottom % 2:
        return _shrink_in_lanes(frame, box, plan, columns)
    planes = split_planes(frame)
    halving = 1 if is_yuyv else 2
    chroma_box = (left / 2, top / halving, right / 2, bottom / halving)
    return Planes(
        resize_plane(planes.luma, spec, box),
        resize_plane(planes.u, spec, chroma_box),
        resize_plane(planes.v, spec, chroma_box),
    )


def shrink_luma(plane: NDArray[np.uint8], spec: ViewSpec, box: StoredBox) -> NDArray[np.int16]:
    """The part ``box`` of one plane (height, width) in the view's size, eightfold."""
    left, top, right, bottom = box
    columns, rest = divmod(right - left, spec.width_px)
    is_regular = columns in COLUMNS and not rest and (right - left) % 8 == 0
    plan = plan_rows(bottom - top, spec.height_px, columns) if is_regular else None
    if plan:
        return _average_luma(plane[top:bottom, left:right], plan, columns)
    return resize_plane(plane, spec, box)


def resize_plane(plane: NDArray[np.uint8], spec: ViewSpec, box: tuple[float, float, float, float]) -> NDArray[np.int16]:
    """The part ``box`` of a plane in the view's size as ``make_view`` resizes a channel, eightfold."""
    height, width = plane.shape
    picture = Image.frombuffer("L", (width, height), np.ascontiguousarray(plane), "raw", "L", 0, 1)  # shares the memory
    shrinks = box[2] - box[0] >= spec.width_px and box[3] - box[1] >= spec.height_px
    resample = Image.Resampling.HAMMING if shrinks else Image.Resampling.BILINEAR
    small = picture.resize((spec.width_px, spec.height_px), resample, box=box, reducing_gap=1.0 if shrinks else None)
    eightfold = np.asarray(small).astype(np.int16)
    eightfold <<= 3
    return eightfold


def convert_planes(planes: Planes) -> NDArray[np.uint8]:
    """RGB of planes that are int16, eightfold and of one size.

    The BT.601 matrix (ITU-R BT.601-7: 1.164383, 1.596027, 0.391762, 0.812968, 2.017232) in shifts and small factors
    that fit into 16 bits: 1 + 21/128, 1 + 19/32, 25/64, 13/16, 2 + 1/64. That errs by less than a third of a level at
    the most saturated colours.

    Returns:
        uint8 (height, width, 3).
    """
    luma, u, v = planes.luma, planes.u - np.int16(8 * 128), planes.v - np.int16(8 * 128)
    # 21 * 2040 needs the sixteenth bit.
    scaled = np.multiply(luma.view(np.uint16), np.uint16(21))
    scaled >>= np.uint16(7)
    base = scaled.view(np.int16)
    base += luma
    base += np.int16(4 - 149)  # half a level up, for the shift cuts off; and 16 * 1.164383 levels down
    rgb = np.empty((*luma.shape, 3), np.uint8)
    red = v * np.int16(19)
    red >>= 5
    red += v
    red += base
    _store(red, rgb[..., 0])
    green = u * np.int16(25)
    green >>= 6
    np.subtract(base, green, out=green)
    part = v * np.int16(13)
    part >>= 4
    green -= part
    _store(green, rgb[..., 1])
    blue = u >> 6
    u <<= 1
    blue += u
    blue += base
    _store(blue, rgb[..., 2])
    return rgb


def _store(eightfold: NDArray[np.int16], channel: NDArray[np.uint8]) -> None:
    eightfold >>= 3
    np.clip(eightfold, 0, 255, out=eightfold)
    channel[...] = eightfold


def _shrink_in_lanes(frame: Frame, box: StoredBox, plan: RowPlan, columns: int) -> Planes:
    left, top, right, bottom = box
    pixels = frame.pixels
    if frame.pixel_format == "yuyv":
        pairs = pixels[top:bottom, left:right].reshape(bottom - top, -1)  # a copy only where pixels lie apart
        luma_lanes, chroma_lanes = split_lanes(pairs)
        return Planes(
            average_rows(fold(luma_lanes, columns), plan, columns),
            *(average_rows(sums, plan, columns // 2) for sums in _fold_pairs(chroma_lanes, columns // 2)),
        )
    luma = _average_luma(pixels[top:bottom, left:right], plan, columns)
    if frame.pixel_format == "i420":
        part = np.s_[top // 2 : bottom // 2, left // 2 : right // 2]
        u, v = (_fold_bytes(plane[part], columns // 2) for plane in split_planes(frame)[1:])
    else:
        height_px = len(pixels) * 2 // 3
        chroma = pixels[height_px + top // 2 : height_px + bottom // 2, left:right]
        u, v = (fold(lanes, columns // 2) for lanes in split_lanes(chroma))
        if frame.pixel_format == "nv21":
            u, v = v, u
    return Planes(luma, *(average_rows(sums, plan, columns // 2, halving=2) for sums in (u, v)))


def _average_luma(plane: NDArray[np.uint8], plan: RowPlan, columns: int) -> NDArray[np.int16]:
    return average_rows(_fold_bytes(plane, columns), plan, columns)


def _fold_bytes(plane: NDArray[np.uint8], count: int) -> NDArray[np.uint16]:
    """Sums of each ``count`` bytes (1, 2, 4 or 8) that stand side by side."""
    if count == 1:
        return plane.astype(np.uint16)
    even, odd = split_lanes(plane)
    even += odd
    return fold(even, count // 2)


def _fold_pairs(lanes: NDArray[np.uint64], count: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Of lanes u, v, u, v ...: sums of each ``count`` (1 or 2) u, and of each ``count`` v; ``lanes`` is overwritten."""
    if count == 1:
        words: NDArray[Any] = lanes.view(np.uint32)
    else:
        words = lanes
        words += np.right_shift(words, 32)
    return words.astype(np.uint16), np.right_shift(words, 16).astype(np.uint16)
