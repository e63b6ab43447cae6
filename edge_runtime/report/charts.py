"""The geometry of the plots, in the units of a 360 x 220 drawing; the template draws it as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edge_runtime.report.figures import DECISIONS

__all__ = ["MOST_POINTS", "Bar", "Cell", "Frame", "Histogram", "Point", "Scatter", "build_histogram", "build_scatter"]

MOST_POINTS = 600  # more marks would only hide each other, and make the page slow
HISTOGRAM_BINS = 20
COLUMNS, ROWS = 30, 18
SHADES = 5


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the axes stand in a drawing of ``width`` x ``height``; x runs over points, 0-100."""

    width: float = 360.0
    height: float = 220.0
    left: float = 40.0
    right: float = 350.0
    top: float = 10.0
    bottom: float = 180.0

    def x(self, points: float) -> float:
        """The place of 0-100 points on the horizontal axis."""
        return round(self.left + (self.right - self.left) * points / 100.0, 1)

    def y(self, share: float) -> float:
        """The place of a share (0-1) of the vertical axis."""
        return round(self.bottom - (self.bottom - self.top) * share, 1)


@dataclass(frozen=True, slots=True)
class Bar:
    """One decision's part of a bar; ``low`` to ``high`` are points of quality."""

    x: float
    y: float
    width: float
    height: float
    decision: str
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars stacked by decision, and the labels of the vertical axis: (place, photos)."""

    frame: Frame
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, int], ...]
    limits: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One photo: its place, its number, and its values in points."""

    x: float
    y: float
    decision: str
    index: int
    value: float
    quality: float


@dataclass(frozen=True, slots=True)
class Cell:
    """Several photos of nearly equal values; ``shade`` 1 (few) to ``SHADES`` (most)."""

    x: float
    y: float
    width: float
    height: float
    shade: int
    count: int
    value: tuple[float, float]
    quality: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scatter:
    """An attribute (horizontal) against quality (vertical), as ``points`` or, for many photos, as ``cells``."""

    frame: Frame
    points: tuple[Point, ...]
    cells: tuple[Cell, ...]


def build_histogram(
    qualities: NDArray[np.float32], decisions: NDArray[np.uint8], limits: Sequence[float] = ()
) -> Histogram:
    """A histogram of quality in steps of 5 points.

    Args:
        qualities: of each photo, 0-100.
        decisions: of each photo, its number in ``DECISIONS``.
        limits: of the policy, in points, to be drawn as lines.
    """
    frame = Frame()
    edges = np.linspace(0.0, 100.0, HISTOGRAM_BINS + 1)
    counts = np.array(
        [np.histogram(qualities[decisions == index], edges)[0] for index in range(len(DECISIONS))], dtype=np.int64
    )
    highest = max(int(counts.sum(axis=0).max()), 1)
    step = _choose_step(highest)
    top = -(-highest // step) * step
    bars = []
    for number, (low, high) in enumerate(pairwise(edges)):
        below = 0
        # The worst at the bottom: there the eye compares best.
        for index in reversed(range(len(DECISIONS))):
            count = int(counts[index, number])
            if count:
                y, foot = frame.y((below + count) / top), frame.y(below / top)
                x, width = frame.x(low) + 0.5, frame.x(high) - frame.x(low) - 1.0
                bars.append(
                    Bar(x, y, round(width, 1), round(foot - y, 1), DECISIONS[index], float(low), float(high), count)
                )
                below += count
    ticks = tuple((frame.y(value / top), value) for value in range(0, top + 1, step))
    return Histogram(frame, tuple(bars), ticks, tuple(limits))


def build_scatter(values: NDArray[np.float32], qualities: NDArray[np.float32], decisions: NDArray[np.uint8]) -> Scatter:
    """An attribute against quality, each photo a point; from ``MOST_POINTS`` on, photos are counted in cells.

    Args:
        values: the attribute of each photo, 0-100.
        qualities: of each photo, 0-100.
        decisions: of each photo, its number in ``DECISIONS``.
    """
    frame = Frame()
    if len(values) <= MOST_POINTS:
        points = tuple(
            Point(frame.x(value), frame.y(quality / 100.0), DECISIONS[decision], index, value, quality)
            for index, (value, quality, decision) in enumerate(
                zip(values.tolist(), qualities.tolist(), decisions.tolist(), strict=True)
            )
        )
        return Scatter(frame, points, ())
    counts, value_edges, quality_edges = np.histogram2d(
        values, qualities, bins=(COLUMNS, ROWS), range=((0.0, 100.0), (0.0, 100.0))
    )
    shades = np.ceil(SHADES * np.sqrt(counts / counts.max())).astype(int)
    cells = []
    for column, row in zip(*np.nonzero(counts), strict=True):
        value = (float(value_edges[column]), float(value_edges[column + 1]))
        quality = (float(quality_edges[row]), float(quality_edges[row + 1]))
        x, y = frame.x(value[0]), frame.y(quality[1] / 100.0)
        width, height = frame.x(value[1]) - x, frame.y(quality[0] / 100.0) - y
        shade, count = int(shades[column, row]), int(counts[column, row])
        cells.append(Cell(x, y, round(width, 1), round(height, 1), shade, count, value, quality))
    return Scatter(frame, (), tuple(cells))


def _choose_step(highest: int) -> int:
    """A round distance, 1, 2 or 5 times a power of ten, that makes at most five labels."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if highest <= 5 * factor * step:
                return factor * step
        step *= 10
