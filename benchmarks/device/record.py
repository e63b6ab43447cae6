"""What one device did, in one form for boards and phones: JSON for programs, a table for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.comparison import Comparison
from benchmarks.device.board import describe_board
from benchmarks.device.fingerprint import compare_fingerprints
from benchmarks.environment import read_timestamp
from benchmarks.tables import align_columns
from edge_runtime.errors import UsageError
from edge_runtime.output_file import write_output

__all__ = [
    "ALIKE",
    "SLOWED_BY",
    "DeviceRecord",
    "LatencyRecord",
    "ModelRecord",
    "Steadiness",
    "compare_records",
    "describe_comparison",
    "describe_difference",
    "format_record",
    "load_record",
    "write_record",
]

Steadiness = Literal["steady", "noisy", "slowed down"]

SCHEMA = 1
SLOWED_BY = 1.1  # of the last third over the first third: a board that throttles loses far more than a tenth
PERCENTILE_COLUMNS = ("p50 ms", "p90 ms", "p95 ms", "p99 ms")
LATENCY_COLUMNS = ("model", "threads", "XNNPACK", *PERCENTILE_COLUMNS, "steady?", "against the first")
COST_COLUMNS = ("model", "load ms", "first invoke ms", "peak memory MB", "file MB", "sha256")
MB = 1e6
# The outputs' last layer computes in float32, whose sums another processor adds up in another order: 1e-6 or so. Int8
# that is rounded the other way, in a single value of a map, is off by a hundred times that.
ALIKE = 1e-5


@dataclass(frozen=True)
class LatencyRecord:
    """One model with one number of threads; times of one invoke in milliseconds, None where they are not known.

    Attributes:
        threads: of the interpreter.
        is_xnnpack: whether XNNPACK was to be used; None: the runtime decided.
        calls: how many were timed.
        slowdown: the last third of the rounds over the first, at least; None where there are too few.
        steadiness: whether the figures can be trusted.
        against_first: a comparison with the first line of all: the JSON of ``benchmarks.comparison.Comparison``, and
            ``text``; None in that line.
    """

    threads: int
    is_xnnpack: bool | None
    p50_ms: float
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    min_ms: float
    calls: int
    slowdown: float | None
    steadiness: Steadiness
    against_first: dict[str, Any] | None


@dataclass(frozen=True)
class ModelRecord:
    """One model file.

    Attributes:
        load_ms, first_invoke_ms, peak_memory_bytes: as ``benchmarks.memory.Footprint``; on a phone as benchmark_model
            tells them.
        delegate_partitions: pieces that XNNPACK runs; 1 is the whole graph, 0 none, None not known.
        fingerprint: of ``benchmarks.device.fingerprint``; None where the outputs cannot be read.
    """

    name: str
    sha256: str
    size_bytes: int
    load_ms: float | None
    first_invoke_ms: float | None
    peak_memory_bytes: int | None
    delegate_partitions: int | None
    latency: list[LatencyRecord]
    fingerprint: dict[str, Any] | None = None


@dataclass(frozen=True)
class DeviceRecord:
    """Everything about one device.

    Attributes:
        kind: what was run.
        board: ``before`` and ``after``, each as ``benchmarks.device.board.parse_board``.
    """

    kind: Literal["board", "phone"]
    options: dict[str, Any]
    environment: dict[str, Any]
    board: dict[str, dict[str, Any]]
    models: list[ModelRecord]
    notes: list[str] = field(default_factory=list)


def write_record(record: DeviceRecord, path: Path, *, force: bool) -> None:
    """Writes the JSON.

    Raises:
        UsageError: it is there already, or cannot be written.
    """
    document = {"schema": SCHEMA, "created": read_timestamp(), **asdict(record)}
    write_output(path, json.dumps(document, indent=1) + "\n", force=force)


def load_record(path: Path) -> dict[str, Any]:
    """Reads what :func:`write_record` wrote.

    Raises:
        UsageError: it cannot be read, or is something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot read the record: {error}; pass what `device bench --out` wrote") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA or "models" not in document:
        raise UsageError(f"{path}: is no record of schema {SCHEMA}; pass what `device bench --out` wrote")
    return document


