"""One run: score the part's photos with every model, measure, write ``accuracy.html`` and ``accuracy.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import load_part, thin_out
from benchmarks.accuracy_report.calibration import compare_models, compare_with_teacher, measure_calibration
from benchmarks.accuracy_report.false_alarms import measure_false_alarms, measure_false_blur
from benchmarks.accuracy_report.goals import collect_goals
from benchmarks.accuracy_report.invariance import measure_invariance
from benchmarks.accuracy_report.label_heads import measure_labels
from benchmarks.accuracy_report.ladders import measure_ladders
from benchmarks.accuracy_report.photos import DEFAULT_TRAINING, ScoredPhoto, find_clean, open_models, score_photos
from benchmarks.accuracy_report.report import write_report
from benchmarks.accuracy_report.slices import compute_agreement
from benchmarks.accuracy_report.verdicts import measure_verdicts
from benchmarks.environment import collect_environment, compute_sha256, describe_files, read_timestamp
from benchmarks.messages import Say, say_aloud
from benchmarks.options import check_counts, check_model_names
from benchmarks.output_folder import check_output_folder
from benchmarks.rows import ROW_KEYS, Row, build_model_rows, build_rows, check_split, choose_split_seed
from benchmarks.teacher import TeacherProcess
from edge_runtime import PhotoScorer
from edge_runtime.errors import PhotogateError, UsageError
from edge_runtime.gate import load_policy
from train.data.manifest import Photo
from train.progress import track

__all__ = ["OUTPUT_NAMES", "AccuracyOptions", "run_accuracy"]

OUTPUT_NAMES = ("accuracy.html", "accuracy.json")
OWN_KEYS = ("float", "pruned", "int8")
WORST = 20


@dataclass(frozen=True)
class AccuracyOptions:
    """What the command line asks for.

    Attributes:
        data: manifests.
        out: the folder for the two files.
        artifact: of ``python -m compress run``, or one .tflite file.
        teacher: its artifact; None: without.
        teacher_weights: its backbone's weights, if they have moved since it was trained.
        models: further photogate models, name → .tflite file.
        part: of the split.
        limit: this many rated and this many other photos at most.
        seed: of the split; None: the artifact's.
        resamples: of each bootstrap.
        photos_per_test: photos for each kind of fault, and for the tests of invariance.
        training: the config whose ``[samples]`` say which photos are taken for flawless, and whose ``[labels]`` what
            the manifests' words for categories and styles mean.
        clean_sources: further sources whose photos are.
        is_forced: overwrite earlier results.
    """

    data: tuple[Path, ...]
    out: Path
    artifact: Path
    teacher: Path | None = None
    teacher_weights: tuple[str, ...] = ()
    models: tuple[tuple[str, Path], ...] = ()
    part: str = "validation"
    limit: int | None = None
    seed: int | None = None
    resamples: int = 1000
    photos_per_test: int = 60
    training: Path = DEFAULT_TRAINING
    clean_sources: tuple[str, ...] = ()
    is_forced: bool = False


def run_accuracy(options: AccuracyOptions, say: Say = say_aloud) -> dict[str, Any]:
    """Measures, writes both files into ``options.out`` and returns what stands in the JSON.

    A model that is absent or fails says so in its note, a photo that cannot be decoded is listed; the rest goes on.

    Raises:
        UsageError: results exist already, an option is impossible, no model opens, no rated photo is left, or no photo
            is of one of ``clean_sources``.
        ManifestError: a manifest is faulty.
    """
    _check(options)
    seed = choose_split_seed(options.artifact, options.seed)
    rows = _build_rows(options, seed)
    photos = load_part(options.data, options.part, seed)
    unknown = sorted(set(options.clean_sources) - {photo.source for photo in photos})
    if unknown:
        raise UsageError(f"no photo of part {options.part!r} is of the source {', '.join(unknown)}")
    rated = thin_out([photo for photo in photos if photo.mos is not None], options.limit)
    others = thin_out([photo for photo in photos if photo.mos is None], options.limit)
    if not rated:
        names = ", ".join(str(path) for path in options.data)
        raise UsageError(f"{names}: no rated photo in part {options.part!r} (split seed {seed}); fill the column mos")
    environment = {**collect_environment(), "started": read_timestamp()}
    with ExitStack() as stack:
        scorers = open_models(rows, stack)
        if not scorers:
            notes = "; ".join(f"{row.label}: {row.note}" for row in rows)
            raise UsageError(f"{options.artifact}: no model opens ({notes}); pass another --artifact")
        scored, failures = score_photos([*rated, *others], scorers)
        if not any(entry.photo.mos is not None for entry in scored):
            raise UsageError(f"none of the {len(rated)} rated photos can be decoded; first: {failures[0]['error']}")
        teacher = _ask_teacher(rows, [entry.photo for entry in scored])
        report: dict[str, Any] = {
            "schema": 1,
            "data": {
                "manifests": describe_files(options.data),
                "part": options.part,
                "seed": seed,
                "photos": len(scored),
                "rated_photos": sum(entry.photo.mos is not None for entry in scored),
                "groups": len({entry.photo.group for entry in scored}),
                "undecodable": failures,
            },
            "environment": environment,
            "models": [_describe(row, scorers) for row in rows],
            **_measure(scored, scorers, teacher, options),
        }
    report["goals"] = [goal.to_json() for goal in collect_goals(report)]
    environment["finished"] = read_timestamp()
    write_report(report, scored, options.out)
    for row in rows:
        if row.note:
            say(f"{row.label}: {row.note}")
    for failure in failures:
        say(f"left out: {failure['file']}: {failure['error']}")
    return report


def _check(options: AccuracyOptions) -> None:
    check_output_folder(options.out, OUTPUT_NAMES, force=options.is_forced)
    check_counts(options, "limit", "resamples", "photos_per_test")
    check_model_names((name for name, _ in options.models), reserved=ROW_KEYS)


def _build_rows(options: AccuracyOptions, seed: int) -> list[Row]:
    """The teacher if asked for, the artifact's models, the further ones."""
    keys = (*(("teacher",) if options.teacher is not None else ()), *OWN_KEYS)
    rows = build_rows(keys, options.artifact, options.teacher or Path(), Path(), options.teacher_weights)
    check_split(rows, seed)
    return rows + build_model_rows(options.models)


