"""Where does the product end and the background begin? Measured on photos with a plain background, and only there.

What differs from the background, as the rim shows it, is the product, and how much must it differ? A faint limit takes
soft shadows for product, a firm one loses a white sleeve on white. Both are computed: the truth lies between them, and
a rule whose limit lies between them cannot be decided. The same holds for specks apart from the large pieces, which may
be a part, a crumb or an added logo, and, unless the background is of one clean colour, for thin things, which may be
seams of the background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.gate.pieces import Box, find_pieces, select_outside, shave
from edge_runtime.gate.rim import find_darkest, read_rim

__all__ = ["ANALYSIS_SIDE_PX", "COMPRESSION_LEVELS", "Backdrop", "Range", "measure_backdrop", "shrink_for_analysis"]

ANALYSIS_SIDE_PX = 1024  # longest side that is looked at; a pixel of it is a thousandth of the photo
FAINT_LEVELS = 6  # least difference that counts as product; JPEG leaves about 4 levels of ringing beside an edge
FIRM_LEVELS = 32  # difference that is product for certain, and no soft shadow
CLEAN_LEVELS = 4  # a background of one colour that strays no further was cut out or lit to white
LEVEL_PERCENTILE = 5.0  # the background's level is what 95 % of it reach,
COMPRESSION_LEVELS = 2  # give or take what JPEG scatters below a level that at least half of it reach
LEAST_OUTSIDE_SHARE = 0.01  # of the picture: less background than this says nothing about the background


@dataclass(frozen=True, slots=True)
class Range:
    """A measured value: most likely ``best``, surely from ``low`` to ``high``; all the same if nothing is doubtful."""

    low: float
    high: float
    best: float


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What was found about background and product; None for what cannot be told.

    Attributes:
        is_plain: whether the background is plain enough to tell anything; see ``rim.Rim``.
        rim_level: median over the rim of each pixel's darkest channel, 0-255.
        rim_bright: the level that only a tenth of the rim exceeds.
        level: that darkest channel in the background proper, 0-255: half of its pixels reach it, and 95 % come within
            2 levels of it, for JPEG scatters about so much.
        spread: how far its brightness varies: 95th minus 5th percentile, in levels.
        fill: how far the product reaches across the picture, in percent of the side that it fills most.
        area: the product's bounding box in percent of the picture.
        offset: distance of the box's centre from the picture's, in percent of the side where it is farther off.
        box: the product's bounding box by the firm limit, its large pieces only, in pixels of the picture.
    """

    is_plain: bool
    rim_level: float
    rim_bright: float
    level: Range | None = None
    spread: Range | None = None
    fill: Range | None = None
    area: Range | None = None
    offset: Range | None = None
    box: Box | None = None


def shrink_for_analysis(image: Image.Image, box: tuple[float, float, float, float] | None = None) -> Image.Image:
    """``image`` (RGB) averaged down by a whole factor until its longer side is at most 1024 pixels.

    Args:
        image: the decoded photo.
        box: the part of ``image`` that belongs to the photo; a last fraction of a pixel is left out.
    """
    if box is not None:
        left, top, right, bottom = (round(edge) for edge in box)
        image = image.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    factor = -(-max(image.size) // ANALYSIS_SIDE_PX)
    return image.reduce(factor) if factor > 1 else image


def measure_backdrop(picture: NDArray[np.uint8]) -> Backdrop:
    """Finds background and product.

    Args:
        picture: RGB uint8 (height, width, 3), of ``shrink_for_analysis``.
    """
    rim = read_rim(picture)
    if not rim.is_plain:
        return Backdrop(False, rim.level, rim.bright)
    distance = rim.distance(picture)
    # A background of paper or a noisy sensor strays by itself: faint is what stands out from that.
    faint = min(max(FAINT_LEVELS, rim.noise + 3), FIRM_LEVELS)
    firm_pieces, faint_pieces = (find_pieces(distance > limit) for limit in (FIRM_LEVELS, faint))
    shades = _shade(picture)
    described = [_describe_outside(shades, pieces.mask) for pieces in (faint_pieces, firm_pieces)]
    if None in described:
        # The product leaves too little background; the rim still shows some, mixed with the product's blurred edge.
        described += [_describe(_shade(rim.background), percent) for percent in (50.0, LEVEL_PERCENTILE)]
    levels, spreads = zip(*(found for found in described if found is not None), strict=True)
    backdrop = Backdrop(True, rim.level, rim.bright, _range(levels), _range(spreads))
    if firm_pieces.main is None:
        # What the faint limit shows, if anything, may be the product or the background's own shading.
        return backdrop
    boxes = [firm_pieces.main, firm_pieces.whole, faint_pieces.main, faint_pieces.whole]
    if rim.surface is not None or rim.noise > CLEAN_LEVELS:
        boxes.append(find_pieces(shave(firm_pieces.mask)).main)
    return _locate(backdrop, [box for box in boxes if box is not None], picture.shape[1], picture.shape[0])


def _locate(backdrop: Backdrop, boxes: Sequence[Box], width: int, height: int) -> Backdrop:
    """``backdrop`` with the product in it; the first of ``boxes`` is the best."""
    sides = [max(100.0 * (box.right - box.left) / width, 100.0 * (box.bottom - box.top) / height) for box in boxes]
    areas = [100.0 * (box.right - box.left) * (box.bottom - box.top) / (width * height) for box in boxes]
    offsets = [
        max(
            100.0 * abs(box.left + box.right - width) / (2 * width),
            100.0 * abs(box.top + box.bottom - height) / (2 * height),
        )
        for box in boxes
    ]
    return Backdrop(
        True,
        backdrop.rim_level,
        backdrop.rim_bright,
        backdrop.level,
        backdrop.spread,
        _range(sides),
        _range(areas),
        _range(offsets),
        boxes[0],
    )


def _range(values: Sequence[float]) -> Range:
    """From the first of the ``values`` on, which is the best, as far as the others reach."""
    return Range(min(values), max(values), values[0])


def _shade(pixels: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Of pixels (..., 3) the darkest channel times 256 plus the mean of the three, (...): both are picked at once."""
    red, green, blue = (pixels[..., channel] for channel in range(3))
    shades: NDArray[np.uint16] = (red.astype(np.uint16) + green + blue) // 3
    shades |= find_darkest(pixels).astype(np.uint16) << 8
    return shades


def _describe_outside(shades: NDArray[np.uint16], product: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Level and spread of the background around ``product``; None where too little of it is left to tell."""
    is_outside = select_outside(product)
    if np.count_nonzero(is_outside) / is_outside.size < LEAST_OUTSIDE_SHARE:
        return None
    return _describe(shades[is_outside], LEVEL_PERCENTILE)


def _describe(shades: NDArray[np.uint16], level_percent: float) -> tuple[float, float]:
    """Level and spread of background pixels, of ``_shade``, (n,)."""
    counts = np.bincount(shades, minlength=256 * 256).reshape(256, 256)
    low, high = _percentiles(counts.sum(axis=0), LEVEL_PERCENTILE, 100 - LEVEL_PERCENTILE)
    level, median = _percentiles(counts.sum(axis=1), level_percent, 50.0)
    return float(min(level + COMPRESSION_LEVELS, median)), float(high - low)


def _percentiles(counts: NDArray[np.int_], *percents: float) -> list[int]:
    """The levels that so many percent of the values lie under or at, from a histogram: sorting takes far longer."""
    reached = counts.cumsum()
    return [int(np.searchsorted(reached, percent / 100 * reached[-1], side="left")) for percent in percents]
