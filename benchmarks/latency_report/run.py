"""One run: models in the mode asked for, then photos, frames and cold starts; writes latency.md and latency.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.classics import ensure_classic
from benchmarks.end_to_end import (
    EXAMPLES,
    PHOTO_FORMATS,
    PHOTO_SIZES_PX,
    load_source_photo,
    measure_frames,
    measure_verdicts,
)
from benchmarks.energy import open_energy_meter
from benchmarks.environment import (
    collect_environment,
    read_load_average,
    read_timestamp,
)
from benchmarks.latency import (
    Measure,
    TurnPlan,
    build_measure,
    build_running_clock,
)
from benchmarks.latency_report.cold_start import measure_cold_start
from benchmarks.latency_report.interleaved import measure_interleaved
from benchmarks.latency_report.long_runs import measure_single_stream, measure_sustained
from benchmarks.latency_report.report import format_latency
from benchmarks.latency_report.runtimes import build_runtime_call
from benchmarks.messages import Say, say_aloud
from benchmarks.options import check_model_names, describe_options
from benchmarks.output_folder import check_output_folder, write_texts
from benchmarks.rows import Row, build_rows, find_default_artifact, identify_model
from benchmarks.teacher import TeacherProcess
from edge_runtime.errors import PhotogateError, UsageError
from edge_runtime.model_file import unpack_model

__all__ = ["MODES", "OUTPUT_NAMES", "PARTS", "LatencyOptions", "run_latency"]

OUTPUT_NAMES = ("latency.md", "latency.json")
Mode = Literal["interleaved", "single-stream", "sustained"]
MODES: tuple[Mode, ...] = ("interleaved", "single-stream", "sustained")
PARTS = ("models", "photos", "frames", "cold-start")
CLASSIC_SIDE_PX = 224


@dataclass(frozen=True)
class LatencyOptions:
    """What the command line asks for.

    Attributes:
        out: the folder for the two files, and for exported backbones.
        artifact: of ``python -m compress run``, or one .tflite file.
        models: further models, name → .tflite or .onnx file.
        rows: keys of ``benchmarks.rows.ROW_KEYS``.
        teacher, peers: folders, for their rows.
        teacher_weights: the teacher's backbone weights, if they have moved; see ``train.models.teacher.load_teacher``.
        threads: numbers of threads, each measured by itself.
        runtimes: names of ``benchmarks.latency_report.runtimes.RUNTIME_NAMES``; every .tflite runs under each.
        mode: how models are called.
        against: whom the others are compared with; None: "float" if it is there, else the first.
        parts: of an interleaved run; the other modes measure models only.
        megapixels, formats: of the photos.
        rounds: turns of each model; photos, frames and cold starts get fewer where they are slow.
        min_queries, min_seconds: of a single stream, both to be reached.
        minutes, window_s: of a sustained run.
        is_forced: overwrite earlier results.
    """

    out: Path
    artifact: Path = field(default_factory=find_default_artifact)
    models: tuple[tuple[str, Path], ...] = ()
    rows: tuple[str, ...] = ("float", "pruned", "int8")
    teacher: Path = Path("artifacts/teacher")
    peers: Path = Path("../shared/peers")
    teacher_weights: tuple[str, ...] = ()
    threads: tuple[int, ...] = (1, 2)
    runtimes: tuple[str, ...] = ("default",)
    mode: Mode = "interleaved"
    against: str | None = None
    parts: tuple[str, ...] = PARTS
    megapixels: tuple[str, ...] = tuple(PHOTO_SIZES_PX)
    formats: tuple[str, ...] = tuple(PHOTO_FORMATS)
    rounds: int = 100
    min_queries: int = 1024
    min_seconds: float = 60.0
    minutes: float = 30.0
    window_s: float = 60.0
    is_forced: bool = False


def run_latency(options: LatencyOptions, say: Say = say_aloud) -> dict[str, Any]:
    """Measures, writes both files into ``options.out`` and returns what stands in the JSON.

    What is absent or fails says so in ``notes``; the rest is measured.

    Raises:
        UsageError: results exist already, an option is impossible, or there is nothing to measure.
    """
    _check(options)
    rows = _collect_rows(options)
    _check_against(rows, options)
    report: dict[str, Any] = {
        "schema": 1,
        "created": read_timestamp(),
        "environment": {**collect_environment(), "load_average_start": read_load_average()},
        "options": describe_options(options),
        "models": {},
        "threads": [],
        "photos": [],
        "frames": [],
        "cold_start": None,
        "notes": [],
    }
    is_interleaved = options.mode == "interleaved"
    if "models" in options.parts or not is_interleaved:
        for num_threads in options.threads:
            report["threads"].append(_measure_models(rows, num_threads, options, report["notes"], say))
    report["models"] = {row.key: _describe(row) for row in rows}
    report["notes"] += [f"{row.label}: {row.note}" for row in rows if row.note]
    if is_interleaved:
        _measure_ways(rows, options, report, say)
    _check_something_was_measured(report)
    report["environment"]["load_average_end"] = read_load_average()
    text = format_latency(report)
    contents = dict(zip(OUTPUT_NAMES, (text, json.dumps(report, indent=1, allow_nan=False)), strict=True))
    write_texts(options.out, contents, force=options.is_forced)
    return report


def _check(options: LatencyOptions) -> None:
    check_output_folder(options.out, OUTPUT_NAMES, force=options.is_forced)
    for name in ("rounds", "min_queries", "min_seconds", "minutes", "window_s"):
        if not getattr(options, name) > 0:
            raise UsageError(f"--{name.replace('_', '-')} must be more than 0, not {getattr(options, name)}")
    if not options.threads or min(options.threads) < 1:
        raise UsageError("--threads must be 1 or more")
    check_model_names((name for name, _ in options.models), reserved=options.rows)


def _check_against(rows: list[Row], options: LatencyOptions) -> None:
    """Before anything is measured: half an hour later the answer would be the same."""
    runtimes = ("default", *options.runtimes)  # .onnx files and the teacher have no other than the usual one
    known = [_name_measure(row.key, runtime) for row in rows if row.is_usable for runtime in dict.fromkeys(runtimes)]
    if options.against is not None and options.against not in known:
        raise UsageError(f"--against: {options.against} is not among what is measured: {', '.join(known)}")


def _check_something_was_measured(report: Mapping[str, Any]) -> None:
    """What failed is a result, too; what is not there at all is a mistake of who asked for it."""
    measured = [one["models"] for one in report["threads"]]
    if not any((*measured, report["photos"], report["frames"], report["cold_start"])) and not any(
        model["is_failed"] for model in report["models"].values()
    ):
        raise UsageError(f"nothing could be measured: {'; '.join(report['notes'])}")


def _collect_rows(options: LatencyOptions) -> list[Row]:
    rows = build_rows(options.rows, options.artifact, options.teacher, options.peers, options.teacher_weights)
    for row in (row for row in rows if row.kind == "classic"):
        try:
            row.path = ensure_classic(row.key, CLASSIC_SIDE_PX, CLASSIC_SIDE_PX, options.out / "cache")
        except PhotogateError as error:
            row.add_note(f"not measured: {error}")
    for name, path in options.models:
        row = Row(name, name, "photogate", path)
        if not path.is_file():
            row.fail(f"no such file: {path}")
        rows.append(row)
    return rows


def _measure_models(
    rows: list[Row], num_threads: int, options: LatencyOptions, notes: list[str], say: Say
) -> dict[str, Any]:
    """All models at one number of threads, as ``options.mode`` says."""
    with ExitStack() as stack:
        measures = _open_measures(rows, num_threads, options, stack, notes)
        say(f"{options.mode}, {num_threads} thread(s): {', '.join(measures) or 'nothing to measure'}")
        measured: dict[str, Any] = {"threads": num_threads, "models": {}, "comparisons": {}, "against": None}
        if options.mode == "interleaved":
            return measured | measure_interleaved(rows, measures, num_threads, options.rounds, options.against)
        for name, measure in measures.items():
            try:
                measured["models"][name] = _measure_alone(measure, options)
            except PhotogateError as error:  # the teacher's process has died
                next(row for row in rows if row.key == name).fail(str(error))
        return measured


def _open_measures(
    rows: list[Row], num_threads: int, options: LatencyOptions, stack: ExitStack, notes: list[str]
) -> dict[str, Measure]:
    measures: dict[str, Measure] = {}
    for row in rows:
        if not row.is_usable or row.path is None:
            continue
        if row.kind == "teacher":
            try:
                worker = stack.enter_context(TeacherProcess(row.path, num_threads, row.weights))
            except PhotogateError as error:
                row.fail(str(error))
            else:
                measures[row.key] = worker.measure
            continue
        refused: list[str] = []
        for runtime in options.runtimes if row.path.suffix != ".onnx" else ("default",):
            name = _name_measure(row.key, runtime)
            try:
                call = build_runtime_call(row.path, runtime, num_threads)
            except UsageError as error:  # the runtime is not installed, which is not the model's fault
                notes.append(f"{name}, {num_threads} thread(s): not measured: {error}")
            except PhotogateError as error:
                refused.append(f"{name}, {num_threads} thread(s): {error}")
            else:
                measures[name] = _build_measure(call, num_threads, options.mode)
        if refused and not any(_name_measure(row.key, runtime) in measures for runtime in options.runtimes):
            row.fail("; ".join(refused))
        else:  # what one runtime refuses, another measures
            notes += [f"not measured: {reason}" for reason in refused]
    return measures


def _name_measure(key: str, runtime: str) -> str:
    return key if runtime == "default" else f"{key}@{runtime}"


def _build_measure(call: Callable[[], Any], num_threads: int, mode: Mode) -> Measure:
    """On the running clock where models are compared and one thread does all the work; else as a user's clock goes."""
    is_running = mode == "interleaved" and num_threads == 1
    return build_measure(call, build_running_clock()) if is_running else build_measure(call)


