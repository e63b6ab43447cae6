"""Pieces of a mask, held against a slow and obvious way to find them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edge_runtime.gate.backdrop import measure_backdrop, shrink_for_analysis
from edge_runtime.gate.pieces import Box, find_pieces, label_pieces, select_outside, shave
from edge_runtime.gate.rim import read_rim


def flood(grid: np.ndarray) -> np.ndarray:
    """Connected pieces by flooding from each cell, 8 neighbours."""
    labels = np.zeros(grid.shape, int)
    for start in zip(*np.nonzero(grid), strict=True):
        if labels[start]:
            continue
        waiting, number = [start], labels.max() + 1
        while waiting:
            row, column = waiting.pop()
            is_inside = 0 <= row < grid.shape[0] and 0 <= column < grid.shape[1]
            if is_inside and grid[row, column] and not labels[row, column]:
                labels[row, column] = number
                waiting += [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return labels


@pytest.mark.parametrize("density", [0.0, 0.1, 0.3, 0.45, 0.6, 1.0])
def test_label_pieces(density: float) -> None:
    for seed in range(8):
        grid = np.random.default_rng(seed).random((23, 31)) < density
        found, wanted = label_pieces(grid), flood(grid)
        assert ((found > 0) == grid).all()
        # The same pieces, whatever their numbers: each number of one means exactly one number of the other.
        pairs = set(zip(found.ravel().tolist(), wanted.ravel().tolist(), strict=True))
        assert len(pairs) == len(set(found.ravel().tolist())) == len(set(wanted.ravel().tolist()))


def test_find_pieces() -> None:
    mask = np.zeros((300, 400), bool)
    mask[50:150, 40:140] = True  # the product
    mask[200:280, 300:380] = True  # its second part
    mask[20:30, 300:312] = True  # a small thing
    mask[290, 390] = True  # one pixel
    pieces = find_pieces(mask)
    assert pieces.main == Box(40, 50, 380, 280)
    assert pieces.whole == Box(40, 20, 380, 280)
    assert not pieces.mask[290, 390]
    empty = find_pieces(np.zeros((300, 400), bool))
    assert empty.main is None and empty.whole is None and not empty.mask.any()


def hull(mask: np.ndarray) -> np.ndarray:
    """What lies between parts of the mask in its row and in its column, row by row."""
    filled = [np.zeros_like(mask), np.zeros_like(mask.T)]
    for lines, out in zip((mask, mask.T), filled, strict=True):
        for line, target in zip(lines, out, strict=True):
            places = np.flatnonzero(line)
            if len(places):
                target[places[0] : places[-1] + 1] = True
    return filled[0] & filled[1].T


@pytest.mark.parametrize("size", [(90, 131), (131, 90), (1, 300), (300, 1), (2, 33_000), (33_000, 2)])
@pytest.mark.parametrize("density", [0.0, 0.0005, 0.01, 1.0])
def test_outside_is_what_no_square_around_the_hull_reaches(size: tuple[int, int], density: float) -> None:
    mask = np.random.default_rng(0).random(size) < density
    margin = max(4, round(0.012 * max(size)))
    near = np.zeros(size, bool)
    for row, column in zip(*np.nonzero(hull(mask)), strict=True):
        near[max(0, row - margin) : row + margin + 1, max(0, column - margin) : column + margin + 1] = True
    assert (select_outside(mask) == ~near).all()


@pytest.mark.parametrize("size", [(97, 300), (300, 97), (301, 193)])
def test_pieces_are_as_large_as_their_pixels(size: tuple[int, int]) -> None:
    mask = np.zeros(size, bool)
    mask[10:60, 10:60] = True
    mask[size[0] - 15 :, size[1] - 16 :] = True  # just under a tenth of the large one, and in the last, cut cells
    assert find_pieces(mask).main == Box(10, 10, 60, 60)
    mask[size[0] - 16 :, size[1] - 16 :] = True  # just over it
    assert find_pieces(mask).main == Box(10, 10, size[1], size[0])


def test_shave_drops_thin_things_and_keeps_thick_ones() -> None:
    mask = np.zeros((400, 400), bool)
    mask[100:300, 120:280] = True
    mask[200:203, :] = True  # a seam of the wall behind
    assert find_pieces(mask).main == Box(0, 100, 400, 300)
    assert find_pieces(shave(mask)).main == Box(120, 100, 280, 300)


def test_outside_leaves_out_holes_and_a_margin() -> None:
    mask = np.zeros((200, 200), bool)
    mask[50:150, 50:150] = True
    mask[80:120, 80:120] = False
    outside = select_outside(mask)
    assert not outside[48:152, 48:152].any()
    assert outside[:40].all() and outside[:, 160:].all()


def test_rim_of_one_colour_and_of_a_slow_shade() -> None:
    flat = np.full((200, 300, 3), (250, 251, 252), np.uint8)
    rim = read_rim(flat)
    assert (rim.color, rim.is_plain, rim.surface, rim.noise) == ((250, 251, 252), True, None, 0.0)
    assert not rim.distance(flat).any()
    y, x = np.mgrid[-1:1:200j, -1:1:300j]
    shade = (200 + 30 * x - 20 * y - 15 * x * x)[..., np.newaxis].repeat(3, 2).round().astype(np.uint8)
    shade[60:120, 100:200] = 20
    rim = read_rim(shade)
    assert rim.is_plain and rim.surface is not None
    distance = rim.distance(shade)
    assert distance[60:120, 100:200].min() > 100
    distance[60:120, 100:200] = 0
    assert distance.max() <= 1


def test_noise_of_the_background_is_no_product() -> None:
    generator = np.random.default_rng(0)
    picture = np.full((400, 400, 3), 180.0) + generator.normal(0, 4, (400, 400, 3))
    picture[100:300, 150:250] = 60
    backdrop = measure_backdrop(picture.round().clip(0, 255).astype(np.uint8))
    assert backdrop.fill is not None and backdrop.offset is not None and backdrop.area is not None
    assert (backdrop.fill.low, backdrop.fill.high) == (50.0, 50.0)
    assert backdrop.area.best == pytest.approx(12.5)
    assert backdrop.offset.high == 0


def test_shrink_for_analysis() -> None:
    assert shrink_for_analysis(Image.new("RGB", (1024, 700))).size == (1024, 700)
    assert shrink_for_analysis(Image.new("RGB", (1025, 700))).size == (513, 350)
    assert shrink_for_analysis(Image.new("RGB", (10000, 16))).size == (1000, 2)
    assert shrink_for_analysis(Image.new("RGB", (501, 376)), (0, 0, 500.4, 375.3)).size == (500, 375)


@pytest.mark.parametrize("size", [(16, 16), (16, 10000), (3000, 16), (17, 40)])
def test_odd_sizes_are_measured_all_the_same(size: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    for picture in (
        np.full((size[1], size[0], 3), 255, np.uint8),
        generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8),
    ):
        backdrop = measure_backdrop(np.asarray(shrink_for_analysis(Image.fromarray(picture))))
        assert 0 <= backdrop.rim_level <= 255
