"""LiteRT's benchmark_model on a phone: pushed by adb, run by number of threads, with and without XNNPACK, read."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison import compare_rounds
from benchmarks.device.adb import Phone, find_phone
from benchmarks.device.bench import compute_slowdown, judge_steadiness, name_models
from benchmarks.device.benchmark_model import BenchmarkModelResult, build_flags, parse_output
from benchmarks.device.board import BOARD_FILES, parse_board
from benchmarks.device.record import DeviceRecord, LatencyRecord, ModelRecord, describe_comparison, write_record
from benchmarks.environment import collect_environment, compute_sha256
from benchmarks.messages import Say, say_aloud
from edge_runtime.errors import UsageError
from edge_runtime.output_file import check_output

__all__ = ["AndroidOptions", "check_program", "run_android"]

FOLDER = "/data/local/tmp/photogate-benchmark"  # the one place where the shell's user may run programs
RUN_TIMEOUT_S = 600.0
NOISY_SPREAD = 1.1  # largest over smallest median of the repetitions
# e_machine of the ELF header (System V ABI) → what Android calls it.
ELF_MACHINES = {40: "armeabi-v7a", 62: "x86_64", 183: "arm64-v8a"}

Setting = tuple[str, int, bool]
"""Model's name, number of threads, XNNPACK on."""


@dataclass(frozen=True)
class AndroidOptions:
    """What the command line asks for.

    Attributes:
        benchmark_model: Google's program, built for the phone.
        models: files; empty: the one that ships.
        threads: numbers of threads.
        xnnpack: "on", "off" or both.
        repeats: runs of each setting, in turns with the others.
        num_runs: invokes of one run, at least (it also takes a second at least).
        serial: of one phone among several.
        adb: name or path of the program.
        out: the JSON; None: not written.
        is_forced: replace it.
    """

    benchmark_model: Path
    models: tuple[Path, ...] = ()
    threads: tuple[int, ...] = (1, 2, 4)
    xnnpack: tuple[str, ...] = ("on", "off")
    repeats: int = 20
    num_runs: int = 50
    serial: str | None = None
    adb: str = "adb"
    out: Path | None = None
    is_forced: bool = False


def run_android(options: AndroidOptions, say: Say = say_aloud) -> DeviceRecord:
    """Copies, runs, reads, clears away, writes ``options.out`` and returns the record.

    Raises:
        UsageError: there is no adb or no phone, the program is not built for it, an option is impossible, or the
            result exists already.
        ModelError: a model is not there, or the program cannot run it.
    """
    if min(*options.threads, options.repeats, options.num_runs) < 1:
        raise UsageError("--threads, --repeats and --runs must be at least 1")
    if options.out is not None:
        check_output(options.out, force=options.is_forced)
    models = name_models(options.models)
    phone = find_phone(options.adb, options.serial)
    properties = _read_properties(phone)
    check_program(options.benchmark_model, properties.get("ro.product.cpu.abilist", "").split(","))
    settings = list(itertools.product(models, options.threads, [switch == "on" for switch in options.xnnpack]))
    try:
        program = _push(phone, options.benchmark_model, models)
        before = _read_board(phone)
        results = _run_in_turns(phone, program, settings, options, say)
        after = _read_board(phone)
    finally:
        phone.shell(["rm", "-rf", FOLDER])
    record = DeviceRecord(
        kind="phone",
        options={
            "threads": list(options.threads),
            "xnnpack": list(options.xnnpack),
            "repeats": options.repeats,
            "num_runs": options.num_runs,
        },
        environment=_describe_phone(phone, properties, options.benchmark_model),
        board={"before": before, "after": after},
        models=[_build_model_record(name, path, results) for name, path in models.items()],
        notes=["p90 and p99 are not printed by benchmark_model; p95 is left out where the build prints no percentiles"],
    )
    if options.out is not None:
        write_record(record, options.out, force=options.is_forced)
    return record


