"""A camera's frame: its pixels as the camera delivers them, when it was taken, and how it is turned."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from edge_runtime.decode import MIN_SIDE_PX
from edge_runtime.errors import FrameError

__all__ = ["CHANNELS", "HALVED_PLANES", "Box", "Frame", "PixelFormat", "Rotation", "check_box"]

PixelFormat = Literal["rgb", "bgr", "rgba", "bgra", "gray", "nv12", "nv21", "i420", "yuyv"]
Rotation = Literal[0, 90, 180, 270]
Box: TypeAlias = "tuple[int, int, int, int]"
"""A part of a frame: (left, top, right, bottom) in pixels of the upright frame; right and bottom lie outside."""

PIXEL_FORMATS = get_args(PixelFormat)
CHANNELS = {"rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4, "yuyv": 2}
# 4:2:0, one pair of colours for each 2 x 2 pixels: below the luma's rows stand half as many with the chroma.
HALVED_PLANES = ("nv12", "nv21", "i420")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a stream; made of an array without copying it.

    Attributes:
        pixels: uint8; it need not be contiguous. By ``pixel_format``: rgb, bgr (height, width, 3); rgba, bgra (height,
            width, 4), the fourth channel is ignored; gray (height, width); nv12, nv21, i420 (height * 3 // 2, width) as
            OpenCV has them; yuyv (height, width, 2). YUV means BT.601 in the limited range, as cameras deliver it.
        timestamp_ms: growing within a stream; its zero is anywhere. Parts of a millisecond are cut off.
        pixel_format: see ``pixels``.
        rotation: degrees clockwise that turn it upright.

    Raises:
        FrameError: the array has another shape or type, or a side below 16 pixels; or the timestamp is no number.
    """

    pixels: NDArray[np.uint8]
    timestamp_ms: int
    pixel_format: PixelFormat = "rgb"
    rotation: Rotation = 0

    def __post_init__(self) -> None:
        if self.pixel_format not in PIXEL_FORMATS:
            raise FrameError(f"pixel_format is {self.pixel_format!r}; pass one of: {', '.join(PIXEL_FORMATS)}")
        if self.rotation not in get_args(Rotation):
            raise FrameError(f"rotation is {self.rotation!r}; pass the degrees clockwise, one of 0, 90, 180, 270")
        _check_pixels(self.pixels, self.pixel_format)
        try:
            # Numbers of numpy become plain ones here, which all that is made of frames can be written with.
            object.__setattr__(self, "timestamp_ms", int(self.timestamp_ms))
        except (TypeError, ValueError, OverflowError) as error:
            raise FrameError(
                f"timestamp_ms is {self.timestamp_ms!r}; pass the time of the frame as a whole number of milliseconds"
            ) from error

    @property
    def width_px(self) -> int:
        """Of the upright frame."""
        return self._stored_size[self.rotation in (90, 270)]

    @property
    def height_px(self) -> int:
        """Of the upright frame."""
        return self._stored_size[self.rotation not in (90, 270)]

    @property
    def _stored_size(self) -> tuple[int, int]:
        """Width and height as the pixels lie in memory."""
        height_px, width_px = self.pixels.shape[:2]
        return width_px, height_px * 2 // 3 if self.pixel_format in HALVED_PLANES else height_px


def check_box(box: Box, frame: Frame) -> tuple[int, int, int, int]:
    """Makes sure that ``box`` lies in the frame, and turns it to where its pixels lie in memory.

    Returns:
        (left, top, right, bottom) in pixels of the frame before it is rotated upright.

    Raises:
        FrameError: it is no box of whole pixels, reaches out of the frame, or has a side below MIN_SIDE_PX.
    """
    width_px, height_px = frame.width_px, frame.height_px
    try:
        left, top, right, bottom = (operator.index(side) for side in box)
    except (TypeError, ValueError) as error:  # not four, or no whole numbers
        message = f"the box is {box!r}; pass four whole numbers of pixels: (left, top, right, bottom)"
        raise FrameError(message) from error
    if not (0 <= left < right <= width_px and 0 <= top < bottom <= height_px):
        raise FrameError(
            f"the box {(left, top, right, bottom)} (left, top, right, bottom) does not lie in the upright frame of "
            f"{width_px} x {height_px} pixels; move or shrink it, or bring the camera back to its former resolution"
        )
    if min(right - left, bottom - top) < MIN_SIDE_PX:
        raise FrameError(
            f"the box {(left, top, right, bottom)} is {right - left} x {bottom - top} pixels; each side needs at least "
            f"{MIN_SIDE_PX} pixels"
        )
    if frame.rotation == 90:
        return top, width_px - right, bottom, width_px - left
    if frame.rotation == 180:
        return width_px - right, height_px - bottom, width_px - left, height_px - top
    if frame.rotation == 270:
        return height_px - bottom, left, height_px - top, right
    return left, top, right, bottom


def _check_pixels(pixels: Any, pixel_format: str) -> None:
    if not isinstance(pixels, np.ndarray):
        raise FrameError(f"the frame's pixels are a {type(pixels).__name__}; pass a numpy array of uint8")
    if pixels.dtype != np.uint8:
        raise FrameError(f"the frame's values are {pixels.dtype}; scale them to 0-255 and pass uint8")
    channels = CHANNELS.get(pixel_format)
    if channels is not None:
        if pixels.ndim != 3 or pixels.shape[2] != channels:
            raise FrameError(
                f"the {pixel_format} frame has shape {pixels.shape}; pass (height, width, {channels}), or name the "
                "pixel_format that it has"
            )
    elif pixels.ndim != 2:
        wanted = "height * 3 // 2, width" if pixel_format in HALVED_PLANES else "height, width"
        raise FrameError(
            f"the {pixel_format} frame has shape {pixels.shape}; pass ({wanted}), or name the pixel_format that it has"
        )
    height_px, width_px = pixels.shape[:2]
    if pixel_format in HALVED_PLANES:
        if height_px % 3:
            raise FrameError(
                f"the {pixel_format} frame has {height_px} rows, which is no multiple of 3; pass the height's rows of "
                "luma and half as many of chroma below them"
            )
        height_px = height_px * 2 // 3
    if (pixel_format in HALVED_PLANES or pixel_format == "yuyv") and width_px % 2:
        raise FrameError(
            f"the {pixel_format} frame is {width_px} pixels wide; two neighbours share their chroma, so pass an even "
            "width"
        )
    if min(height_px, width_px) < MIN_SIDE_PX:
        raise FrameError(f"the frame is {width_px} x {height_px} pixels; each side needs at least {MIN_SIDE_PX} pixels")
