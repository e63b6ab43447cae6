"""Camera frames: what an array must be to be scored, and its view, quickly.

A wrong array is refused, never guessed at. At 1280 x 720 and a view of 320 x 320, ``make_view`` takes longer than the
model; the short cut here takes a third of that, and serves the sizes at which it comes out nearly the same.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ViewSpec
from edge_runtime.decode import MIN_SIDE_PX
from edge_runtime.errors import FrameError
from edge_runtime.views import make_view

__all__ = ["ColorOrder", "check_frame", "make_frame_view"]

ColorOrder = Literal["rgb", "bgr"]

BLOCK_ROWS = 32  # of the view, worked on at a time: 120 kB of a frame 1280 pixels wide stay in a core's own cache
SHORT_CUT_COLUMNS = (4, 8)  # whole horizontal factors whose pixels start at a multiple of four bytes
MAX_ROWS_LEFT_OUT = 0.15  # share of the rows that averaging 2 or 4 of them may leave out, or count twice


def check_frame(frame: NDArray[Any], color_order: str = "rgb") -> NDArray[np.uint8]:
    """Makes sure that ``frame`` is uint8 (height, width, 3); it need not be contiguous, and is not copied.

    Args:
        frame: the array.
        color_order: "rgb", or "bgr" as OpenCV delivers.

    Raises:
        FrameError: another shape, type, colour order, or a side below MIN_SIDE_PX.
    """
    if color_order not in ("rgb", "bgr"):
        raise FrameError(f"color_order is {color_order!r}; pass 'rgb', or 'bgr' for frames from OpenCV")
    if frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] == 1):
        raise FrameError(
            f"the frame is grey, shape {frame.shape}; repeat it to (height, width, 3) if it is meant to be judged so"
        )
    if frame.ndim == 3 and frame.shape[2] == 4:
        raise FrameError(
            f"the frame has 4 channels, shape {frame.shape}; flatten the alpha first, or drop it: frame[..., :3]"
        )
    if frame.ndim != 3 or frame.shape[2] != 3:
        raise FrameError(f"the frame has shape {frame.shape}; pass one frame of shape (height, width, 3)")
    if frame.dtype != np.uint8:
        raise FrameError(f"the frame's values are {frame.dtype}; scale them to 0-255 and pass uint8")
    if min(frame.shape[:2]) < MIN_SIDE_PX:
        raise FrameError(
            f"the frame is {frame.shape[1]} x {frame.shape[0]} pixels; each side needs at least {MIN_SIDE_PX} pixels"
        )
    return frame


def make_frame_view(frame: NDArray[np.uint8], spec: ViewSpec, color_order: str = "rgb") -> NDArray[np.uint8]:
    """The model's view of a frame that ``check_frame`` has passed.

    Like ``make_view``, or, where the frame is 4 or 8 times as wide as the view and about 2 or 4 times as high, by a
    short cut: each pixel of the view is the mean of that many columns and rows of the frame.

    Returns:
        RGB uint8 (height_px, width_px, 3).
    """
    height_px, width_px, _ = frame.shape
    columns, rest = divmod(width_px, spec.width_px)
    rows = height_px / spec.height_px
    rows_averaged = 2 if rows < 3 else 4
    has_short_cut = columns in SHORT_CUT_COLUMNS and not rest and abs(rows_averaged / rows - 1) <= MAX_ROWS_LEFT_OUT
    if has_short_cut and frame.flags.c_contiguous:
        return _average_boxes(frame, spec, columns, rows_averaged, color_order)
    view = make_view(frame, spec)
    # Resizing treats the channels alike, so swapping them on the small view gives the same, sooner.
    return np.ascontiguousarray(view[..., ::-1]) if color_order == "bgr" else view


def _average_boxes(
    frame: NDArray[np.uint8], spec: ViewSpec, columns: int, rows_averaged: int, color_order: str
) -> NDArray[np.uint8]:
    height_px, width_px, _ = frame.shape
    lines = frame.reshape(height_px, 3 * width_px)
    centers = (np.arange(spec.height_px) + 0.5) * (height_px / spec.height_px)
    first_rows = np.clip(np.rint(centers - rows_averaged / 2).astype(np.intp), 0, height_px - rows_averaged)
    # Each word holds the three channels of a pixel, and one byte of its neighbour that is dropped at the end.
    packed = np.empty((spec.height_px, spec.width_px), np.uint32)
    for start in range(0, spec.height_px, BLOCK_ROWS):
        block = first_rows[start : start + BLOCK_ROWS]
        means = _average(lines[block], lines[block + 1], rounds_up=True)
        if rows_averaged == 4:
            means = _average(means, _average(lines[block + 2], lines[block + 3], rounds_up=True), rounds_up=False)
        dense = means.reshape(-1)
        shift = 3  # bytes to the pixel that is averaged in: the next, then the one after that pair, ...
        while shift < 3 * columns:
            # Rounding down and up in turn, or the view would come out half a level too bright.
            dense[:-shift] = _average(dense[:-shift], dense[shift:], rounds_up=shift != 3)
            shift *= 2
        words = dense.view(np.uint32).reshape(len(block), 3 * width_px // 4)
        packed[start : start + BLOCK_ROWS] = words[:, :: 3 * columns // 4]
    pixels = packed.view(np.uint8).reshape(spec.height_px, spec.width_px, 4)
    view = np.empty((spec.height_px, spec.width_px, 3), np.uint8)
    for channel in range(3):  # four times as fast as all channels at once
        view[..., channel] = pixels[..., channel if color_order == "rgb" else 2 - channel]
    return view


def _average(first: NDArray[np.uint8], second: NDArray[np.uint8], *, rounds_up: bool) -> NDArray[np.uint8]:
    """Mean of two uint8 arrays without widening: a + b = 2 (a & b) + (a ^ b) = 2 (a | b) - (a ^ b)."""
    half = np.bitwise_xor(first, second)
    half >>= 1
    mean = np.bitwise_or(first, second) if rounds_up else np.bitwise_and(first, second)
    return np.subtract(mean, half, out=mean) if rounds_up else np.add(mean, half, out=mean)
