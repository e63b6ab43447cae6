"""Cheap measurements of a region's picture, the same whatever is usual there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.camera.monitor.structure import BLOCKS, average_blocks
from edge_runtime.contract import ViewSpec

__all__ = ["DARK_LEVEL", "MEASURED_VIEW", "Measurement", "find_motion", "measure"]

MEASURED_VIEW = ViewSpec(width_px=320, height_px=320)
BURNT_LEVEL = 250
DARK_LEVEL = 25.0  # mean level below which colour, detail and structure are noise
MOTION_LEVELS = 7.0  # mean difference of a block between two frames; sensor noise of 4 levels gives 0.1
COARSE_FLOOR = 2.0  # levels squared; below that a block has no structure that could be blurred
SMOOTHEST_SHARE = 0.25  # a ramp changes by a quarter over a quarter of the distance, however blurred
MIN_COLOR_LEVEL = 5.0  # mean of a channel below which it is noise
MAX_BURNT_COLOR = 0.05  # share of a block's values: what burns out loses its balance, without any cast


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


def _sum_squares(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """(8, 8): mean squared differences to the right and the lower neighbour."""
    across = np.zeros_like(picture)
    across[:, :-1] = np.diff(picture, axis=1) ** 2
    across[:-1] += np.diff(picture, axis=0) ** 2
    return average_blocks(across, picture.shape[0] // BLOCKS)
