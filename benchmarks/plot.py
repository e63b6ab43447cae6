"""Accuracy against what it costs, time or size, as a PNG: up and to the left is better."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.transforms import Bbox

__all__ = ["LATENCY_LABEL", "SIZE_LABEL", "Panel", "PlotPoint", "save_accuracy_latency_plot", "save_panels"]

LATENCY_LABEL = "median latency at one thread, ms (log scale)"
SIZE_LABEL = "size of the file, MB (log scale)"

KIND_COLORS = {
    "teacher": "#7b3294",
    "photogate": "#0571b0",
    "nima": "#ca7a02",
    "classic": "#666666",
    "measure": "#4d7a27",
    "baseline": "#b2432f",
}
KIND_LABELS = {
    "teacher": "teacher",
    "photogate": "photogate",
    "nima": "NIMA",
    "classic": "untrained: latency only",
    "measure": "classical measure",
    "baseline": "boosted baseline",
}
# Tried in this order: directions around the point, then further and further away. In points (1/72 inch).
DIRECTIONS = ((1, 0), (1, 1), (1, -1), (0, 1), (0, -1), (-1, 1), (-1, -1), (-1, 0))
DISTANCES = (7, 14, 24, 36, 50, 66, 84)
LEADER_FROM = 14  # from this distance on a thin line ties the label to its point
LEADER_PIECES = 12

Pixel = tuple[float, float]


@dataclass(frozen=True)
class PlotPoint:
    """One model.

    Attributes:
        label: written beside the point.
        kind: decides the colour; a key of :data:`KIND_COLORS`.
        cost: median latency at one thread in ms, or another cost that the panel's label names; above 0.
        srcc: None for a model without accuracy: a vertical line then shows its cost.
        srcc_interval: (low, high), drawn as a bar.
    """

    label: str
    kind: str
    cost: float
    srcc: float | None = None
    srcc_interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        points: at least one.
        title: above the axes.
        cost_label: below them.
        front: points with accuracy that are joined by steps, in any order.
    """

    points: Sequence[PlotPoint]
    title: str
    cost_label: str = LATENCY_LABEL
    front: Sequence[PlotPoint] = ()


def save_accuracy_latency_plot(points: Sequence[PlotPoint], title: str, path: Path) -> list[Bbox]:
    """:func:`save_panels` of one panel; returns where its labels stand."""
    (boxes,) = save_panels([Panel(points, title)], path)
    return boxes


