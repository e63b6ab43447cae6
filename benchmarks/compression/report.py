"""The results of ``python -m benchmarks compression`` as Markdown, as sentences, and as what is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.compression.plan import FLOAT
from benchmarks.latency_report.report import format_ratio
from benchmarks.plot import LATENCY_LABEL, Panel, PlotPoint
from benchmarks.tables import ABSENT, format_correlation, format_identities, format_table

__all__ = ["build_panels", "describe_gain", "format_compression"]

MB = 1e6
ZIPPED_LABEL = "size of the file when zipped, MB (log scale)"
HEADERS = (
    "model",
    "SRCC [95 %]",
    "less float's [95 %]",
    "PLCC",
    "points off p50 / p99",
    "flips",
    "MB",
    "zipped MB",
    "zeros",
    "p50 ms",
    "/ float's",
    "peak MB",
    "pieces",
    "note",
)
SPEED_WORDS = {
    "faster": "faster than float",
    "slower": "slower than float",
    "equal": "as fast as float",
    "too noisy to tell": "too noisy to tell whether it is faster",
}
SRCC_WORDS = {
    "higher": "agrees better with people than float",
    "lower": "agrees less with people than float",
    "no difference beyond noise": "no difference in SRCC beyond noise",
}

Row = Mapping[str, Any]


def format_compression(report: Mapping[str, Any]) -> str:
    """Everything that was measured, and what the figures carry in words."""
    data, environment, options = report["data"], report["environment"], report["options"]
    load = [environment[f"load_average_{when}"] for when in ("start", "end")]
    lines = [
        "# What compression buys",
        "",
        f"{data['rated_photos']} rated photos of the {data['part']} part (split seed {data['seed']}) in "
        f"{data['groups']} groups. {environment['cpu']}, {environment['cores_usable']} cores, {environment['os']}, "
        f"{environment['runtime']}, load {load[0]} to {load[1]}; {report['created']}.",
        "",
        *format_table(HEADERS, [_format_row(row, report) for row in report["rows"]]),
        "",
        *format_identities({_name_row(row, report): row["file"] or {} for row in report["rows"]}),
        "",
        "## In words",
        "",
        *_describe_rows(report),
        "",
        f"## Variants: what they change in {options['recipe']}",
        "",
        *_format_variants(report),
    ]
    if report["plan"]["every"]:
        lines += ["", f"And in every variant: {_format_changes(report['plan']['every'])}."]
    notes = [
        *(f"{one['student']}, {one['variant']}: not compressed: {one['error']}" for one in report["failures"]),
        *(f"left out: {one['file']}: {one['error']}" for one in data["undecodable"]),
        *report["notes"],
    ]
    if notes:
        lines += ["", "## Notes", "", *(f"- {note}" for note in notes)]
    return "\n".join(lines)


def describe_gain(row: Row, reference: Row) -> str:
    """What a row gains and loses against its student's float model; of what was not measured, nothing.

    Args:
        row: as in ``compression.json``.
        reference: the float row.
    """
    said = []
    difference = (row["against_float"] or {}).get("srcc_difference")
    if difference is not None:
        said.append(f"{SRCC_WORDS[difference['verdict']]} ({_format_difference(difference)})")
    if row["speed"] is not None:
        said.append(f"{SPEED_WORDS[row['speed']['verdict']]} (time over float's {format_ratio(row['speed'])})")
    if row["file"] is not None and reference["file"] is not None:
        shares = [row["file"][name] / reference["file"][name] for name in ("size_bytes", "deflate_bytes")]
        said.append(f"{shares[0]:.2f} of float's size, {shares[1]:.2f} zipped")
    return "; ".join(said)


def build_panels(report: Mapping[str, Any]) -> list[Panel]:
    """SRCC against time and against zipped size; without the intervals, which are wider than what is between rows."""
    title = f"{report['data']['rated_photos']} photos of the {report['data']['part']} part; intervals are in the table"
    panels = []
    for label, section, name, unit in (
        (LATENCY_LABEL, "latency", "p50_ms", 1.0),
        (ZIPPED_LABEL, "file", "deflate_bytes", MB),
    ):
        points = [
            PlotPoint(_name_row(row, report), "photogate", row[section][name] / unit, row["accuracy"]["all"]["srcc"])
            for row in report["rows"]
            if row[section] is not None and row["accuracy"] is not None and row["accuracy"]["all"]["srcc"] is not None
        ]
        panels.append(Panel(points, title, label))
    return panels


def _name_row(row: Row, report: Mapping[str, Any]) -> str:
    """The variant and the form; the student's name where there are several."""
    name = "float32" if row["form"] == FLOAT else f"{row['variant']} {row['form']}"
    return f"{row['student']} {name}" if len(report["students"]) > 1 else name


def _format_row(row: Row, report: Mapping[str, Any]) -> list[str]:
    file, latency, accuracy = row["file"], row["latency"], (row["accuracy"] or {}).get("all")
    distance = row["against_float"] or {}
    return [
        _name_row(row, report),
        _format_srcc(accuracy),
        ABSENT if distance.get("srcc_difference") is None else _format_difference(distance["srcc_difference"]),
        ABSENT if accuracy is None or accuracy["plcc"] is None else f"{accuracy['plcc']:.3f}",
        f"{distance['p50_points']:.2f} / {distance['p99_points']:.2f}" if distance else ABSENT,
        f"{distance['verdict_flip_share']:.1%}" if distance else ABSENT,
        *([ABSENT] * 3 if file is None else [*_format_sizes(file), _format_share(file["zero_share"])]),
        ABSENT if latency is None else f"{latency['p50_ms']:.3f}",
        ABSENT if row["speed"] is None else format_ratio(row["speed"]),
        ABSENT if file is None or file["peak_memory_bytes"] is None else f"{file['peak_memory_bytes'] / MB:.1f}",
        ABSENT if file is None or file["delegate_partitions"] is None else str(file["delegate_partitions"]),
        row["note"],
    ]


def _describe_rows(report: Mapping[str, Any]) -> Iterator[str]:
    floats = {row["student"]: row for row in report["rows"] if row["form"] == FLOAT}
    for row in report["rows"]:
        gain = "" if row["form"] == FLOAT else describe_gain(row, floats[row["student"]])
        if gain:
            yield f"- {_name_row(row, report)}: {gain}"


def _format_variants(report: Mapping[str, Any]) -> list[str]:
    several = len(report["students"]) > 1
    rows = [
        [
            f"{one['student']} {one['name']}" if several else one["name"],
            _format_changes(one["changes"]),
            f"{one['sparsity']:.0%}",
            one["chosen"],
            f"{one['duration_s'] / 60:.1f}",
        ]
        for one in report["variants"]
    ]
    return format_table(("variant", "changes", "zeros where pruned", "int8 by", "minutes"), rows)


def _format_changes(changes: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in changes.items()) or "nothing"


def _format_srcc(accuracy: Mapping[str, Any] | None) -> str:
    if accuracy is None or accuracy["srcc"] is None:
        return ABSENT
    low, high = accuracy["srcc_interval"] or (None, None)
    return format_correlation({"value": accuracy["srcc"], "low": low, "high": high})


def _format_difference(difference: Mapping[str, Any]) -> str:
    return f"{difference['value']:+.3f} [{difference['low']:+.3f}, {difference['high']:+.3f}]"


def _format_sizes(file: Mapping[str, Any]) -> Sequence[str]:
    return [f"{file[name] / MB:.2f}" for name in ("size_bytes", "deflate_bytes")]


def _format_share(share: float | None) -> str:
    return ABSENT if share is None else f"{share:.1%}"
