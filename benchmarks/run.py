"""One run: which rows, their accuracy, footprint and latency, the end-to-end times, then the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy import SUBSETS, PredictQuality, compute_accuracies, load_rated_photos, predict_all
from benchmarks.classics import ensure_classic
from benchmarks.end_to_end import EXAMPLES, load_source_photo, measure_end_to_end
from benchmarks.environment import (
    collect_environment,
    describe_files,
    read_load_average,
    read_timestamp,
)
from benchmarks.latency import Measure, TurnPlan, build_invoke_call, build_measure, compute_summary, join_turns
from benchmarks.memory import Footprint, measure_footprint
from benchmarks.messages import Say, say_aloud
from benchmarks.options import check_counts, describe_options
from benchmarks.output_folder import check_output_folder
from benchmarks.peers.nima import build_nima_predictor
from benchmarks.plot import PlotPoint, save_accuracy_latency_plot
from benchmarks.report import Results, write_results
from benchmarks.rows import ROW_KEYS, Row, build_rows, check_split, choose_split_seed, identify_model, interleave_living
from benchmarks.teacher import TeacherProcess
from edge_runtime import PhotoScorer
from edge_runtime.contract import ViewSpec
from edge_runtime.errors import PhotogateError, UsageError
from edge_runtime.model_file import unpack_model
from train.data.manifest import Photo

__all__ = ["OUTPUT_NAMES", "RunOptions", "run"]

OUTPUT_NAMES = ("table.md", "results.json", "accuracy-latency.png")
THREAD_COUNTS = (1, 2)
FALLBACK_VIEW = ViewSpec(width_px=224, height_px=224)  # of the untrained backbones when no student is there to match
SMOKE_LIMIT = 16
SMOKE_PLAN = TurnPlan(rounds=4, turn_ms=10.0, max_calls_per_turn=3, budget_s=3.0, min_rounds=2)


@dataclass(frozen=True)
class RunOptions:
    """What the command line asks for.

    Attributes:
        data: manifests of rated photos.
        out: the folder for the results and the cache of exported backbones.
        artifact: of ``python -m compress run``, or one .tflite file.
        teacher, peers: folders.
        teacher_weights: the teacher's backbone weights, if they have moved; see ``train.models.teacher.load_teacher``.
        trained: see :func:`benchmarks.rows.build_rows`.
        rows: keys to measure; None: all (in a smoke run: all but the untrained backbones).
        part: of the split.
        limit: rated photos at most.
        seed: of the split; None: the artifact's.
        is_smoke: few rounds and photos; shows that everything works, its figures mean nothing.
        is_forced: overwrite earlier results.
    """

    data: tuple[Path, ...]
    out: Path
    artifact: Path
    teacher: Path
    peers: Path
    teacher_weights: tuple[str, ...] = ()
    trained: tuple[str, ...] = ()
    rows: tuple[str, ...] | None = None
    part: str = "test"
    limit: int | None = None
    seed: int | None = None
    is_smoke: bool = False
    is_forced: bool = False


def run(options: RunOptions, say: Say = say_aloud) -> Results:
    """Measures, writes the results into ``options.out`` and returns them.

    A row that is absent or fails says so in its note; the others are measured.

    Raises:
        UsageError: results exist already, an option is impossible, or no rated photo is left.
        ManifestError: a manifest is faulty.
    """
    check_output_folder(options.out, OUTPUT_NAMES, force=options.is_forced)
    check_counts(options, "limit")
    seed = choose_split_seed(options.artifact, options.seed)
    limit = min(options.limit or SMOKE_LIMIT, SMOKE_LIMIT) if options.is_smoke else options.limit
    plan = SMOKE_PLAN if options.is_smoke else TurnPlan()
    rows = build_rows(
        options.rows or ROW_KEYS,
        options.artifact,
        options.teacher,
        options.peers,
        options.teacher_weights,
        options.trained,
    )
    check_split(rows, seed)
    photos = load_rated_photos(options.data, options.part, seed, limit)
    options.out.mkdir(parents=True, exist_ok=True)
    environment = {**collect_environment(), "started": read_timestamp(), "load_average_start": read_load_average()}
    _prepare_classics(rows, options, say)
    for row in rows:
        _describe(row)
    _measure_accuracies(rows, photos, 50 if options.is_smoke else 1000, say)
    _measure_footprints(rows, 1 if options.is_smoke else 3, say)
    for num_threads in THREAD_COUNTS:
        _measure_latencies(rows, num_threads, plan, say)
    results = Results(
        options=describe_options(options),
        environment=environment,
        data=_describe_data(options, photos, seed),
        rows=rows,
    )
    _measure_end_to_end(results, plan, say)
    _add_notes(results, options)
    _plot(results, options.out / OUTPUT_NAMES[2])
    environment.update(finished=read_timestamp(), load_average_end=read_load_average())
    write_results(results, options.out)
    return results


@contextmanager
def _failures_noted(row: Row) -> Iterator[None]:
    try:
        yield
    except PhotogateError as error:
        row.fail(str(error))


def _prepare_classics(rows: Sequence[Row], options: RunOptions, say: Say) -> None:
    view = _find_view(rows)
    for row in (row for row in rows if row.kind == "classic"):
        if options.is_smoke and options.rows is None:
            row.add_note("left out of the smoke run (ask for it with --rows)")
            continue
        say(f"{row.label}: preparing {view.width_px}x{view.height_px}")
        try:
            row.path = ensure_classic(row.key, view.width_px, view.height_px, options.out / "cache")
        except PhotogateError as error:
            row.add_note(f"not measured: {error}")


def _find_view(rows: Sequence[Row]) -> ViewSpec:
    for row in rows:
        if row.kind == "photogate" and row.is_usable and row.path is not None:
            try:
                return unpack_model(row.path)[1].view
            except PhotogateError:
                continue  # the row itself will say what is wrong with it
    return FALLBACK_VIEW


def _describe(row: Row) -> None:
    if row.is_usable and row.path is not None:
        files = [row.path] if row.path.is_file() else [path for path in row.path.iterdir() if path.is_file()]
        row.size_bytes = sum(path.stat().st_size for path in files)
        identity = identify_model(row.path)
        row.sha256, row.name, row.version = identity["sha256"] or "", identity["name"], identity["version"]


def _measure_accuracies(rows: Sequence[Row], photos: Sequence[Photo], resamples: int, say: Say) -> None:
    for row in rows:
        if not row.is_usable or (row.kind == "classic" and row.trained is None):
            continue
        say(f"{row.label}: scoring {len(photos)} photos")
        with _failures_noted(row), ExitStack() as stack:
            predict = _open_predictor(row, stack)
            row.accuracy = compute_accuracies(photos, predict_all(photos, predict, row.label), resamples)


def _open_predictor(row: Row, stack: ExitStack) -> PredictQuality:
    assert row.path is not None  # is_usable
    teacher = row.path if row.kind == "teacher" else row.trained
    if teacher is not None:
        return stack.enter_context(TeacherProcess(teacher, max(THREAD_COUNTS), row.weights)).predict
    if row.kind == "nima":
        return build_nima_predictor(row.path, num_threads=1)
    scorer = stack.enter_context(PhotoScorer.from_file(row.path, num_threads=1))
    return lambda photo: scorer.score(photo).quality


def _measure_footprints(rows: Sequence[Row], processes: int, say: Say) -> None:
    for row in rows:
        if not row.is_usable or row.path is None:
            continue
        say(f"{row.label}: load time and peak memory")
        with _failures_noted(row):
            if row.kind == "teacher":
                with TeacherProcess(row.path, 1, row.weights) as teacher:
                    row.size_bytes = teacher.weights_bytes
                    row.footprint = Footprint(teacher.load_ms, teacher.measure(), teacher.peak_memory_bytes)
            else:
                row.footprint = measure_footprint(row.path, processes=processes)


def _measure_latencies(rows: Sequence[Row], num_threads: int, plan: TurnPlan, say: Say) -> None:
    with ExitStack() as stack:
        measures: dict[str, Measure] = {}
        for row in rows:
            if not row.is_usable or row.path is None:
                continue
            with _failures_noted(row):
                if row.kind == "teacher":
                    measures[row.key] = stack.enter_context(TeacherProcess(row.path, num_threads, row.weights)).measure
                else:
                    measures[row.key] = build_measure(build_invoke_call(row.path, num_threads))
        say(f"latency at {num_threads} thread(s): {len(measures)} models in turns")
        rounds = interleave_living(rows, measures, plan)
    for row in rows:
        if row.key in rounds:
            row.latency[num_threads] = compute_summary(join_turns(rounds[row.key]))
            if num_threads == 1:
                row.rounds = rounds[row.key]


def _measure_end_to_end(results: Results, plan: TurnPlan, say: Say) -> None:
    row = next((row for row in results.rows if row.key == "int8"), None)
    if row is None or row.path is None or not row.is_usable:
        results.end_to_end_note = f"not measured: {row.note}" if row is not None else "not measured: no int8 row"
        return
    say("12 MP JPEG and 1280x720 frame to score")
    with _failures_noted(row):
        results.end_to_end = measure_end_to_end(row.path, load_source_photo(EXAMPLES), plan)
    if results.end_to_end is None:
        results.end_to_end_note = f"not measured: {row.note}"


def _describe_data(options: RunOptions, photos: Sequence[Photo], seed: int) -> dict[str, Any]:
    return {
        "manifests": describe_files(options.data),
        "part": options.part,
        "seed": seed,
        "rated_photos": len(photos),
        "groups": len({photo.group for photo in photos}),
        "ss01_photos": sum(SUBSETS["ss01"](photo) for photo in photos),
    }


def _add_notes(results: Results, options: RunOptions) -> None:
    if options.is_smoke:
        results.notes.append("Smoke run: few photos and rounds; it shows that everything works, not how well.")
    kinds = {row.kind for row in results.rows if row.latency}
    if "classic" in kinds:
        results.notes.append(
            "VGG16 and ResNet50: latency, memory and size are those of random weights (backbone, average pooling, one "
            "output)."
        )
    if "teacher" in kinds:
        results.notes.append(
            "Teacher: timed in its own process on a 512x512 picture, its preprocessing included; its load time and "
            "memory leave out its framework's import; its file size is that of all its weights as float32."
        )
    results.notes.append(
        "Latency: bare invoke of the look at the whole, models in interleaved turns; agreement is of all looks at a "
        "photo. Load time and peak memory: growth in fresh processes, of all networks in a file."
    )


def _plot(results: Results, path: Path) -> None:
    points = []
    for row in results.rows:
        if 1 in row.latency:
            accuracy = row.accuracy.get("all")
            srcc, interval = (accuracy.srcc, accuracy.srcc_interval) if accuracy is not None else (None, None)
            if srcc is None and row.kind != "classic":
                continue  # without a correlation it would be taken for an untrained model; the table says why
            points.append(PlotPoint(row.label, row.kind, row.latency[1].p50_ms, srcc, interval))
    title = f"Accuracy against latency: {results.data['rated_photos']} photos of the {results.data['part']} split"
    try:
        save_accuracy_latency_plot(points, title, path)
    except UsageError as error:
        results.notes.append(f"No plot: {error}")
