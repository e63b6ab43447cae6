"""Cheap measurements of a region's picture, and what they say against what is usual there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_runtime.camera.monitor.structure import (
    BLOCKS,
    THUMB_PX,
    Agreement,
    average_blocks,
    compare_blocks,
    find_shift,
)
from edge_runtime.contract import ViewSpec

if TYPE_CHECKING:
    from edge_runtime.camera.monitor.baseline import Baseline

__all__ = ["MEASURED_VIEW", "Measurement", "Signals", "compare", "find_motion", "measure"]

MEASURED_VIEW = ViewSpec(width_px=320, height_px=320)
BURNT_LEVEL = 250
DARK_LEVEL = 25.0  # mean level below which colour, detail and structure are noise
MOTION_LEVELS = 7.0  # mean difference of a block between two frames; sensor noise of 4 levels gives 0.1
BUSY_SHARE = 0.045  # of the blocks in motion: 3 of 64
COARSE_FLOOR = 2.0  # levels squared; below that a block has no structure that could be blurred
SMOOTHEST_SHARE = 0.25  # a ramp changes by a quarter over a quarter of the distance, however blurred
MIN_COLOR_LEVEL = 5.0  # mean of a channel below which it is noise
MAX_BURNT_COLOR = 0.05  # share of a block's values: what burns out loses its balance, without any cast
MIN_COLOR_BLOCKS = 6
MIN_USUAL_DETAIL = 0.02
BLUR_QUANTILE = 0.35  # a smear over two thirds of the textured blocks counts fully
MIN_ALIGNED_GAIN = 0.6  # share of changed blocks that undoing a shift may leave, of those before
ELSEWHERE_SHARE = 0.85  # so many blocks changed, with detail as usual: the camera shows another place
ELSEWHERE_DETAIL = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """What is measured of one picture.

    Attributes:
        thumb: float32 (80, 80), grey levels 0-255.
        fine: float32 (8, 8), mean squared difference of neighbours at 160 x 160.
        coarse: float32 (8, 8), likewise at 40 x 40.
        level: mean grey level, 0-255.
        burnt: share of values of 250 and more, 0-1, over all channels: what is red burns out in red alone.
        colors: float32 (8, 8, 3), mean red, green and blue, 0-255.
        has_color: bool (8, 8, 2), whether red over green, and blue over green, can be told: nothing is burnt or black.
    """

    thumb: NDArray[np.float32]
    fine: NDArray[np.float32]
    coarse: NDArray[np.float32]
    level: float
    burnt: float
    colors: NDArray[np.float32]
    has_color: NDArray[np.bool_]

    @property
    def detail(self) -> NDArray[np.float32]:
        """float32 (8, 8): the part of the structure that is fine; hardly depends on light, contrast or content.

        Shop photos in focus have 0.2 to 0.5; blurred by 0.5 % of their width, 0.10 to 0.25; by 1 %, 0.05 to 0.11.
        """
        share = np.sqrt(self.fine / (self.coarse + np.float32(COARSE_FLOOR)))
        return np.maximum(share - np.float32(SMOOTHEST_SHARE), np.float32(0))

    @property
    def chroma(self) -> NDArray[np.float32]:
        """float32 (8, 8, 2): octaves of red and of blue over green."""
        octaves = np.log2(np.maximum(self.colors, np.float32(1)))
        return octaves[..., ::2] - octaves[..., 1:2]

    @property
    def is_textured(self) -> NDArray[np.bool_]:
        """bool (8, 8): the block has structure that could be blurred."""
        return self.coarse > 4 * COARSE_FLOOR


@dataclass(frozen=True, slots=True)
class Signals:
    """One picture against what is usual; each None where it cannot be told. Units as in ``kinds.RULES``.

    Attributes:
        dark, overexposed, moved, obstructed, blurred, color_cast: values of these kinds of events.
        is_busy: something moves in the region: a customer, most likely.
    """

    dark: float | None = None
    overexposed: float | None = None
    moved: float | None = None
    obstructed: float | None = None
    blurred: float | None = None
    color_cast: float | None = None
    is_busy: bool = False


def measure(view: NDArray[np.uint8]) -> Measurement:
    """Measures an RGB uint8 picture of 320 x 320, that is of MEASURED_VIEW."""
    red, green, blue = (view[..., channel] for channel in range(3))
    grey = red * np.uint16(77)  # BT.601's weights in 256ths
    grey += green * np.uint16(150)
    grey += blue * np.uint16(29)
    rows = grey.reshape(160, 2, 320).sum(axis=1, dtype=np.uint32)
    half = (rows[:, ::2] + rows[:, 1::2]).astype(np.float32) / np.float32(4 * 256)
    thumb = average_blocks(half, 2)
    quarter = average_blocks(thumb, 2)
    # Every fourth pixel of every fourth row: 100 of a block are enough for its mean.
    samples = view[2::4, 2::4].reshape(BLOCKS, 10, BLOCKS, 10, 3)
    colors = samples.mean(axis=(1, 3), dtype=np.float32)
    is_readable = (colors >= MIN_COLOR_LEVEL) & ((samples >= BURNT_LEVEL).mean(axis=(1, 3)) <= MAX_BURNT_COLOR)
    return Measurement(
        thumb=thumb,
        fine=_sum_squares(half),
        coarse=_sum_squares(quarter),
        level=float(thumb.mean()),
        burnt=np.count_nonzero(view >= BURNT_LEVEL) / view.size,
        colors=colors,
        has_color=is_readable[..., ::2] & is_readable[..., 1:2],
    )


def find_motion(now: Measurement, before: Measurement) -> NDArray[np.bool_]:
    """bool (8, 8): the blocks in which something moved between two pictures, or in which the light has jumped."""
    moving: NDArray[np.bool_] = average_blocks(np.abs(now.thumb - before.thumb)) > MOTION_LEVELS
    return moving


def compare(now: Measurement, motion: NDArray[np.bool_], usual: Baseline) -> Signals:
    """Holds a picture against the baseline.

    A cause hides its consequences: what is dark is not called blurred, too. They come out as None, that is unknown.

    Args:
        now: the picture.
        motion: what ``find_motion`` gave for it and the picture before.
        usual: what was learnt.
    """
    watched = ~usual.is_restless
    is_busy = float(np.mean(motion & watched)) > BUSY_SHARE
    dark = now.level / max(usual.level, 1.0)
    overexposed = max(now.burnt - usual.burnt, 0.0)
    if now.level < DARK_LEVEL or overexposed > 0.5:
        return Signals(dark=dark, overexposed=overexposed, is_busy=is_busy)
    agreement = compare_blocks(now.thumb, usual.versions)
    seen = watched & ~motion if np.mean(motion & watched) < 0.5 else watched
    changed = float(np.mean(~agreement.is_same[seen])) if seen.any() else 0.0
    blurred = compute_sharpness(now, usual, agreement, seen)
    moved = _find_move(now, usual, changed, blurred)
    color_cast = _find_cast(now, usual, agreement, seen)
    return Signals(dark, overexposed, moved, changed, blurred, color_cast, is_busy)


def compute_sharpness(now: Measurement, usual: Baseline, agreement: Agreement, seen: NDArray[np.bool_]) -> float | None:
    """Detail as a share of what is usual, about 1 in focus; None where too little is to be seen."""
    judged = usual.is_textured & agreement.is_same & seen
    if judged.sum() < max(4, usual.is_textured.sum() / 5):
        return None
    ratio = now.detail[judged] / np.maximum(usual.detail[judged], MIN_USUAL_DETAIL)
    return float(np.quantile(ratio, BLUR_QUANTILE))


def _find_cast(now: Measurement, usual: Baseline, agreement: Agreement, seen: NDArray[np.bool_]) -> float | None:
    """By how many octaves the blocks that show the same as usual have changed their balance, most of them alike."""
    judged = now.has_color & usual.has_color & (agreement.is_same & seen)[..., np.newaxis]
    change = now.chroma - usual.chroma
    parts = [change[..., n][judged[..., n]] for n in range(2)]
    known = [float(np.median(part)) for part in parts if part.size >= MIN_COLOR_BLOCKS]
    return math.hypot(*known) if known else None


def _find_move(now: Measurement, usual: Baseline, changed: float, blurred: float | None) -> float:
    """By what share of its side the picture is shifted; 1 if it shows another place; 0 if it is where it was."""
    if changed < 0.1:
        return 0.0
    down, right = find_shift(now.thumb, usual.versions[0])
    if (down or right) and max(abs(down), abs(right)) < THUMB_PX // 2:
        aligned, usual_part = _overlap(now.thumb, usual.versions, down, right)
        left = float(np.mean(~compare_blocks(aligned, usual_part).is_same))
        if left < 0.5 and left <= MIN_ALIGNED_GAIN * changed:
            return float(np.hypot(down, right)) / THUMB_PX
    detail = np.median(now.detail) / max(float(np.median(usual.detail)), 1e-3)
    if changed >= ELSEWHERE_SHARE and detail >= ELSEWHERE_DETAIL and now.is_textured.mean() > 0.5:
        return 1.0
    return 0.0


def _overlap(
    thumb: NDArray[np.float32], versions: list[NDArray[np.float32]], down: int, right: int
) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
    """The part of both that shows the same place once the shift is undone, cut to whole blocks."""
    side = THUMB_PX // BLOCKS
    height, width = ((THUMB_PX - abs(shift)) // side * side for shift in (down, right))
    top, left = max(down, 0), max(right, 0)
    usual_top, usual_left = max(-down, 0), max(-right, 0)
    cut = np.s_[usual_top : usual_top + height, usual_left : usual_left + width]
    return thumb[top : top + height, left : left + width], [version[cut] for version in versions]


def _sum_squares(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """(8, 8): mean squared differences to the right and the lower neighbour."""
    across = np.zeros_like(picture)
    across[:, :-1] = np.diff(picture, axis=1) ** 2
    across[:-1] += np.diff(picture, axis=0) ** 2
    return average_blocks(across, picture.shape[0] // BLOCKS)
