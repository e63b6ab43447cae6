"""Whether one photo scores alike at other sizes and in other encodings, of photos that nobody need have rated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.accuracy_report.invariance import KINDS, measure_invariance
from benchmarks.accuracy_report.photos import ScoredPhoto
from benchmarks.messages import Say, say_aloud
from benchmarks.options import check_counts
from benchmarks.photo_report import PhotoOptions, report_photos
from benchmarks.tables import format_identities, format_table
from edge_runtime import PhotoScorer
from edge_runtime.errors import UsageError

__all__ = ["InvarianceOptions", "format_invariance", "run_invariance"]

OUTPUT_NAME = "invariance.json"


@dataclass(frozen=True)
class InvarianceOptions(PhotoOptions):
    """What to measure.

    Attributes:
        limit: this many photos at most, those of a megapixel or more first.
    """

    limit: int = 120


def run_invariance(options: InvarianceOptions, say: Say = say_aloud) -> dict[str, Any]:
    """Measures, writes ``invariance.json`` and returns what stands in it.

    Raises:
        UsageError: as :func:`benchmarks.photo_report.report_photos`, or the part has no photo that can be decoded.
        ManifestError: a manifest is faulty.
        ModelError: a model cannot be used.
    """
    check_counts(options, "limit")

    def measure(scored: Sequence[ScoredPhoto], scorers: Mapping[str, PhotoScorer]) -> dict[str, Any]:
        if not scored:
            names = ", ".join(str(path) for path in options.data)
            raise UsageError(f"{names}: part {options.part!r} has no photo that can be decoded")
        return {"invariance": measure_invariance(scored, scorers, options.limit)}

    return report_photos(options, OUTPUT_NAME, measure, say=say)


def format_invariance(report: dict[str, Any]) -> str:
    """The result as Markdown."""
    found = report["invariance"]
    lines = [f"{found['photos']} photos, {found['large_photos']} of a megapixel or more; points of quality.", ""]
    headers = ("photos", "p50", "p90", "max", f"within {found['goal_points']:g}")
    for key, tables in found["models"].items():
        rows = [
            (title if name == kind else f"{title} {name}", *_describe(values))
            for kind, title in KINDS.items()
            for name, values in tables[kind].items()
        ]
        lines += [*format_table((key, *headers), rows), ""]
    return "\n".join([*lines, f"Measured {report['created']}:", *format_identities(report["models"])])


def _describe(values: dict[str, Any]) -> tuple[str, ...]:
    points = (f"{values[f'{part}_points']:.1f}" for part in ("p50", "p90", "max"))
    return str(values["photos"]), *points, f"{values['within_goal_share']:.1%}"
