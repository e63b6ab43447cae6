"""How far does a picture lean? Read from its long straight lines, where enough of them agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.enhance.libraries import load_cv2

__all__ = ["Tilt", "measure_tilt"]

MAX_TILT_DEG = 8.0  # what leans more was put so
WINDOW_DEG = 0.75  # lines within this of each other agree
LINE_SHARE = 0.12  # of the shorter side: shorter lines belong to the product's decoration


@dataclass(frozen=True, slots=True)
class Tilt:
    """What the lines say.

    Attributes:
        angle_deg: counter-clockwise turn that puts them upright or level.
        agreement: share (0-1) of the length of all nearly upright or level lines that says so.
        length: of those that agree, in longer sides of the picture.
    """

    angle_deg: float = 0.0
    agreement: float = 0.0
    length: float = 0.0


def measure_tilt(luma: NDArray[np.uint8]) -> Tilt:
    """Measures a grey picture, uint8 (height, width), by a probabilistic Hough transform of its edges."""
    cv2 = load_cv2()
    edges = cv2.Canny(cv2.GaussianBlur(luma, (0, 0), 1.5), 40, 100)
    least_px = LINE_SHARE * min(luma.shape)
    found = cv2.HoughLinesP(edges, 1, np.pi / 720, round(least_px * 0.6), minLineLength=least_px, maxLineGap=4)
    if found is None:
        return Tilt()
    x0, y0, x1, y1 = found.reshape(-1, 4).astype(np.float64).T
    lengths = np.hypot(x1 - x0, y1 - y0)
    # y points down, so a line that falls to the right has a positive angle, and turning counter-clockwise levels it.
    leaning = (np.degrees(np.arctan2(y1 - y0, x1 - x0)) + 45.0) % 90.0 - 45.0
    is_near = np.abs(leaning) <= 2.0 * MAX_TILT_DEG
    leaning, lengths = leaning[is_near], lengths[is_near]
    if not len(leaning):
        return Tilt()
    agrees = np.abs(leaning[:, None] - leaning[None]) <= WINDOW_DEG
    best = int((agrees @ lengths).argmax())
    chosen = agrees[best]
    angle = float(np.average(leaning[chosen], weights=lengths[chosen]))
    return Tilt(angle, float(lengths[chosen].sum() / lengths.sum()), float(lengths[chosen].sum() / max(luma.shape)))