def _ask_teacher(rows: Sequence[Row], photos: Sequence[Photo]) -> NDArray[np.float64] | None:
    """The teacher's points of every photo (n,); None where there is no teacher, or it fails."""
    for row in rows:
        if row.kind == "teacher" and row.is_usable and row.path is not None:
            try:
                with TeacherProcess(row.path, weights=row.weights) as teacher:
                    return np.array([100.0 * teacher.predict(photo.path) for photo in track(photos, "teacher")])
            except PhotogateError as error:
                row.fail(str(error))
    return None


def _measure(
    scored: Sequence[ScoredPhoto],
    scorers: Mapping[str, PhotoScorer],
    teacher: NDArray[np.float64] | None,
    options: AccuracyOptions,
) -> dict[str, Any]:
    # The int8 model is what ships. Without it, the last model named is what the report is about.
    subject = "int8" if "int8" in scorers else list(scorers)[-1]
    policy = load_policy()
    is_rated = np.array([entry.photo.mos is not None for entry in scored])
    rated = [entry for entry, chosen in zip(scored, is_rated, strict=True) if chosen]
    points = {key: np.array([entry.scores[key].quality for entry in rated]) for key in scorers}
    if teacher is not None:
        points = {"teacher": teacher[is_rated], **points}
    training = _load_training(options.training)
    samples, words = training.samples, {"category": training.labels.category, "style": training.labels.style}
    clean = find_clean(scored, samples.clean_from_mos, (*samples.clean_sources, *options.clean_sources))
    agreement = compute_agreement(rated, points, options.resamples)
    fidelity: dict[str, Any] | None = None
    if "float" in scorers and "int8" in scorers:
        fidelity = {
            "all": compare_models(scored, "float", "int8", policy),
            "rated": compare_models(rated, "float", "int8", policy),
            "srcc_loss": _compute_srcc_loss(agreement[0]["models"]),
        }
    return {
        "subject": subject,
        "agreement": agreement,
        "fidelity": fidelity,
        "calibration": measure_calibration(rated, subject),
        "teacher_student": None
        if teacher is None
        else compare_with_teacher(scored, teacher, list(scorers), options.resamples),
        "ladders": measure_ladders(clean, scorers, options.photos_per_test),
        "false_alarms": measure_false_alarms(clean, list(scorers), scorers[subject].contract.view, policy),
        "false_blur": measure_false_blur(clean, list(scorers), scorers[subject].contract.view, policy),
        "invariance": measure_invariance(scored, scorers, options.photos_per_test),
        "labels": measure_labels(scored, scorers, subject, words),
        "verdicts": measure_verdicts(scored, list(scorers), policy),
        "worst": _find_worst(rated, subject),
    }


def _load_training(training: Path) -> Any:
    from train.config import TeacherConfig
    from train.config_reader import load_config

    return load_config(training, TeacherConfig)


def _compute_srcc_loss(models: Mapping[str, Any]) -> float | None:
    if not models:
        return None
    before, after = (models[key]["srcc"]["value"] for key in ("float", "int8"))
    return None if before is None or after is None else float(before - after)


def _find_worst(rated: Sequence[ScoredPhoto], key: str) -> list[dict[str, Any]]:
    def compute_gap(entry: ScoredPhoto) -> float:
        return abs(entry.scores[key].quality - 100.0 * (entry.photo.mos or 0.0))

    return [
        {
            "file": entry.photo.file,
            "predicted_points": entry.scores[key].quality,
            "rated_points": 100.0 * (entry.photo.mos or 0.0),
        }
        for entry in sorted(rated, key=compute_gap, reverse=True)[:WORST]
    ]


def _describe(row: Row, scorers: Mapping[str, PhotoScorer]) -> dict[str, Any]:
    scorer = scorers.get(row.key)
    view = scorer.contract.view if scorer is not None else None
    is_file = row.path is not None and row.path.is_file()
    return {
        "key": row.key,
        "label": row.label,
        "path": str(row.path),
        "note": row.note,
        "is_failed": row.is_failed,
        "size_bytes": row.path.stat().st_size if is_file and row.path is not None else None,
        "sha256": compute_sha256(row.path) if is_file and row.path is not None else "",
        "precision": scorer.contract.precision if scorer is not None else "",
        "view": f"{view.width_px}x{view.height_px}" if view is not None else "",
    }
