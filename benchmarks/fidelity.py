"""How near students are to their teacher on photos that neither has seen, also on such that nobody has rated.

People's ratings are few; a teacher can be asked about any photo. A student that leaves its teacher on a source that
gave nothing to its training does not see there what the teacher sees, whatever it has learnt about its own photos.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import EVERY_PHOTO, load_part, predict_all, thin_out
from benchmarks.accuracy_report.calibration import compare_with_teacher
from benchmarks.accuracy_report.photos import ScoredPhoto, open_models, score_photos
from benchmarks.accuracy_report.slices import MIN_PHOTOS
from benchmarks.environment import collect_environment, compute_sha256, describe_files, read_timestamp
from benchmarks.messages import Say, say_aloud
from benchmarks.options import check_counts, check_model_names
from benchmarks.output_folder import check_output_folder, write_texts
from benchmarks.rows import Row, build_model_rows, check_split, choose_split_seed, find_default_artifact
from benchmarks.tables import format_correlation, format_identities, format_table
from benchmarks.teacher import TeacherProcess
from edge_runtime import PhotoScorer
from edge_runtime.errors import UsageError
from edge_runtime.models import list_models
from train.data.manifest import Photo

__all__ = ["OUTPUT_NAME", "FidelityOptions", "format_fidelity", "run_fidelity"]

OUTPUT_NAME = "fidelity.json"
METRICS = ("srcc", "plcc", "krcc")  # no RMSE: the teacher's quality is on no scale that people have rated on


@dataclass(frozen=True)
class FidelityOptions:
    """What the command line asks for.

    Attributes:
        data: manifests; photos need no rating.
        out: the folder for ``fidelity.json``.
        teacher: its artifact.
        teacher_weights: its backbones' weights, if they have moved since it was trained.
        models: photogate models, name → .tflite file; empty: those that ship.
        part: of the split, or "all": every photo, for sources that no model was trained on.
        limit: photos at most, of each manifest.
        seed: of the split; None: that of the models that ship.
        resamples: of each bootstrap.
        is_forced: overwrite an earlier result.
    """

    data: tuple[Path, ...]
    out: Path
    teacher: Path
    teacher_weights: tuple[str, ...] = ()
    models: tuple[tuple[str, Path], ...] = ()
    part: str = "test"
    limit: int | None = None
    seed: int | None = None
    resamples: int = 1000
    is_forced: bool = False


def run_fidelity(options: FidelityOptions, say: Say = say_aloud) -> dict[str, Any]:
    """Measures, writes ``fidelity.json`` into ``options.out`` and returns what stands in it.

    A photo that cannot be decoded is listed, a model that does not open says so in its note; the rest goes on.

    Raises:
        UsageError: a result exists already, an option is impossible, no model opens, or too few photos are left.
        ManifestError: a manifest is faulty.
        ModelError: the teacher cannot be loaded, or fails.
    """
    _check(options)
    rows = build_model_rows(options.models or [(path.stem, path) for path in list_models()])
    seed = choose_split_seed(find_default_artifact(), options.seed)
    teacher_row = Row("teacher", "teacher", "teacher", options.teacher)
    if options.part != EVERY_PHOTO:
        check_split([teacher_row], seed)
        if teacher_row.is_failed:
            raise UsageError(f"{options.teacher}: {teacher_row.note}; pass its --seed, or another --teacher")
    photos = _load_photos(options, seed)
    with ExitStack() as stack:
        scorers = open_models(rows, stack)
        if not scorers:
            raise UsageError(f"no model opens ({'; '.join(f'{row.label}: {row.note}' for row in rows)})")
        # Before the photos are scored: a teacher that cannot be loaded should not cost the time for that.
        teacher = stack.enter_context(TeacherProcess(options.teacher, weights=options.teacher_weights))
        scored, failures = score_photos(photos, scorers)
        if len(scored) < MIN_PHOTOS:
            raise UsageError(f"{len(scored)} photos could be decoded; at least {MIN_PHOTOS} are needed")
        described = [_describe_model(row, scorers) for row in rows]
        answers = np.array(predict_all([entry.photo for entry in scored], teacher.predict, "teacher"))
    report: dict[str, Any] = {
        "schema": 1,
        "created": read_timestamp(),
        "environment": {**collect_environment(), "finished": read_timestamp()},
        "data": {
            "manifests": describe_files(options.data),
            "part": options.part,
            "seed": None if options.part == EVERY_PHOTO else seed,
            "photos": len(scored),
            "undecodable": failures,
        },
        "teacher": {"path": str(options.teacher), "note": teacher_row.note},
        "models": described,
        "slices": _compare(scored, answers, list(scorers), options.resamples),
    }
    write_texts(options.out, {OUTPUT_NAME: json.dumps(report, indent=1)}, force=options.is_forced)
    for row in [teacher_row, *rows]:
        if row.note:
            say(f"{row.label}: {row.note}")
    for failure in failures:
        say(f"left out: {failure['file']}: {failure['error']}")
    say(f"written to {options.out / OUTPUT_NAME}")
    return report


def format_fidelity(report: Mapping[str, Any]) -> str:
    """SRCC of every model with the teacher, by collection of photos, as a Markdown table."""
    keys = [model["key"] for model in report["models"] if not model["is_failed"]]
    lines = [
        (
            entry["name"],
            str(entry["photos"]),
            *(format_correlation(entry["models"].get(key, {}).get("srcc")) for key in keys),
        )
        for entry in report["slices"]
    ]
    table = format_table(("SRCC with the teacher [95 %]", "photos", *keys), lines)
    models = format_identities({model["key"]: model for model in report["models"]})
    return "\n".join([*table, "", f"Measured {report['created']}:", *models])


def _check(options: FidelityOptions) -> None:
    check_output_folder(options.out, [OUTPUT_NAME], force=options.is_forced)
    check_counts(options, "limit", "resamples")
    check_model_names(name for name, _ in options.models)


def _load_photos(options: FidelityOptions, seed: int) -> list[Photo]:
    by_collection: dict[str, list[Photo]] = {}
    for photo in load_part(options.data, options.part, seed):
        by_collection.setdefault(photo.collection, []).append(photo)
    return [photo for members in by_collection.values() for photo in thin_out(members, options.limit)]


def _describe_model(row: Row, scorers: Mapping[str, PhotoScorer]) -> dict[str, Any]:
    described: dict[str, Any] = {"key": row.key, "path": str(row.path), "note": row.note}
    if row.key not in scorers:
        return {**described, "is_failed": True}
    assert row.path is not None  # it has been opened
    contract = scorers[row.key].contract
    identity = {"name": contract.name, "version": contract.version, "sha256": compute_sha256(row.path)}
    return {**described, "is_failed": False, **identity}


def _compare(
    scored: Sequence[ScoredPhoto], teacher: NDArray[np.float64], keys: Sequence[str], resamples: int
) -> list[dict[str, Any]]:
    """All photos, then those of each manifest that has enough of them."""
    collections = np.array([entry.photo.collection for entry in scored])
    names = sorted(set(collections))
    slices = {"all": np.arange(len(scored))}
    if len(names) > 1:
        slices |= {name: np.flatnonzero(collections == name) for name in names}
    found = []
    for name, rows in slices.items():
        compared = compare_with_teacher([scored[int(row)] for row in rows], teacher[rows], keys, resamples)
        models = {key: {one: metrics[one] for one in METRICS} for key, metrics in compared["models"].items()}
        found.append({"name": name, **compared, "models": models})
    return found
