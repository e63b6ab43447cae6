"""The peers as Markdown, JSON and a plot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.plot import PlotPoint, save_accuracy_latency_plot
from benchmarks.tables import ABSENT, format_correlation, format_identities, format_table
from edge_runtime.errors import UsageError
from edge_runtime.output_file import write_output

__all__ = ["build_points", "format_peers", "save_report"]

MB = 1e6
HEADER = ("peer", "SRCC [95 %]", "PLCC [95 %]", "p50 ms", "p95 ms", "peak memory MB", "files MB", "note")

NOTE_OF_TRAIN = (
    "The train part: photogate, and the maps of measures that are no ratings, have learnt from these very photos. It "
    "is no comparison with rows that have not."
)


def save_report(report: dict[str, Any], out: Path, names: Sequence[str], *, force: bool) -> None:
    """Writes the three files; ``report["notes"]`` says where photos were learnt from, and why there is no plot.

    Raises:
        UsageError: a file cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    data = report["data"]
    title = f"Peers: {data['rated_photos']} photos of the {data['part']} part, decoded picture to score"
    report["notes"] = [NOTE_OF_TRAIN] if data["part"] == "train" else []
    try:
        save_accuracy_latency_plot(build_points(report), title, out / names[2])
    except UsageError as error:
        report["notes"].append(f"No plot: {error}")
    document = json.dumps(report, indent=1, sort_keys=True, allow_nan=False)
    write_output(out / names[0], document + "\n", force=force)
    write_output(out / names[1], format_peers(report), force=force)


def build_points(report: Mapping[str, Any]) -> list[PlotPoint]:
    """A point for every peer that has a correlation and a latency."""
    return [
        PlotPoint(
            peer["label"],
            peer["kind"],
            peer["latency"]["p50_ms"],
            peer["srcc"]["value"],
            None if peer["srcc"]["low"] is None else (peer["srcc"]["low"], peer["srcc"]["high"]),
        )
        for peer in report["peers"]
        if peer["latency"] is not None and peer["srcc"] is not None and peer["srcc"]["value"] is not None
    ]


def format_peers(report: Mapping[str, Any]) -> str:
    """Both tables, and what must be known to read them."""
    data, environment = report["data"], report["environment"]
    published = [
        (one["model"], one["learnt_from"], one["judged_on"], f"{one['srcc']:.3f}", one["source"])
        for one in report["published"]
    ]
    lines = [
        "# Peers on the same photos and the same machine",
        "",
        f"{data['rated_photos']} rated photos of the {data['part']} part (split seed {data['seed']}) in "
        f"{data['groups']} groups. Intervals: bootstrap over whole groups.",
        "",
        *format_table(HEADER, [_format_peer(peer) for peer in report["peers"]]),
        "",
        f"- SRCC and PLCC are signed by what a measure's documents say, never by these ratings. PLCC of a measure that "
        f"is no rating is taken after a monotone map, learnt from {data['map_photos']} photos of the train part.",
        f"- Milliseconds: one decoded photo to its score, one thread, {data['timed_photos']} photos in turns; decoding "
        "and waiting for a processor are left out. Peak memory: growth of a process of its own over Python, numpy and "
        "the decoded photo, libraries included.",
        f"- The boosted baseline learnt from {data['train_photos']} photos of the train part: "
        f"{', '.join(report['baseline']['measurements'])}.",
        *(f"- {note}" for note in report["notes"]),
        f"- {environment['cpu']}, {environment['cores_usable']} of {environment['cores']} cores, {environment['os']}, "
        f"Python {environment['python']}, {environment['runtime']}; {report['created']}.",
        *format_identities({"photogate": report["model"]}),
        "",
        "## Published elsewhere, not measured here",
        "",
        "Other photos than above: not to be compared with it figure by figure.",
        "",
        *format_table(("model", "learnt from", "judged on", "SRCC", "source"), published),
        "",
    ]
    return "\n".join(lines)


def _format_peer(peer: Mapping[str, Any]) -> list[str]:
    latency, footprint = peer["latency"], peer["footprint"]
    peak_bytes = footprint["peak_memory_bytes"] if footprint is not None else None
    reasons = [peer[name]["reason"] for name in ("srcc", "plcc") if peer[name] is not None and peer[name]["reason"]]
    is_noisy = latency is not None and latency["is_noisy"]
    notes = [peer["note"], *dict.fromkeys(reasons), "too noisy: p95 over twice p50" if is_noisy else ""]
    return [
        peer["label"],
        format_correlation(peer["srcc"]),
        format_correlation(peer["plcc"]),
        ABSENT if latency is None else f"{latency['p50_ms']:.2f}",
        ABSENT if latency is None else f"{latency['p95_ms']:.2f}",
        ABSENT if peak_bytes is None else f"{peak_bytes / MB:.1f}",
        ABSENT if peer["size_bytes"] is None else f"{peer['size_bytes'] / MB:.2f}",
        "; ".join(filter(None, notes)).replace("|", "/").replace("\n", " "),
    ]
