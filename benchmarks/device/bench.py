"""The benchmark of a board: latency by threads, load, memory, heat, and a fingerprint of the outputs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.comparison import compare_rounds
from benchmarks.device.board import read_board
from benchmarks.device.fingerprint import compute_fingerprint
from benchmarks.device.record import (
    SLOWED_BY,
    DeviceRecord,
    LatencyRecord,
    ModelRecord,
    Steadiness,
    describe_comparison,
    describe_difference,
    write_record,
)
from benchmarks.environment import collect_environment, compute_sha256, read_load_average
from benchmarks.latency import (
    Measure,
    TurnPlan,
    build_invoke_call,
    build_measure,
    compute_profile,
    interleave_rounds,
    join_turns,
)
from benchmarks.memory import Footprint, measure_footprint
from benchmarks.messages import Say, say_aloud
from benchmarks.native_model import read_networks
from edge_runtime.errors import ModelError, UsageError
from edge_runtime.interpreter import Interpreter, count_worst_partitions, quiet_native_log
from edge_runtime.models import DEFAULT_MODEL, find_model
from edge_runtime.output_file import check_output

__all__ = ["PACKED", "DeviceBenchOptions", "compute_slowdown", "judge_steadiness", "name_models", "run_device_bench"]

PACKED = "packed.json"
"""In the package of this module, inside a packed file: its models, where they come from, what they answered there."""

MIN_ROUNDS = 9  # three in a third
HOST_CPUS = ("AMD", "Intel")  # as an emulator of ARM shows them


@dataclass(frozen=True)
class DeviceBenchOptions:
    """What the command line asks for.

    Attributes:
        models: files; empty: those that were packed, or in a checkout the one that ships.
        threads: numbers of threads; those above the usable cores are left out.
        rounds: turns of each model with each number of threads.
        processes: fresh ones that load time and memory are taken in; 0: not measured.
        out: the JSON; None: not written.
        is_forced: replace it.
    """

    models: tuple[Path, ...] = ()
    threads: tuple[int, ...] = (1, 2, 4)
    rounds: int = 100
    processes: int = 3
    out: Path | None = None
    is_forced: bool = False


def run_device_bench(options: DeviceBenchOptions, say: Say = say_aloud) -> DeviceRecord:
    """Measures, writes ``options.out`` and returns the record.

    Raises:
        UsageError: an option is impossible, or the result exists already.
        ModelError: a model cannot be loaded.
        RuntimeUnavailableError: no interpreter is installed.
    """
    if min(options.threads, default=0) < 1 or options.rounds < 1 or options.processes < 0:
        raise UsageError("--threads and --rounds must be at least 1, --processes at least 0")
    if options.out is not None:
        check_output(options.out, force=options.is_forced)
    packed = _load_packed()
    environment = collect_environment()
    usable = environment["cores_usable"] or max(options.threads)
    threads = sorted({count for count in options.threads if count <= usable} or {1})
    notes = [f"left out: more threads than the {usable} usable core(s)"] if max(options.threads) > usable else []
    if environment["machine"] not in ("x86_64", "AMD64") and environment["cpu"].startswith(HOST_CPUS):
        notes.append("the processor is emulated: outputs count, times mean nothing")
    if packed:
        environment["source_revision"] = packed["source_revision"]
    with _open_models(options.models, packed) as paths:
        before = {**read_board(), "load_average": read_load_average()}
        models = _measure(paths, threads, options, say)
        after = {**read_board(), "load_average": read_load_average()}
    for model in models:
        if model.fingerprint and model.sha256 in packed.get("fingerprints", {}):
            line, _ = describe_difference(packed["fingerprints"][model.sha256], model.fingerprint)
            notes.append(f"{model.name} against {packed['machine']}, {packed['runtime']}: {line}")
    record = DeviceRecord(
        kind="board",
        options={"threads": threads, "rounds": options.rounds, "processes": options.processes},
        environment=environment,
        board={"before": before, "after": after},
        models=models,
        notes=notes,
    )
    if options.out is not None:
        write_record(record, options.out, force=options.is_forced)
    return record


def name_models(models: Sequence[Path]) -> dict[str, Path]:
    """Name → file, in the order given; of no files, the model that ships.

    Raises:
        ModelError: a file is not there.
        UsageError: two have the same name.
    """
    found = models or [find_model(DEFAULT_MODEL)]
    for path in found:
        if not path.is_file():
            raise ModelError(f"{path}: no such model; pass a .tflite file")
    named = {path.stem: path for path in found}
    if len(named) < len(found):
        raise UsageError("two models have the same file name; rename one: the table tells them apart by it")
    return named


def compute_slowdown(rounds: Sequence[Sequence[float]]) -> float | None:
    """What heat does to a board without a fan: the last third of the rounds over the first.

    Of each round the fastest call counts, which heat slows down like all others, and what else runs mostly spares.

    Returns:
        The lower quartile of the last third over the upper quartile of the first: it is at least so much slower, which
        noise alone hardly makes exceed 1. None for fewer than MIN_ROUNDS.
    """
    fastest = [min(turn) for turn in rounds]
    third = len(fastest) // 3
    if len(fastest) < MIN_ROUNDS:
        return None
    return float(np.percentile(fastest[-third:], 25) / np.percentile(fastest[:third], 75))


def judge_steadiness(is_noisy: bool, slowdown: float | None) -> Steadiness:
    """Slowing down comes first: it explains the noise."""
    if slowdown is not None and slowdown > SLOWED_BY:
        return "slowed down"
    return "noisy" if is_noisy else "steady"


def _measure(
    paths: Mapping[str, Path], threads: Sequence[int], options: DeviceBenchOptions, say: Say
) -> list[ModelRecord]:
    fingerprints, footprints = {}, {}
    for name, path in paths.items():
        say(f"{name}: outputs, load time and memory")
        with quiet_native_log():
            fingerprints[name] = compute_fingerprint(path)
        footprints[name] = measure_footprint(path, processes=options.processes) if options.processes else None
    measures: dict[str, Measure] = {}
    with quiet_native_log():
        for name, path in paths.items():
            for count in threads:
                measures[f"{name}/{count}"] = build_measure(build_invoke_call(path, count))
        partitions = {name: _count_partitions(path) for name, path in paths.items()}
    say(f"latency: {len(paths)} model(s) with {', '.join(map(str, threads))} thread(s), in turns")
    rounds = interleave_rounds(measures, TurnPlan(rounds=options.rounds))
    first = next(iter(rounds))
    return [
        _build_model_record(
            name,
            path,
            footprints[name],
            fingerprints[name],
            partitions[name],
            [_build_latency(count, rounds[f"{name}/{count}"], rounds[first], first) for count in threads],
        )
        for name, path in paths.items()
    ]


def _build_latency(
    threads: int, rounds: Sequence[Sequence[float]], reference: Sequence[Sequence[float]], reference_name: str
) -> LatencyRecord:
    profile = compute_profile(join_turns(rounds))
    slowdown = compute_slowdown(rounds)
    is_first = rounds is reference
    return LatencyRecord(
        threads=threads,
        is_xnnpack=None,
        p50_ms=profile.p50_ms,
        p90_ms=profile.p90_ms,
        p95_ms=profile.p95_ms,
        p99_ms=profile.p99_ms,
        min_ms=profile.min_ms,
        calls=profile.calls,
        slowdown=slowdown,
        steadiness=judge_steadiness(profile.is_noisy, slowdown),
        against_first=None if is_first else describe_comparison(compare_rounds(rounds, reference), reference_name),
    )


def _build_model_record(
    name: str,
    path: Path,
    footprint: Footprint | None,
    fingerprint: dict[str, Any],
    delegate_partitions: int | None,
    latency: list[LatencyRecord],
) -> ModelRecord:
    return ModelRecord(
        name=name,
        sha256=compute_sha256(path),
        size_bytes=path.stat().st_size,
        load_ms=footprint.load_ms if footprint else None,
        first_invoke_ms=footprint.first_invoke_ms if footprint else None,
        peak_memory_bytes=footprint.peak_memory_bytes if footprint else None,
        delegate_partitions=delegate_partitions,
        latency=latency,
        fingerprint=fingerprint,
    )


def _count_partitions(path: Path) -> int | None:
    try:
        count = count_worst_partitions([Interpreter(flatbuffer) for flatbuffer in read_networks(path)])
    except ModelError:  # not photogate's, which has been run all the same
        return None
    return count if count >= 0 else None


@contextmanager
def _open_models(models: Sequence[Path], packed: Mapping[str, Any]) -> Iterator[dict[str, Path]]:
    """Name → path; packed ones lie in a temporary folder for as long as the ``with`` block lasts."""
    if models or not packed:
        yield name_models(models)
        return
    with tempfile.TemporaryDirectory(prefix="photogate-device-") as folder:
        paths = {}
        for name in packed["models"]:
            paths[Path(name).stem] = Path(folder) / name
            paths[Path(name).stem].write_bytes(resources.files(__package__).joinpath(name).read_bytes())
        yield paths


def _load_packed() -> dict[str, Any]:
    """What `device pack` put in; empty in a checkout."""
    file = resources.files(__package__).joinpath(PACKED)
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