def check_program(path: Path, abis: Sequence[str]) -> None:
    """Makes sure that the program is one, and built for the phone.

    Args:
        path: of benchmark_model on this computer.
        abis: that the phone runs, as ``ro.product.cpu.abilist`` lists them; empty strings: not known.

    Raises:
        UsageError: it is not.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(20)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot read benchmark_model: {error.strerror or error}; see docs/benchmarks-device.md"
        ) from error
    if head[:4] != b"\x7fELF" or len(head) < 20:
        raise UsageError(f"{path}: is no program for Android (no ELF file); download it again")
    built_for = ELF_MACHINES.get(int.from_bytes(head[18:20], "little"), "another processor")
    if any(abis) and built_for not in abis:
        raise UsageError(f"{path}: is built for {built_for}, the phone runs {', '.join(abis)}: download that build")


def _push(phone: Phone, program: Path, models: Mapping[str, Path]) -> str:
    phone.shell(["mkdir", "-p", FOLDER])
    phone.push(program, f"{FOLDER}/benchmark_model")
    for name, path in models.items():
        phone.push(path, f"{FOLDER}/{name}.tflite")
    phone.shell(["chmod", "755", f"{FOLDER}/benchmark_model"])
    return f"{FOLDER}/benchmark_model"


def _run_in_turns(
    phone: Phone, program: str, settings: Sequence[Setting], options: AndroidOptions, say: Say
) -> dict[Setting, list[BenchmarkModelResult]]:
    results: dict[Setting, list[BenchmarkModelResult]] = {setting: [] for setting in settings}
    for repeat in range(options.repeats):
        for setting in settings if repeat % 2 == 0 else settings[::-1]:
            name, threads, is_xnnpack = setting
            say(f"{name}: {threads} thread(s), XNNPACK {'on' if is_xnnpack else 'off'}, {repeat + 1}/{options.repeats}")
            flags = build_flags(f"{FOLDER}/{name}.tflite", threads, options.num_runs, is_xnnpack)
            output = phone.shell([program, *flags], timeout_s=RUN_TIMEOUT_S)
            results[setting].append(parse_output(output))
    return results


def _build_model_record(
    name: str, path: Path, results: Mapping[Setting, Sequence[BenchmarkModelResult]]
) -> ModelRecord:
    reference_setting = next(iter(results))
    own = {setting: runs for setting, runs in results.items() if setting[0] == name}
    runs = [run for setting in own for run in own[setting]]
    memory = [run.memory_bytes for run in runs if run.memory_bytes is not None]
    loads = [run.init_ms for run in runs if run.init_ms is not None]
    partitions = [run.delegate_partitions for run in runs if run.delegate_partitions is not None]
    return ModelRecord(
        name=name,
        sha256=compute_sha256(path),
        size_bytes=path.stat().st_size,
        load_ms=statistics.median(loads) if loads else None,
        first_invoke_ms=statistics.median(run.first_invoke_ms for run in runs),
        peak_memory_bytes=int(statistics.median(memory)) if memory else None,
        delegate_partitions=max(partitions) if partitions else None,
        latency=[_build_latency(setting, own[setting], reference_setting, results) for setting in own],
    )


def _build_latency(
    setting: Setting,
    runs: Sequence[BenchmarkModelResult],
    reference: Setting,
    results: Mapping[Setting, Sequence[BenchmarkModelResult]],
) -> LatencyRecord:
    rounds = [[_find_middle(run)] for run in runs]
    tails = [run.p95_ms for run in runs if run.p95_ms is not None]
    slowdown = compute_slowdown(rounds)
    medians = [turn[0] for turn in rounds]
    comparison = compare_rounds(rounds, [[_find_middle(run)] for run in results[reference]])
    name = f"{reference[0]}/{reference[1]} XNNPACK {'on' if reference[2] else 'off'}"
    return LatencyRecord(
        threads=setting[1],
        is_xnnpack=setting[2],
        p50_ms=statistics.median(medians),
        p90_ms=None,
        p95_ms=statistics.median(tails) if tails else None,
        p99_ms=None,
        min_ms=min(run.min_ms for run in runs),
        calls=sum(run.calls for run in runs),
        slowdown=slowdown,
        steadiness=judge_steadiness(max(medians) > NOISY_SPREAD * min(medians), slowdown),
        against_first=None if setting == reference else describe_comparison(comparison, name),
    )


def _find_middle(run: BenchmarkModelResult) -> float:
    return run.mean_ms if run.p50_ms is None else run.p50_ms


def _read_properties(phone: Phone) -> dict[str, str]:
    """``getprop``'s lines, "[ro.product.model]: [Pixel 8]"."""
    properties = {}
    for line in phone.shell(["getprop"]).splitlines():
        key, separator, value = line.strip().partition("]: [")
        if separator:
            properties[key.lstrip("[")] = value.rstrip("]")
    return properties


def _read_board(phone: Phone) -> dict[str, Any]:
    # One call: each takes tens of milliseconds. grep writes "path:line"; what may not be read is left out silently.
    lines = phone.run_script(f"grep -s '' {' '.join(BOARD_FILES)} /dev/null").splitlines()
    files: dict[str, str] = {}
    for line in lines:
        path, separator, text = line.partition(":")
        if separator and path.startswith("/"):
            files[path] = f"{files[path]}\n{text}" if path in files else text
    return parse_board(files)


def _describe_phone(phone: Phone, properties: Mapping[str, str], program: Path) -> dict[str, Any]:
    """The fields of ``collect_environment``, of the phone; nothing that names its owner, its serial number neither."""
    maker, model = (properties.get(f"ro.product.{key}", "") for key in ("manufacturer", "model"))
    chip = properties.get("ro.soc.model") or properties.get("ro.board.platform") or "unknown chip"
    cores = phone.shell(["nproc"]).strip()
    return {
        "cpu": f"{maker} {model} ({chip})".strip(),
        "machine": properties.get("ro.product.cpu.abi", "unknown"),
        "cores": int(cores) if cores.isdigit() else None,
        "cores_usable": None,
        "os": f"Android {properties.get('ro.build.version.release', 'unknown')}",
        "python": None,
        "runtime": f"benchmark_model, sha256 {compute_sha256(program)[:12]}",
        "packages": {},
        "source_revision": collect_environment()["source_revision"],
    }