def save_panels(panels: Sequence[Panel], path: Path) -> list[list[Bbox]]:
    """Draws the panels below each other and saves them.

    Args:
        panels: at least one.
        path: the PNG file.

    Returns:
        For each panel where the labels stand, in pixels, in the order of its points; they overlap neither each other
        nor a point.

    Raises:
        UsageError: matplotlib is not installed, or a panel has no points.
    """
    if not panels or not all(panel.points for panel in panels):
        raise UsageError("nothing to plot: no row has a latency")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError("the plot needs matplotlib: pip install '.[bench]'") from error
    figure = Figure(figsize=(9.0, 5.6 * len(panels)), dpi=120, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    named: set[str] = set()
    all_axes = [figure.add_subplot(len(panels), 1, number + 1) for number in range(len(panels))]
    for axes, panel in zip(all_axes, panels, strict=True):
        _draw_panel(axes, panel, named)
    # Outside the axes, where no point or label can be under it.
    figure.legend(loc="outside lower center", ncols=len(named), frameon=False)
    canvas.draw()  # fixes the layout: only then do data coordinates have pixels
    figure.set_layout_engine("none")
    boxes = [_place_labels(axes, panel, canvas) for axes, panel in zip(all_axes, panels, strict=True)]
    figure.savefig(path, format="png", metadata={"Software": "photogate benchmarks"})
    return boxes


def _draw_panel(axes: Any, panel: Panel, named: set[str]) -> None:
    """``named``: kinds that stand in the legend already."""
    from matplotlib.ticker import LogFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(LogFormatter())  # plain numbers, too, where less than a decade or two is shown
    axes.set_xlabel(panel.cost_label)
    axes.set_ylabel("SRCC with people's ratings (bar: 95 % interval)")
    axes.set_title(panel.title)
    axes.grid(True, which="both", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    _set_limits(axes, panel.points)
    for point in panel.points:
        _draw_point(axes, point, KIND_LABELS[point.kind] if point.kind not in named else None)
        named.add(point.kind)
    if panel.front:
        costs, heights = zip(*_sort_front(panel), strict=True)
        axes.step(costs, heights, where="post", color="#222222", linewidth=1.0, alpha=0.5, zorder=1)


def _sort_front(panel: Panel) -> list[tuple[float, float]]:
    return sorted((point.cost, point.srcc) for point in panel.front if point.srcc is not None)


def _draw_point(axes: Any, point: PlotPoint, legend: str | None) -> None:
    color = KIND_COLORS[point.kind]
    if point.srcc is None:
        axes.axvline(point.cost, color=color, linestyle="--", linewidth=1.0, label=legend)
        return
    axes.plot([point.cost], [point.srcc], "o", color=color, markersize=8, zorder=3, label=legend)
    if point.srcc_interval is not None:
        axes.plot([point.cost] * 2, point.srcc_interval, "-", color=color, linewidth=1.5, alpha=0.6, zorder=2)


def _set_limits(axes: Any, points: Sequence[PlotPoint]) -> None:
    fastest, slowest = min(point.cost for point in points), max(point.cost for point in points)
    axes.set_xlim(fastest / 4.0, slowest * 4.0)  # room for labels on both sides
    heights = list(
        itertools.chain.from_iterable(
            (point.srcc, *(point.srcc_interval or ())) for point in points if point.srcc is not None
        )
    )
    low, high = (min(heights), max(heights)) if heights else (0.0, 1.0)
    margin = max(0.15 * (high - low), 0.02)
    axes.set_ylim(low - margin, high + margin)


def _place_labels(axes: Any, panel: Panel, canvas: Any) -> list[Bbox]:
    """Writes every label at the first place where it covers no marker, interval bar, front or other label."""
    from matplotlib.transforms import Bbox

    points, renderer = panel.points, canvas.get_renderer()
    anchors = [_find_anchor(axes, point) for point in points]
    marker_px = 6.0 * axes.figure.dpi / 72
    obstacles = [
        Bbox.from_extents(x - marker_px, y - marker_px, x + marker_px, y + marker_px)
        for (x, y), point in zip(anchors, points, strict=True)
        if point.srcc is not None
    ]
    for point in points:
        if point.srcc is not None and point.srcc_interval is not None:
            (x, low), (_, high) = (axes.transData.transform((point.cost, height)) for height in point.srcc_interval)
            obstacles.append(Bbox.from_extents(x - 2, low, x + 2, high))
        elif point.srcc is None:
            x, _ = axes.transData.transform((point.cost, 0.0))
            obstacles.append(Bbox.from_extents(x - 1, axes.bbox.y0, x + 1, axes.bbox.y1))
    for (start, height), (stop, next_height) in itertools.pairwise(_sort_front(panel)):
        (x0, y0), (x1, y1) = axes.transData.transform([(start, height), (stop, next_height)])
        obstacles += [Bbox.from_extents(x0, y0 - 1, x1, y0 + 1), Bbox.from_extents(x1 - 1, y0, x1 + 1, y1)]
    boxes: list[Bbox] = []
    for anchor, point in zip(anchors, points, strict=True):
        box, leader = _place_label(axes, point, anchor, obstacles, boxes, renderer)
        boxes.append(box)
        obstacles += [box, *leader]
    return boxes


def _place_label(
    axes: Any, point: PlotPoint, anchor: Pixel, obstacles: Sequence[Bbox], labels: Sequence[Bbox], renderer: Any
) -> tuple[Bbox, list[Bbox]]:
    """One label, and the pieces of its leader line; where every place is taken, the one that covers least."""
    text = axes.figure.text(0, 0, point.label, transform=None, fontsize=9, color=KIND_COLORS[point.kind], zorder=4)
    scale_px = axes.figure.dpi / 72
    best: tuple[float, Pixel, str, str, list[Bbox]] | None = None
    for distance, (right, up) in itertools.product(DISTANCES, DIRECTIONS):
        place = (anchor[0] + right * distance * scale_px, anchor[1] + up * distance * scale_px)
        horizontal, vertical = ("right", "center", "left")[right + 1], ("top", "center", "bottom")[up + 1]
        text.set(position=place, ha=horizontal, va=vertical)
        box = text.get_window_extent(renderer).padded(2)
        leader = _trace_leader(anchor, box) if distance >= LEADER_FROM and point.srcc is not None else []
        covered = sum(_compute_overlap_px2(box, obstacle) for obstacle in obstacles)
        covered += 10 * sum(_compute_overlap_px2(piece, label) for piece in leader for label in labels)
        is_inside = axes.bbox.x0 < box.x0 and box.x1 < axes.bbox.x1 and axes.bbox.y0 < box.y0 and box.y1 < axes.bbox.y1
        covered += 0.0 if is_inside else 1e6
        if best is None or covered < best[0]:
            best = (covered, place, horizontal, vertical, leader)
        if covered == 0:
            break
    assert best is not None  # DISTANCES and DIRECTIONS are not empty
    _, place, horizontal, vertical, leader = best
    text.set(position=place, ha=horizontal, va=vertical)
    if leader:
        ends = [(piece.x0 + piece.x1) / 2 for piece in (leader[0], leader[-1])]
        heights = [(piece.y0 + piece.y1) / 2 for piece in (leader[0], leader[-1])]
        axes.figure.add_artist(_build_line(ends, heights))
    return text.get_window_extent(renderer), leader


def _trace_leader(anchor: Pixel, box: Bbox) -> list[Bbox]:
    """The line from a point to the nearest edge of its label as a chain of small boxes."""
    from matplotlib.transforms import Bbox

    end = (min(max(anchor[0], box.x0), box.x1), min(max(anchor[1], box.y0), box.y1))
    pieces = []
    for step in range(LEADER_PIECES + 1):
        share = step / LEADER_PIECES
        x, y = (start + share * (stop - start) for start, stop in zip(anchor, end, strict=True))
        pieces.append(Bbox.from_extents(x - 1, y - 1, x + 1, y + 1))
    return pieces


def _build_line(x_px: Sequence[float], y_px: Sequence[float]) -> Any:
    from matplotlib.lines import Line2D
    from matplotlib.transforms import IdentityTransform

    return Line2D(x_px, y_px, transform=IdentityTransform(), color="#999999", linewidth=0.7, zorder=1)


def _find_anchor(axes: Any, point: PlotPoint) -> Pixel:
    """The point in figure pixels; a model without accuracy is named at the foot of its line."""
    x, y = axes.transData.transform((point.cost, point.srcc if point.srcc is not None else 0.0))
    return (float(x), float(y) if point.srcc is not None else axes.bbox.y0 + 0.08 * axes.bbox.height)


def _compute_overlap_px2(a: Bbox, b: Bbox) -> float:
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return width * height if width > 0 and height > 0 else 0.0
