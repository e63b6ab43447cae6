"""Has somebody put a frame around the photo? Bars, mats and drawn lines have straight edges over their whole length.

From each side of the picture the strip of one colour is measured that reaches inwards, and then whether the picture
changes along the strip's whole length at the same depth. A product on a plain background stops that strip at one point,
a frame stops it everywhere. A rectangular product, photographed straight on, looks like the inside of a frame, and a
product that is a frame looks like one: where that cannot be told, the answer is "unclear". Rounded frames and drop
shadows are not found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_runtime.gate.pieces import Box

__all__ = ["Border", "measure_border"]

DEEPEST_SHARE = 0.2  # of the side: a strip that reaches further is background
STRIP_LEVELS = 16  # JPEG rings by about as much beside a hard edge
STRIP_SHARE = 0.94  # of a line's pixels that must have the strip's colour
EDGE_LEVELS = 24  # change that counts as the strip's edge
EDGE_SHARE = 0.9  # of the edge's length where the picture must change
EDGE_BLUR_PX = 2  # lines over which an edge may be smeared by down-scaling
WHITE_FROM = 240  # a strip as light as this may be the background of a catalogue picture
UNEQUAL_PX = 2  # by which the strips of a frame may differ, besides a fifth of their width
LINE_SHARE = 0.03  # of the side: a drawn line is at most this thick
THIN_SHARE = 0.01  # of the longer side: a rim before white that is thicker may be a picture frame's, or a tray's


@dataclass(frozen=True, slots=True)
class Border:
    """A frame around the photo.

    Attributes:
        state: "none", "found", or "unclear": a rectangular product on a plain background would look the same.
        width_percent: of the frame, in percent of the picture's longer side; 0 without one.
        color: RGB of the frame; of the strip outside it for a drawn line.
        inside: what the frame leaves of the picture.
    """

    state: Literal["none", "found", "unclear"]
    width_percent: float
    color: tuple[int, int, int]
    inside: Box


def measure_border(picture: NDArray[np.uint8]) -> Border:
    """Looks for a frame on all four sides, or for bars on two opposite ones.

    Args:
        picture: RGB uint8 (height, width, 3), of ``shrink_for_analysis``.
    """
    height, width, _ = picture.shape
    # Each side turned so that its lines run along axis 1 and count inwards along axis 0.
    across = picture.transpose(1, 0, 2)
    turned = {"top": picture, "bottom": picture[::-1], "left": across, "right": across[::-1]}
    colors = {side: np.median(lines[0], axis=0).round().astype(np.int16) for side, lines in turned.items()}
    depths = {side: _strip_depth(lines, colors[side]) for side, lines in turned.items()}
    has_edge = {
        side: 0 < depths[side] < _deepest(lines)
        and _has_straight_edge(lines, colors[side], depths[side], *_ends(side, depths))
        for side, lines in turned.items()
    }
    nothing = Border("none", 0.0, (0, 0, 0), Box(0, 0, width, height))
    framed = [side for side, is_edge in has_edge.items() if is_edge]
    is_frame = len(framed) == 4
    is_bars = framed in (["top", "bottom"], ["left", "right"]) and not any(
        depths[side] for side in depths if side not in framed
    )
    strips = [colors[side] for side in framed]
    if not (is_frame or is_bars) or any(np.abs(color - strips[0]).max() > STRIP_LEVELS for color in strips):
        return nothing
    widths = [depths[side] for side in framed]
    lines_px = [_line_width(turned[side], colors[side], depths[side], *_ends(side, depths)) for side in framed]
    is_line = is_frame and all(lines_px)
    is_equal = max(widths) - min(widths) <= UNEQUAL_PX + 0.2 * min(widths)
    # A thin line that returns to the colour outside it is drawn. A white strip may be the background, and so may one
    # of unequal widths.
    is_thin = is_line and max(lines_px) <= THIN_SHARE * max(height, width)
    is_certain = is_thin or ((is_line or is_equal) and int(strips[0].min()) < WHITE_FROM)
    left, top, right, bottom = (
        depths[side] + (_line_width(turned[side], colors[side], depths[side], *_ends(side, depths)) if is_line else 0)
        for side in ("left", "top", "right", "bottom")
    )
    margin = EDGE_BLUR_PX
    inside = Box(left + margin, top + margin, width - right - margin, height - bottom - margin)
    if is_bars:
        inside = Box(
            left + margin if left else 0,
            top + margin if top else 0,
            width - (right + margin if right else 0),
            height - (bottom + margin if bottom else 0),
        )
    red, green, blue = (int(channel) for channel in strips[0])
    width_percent = 100.0 * max(max(widths), *(lines_px if is_line else [0])) / max(height, width)
    return Border("found" if is_certain else "unclear", width_percent, (red, green, blue), inside)


def _deepest(lines: NDArray[np.uint8]) -> int:
    return max(4, round(DEEPEST_SHARE * len(lines)))


def _ends(side: str, depths: dict[str, int]) -> tuple[int, int]:
    """How much of a side's line belongs to the strips of its two neighbours, at its start and at its end."""
    return (depths["left"], depths["right"]) if side in ("top", "bottom") else (depths["top"], depths["bottom"])


def _near(pixels: NDArray[np.uint8], color: NDArray[np.int16], levels: int) -> NDArray[np.bool_]:
    is_near: NDArray[np.bool_] = np.abs(pixels[..., 0].astype(np.int16) - color[0]) <= levels
    for channel in (1, 2):
        is_near &= np.abs(pixels[..., channel].astype(np.int16) - color[channel]) <= levels
    return is_near


def _strip_depth(lines: NDArray[np.uint8], color: NDArray[np.int16]) -> int:
    """How many lines from the outside on have the colour nearly everywhere; at most ``_deepest``."""
    is_strip = _near(lines[: _deepest(lines)], color, STRIP_LEVELS).mean(axis=1) >= STRIP_SHARE
    return int(is_strip.argmin()) if not is_strip.all() else len(is_strip)


def _has_straight_edge(lines: NDArray[np.uint8], color: NDArray[np.int16], depth: int, start: int, end: int) -> bool:
    """Whether the picture leaves the strip's colour along the whole length at ``depth``, give or take the blur."""
    behind = lines[depth : depth + EDGE_BLUR_PX, start : lines.shape[1] - end]
    if not behind.size:
        return False
    return bool((~_near(behind, color, EDGE_LEVELS)).any(axis=0).mean() >= EDGE_SHARE)


def _line_width(lines: NDArray[np.uint8], color: NDArray[np.int16], depth: int, start: int, end: int) -> int:
    """Width in pixels of a line drawn at ``depth``, behind which the strip's colour returns; 0 if there is none."""
    thickest = max(3, round(LINE_SHARE * len(lines))) + 1
    behind = lines[depth : depth + thickest + 1, start : lines.shape[1] - end]
    has_returned = _near(behind, color, EDGE_LEVELS).mean(axis=1) >= 0.5
    return int(has_returned.argmax()) if has_returned.any() else 0
