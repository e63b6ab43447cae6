"""The table, the ratios and the end-to-end times as Markdown for people and JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.accuracy import Accuracy
from benchmarks.budgets.limits import Limit, Reading, State
from benchmarks.comparison import compare_rounds
from benchmarks.end_to_end import EndToEnd
from benchmarks.latency import LatencySummary, compute_ratio
from benchmarks.rows import Row
from benchmarks.tables import ABSENT, format_identities

__all__ = ["Ratio", "Results", "compute_ratios", "format_markdown", "to_json_document", "write_results"]

HEADER = (
    "model",
    "SRCC all [95 %]",
    "PLCC all",
    "SRCC ss01 [95 %]",
    "PLCC ss01",
    "1 thread p50 / p95 ms",
    "2 threads p50 / p95 ms",
    "load ms",
    "peak memory MB",
    "file MB",
    "notes",
)
MB = 1e6


@dataclass(frozen=True)
class Ratio:
    """A figure that the project has set itself a limit for.

    Attributes:
        name: what is divided by what.
        value: the ratio, over rounds where both were measured in the same ones, else of two medians of this run.
        at_most, at_least: the limit; one of them, or none.
        low, high: interval of ``value``; None where it is not known.
        is_noisy: one of the two spread so far that its median is not to be trusted.
    """

    name: str
    value: float
    at_most: float | None = None
    at_least: float | None = None
    low: float | None = None
    high: float | None = None
    is_noisy: bool = False

    @property
    def verdict(self) -> State | None:
        """Whether the limit is kept by the whole interval, broken by the whole, or neither; None without a limit."""
        if self.at_most is None and self.at_least is None:
            return None
        if self.is_noisy:
            return "too noisy to tell"
        least = -math.inf if self.at_least is None else self.at_least
        most = math.inf if self.at_most is None else self.at_most
        return Limit(self.name, least, most).judge(Reading(self.value, self.low, self.high))

    @property
    def is_met(self) -> bool | None:
        """The verdict as a flag; None without a limit, and where it is too noisy to tell."""
        return {"met": True, "MISSED": False}.get(self.verdict or "")

    def __str__(self) -> str:
        interval = "" if self.low is None or self.high is None else f" [{self.low:.2f}, {self.high:.2f}]"
        found = f"{self.name}: {self.value:.2f}{interval}"
        if self.verdict is None:
            return found
        limit = f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"
        return f"{found} ({limit}: {self.verdict})"


@dataclass
class Results:
    """Everything one run found out.

    Attributes:
        options: what was asked for, resolved.
        environment: see benchmarks.environment.
        data: the photos: manifests with digests, part, seed, counts.
        rows: the table.
        end_to_end: None where the int8 model is absent; ``end_to_end_note`` then says why.
        files: what was written beside the table.
    """

    options: dict[str, Any]
    environment: dict[str, Any]
    data: dict[str, Any]
    rows: list[Row]
    end_to_end: EndToEnd | None = None
    end_to_end_note: str = ""
    notes: list[str] = field(default_factory=list)


def compute_ratios(rows: Sequence[Row], end_to_end: EndToEnd | None) -> list[Ratio]:
    """The ratios that can be formed from what was measured, with their goals."""
    measured = {row.key: row for row in rows if 1 in row.latency}
    ratios = []
    if "int8" in measured:
        int8 = measured["int8"]
        if "float" in measured:
            name = "int8 / float student, median latency at 1 thread"
            ratios.append(_compare_rows(name, int8, measured["float"], at_most=0.65))
        if "teacher" in measured:
            name = "teacher / int8 student, median latency at 1 thread"
            ratios.append(_compare_rows(name, measured["teacher"], int8, at_least=60.0))
        if "vgg16" in measured:
            name = "VGG16 / int8 student on a view of the same size, median latency at 1 thread"
            ratios.append(_compare_rows(name, measured["vgg16"], int8, at_least=250.0))
    if end_to_end is not None:
        photo, decode = end_to_end.photo_total, end_to_end.decode_alone
        frame, invoke = end_to_end.frame_total, end_to_end.invoke
        name = "the same from the scorer's own timings: total / decode"
        ratios += [
            Ratio(
                "12 MP JPEG to score / its decode alone",
                end_to_end.total_over_decode,
                at_most=1.10,
                is_noisy=photo.is_noisy or decode.is_noisy,
            ),
            Ratio(name, end_to_end.total_over_decode_stage),
            Ratio(
                "1280x720 frame to score / bare invoke",
                end_to_end.frame_over_invoke,
                at_most=1.35,
                is_noisy=frame.is_noisy or invoke.is_noisy,
            ),
        ]
    return ratios


def _compare_rows(
    name: str, row: Row, other: Row, at_most: float | None = None, at_least: float | None = None
) -> Ratio:
    """Round by round where the rounds are known; see :mod:`benchmarks.comparison`."""
    is_noisy = row.latency[1].is_noisy or other.latency[1].is_noisy
    if not (row.rounds and other.rounds):
        value = compute_ratio(row.latency[1], other.latency[1])
        return Ratio(name, value, at_most, at_least, is_noisy=is_noisy)
    found = compare_rounds(row.rounds, other.rounds)
    low, high = (found.low, found.high) if math.isfinite(found.high) else (None, None)
    return Ratio(name, found.ratio, at_most, at_least, low, high, is_noisy)


def format_markdown(results: Results) -> str:
    """The report for people: the table, the ratios, the end-to-end times and what they were measured on."""
    environment, data = results.environment, results.data
    lines = [
        "# photogate benchmarks",
        "",
        f"{data['rated_photos']} rated photos of the {data['part']} split (seed {data['seed']}) in {data['groups']} "
        f"groups; ss01: phone shots of objects and food, {data['ss01_photos']} of them. "
        "Intervals: bootstrap over whole groups.",
        "",
        _format_line(HEADER),
        _format_line(["---"] * len(HEADER)),
        *(_format_line(_format_row(row)) for row in results.rows),
        "",
        "## Ratios",
        "",
        *([f"- {ratio}" for ratio in compute_ratios(results.rows, results.end_to_end)] or ["- none could be formed"]),
        "",
        "## From bytes or a frame to a score (int8, 1 thread)",
        "",
        *_format_end_to_end(results),
        "",
        "## Measured on",
        "",
        f"- {environment['cpu']}, {environment['cores_usable']} of {environment['cores']} cores, {environment['os']}",
        f"- Python {environment['python']}, {environment['runtime']}, source revision "
        f"{environment['source_revision'] or 'unknown'}",
        f"- {environment['started']} to {environment['finished']}, load average at the start "
        f"{environment['load_average_start']}, at the end {environment['load_average_end']}",
        *format_identities({row.label: vars(row) for row in results.rows}),
        "",
        "## Notes",
        "",
        *(f"- {note}" for note in results.notes),
        "",
    ]
    return "\n".join(lines)


def to_json_document(results: Results) -> dict[str, Any]:
    """The same with every digit, and the digests of the models; keys name their units."""
    return {
        "schema": 1,
        "options": results.options,
        "environment": results.environment,
        "data": results.data,
        "rows": [_row_to_dict(row) for row in results.rows],
        "ratios": [
            {**asdict(ratio), "verdict": ratio.verdict, "is_met": ratio.is_met}
            for ratio in compute_ratios(results.rows, results.end_to_end)
        ],
        "end_to_end": None if results.end_to_end is None else asdict(results.end_to_end),
        "end_to_end_note": results.end_to_end_note,
        "notes": results.notes,
    }


def write_results(results: Results, out: Path) -> str:
    """Writes ``table.md`` and ``results.json`` into ``out``; returns the table's text."""
    text = format_markdown(results)
    (out / "table.md").write_text(text, encoding="utf-8")
    document = json.dumps(to_json_document(results), indent=1, sort_keys=True)
    (out / "results.json").write_text(document + "\n", encoding="utf-8")
    return text


