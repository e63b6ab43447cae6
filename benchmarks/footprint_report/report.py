"""The results of ``python -m benchmarks footprint`` as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.latency_report.report import format_ratio
from benchmarks.tables import ABSENT, format_identities, format_table

__all__ = ["format_footprint"]

MB = 1e6
MOST_RESIDENT_BYTES = 130_000_000
LEAST_GAIN = 1.8
MOST_LOAD = 0.5  # tasks that were running before; more than that, and two processes have no two cores


def format_footprint(report: Mapping[str, Any]) -> str:
    """Everything that was measured, with the project's targets beside the figures that have one."""
    environment = report["environment"]
    lines = [
        "# photogate footprint",
        "",
        f"{environment['cpu']}, {environment['cores_usable']} cores, {environment['os']}, {environment['runtime']}, "
        f"load {environment['load_average_start']} to {environment['load_average_end']}; {report['created']}",
        "",
        *format_identities(report["models"]),
        "",
        "## Model files",
        "",
        *_format_models(report["models"]),
        "",
        "## Installed",
        "",
        *_format_installed(report["installed_bytes"]),
        "",
        f"Processor time of `import edge_runtime` over `import numpy`: {format_ratio(report['import']['over_numpy'])}",
    ]
    if report["scoring"] is not None:
        lines += ["", "## photogate score", "", *_format_scoring(report["scoring"], environment["load_average_start"])]
    if report["notes"]:
        lines += ["", "## Notes", "", *(f"- {note}" for note in report["notes"])]
    return "\n".join(lines)


def _format_models(models: Mapping[str, Mapping[str, Any]]) -> list[str]:
    headers = ["model", "MB", "deflated MB", "parameters", "zeros", "operators", "pieces", "load ms", "peak MB", "note"]
    rows = []
    for one in models.values():
        if "size_bytes" not in one:
            rows.append([one["label"], *[ABSENT] * (len(headers) - 2), one["note"]])
            continue
        operations, share = one["operations"], one["zero_share"]
        rows.append(
            [
                one["label"],
                _mb(one["size_bytes"]),
                _mb(one["deflate_bytes"]),
                f"{one['parameters']:,}",
                ABSENT if share is None else f"{share:.1%}",
                ABSENT if operations is None else str(sum(operations.values())),
                ABSENT if one["delegate_partitions"] is None else str(one["delegate_partitions"]),
                f"{one['load_ms']:.1f}",
                _mb(one["peak_memory_bytes"]),
                one["note"],
            ]
        )
    return format_table(headers, rows)


def _format_installed(sizes: Mapping[str, int]) -> list[str]:
    rows = [[name, _mb(size)] for name, size in sorted(sizes.items(), key=lambda item: -item[1])]
    total = [["all", _mb(sum(sizes.values()))]]
    beside = [["all beside numpy", _mb(sum(size for name, size in sizes.items() if name != "numpy"))]]
    return format_table(["distribution", "MB"], [*rows, *total, *beside])


def _format_scoring(found: Mapping[str, Any], load_average: Sequence[float] | None) -> list[str]:
    one, many, two = found["photo_12mp"], found["many"], found["two_processes"]
    peak = one["peak_bytes"]
    state = "" if peak is None else f" (at most 130 MB: {'met' if peak <= MOST_RESIDENT_BYTES else 'MISSED'})"
    gain_state = "met" if two["gain"] >= LEAST_GAIN else "MISSED"
    if gain_state == "MISSED" and load_average is not None and load_average[0] > MOST_LOAD:
        gain_state = f"they were not free, for the load was {load_average[0]:g} before"
    growth = "too few readings to tell growth" if many["growth_bytes"] is None else _describe_growth(many)
    return [
        f"- one photo of 12 megapixels: most resident memory {_mb(peak)} MB{state}",
        f"- {many['photos']:,} photos: most {_mb(many['peak_bytes'])} MB, {growth}",
        f"- {two['photos']} photos of 2 megapixels: {two['one_per_s']:.1f} a second by one process, "
        f"{two['two_per_s']:.1f} by two that share them: {two['gain']:.2f}x "
        f"(at least 1.8x on 2 free cores: {gain_state})",
    ]


def _describe_growth(many: Mapping[str, Any]) -> str:
    return f"grown by {many['growth_bytes'] / MB:.2f} MB after a warm-up ({many['readings']} readings)"


def _mb(size_bytes: float | None) -> str:
    return ABSENT if size_bytes is None else f"{size_bytes / MB:.2f}"