def _measure_alone(measure: Measure, options: LatencyOptions) -> dict[str, Any]:
    if options.mode == "single-stream":
        return measure_single_stream(measure, min_queries=options.min_queries, min_seconds=options.min_seconds)
    meter = open_energy_meter()
    return measure_sustained(measure, seconds=60 * options.minutes, window_s=options.window_s, meter=meter)


def _measure_ways(rows: list[Row], options: LatencyOptions, report: dict[str, Any], say: Say) -> None:
    """From photos, from frames and from nothing to a verdict, by the int8 model; what fails is a note."""
    wanted = [part for part in options.parts if part != "models"]
    model = next((row.path for row in rows if row.key == "int8" and row.is_usable), None)
    photo = next(iter(sorted(EXAMPLES.glob("*.jpg"))), None)
    if model is None or photo is None:
        report["notes"] += [f"{part}: not measured, for it needs the row int8 and the examples" for part in wanted]
        return
    source = load_source_photo(EXAMPLES)
    plan = TurnPlan(rounds=options.rounds, turn_ms=20.0, budget_s=20.0, min_rounds=min(20, options.rounds))
    ways: dict[str, Callable[[], Any]] = {
        "photos": lambda: measure_verdicts(model, source, options.megapixels, options.formats, plan),
        "frames": lambda: measure_frames(model, source, plan),
        "cold-start": lambda: measure_cold_start(model, photo, min(options.rounds, 20)),
    }
    for part in wanted:
        say(f"{part} to verdicts, by the int8 model")
        try:
            report[part.replace("-", "_")] = ways[part]()
        except PhotogateError as error:
            report["notes"].append(f"{part}: not measured: {error}")


def _describe(row: Row) -> dict[str, Any]:
    described = {"label": row.label, "path": None if row.path is None else str(row.path), "note": row.note}
    view = None
    if row.path is not None and row.is_usable and row.kind == "photogate" and row.path.suffix == ".tflite":
        try:
            spec = unpack_model(row.path)[1].view
        except PhotogateError:  # a .tflite of somebody else's
            spec = None
        view = None if spec is None else [spec.width_px, spec.height_px]
    return {
        **described,
        "is_failed": row.is_failed,
        "view_px": view,
        **identify_model(row.path),
    }
