"""Masks of what stands out from a background: its pieces without dust, their boxes, and what lies around them."""

from __future__ import annotations

from dataclasses import dataclass

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
    cell = max(1, -(-max(mask.shape) // GRID_CELLS))
    rows, columns = (-(-side // cell) for side in mask.shape)
    padded = np.zeros((rows * cell, columns * cell), bool)
    padded[: mask.shape[0], : mask.shape[1]] = cleaned
    counts = padded.reshape(rows, cell, columns, cell).sum(axis=(1, 3))
    labels = label_pieces(counts > 0)
    if not labels.max(initial=0):
        return Pieces(cleaned, None, None)
    sizes = np.bincount(labels.ravel(), weights=counts.ravel())
    sizes[0] = 0
    boxes = []
    for least in (PIECE_SHARE, SPECK_SHARE):
        is_kept = sizes >= least * sizes.max()
        is_kept[0] = False
        cells = is_kept[labels].repeat(cell, axis=0).repeat(cell, axis=1)[: mask.shape[0], : mask.shape[1]]
        boxes.append(_bounding_box(cleaned & cells))
    return Pieces(cleaned & cells, boxes[0], boxes[1])


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
    for _ in range(2):
        found = np.ascontiguousarray(np.pad(mask, ((radius, radius), (0, 0))))
        length = 1
        while 2 * length <= wanted:
            found = found[:-length] | found[length:]
            length *= 2
        if rest := wanted - length:
            found = found[:-rest] | found[rest:]
        mask = found.T  # the other side's turn, and back
    return mask


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
    return _fill_rows(mask) & _fill_rows(np.ascontiguousarray(mask.T)).T


def _fill_rows(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """From the first to the last of each row; ``mask`` is contiguous, or to find them takes five times as long."""
    width = mask.shape[1]
    is_empty = ~mask.any(axis=1)
    first, last = mask.argmax(axis=1), width - 1 - mask[:, ::-1].argmax(axis=1)
    first[is_empty] = width
    columns = np.arange(width, dtype=np.int32)
    filled: NDArray[np.bool_] = columns >= first.astype(np.int32)[:, np.newaxis]
    filled &= columns <= last.astype(np.int32)[:, np.newaxis]
    return filled
