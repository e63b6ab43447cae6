"""Patchworks: the photo with faults in known places, from which is learnt how a spoilt place looks to the model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_runtime.explain.trials import FAULTS, TRIALS

__all__ = ["CLEAN", "build_patchwork", "draw_blocks", "label_cells"]

CLEAN = -1
BLOCK_CELLS = 4  # a fifth of the side of 20 cells: about as large as what is looked for
CLEAN_SHARE = 0.4  # of the blocks stay as they are, so that a spoilt place is seen beside sound ones


def draw_blocks(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Which trial each cell shows, or :data:`CLEAN`: int (rows, columns), in blocks at a random offset."""
    height, width = rows // BLOCK_CELLS + 2, columns // BLOCK_CELLS + 2
    clean = round(CLEAN_SHARE * height * width)
    shown = np.resize(rng.permutation(len(TRIALS)), height * width - clean)
    blocks = rng.permutation(np.concatenate([np.full(clean, CLEAN), shown])).reshape(height, width)
    top, left = rng.integers(0, BLOCK_CELLS, 2)
    cells = blocks.repeat(BLOCK_CELLS, axis=0).repeat(BLOCK_CELLS, axis=1)
    return cells[top : top + rows, left : left + columns]


def build_patchwork(pictures: NDArray[np.uint8], shown: NDArray[np.int64]) -> NDArray[np.uint8]:
    """A view each of whose cells is taken from the picture that ``shown`` names.

    Args:
        pictures: uint8 (trials + 1, height, width, 3): the view with each of :data:`TRIALS`, and last, where
            :data:`CLEAN` points, the view itself; height and width are multiples of the numbers of cells.
        shown: from :func:`draw_blocks`.

    Returns:
        uint8 (height, width, 3).
    """
    rows, columns = shown.shape
    count, height, width, channels = pictures.shape
    cells = pictures.reshape(count, rows, height // rows, columns, width // columns, channels)
    row, column = np.indices(shown.shape)
    chosen = cells[shown, row, :, column]  # (rows, columns, height of a cell, its width, channels)
    return np.ascontiguousarray(chosen.transpose(0, 2, 1, 3, 4).reshape(height, width, channels))


def label_cells(shown: NDArray[np.int64], is_changed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How spoilt each cell is by each fault: float32 (rows, columns, faults), 0-1.

    Args:
        shown: from :func:`draw_blocks`.
        is_changed: from ``find_changed_cells``; a cell that the trial leaves as it is counts as sound.
    """
    labels = np.zeros((*shown.shape, len(FAULTS)), dtype=np.float32)
    for index, trial in enumerate(TRIALS):
        labels[(shown == index) & is_changed[index], trial.fault] = trial.strength
    return labels
