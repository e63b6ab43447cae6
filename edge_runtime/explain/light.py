"""Light and colour of each cell, read from the view itself, and how they differ from what is around.

The model's maps tell blur and noise nearly always, blown light and a colour cast less surely: for these the readout may
look at the view, too. On 80 validation photos with one spoilt place, maps alone pointed at it in 90 of 100, light alone
in 79, both in 97.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from edge_runtime.explain.cells import average_cells
from edge_runtime.explain.trials import FAULTS

__all__ = ["choose_light", "compute_contrasts", "compute_light", "judge_plausibility"]

WHITE_FROM, BLACK_BELOW = 0.98, 0.06  # of full scale: a pixel all of whose channels are beyond has lost its detail
AROUND_CELLS = 4  # to each side: half of the photo's width with 20 cells
BRIGHT_NOT_BELOW, BRIGHT_FROM = 0.2, 0.4  # mean of a cell, of full scale: what is darker cannot be too bright,
DARK_UP_TO, DARK_NOT_ABOVE = 0.6, 0.8  # and what is brighter not too dark; in between there is a doubt
LEAST_SUM, LEAST_MEAN = 0.12, 0.05  # keep ratios of dark colours from being all noise


def compute_light(view: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.float32]:
    """Twelve statistics of each cell.

    Args:
        view: uint8 (height, width, 3), whose sides are multiples of ``rows`` and ``columns``.
        rows, columns: number of cells.

    Returns:
        float32 (rows, columns, 12): mean and mean square of each channel, red against blue, green against both, share
        of white and of black pixels, deviation, and deviation against the mean.
    """
    values = view.astype(np.float32) / np.float32(255.0)
    mean, square = average_cells(values, rows, columns), average_cells(values * values, rows, columns)
    deviation = np.sqrt(np.maximum(square - mean * mean, 0.0)).mean(axis=-1, keepdims=True)
    red, green, blue = (mean[..., channel : channel + 1] for channel in range(3))
    total = red + green + blue + LEAST_SUM
    channels = values[..., 0], values[..., 1], values[..., 2]
    white = reduce(np.minimum, channels)[..., np.newaxis] > WHITE_FROM
    black = reduce(np.maximum, channels)[..., np.newaxis] < BLACK_BELOW
    relative = deviation / (mean.mean(axis=-1, keepdims=True) + LEAST_MEAN)
    casts = [(red - blue) / total, (green - 0.5 * (red + blue)) / total]
    clipped = [average_cells(white, rows, columns), average_cells(black, rows, columns)]
    return np.concatenate([mean, square, *casts, *clipped, deviation, relative], axis=-1).astype(np.float32)


def choose_light(lights: NDArray[np.float32], shown: NDArray[np.int64]) -> NDArray[np.float32]:
    """The light of a patchwork: each cell's comes from the picture that it shows.

    Args:
        lights: (trials + 1, rows, columns, 12), of the pictures that ``patchwork.build_patchwork`` takes.
        shown: from ``patchwork.draw_blocks``.
    """
    rows, columns = np.indices(shown.shape)
    chosen: NDArray[np.float32] = lights[shown, rows, columns]
    return chosen


def judge_plausibility(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Whether a cell can have a fault at all, by how bright it is.

    The readout answers by what is around a cell, too: a dark place beside white was sometimes told as too bright. On
    210 validation photos with one spoilt place the map of its attribute points at it in 92.4 instead of 91.4 of 100.

    Args:
        light: from :func:`compute_light`.

    Returns:
        float32 (rows, columns, faults), in the order of ``trials.FAULTS``: 1 it can, 0 it cannot.
    """
    mean = light[..., :3].mean(axis=-1)
    plausibility = np.ones((*mean.shape, len(FAULTS)), dtype=np.float32)
    names = [fault.name for fault in FAULTS]
    plausibility[..., names.index("bright")] = np.interp(mean, (BRIGHT_NOT_BELOW, BRIGHT_FROM), (0.0, 1.0))
    plausibility[..., names.index("dark")] = np.interp(mean, (DARK_UP_TO, DARK_NOT_ABOVE), (1.0, 0.0))
    return plausibility


def compute_contrasts(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """What each cell has more than the mean of the cells around it, mirrored at the edges; of the same shape."""
    side = 2 * AROUND_CELLS + 1
    padded = np.pad(light, ((AROUND_CELLS, AROUND_CELLS), (AROUND_CELLS, AROUND_CELLS), (0, 0)), mode="reflect")
    sums = np.pad(padded, ((1, 0), (1, 0), (0, 0))).cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    around = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    contrasts: NDArray[np.float32] = (light - around / side**2).astype(np.float32)
    return contrasts
