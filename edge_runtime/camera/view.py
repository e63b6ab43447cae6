"""From a camera's frame, in whatever format and turned however, to the model's view, and to upright RGB.

The work is done at the view's size wherever it can be: rotation and the conversion of YUV come after the shrinking.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.camera.frames import Box, Frame, Rotation, check_box
from edge_runtime.camera.yuv import Planes, StoredBox, convert_planes, shrink_luma, shrink_planes, split_planes
from edge_runtime.contract import ViewSpec
from edge_runtime.frame import make_frame_view
from edge_runtime.views import make_view

__all__ = ["make_camera_view", "to_rgb"]

_Level = TypeVar("_Level", np.uint8, np.int16)


def make_camera_view(frame: Frame, spec: ViewSpec, box: Box | None = None) -> NDArray[np.uint8]:
    """The model's view of a frame, or of a part of it.

    Args:
        frame: in any format. Of a grey one all three channels are alike; a fourth channel is ignored.
        spec: the size wanted.
        box: (left, top, right, bottom) in pixels of the upright frame; None: all of it.

    Returns:
        RGB uint8 (height_px, width_px, 3), upright. Of an RGB or BGR frame it is what ``make_frame_view`` gives; the
        other formats come out within a few levels of it. May share the memory of a frame that is of the view's size.

    Raises:
        FrameError: the box is not inside the frame.
    """
    is_turned = frame.rotation in (90, 270)
    small = ViewSpec(spec.height_px, spec.width_px) if is_turned else spec
    stored_box = check_box(box if box is not None else (0, 0, frame.width_px, frame.height_px), frame)
    if frame.pixel_format in ("rgb", "bgr"):
        return _rotate(_shrink_rgb(_cut(frame.pixels, stored_box), small, frame.pixel_format), frame.rotation)
    if frame.pixel_format in ("rgba", "bgra"):
        view = _shrink_four_channels(_cut(frame.pixels, stored_box), small)
        rgb = view[..., :3] if frame.pixel_format == "rgba" else view[..., 2::-1]
        return _rotate(rgb, frame.rotation)
    if frame.pixel_format == "gray":
        luma = shrink_luma(frame.pixels, small, stored_box)
        return _repeat((_rotate(luma, frame.rotation) + np.int16(4)) >> 3)
    planes = shrink_planes(frame, small, stored_box)
    return convert_planes(Planes(*(_rotate(plane, frame.rotation) for plane in planes)))


def to_rgb(frame: Frame) -> NDArray[np.uint8]:
    """The whole frame, upright and in its full size, for an eye or a file: RGB uint8 (height, width, 3), contiguous.

    Takes several times as long as a view. The array may be the frame's own, where that is upright RGB already.
    """
    pixels = frame.pixels
    if frame.pixel_format in ("rgb", "rgba"):
        rgb = pixels[..., :3]
    elif frame.pixel_format in ("bgr", "bgra"):
        rgb = pixels[..., 2::-1]
    elif frame.pixel_format == "gray":
        rgb = _repeat(pixels)
    else:
        luma, u, v = split_planes(frame)
        rows = 1 if frame.pixel_format == "yuyv" else 2
        u, v = (plane.repeat(2, axis=1).repeat(rows, axis=0) for plane in (u, v))
        rgb = convert_planes(Planes(*(plane.astype(np.int16) << 3 for plane in (luma, u, v))))
    return _rotate(rgb, frame.rotation)


def _cut(pixels: NDArray[np.uint8], box: StoredBox) -> NDArray[np.uint8]:
    left, top, right, bottom = box
    return pixels[top:bottom, left:right]


def _shrink_rgb(pixels: NDArray[np.uint8], spec: ViewSpec, color_order: str) -> NDArray[np.uint8]:
    # Pillow copies what does not lie close, too; copied here, it can take the short cut.
    return make_frame_view(np.ascontiguousarray(pixels), spec, color_order)


def _shrink_four_channels(pixels: NDArray[np.uint8], spec: ViewSpec) -> NDArray[np.uint8]:
    """(height_px, width_px, 4) of the four channels as they are, shrunk by the rules of ``make_view``."""
    height, width, _ = pixels.shape
    # As RGBA, Pillow would weigh the colours with the fourth channel; as RGBX it also shares the frame's memory.
    picture = Image.frombuffer("RGBX", (width, height), np.ascontiguousarray(pixels), "raw", "RGBX", 0, 1)
    return make_view(picture, spec)


def _repeat(plane: NDArray[np.uint8] | NDArray[np.int16]) -> NDArray[np.uint8]:
    rgb = np.empty((*plane.shape, 3), np.uint8)
    for channel in range(3):  # several times as fast as all at once
        rgb[..., channel] = plane
    return rgb


def _rotate(picture: NDArray[_Level], rotation: Rotation) -> NDArray[_Level]:
    """Turns (height, width) or (height, width, 3) clockwise; contiguous."""
    if rotation == 0:
        return np.ascontiguousarray(picture)
    turned = np.rot90(picture, -rotation // 90)
    if turned.ndim == 2:
        return np.ascontiguousarray(turned)
    copy = np.empty(turned.shape, turned.dtype)
    for channel in range(3):  # several times as fast as all at once
        copy[..., channel] = turned[..., channel]
    return copy
