"""What a region's picture says against what is usual there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.camera.monitor.baseline import Baseline
from edge_runtime.camera.monitor.measurement import DARK_LEVEL, Measurement
from edge_runtime.camera.monitor.structure import BLOCKS, THUMB_PX, Agreement, compare_blocks, find_shift

__all__ = ["Signals", "compare"]

BUSY_SHARE = 0.045  # of the blocks in motion: 3 of 64
MIN_COLOR_BLOCKS = 6
MIN_USUAL_DETAIL = 0.02
BLUR_QUANTILE = 0.35  # a smear over two thirds of the textured blocks counts fully
MIN_ALIGNED_GAIN = 0.6  # share of changed blocks that undoing a shift may leave, of those before
ELSEWHERE_SHARE = 0.85  # so many blocks changed, with detail as usual: the camera shows another place
ELSEWHERE_DETAIL = 0.5


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