def format_record(record: DeviceRecord) -> str:
    """The table, with what has to be known to trust it."""
    environment = record.environment
    header = f"{environment['cpu']}, {environment['machine']}, {environment['cores']} cores, {environment['os']}"
    lines = [header, f"runtime: {environment['runtime']}"]
    lines += describe_board(record.board["before"], record.board["after"])
    rows: list[Sequence[str]] = [LATENCY_COLUMNS]
    for model in record.models:
        for one in model.latency:
            told = one.against_first["text"] if one.against_first else ""
            times = (f"{value:.2f}" if value is not None else "-" for value in _list_percentiles(one))
            rows.append((model.name, str(one.threads), _say_xnnpack(model, one), *times, one.steadiness, told))
    lines += ["", *align_columns(rows), ""]
    rows = [COST_COLUMNS]
    for model in record.models:
        costs = (model.load_ms, model.first_invoke_ms, _to_mb(model.peak_memory_bytes), _to_mb(model.size_bytes))
        texts = (f"{value:.2f}" if value is not None else "-" for value in costs)
        rows.append((model.name, *texts, model.sha256[:12]))
    return "\n".join([*lines, *align_columns(rows), *record.notes])


def compare_records(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[list[str], bool]:
    """Compares two machines' records of the same model files.

    Returns:
        Lines for people, and whether all outputs that both records hold are alike, to 1e-5.

    Raises:
        UsageError: they have no model file in common whose outputs both hold.
    """
    lines, are_alike, compared = [], True, 0
    for model in one["models"]:
        twin = next((twin for twin in other["models"] if twin["sha256"] == model["sha256"]), None)
        if twin is None:
            lines.append(f"{model['name']}: the other record has no file of sha256 {model['sha256'][:12]}")
            continue
        for entry in model["latency"]:
            key = (entry["threads"], entry["is_xnnpack"])
            match = [peer for peer in twin["latency"] if (peer["threads"], peer["is_xnnpack"]) == key]
            if match:
                ratio = match[0]["p50_ms"] / entry["p50_ms"]
                lines.append(f"{model['name']}, {entry['threads']} thread(s): second over first {ratio:.2f} in time")
        if model["fingerprint"] and twin["fingerprint"]:
            line, is_alike = describe_difference(model["fingerprint"], twin["fingerprint"])
            lines.append(f"{model['name']}: {line}")
            are_alike, compared = are_alike and is_alike, compared + 1
    if not compared:
        raise UsageError("no model file with outputs is in both records: run both with the same file")
    return lines, are_alike


def describe_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, bool]:
    """How two fingerprints differ, and whether they are alike."""
    if one["sha256"] == other["sha256"]:
        return "outputs identical to the last bit", True
    differences = compare_fingerprints(one, other)
    told = ", ".join(f"{name} {value:.3g}" for name, value in differences.items())
    is_alike = max(differences.values()) <= ALIKE
    return f"outputs {'alike' if is_alike else 'differ'}; largest difference by output: {told}", is_alike


def describe_comparison(comparison: Comparison, reference: str) -> dict[str, Any]:
    """``LatencyRecord.against_first``, in numbers and in words."""
    return {**comparison.to_json(), "text": comparison.describe(reference)}


def _list_percentiles(one: LatencyRecord) -> Sequence[float | None]:
    return (one.p50_ms, one.p90_ms, one.p95_ms, one.p99_ms)


def _say_xnnpack(model: ModelRecord, one: LatencyRecord) -> str:
    if one.is_xnnpack is False:
        return "off"
    if model.delegate_partitions is None:
        return "on" if one.is_xnnpack else "?"
    return {0: "no", 1: "whole graph"}.get(model.delegate_partitions, f"{model.delegate_partitions} pieces")


def _to_mb(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else size_bytes / MB
