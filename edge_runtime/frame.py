"""Camera frames: what an array must be to be scored, and its view, quickly.

A wrong array is refused, never guessed at. At 1280 x 720 and a view of 320 x 320, ``make_view`` takes longer than the
model; the short cut here takes a quarter of that, and serves the sizes at which it comes out nearly the same.
"""

from __future__ import annotations

from math import gcd
from threading import local
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ViewSpec
from edge_runtime.decode import MIN_SIDE_PX
from edge_runtime.errors import FrameError
from edge_runtime.views import make_view

__all__ = ["ColorOrder", "check_frame", "make_frame_view"]

ColorOrder = Literal["rgb", "bgr"]

MAX_PHASES = 16  # rows of the view that start at different heights between two rows of the frame; each is a pass
SHORT_CUT_COLUMNS = (4, 8)  # whole horizontal factors whose pixels start at a multiple of four bytes
MAX_ROWS_LEFT_OUT = 0.15  # share of the rows that averaging 2 or 4 of them may leave out, or count twice
_WITHOUT_TOP_BITS = np.uint32(0x7F7F7F7F)  # of each byte, where a shifted word carries its neighbour's lowest bit in


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
    short cut: each pixel of the view is the mean of that many columns and rows of the frame. A frame of the view's size
    is its own view, and is not copied.

    Returns:
        RGB uint8 (height_px, width_px, 3).
    """
    height_px, width_px, _ = frame.shape
    if (height_px, width_px) == (spec.height_px, spec.width_px):  # a view already, as of edge_runtime.camera
        return np.ascontiguousarray(frame if color_order == "rgb" else frame[..., ::-1])
    columns, rest = divmod(width_px, spec.width_px)
    rows = height_px / spec.height_px
    rows_averaged = 2 if rows < 3 else 4
    is_regular = (
        columns in SHORT_CUT_COLUMNS and not rest and spec.height_px <= MAX_PHASES * gcd(height_px, spec.height_px)
    )
    if is_regular and abs(rows_averaged / rows - 1) <= MAX_ROWS_LEFT_OUT:
        # Copied if it has gaps or runs backwards, as ``bgr[..., ::-1]`` does: how a frame lies in memory must not tell.
        return _average_boxes(np.ascontiguousarray(frame), spec, columns, rows_averaged, color_order)
    view = make_view(frame, spec)
    # Resizing treats the channels alike, so swapping them on the small view gives the same, sooner.
    return np.ascontiguousarray(view[..., ::-1]) if color_order == "bgr" else view


def _average_boxes(
    frame: NDArray[np.uint8], spec: ViewSpec, columns: int, rows_averaged: int, color_order: str
) -> NDArray[np.uint8]:
    """Means of ``columns`` by ``rows_averaged`` pixels, for the rows of the view that start alike one after another.

    Heights have a common divisor: of 720 rows every 9 make 4 of the view, so that the first row of each 9, the next
    and so on are slices of the frame, and nothing has to be gathered.
    """
    height_px, width_px, _ = frame.shape
    groups = gcd(height_px, spec.height_px)
    rows_in, rows_out = height_px // groups, spec.height_px // groups
    lines = frame.reshape(groups, rows_in, 3 * width_px)
    view = np.empty((groups, rows_out, spec.width_px, 3), np.uint8)
    space = _find_workspace(groups, width_px, columns)
    means, others, spare = space.means, space.others, space.spare
    for row in range(rows_out):
        center = (row + 0.5) * rows_in / rows_out
        first = min(max(round(center - rows_averaged / 2), 0), rows_in - rows_averaged)
        _average(lines[:, first], lines[:, first + 1], means, spare, rounds_up=True)
        if rows_averaged == 4:
            _average(lines[:, first + 2], lines[:, first + 3], others, spare, rounds_up=True)
            _average(means, others, means, spare, rounds_up=False)
        # Each word holds the three channels of a pixel, and a byte of its neighbour that is left behind here.
        channels = _average_columns(space).view(np.uint8).reshape(groups, spec.width_px, 4)
        for channel in range(3):  # four times as fast as all channels at once
            view[:, row, :, channel] = channels[..., channel if color_order == "rgb" else 2 - channel]
    return view.reshape(spec.height_px, spec.width_px, 3)


class _Workspace:
    """Arrays that every frame of one layout fills anew. To allocate them for each took longer than to fill them.

    Attributes:
        means, others, spare: (groups, 3 * width) bytes: rows, averaged.
        parts: (groups, width of the view) words: each word of a group of ``columns`` pixels, 3 bytes a pixel.
        pixels: likewise, a word a pixel of which three bytes count.
        spare_words: likewise, for what comes between.
    """

    def __init__(self, groups: int, width_px: int, columns: int) -> None:
        self.layout = groups, width_px, columns
        self.means, self.others, self.spare = (np.empty((groups, 3 * width_px), np.uint8) for _ in range(3))
        shape = groups, width_px // columns
        self.parts = [np.empty(shape, np.uint32) for _ in range(3 * columns // 4)]
        self.pixels = [np.empty(shape, np.uint32) for _ in range(columns)]
        self.spare_words = np.empty(shape, np.uint32)


_kept = local()


def _find_workspace(groups: int, width_px: int, columns: int) -> _Workspace:
    """This thread's, which is kept for frames of the same layout; some 1.5 MB at 1280 x 720."""
    space: _Workspace | None = getattr(_kept, "space", None)
    if space is None or space.layout != (groups, width_px, columns):
        space = _kept.space = _Workspace(groups, width_px, columns)
    return space


def _average_columns(space: _Workspace) -> NDArray[np.uint32]:
    """Means of each ``columns`` neighbouring pixels of ``space.means``, as words of which three bytes count.

    Four pixels are three words: a pixel's word is put together from the one it starts in and the next.
    """
    words = space.means.view(np.uint32).reshape(len(space.means), -1, len(space.parts))
    for index, part in enumerate(space.parts):
        np.copyto(part, words[..., index])
    parts, spare = space.parts, space.spare_words
    for pixel, word in enumerate(space.pixels):
        index, start = divmod(3 * pixel, 4)
        np.right_shift(parts[index], 8 * start, out=word)
        if start > 1:
            np.left_shift(parts[index + 1], 8 * (4 - start), out=spare)
            np.bitwise_or(word, spare, out=word)
    pixels = space.pixels
    rounds_up = True
    while len(pixels) > 1:
        for first, second in zip(pixels[::2], pixels[1::2], strict=True):
            _average(first, second, first, spare, rounds_up=rounds_up)
        pixels = pixels[::2]
        rounds_up = False  # up and down in turn, or the view would come out half a level too bright
    return pixels[0]


def _average(
    first: NDArray[Any], second: NDArray[Any], mean: NDArray[Any], spare: NDArray[Any], *, rounds_up: bool
) -> None:
    """Means of the bytes of two arrays of uint8 or uint32, written into ``mean``, which may be one of the two.

    Without widening: a + b = 2 (a & b) + (a ^ b) = 2 (a | b) - (a ^ b).
    """
    np.bitwise_xor(first, second, out=spare)
    np.right_shift(spare, 1, out=spare)
    if spare.dtype == np.uint32:
        np.bitwise_and(spare, _WITHOUT_TOP_BITS, out=spare)
    if rounds_up:
        np.bitwise_or(first, second, out=mean)
        np.subtract(mean, spare, out=mean)
    else:
        np.bitwise_and(first, second, out=mean)
        np.add(mean, spare, out=mean)
