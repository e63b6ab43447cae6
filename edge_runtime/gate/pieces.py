"""Masks of what stands out from a background: its pieces without dust, their boxes, and what lies around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Pieces", "find_pieces", "label_pieces", "select_outside", "shave"]

GRID_CELLS = 96  # along the longer side: pieces closer together than two cells are one
PIECE_SHARE = 0.1  # pieces from this share of the largest on belong to the product: shirt and trousers, two bottles
SPECK_SHARE = 0.002  # pieces under this share of the largest are dust; those between may be anything
EDGE_MARGIN_SHARE = 0.012  # around the product, where blur and JPEG's 8x8 blocks mix it with the background
SHAVED_SHARE = 0.015  # of the longer side: what is thinner is a seam of the background, or the product's own cord


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels; ``right`` and ``bottom`` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Pieces:
    """A mask, bool (height, width), without single pixels and dust; the box of its large pieces, and of all."""

    mask: NDArray[np.bool_]
    main: Box | None
    whole: Box | None


def find_pieces(mask: NDArray[np.bool_]) -> Pieces:
    """Takes a mask, bool (height, width), apart into connected pieces and leaves out dust."""
    cleaned = _remove_specks(mask)
    height, width = mask.shape
    cell = max(1, -(-max(mask.shape) // GRID_CELLS))
    rows, columns = -(-height // cell), -(-width // cell)
    padded = np.zeros((rows * cell, columns * cell), bool)
    padded[:height, :width] = cleaned
    # Along one side and then along the other, or to count takes seven times as long.
    counts = padded.reshape(rows, cell, -1).sum(axis=1, dtype=np.uint16).reshape(rows, columns, cell).sum(axis=2)
    labels = label_pieces(counts > 0)
    if not labels.max(initial=0):
        return Pieces(cleaned, None, None)
    sizes = np.bincount(labels.ravel(), weights=counts.ravel())
    sizes[0] = 0
    boxes = []
    for least in (PIECE_SHARE, SPECK_SHARE):
        is_kept = sizes >= least * sizes.max()
        is_kept[0] = False
        cells = is_kept[labels].repeat(cell, axis=1).repeat(cell, axis=0)[:height, :width]
        kept = cleaned & cells
        boxes.append(_bounding_box(kept))
    return Pieces(kept, boxes[0], boxes[1])


def label_pieces(grid: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Numbers the connected pieces (8 neighbours) of a small grid from 1 on; 0 is what belongs to none.

    Runs of each row are joined to those they touch in the row above, with a table of which number means which.
    """
    labels = np.zeros(grid.shape, np.int32)
    parents = [0]

    def find(label: int) -> int:
        while parents[label] != label:
            label = parents[label]
        return label

    above: list[tuple[int, int, int]] = []
    for index, row in enumerate(grid):
        edges = np.flatnonzero(np.diff(row, prepend=False, append=False)).tolist()
        runs = []
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            touched = {find(label) for left, right, label in above if left <= stop and start <= right}
            label = min(touched, default=len(parents))
            if not touched:
                parents.append(label)
            for other in touched:
                parents[other] = label
            runs.append((start, stop, label))
            labels[index, start:stop] = label
        above = runs
    roots = [find(label) for label in range(len(parents))]
    numbers = {root: number for number, root in enumerate(dict.fromkeys(roots))}
    return np.array([numbers[root] for root in roots], np.int32)[labels]


def shave(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask without what is thinner than 1.5 % of the picture: seams between tiles, thin shadows, but cords, too."""
    radius = max(1, round(SHAVED_SHARE * max(mask.shape) / 2))
    # Opening: a pixel stays if some square of the mask holds it.
    return _widen(~_widen(~mask, radius), radius)


def select_outside(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels well outside the mask: not within a hole of it, and not beside its edge."""
    margin = max(4, round(EDGE_MARGIN_SHARE * max(mask.shape)))
    return ~_widen(_fill_hull(mask), margin)


def _widen(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Whether anything of the mask lies in the square of ``2 * radius + 1`` pixels around: a dilation.

    Along each side windows of twice the length are made of two of the last, so that a few passes do.
    """
    wanted = 2 * radius + 1
    wider = _join_windows(np.pad(mask, radius), wanted)
    return _join_windows(wider.T, wanted).T


def _join_windows(found: NDArray[np.bool_], wanted: int) -> NDArray[np.bool_]:
    """Whether anything lies in the ``wanted`` rows from each on; it ends where they would reach beyond the last row."""
    length = 1
    while 2 * length <= wanted:
        found = found[:-length] | found[length:]
        length *= 2
    rest = wanted - length
    return found[:-rest] | found[rest:] if rest else found


def _remove_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keeps what at least 5 of the 3 x 3 pixels around agree on, as a median filter does; the rim is repeated."""
    padded = np.pad(mask, 1, mode="edge").view(np.uint8)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    is_kept: NDArray[np.bool_] = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) >= 5
    return is_kept


def _bounding_box(mask: NDArray[np.bool_]) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _fill_hull(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies between parts of the mask in its row and in its column as well."""
    return _fill(mask, 0) & _fill(mask, 1)


def _fill(mask: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """From the first to the last along ``axis``.

    By products and their largest, in 16 bits: to look for the last one backwards takes longer, down columns far longer.
    """
    size = mask.shape[axis]
    places: NDArray[Any] = np.arange(size, dtype=np.int16 if size <= np.iinfo(np.int16).max else np.int64)
    if axis == 0:
        places = places[:, np.newaxis]
    last = (mask * places).max(axis=axis, keepdims=True)
    first = size - (mask * (size - places)).max(axis=axis, keepdims=True)  # beyond all places where there is nothing
    filled: NDArray[np.bool_] = places >= first
    filled &= places <= last
    return filled