def _format_row(row: Row) -> list[str]:
    notes = row.note
    noisy = [f"{threads} thread(s)" for threads, summary in row.latency.items() if summary.is_noisy]
    if noisy:
        notes = "; ".join(filter(None, [notes, f"too noisy at {' and '.join(noisy)}: p95 over twice p50"]))
    reasons = {accuracy.reason for accuracy in row.accuracy.values() if accuracy.reason}
    notes = "; ".join(filter(None, [notes, *(f"no correlation: {reason}" for reason in sorted(reasons))]))
    footprint = row.footprint
    peak_bytes = footprint.peak_memory_bytes if footprint is not None else None
    return [
        row.label,
        *_format_accuracy(row.accuracy.get("all")),
        *_format_accuracy(row.accuracy.get("ss01")),
        _format_latency(row.latency.get(1)),
        _format_latency(row.latency.get(2)),
        ABSENT if footprint is None else f"{footprint.load_ms:.1f}",
        ABSENT if peak_bytes is None else f"{peak_bytes / MB:.1f}",
        ABSENT if row.size_bytes is None else f"{row.size_bytes / MB:.2f}",
        notes,
    ]


def _format_accuracy(accuracy: Accuracy | None) -> tuple[str, str]:
    if accuracy is None or accuracy.srcc is None or accuracy.plcc is None:
        return ABSENT, ABSENT
    interval = accuracy.srcc_interval
    spread = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval is not None else ""
    return f"{accuracy.srcc:.3f}{spread}", f"{accuracy.plcc:.3f}"


def _format_latency(summary: LatencySummary | None) -> str:
    return ABSENT if summary is None else f"{summary.p50_ms:.2f} / {summary.p95_ms:.2f}"


def _format_line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _format_end_to_end(results: Results) -> list[str]:
    found = results.end_to_end
    if found is None:
        return [results.end_to_end_note or "not measured"]
    timed = {
        f"12 MP JPEG ({found.jpeg_bytes / MB:.1f} MB) to score": found.photo_total,
        "its decode alone, as the runtime does it": found.decode_alone,
        "its decode at full size, for comparison (as this process gets its memory)": found.full_decode,
        **{f"its stage {name}, by the scorer's own clock": summary for name, summary in found.stages.items()},
        "1280x720 RGB frame to score": found.frame_total,
        **{
            f"the frame's stage {name}": summary
            for name, summary in found.frame_stages.items()
            if name in ("preprocess", "inference")
        },
        "bare invoke": found.invoke,
    }
    lines = [_format_line(["what", "p50 ms", "p95 ms"]), _format_line(["---"] * 3)]
    for name, summary in timed.items():
        mark = " (too noisy: p95 over twice p50)" if summary.is_noisy else ""
        lines.append(_format_line([name + mark, f"{summary.p50_ms:.2f}", f"{summary.p95_ms:.2f}"]))
    return lines


def _row_to_dict(row: Row) -> dict[str, Any]:
    return {
        "key": row.key,
        "label": row.label,
        "kind": row.kind,
        "path": None if row.path is None else str(row.path),
        "name": row.name,
        "version": row.version,
        "note": row.note,
        "is_failed": row.is_failed,
        "accuracy": {name: asdict(accuracy) for name, accuracy in row.accuracy.items()},
        "latency_by_threads": {
            str(threads): {**asdict(summary), "is_noisy": summary.is_noisy} for threads, summary in row.latency.items()
        },
        "footprint": None if row.footprint is None else asdict(row.footprint),
        "size_bytes": row.size_bytes,
        "sha256": row.sha256,
    }
