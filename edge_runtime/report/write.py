"""From photos to a page: judge one, keep its numbers, write the rest down, forget it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import InputError, UsageError
from edge_runtime.gate.gate import Gate
from edge_runtime.gate.policy import Policy
from edge_runtime.output_file import OutputFile
from edge_runtime.report.collection import Collection
from edge_runtime.report.page import Page
from edge_runtime.report.thumbnail import encode_jpeg, load_small, make_thumbnail
from edge_runtime.result import ScoreFailure
from edge_runtime.scorer import attempt

if TYPE_CHECKING:
    from edge_runtime.explain import Explainer

__all__ = ["MOST_THUMBNAILS", "ReportSummary", "write_report"]

MOST_THUMBNAILS = 2000  # 6 to 8 MB of the page
HEAT_MAP_SIDE_PX = 320
HEAT_MAP_QUALITY = 70


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """What a report holds.

    Attributes:
        path: the page.
        size_bytes: of the page.
        accepted, review, rejected, failed: photos by what came of them.
        median_quality: of those that were judged, 0-100; None if none was.
        thumbnails, heat_maps: photos that have one.
    """

    path: Path
    size_bytes: int
    accepted: int
    review: int
    rejected: int
    failed: int
    median_quality: float | None
    thumbnails: int
    heat_maps: int


def write_report(
    photos: Iterable[str | os.PathLike[str] | ScoreFailure],
    gate: Gate,
    out: str | os.PathLike[str],
    *,
    title: str | None = None,
    max_thumbnails: int = MOST_THUMBNAILS,
    heat_maps: int = 0,
    explainer: Explainer | None = None,
    force: bool = False,
    on_record: Callable[[dict[str, Any]], None] | None = None,
) -> ReportSummary:
    """Judges photos and writes one HTML page about them, which needs no other file and no network.

    Memory does not grow with the photos but for some 100 bytes each: whatever is longer waits in temporary files in the
    folder of ``out``. The page appears when it is whole; after an exception or Ctrl-C there is none, and an older one
    is as it was.

    Args:
        photos: paths, taken one by one; a ScoreFailure among them is listed with the photos that could not be judged.
        gate: judges; its language is the page's.
        out: the HTML file.
        title: the page's heading; None: the usual one.
        max_thumbnails: photos that get a thumbnail: rejected before reviewed before accepted ones, then by quality.
        heat_maps: photos that get a heat map, in the same order.
        explainer: draws the heat maps, of the same model; it stays its owner's to close.
        force: replace a file that is there.
        on_record: called with each photo's record, as ``GateResult.to_dict`` or ``ScoreFailure.to_dict``, in order.

    Raises:
        UsageError: jinja2 is missing, ``out`` exists or cannot be written, the disk is full, a negative number, heat
            maps without an explainer, or the gate's scorer is closed.
    """
    for count, things in ((max_thumbnails, "thumbnails"), (heat_maps, "heat maps")):
        if count < 0:
            raise UsageError(f"{count} {things} are not possible; pass 0 or more")
    if heat_maps and explainer is None:
        raise UsageError("heat maps were asked for, but nobody who draws them was given; pass an explainer")
    page = Page(gate)
    output = OutputFile(out, force=force)
    with output, Collection(output.path, max_thumbnails, heat_maps) as collection:
        for photo in photos:
            outcome = photo if isinstance(photo, ScoreFailure) else attempt(gate.judge_and_decode, os.fspath(photo))
            record = outcome.to_dict() if isinstance(outcome, ScoreFailure) else outcome[0].to_dict()
            if on_record is not None:
                on_record(record)
            if isinstance(outcome, ScoreFailure):
                collection.add_failure(record)
            else:
                wants_one = collection.wants_thumbnail(record)
                collection.add(record, make_thumbnail(outcome[1]) if wants_one else None)
        if explainer is not None:
            _draw_heat_maps(collection, explainer, gate.policy)
        page.write(output, collection, title)
        thumbnails = collection.count_thumbnails()
    figures = collection.figures
    counts = figures.count_decisions()
    return ReportSummary(
        output.path,
        output.size_bytes,
        counts["accept"],
        counts["review"],
        counts["reject"],
        figures.failed,
        figures.median_quality(),
        thumbnails,
        collection.heat_maps,
    )


def _draw_heat_maps(collection: Collection, explainer: Explainer, policy: Policy) -> None:
    for index, path in collection.worst:
        try:
            explanation = explainer.explain(path, policy=policy)
            picture = explanation.render(load_small(path, HEAT_MAP_SIDE_PX), has_legend=False)
        except InputError:  # it was there when it was judged; a page without its heat map is better than none
            continue
        jpeg = encode_jpeg(picture, HEAT_MAP_QUALITY)
        points = explanation.box_points if explanation.stands_out else None
        collection.add_heat_map(index, jpeg, explanation.attribute, points, is_complete=explanation.is_complete)
