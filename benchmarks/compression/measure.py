"""The figures of every row: agreement with people, distance to float, the file, memory, time in interleaved turns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.accuracy import compute_accuracy
from benchmarks.accuracy_report.calibration import compare_models
from benchmarks.accuracy_report.photos import ScoredPhoto, open_models, score_photos
from benchmarks.comparison import compare_rounds
from benchmarks.compression.build import Compressed, find_form
from benchmarks.compression.plan import FLOAT
from benchmarks.footprint_report.model_files import describe_model_file
from benchmarks.latency import (
    TurnPlan,
    build_invoke_call,
    build_measure,
    build_running_clock,
    compute_profile,
    interleave_rounds,
    join_turns,
)
from benchmarks.rows import Row, identify_model
from edge_runtime.errors import PhotogateError
from edge_runtime.gate import Policy
from train.data.manifest import Photo
from train.metrics import bootstrap_interval, compute_srcc

__all__ = ["Step", "build_steps", "compute_srcc_difference", "judge_steps", "measure_files", "time_steps"]


@dataclass
class Step:
    """One row on its way: a form of a variant of a student.

    Attributes:
        done: what it was made by.
        form: "float", or one of ``benchmarks.compression.plan.FORMS``.
        row: its file; its key is "student/variant/form".
        twin: the float model of the same artifact. It has the same weights as every float model of the student, but
            the artifact's own map from raw quality to points: scores under one map differ by what compressing did.
        found: what was measured, by the names of ``compression.json``.
    """

    done: Compressed
    form: str
    row: Row
    twin: Row
    found: dict[str, Any] = field(default_factory=dict)


def build_steps(variants: Sequence[Compressed]) -> list[Step]:
    """A row for each form of each variant, and before those of a student its float model, once."""
    steps: list[Step] = []
    seen: set[str] = set()
    for done in variants:
        twin = _build_row(done, FLOAT)
        if done.student.name not in seen:
            steps.append(Step(done, FLOAT, twin, twin))
            seen.add(done.student.name)
        steps += [Step(done, form, _build_row(done, form), twin) for form in done.variant.forms]
    return steps


def judge_steps(steps: Sequence[Step], photos: Sequence[Photo], policy: Policy, resamples: int) -> list[dict[str, str]]:
    """Scores rated photos and fills ``accuracy`` and ``against_float``; a model that does not open fails its row.

    Returns:
        ``{"file", "error"}`` for each photo that cannot be decoded.
    """
    rows = {row.key: row for step in steps for row in (step.row, step.twin)}
    with ExitStack() as stack:
        scored, failures = score_photos(photos, open_models(list(rows.values()), stack))
    collections = sorted({entry.photo.collection for entry in scored})
    for step in (step for step in steps if step.row.is_usable and scored):
        accuracies = {"all": compute_accuracy(*_take(scored, step.row.key), resamples)}
        for name in collections if len(collections) > 1 else ():
            part = [entry for entry in scored if entry.photo.collection == name]
            accuracies[name] = compute_accuracy(*_take(part, step.row.key), resamples)
        step.found["accuracy"] = {name: asdict(accuracy) for name, accuracy in accuracies.items()}
        if step.form != FLOAT and step.twin.is_usable:
            step.found["against_float"] = {
                **compare_models(scored, step.twin.key, step.row.key, policy),
                "srcc_difference": _compare_srcc(scored, step, resamples),
            }
    return failures


def compute_srcc_difference(
    scores: ArrayLike, reference: ArrayLike, mos: ArrayLike, groups: Sequence[str], resamples: int
) -> dict[str, Any]:
    """How much better scores agree with people than those of a reference on the same photos.

    Both SRCCs are computed on the same resamples: what is hard about some photos is hard for both, so that the
    difference is known far better than either.

    Args:
        scores, reference: (n,).
        mos: (n,) ratings.
        groups: (n,), drawn whole.
        resamples: of the bootstrap.

    Returns:
        ``value``, ``low`` and ``high`` (95 %), and ``verdict``: "higher" or "lower" if the whole interval is on that
        side of 0, else "no difference beyond noise".

    Raises:
        ValueError: too few photos or groups, or constant scores.
    """
    mine, other = np.asarray(scores, dtype=np.float64), np.asarray(reference, dtype=np.float64)

    def compute(rows: ArrayLike, ratings: ArrayLike) -> float:
        index = np.asarray(rows).astype(np.intp)
        return compute_srcc(mine[index], ratings) - compute_srcc(other[index], ratings)

    rows: NDArray[np.float64] = np.arange(len(mine), dtype=np.float64)  # what is resampled
    value = compute(rows, mos)
    interval = bootstrap_interval(compute, rows, mos, groups=groups, resamples=resamples)
    if interval is None:
        raise ValueError("there are too few groups for a verdict")
    low, high = interval
    verdict = "higher" if low > 0 else "lower" if high < 0 else "no difference beyond noise"
    return {"value": value, "low": low, "high": high, "verdict": verdict}


def measure_files(steps: Iterable[Step], processes: int) -> None:
    """Fills ``file``: sizes, zeros, operations, pieces for the delegate, load time and memory in fresh processes."""
    for step in steps:
        if step.row.is_usable and step.row.path is not None:
            try:
                described = describe_model_file(step.row.path, processes)
            except PhotogateError as error:
                step.row.fail(str(error))
            else:
                step.found["file"] = {**described, **identify_model(step.row.path)}


def time_steps(steps: Sequence[Step], plan: TurnPlan) -> None:
    """Fills ``latency`` and, against the same student's float model, ``speed``: one thread, all models in turns."""
    measures = {}
    for step in steps:
        if step.row.is_usable and step.row.path is not None:
            try:
                call = build_invoke_call(step.row.path, 1)
            except PhotogateError as error:
                step.row.fail(str(error))
            else:
                measures[step.row.key] = build_measure(call, build_running_clock())
    if not measures:
        return
    rounds = interleave_rounds(measures, plan)
    floats = {step.done.student.name: rounds.get(step.row.key) for step in steps if step.form == FLOAT}
    for step in steps:
        turns, reference = rounds.get(step.row.key), floats[step.done.student.name]
        if turns is None:
            continue
        step.found["latency"] = vars(compute_profile(join_turns(turns)))
        if step.form != FLOAT and reference is not None:
            compared = compare_rounds(turns, reference)
            step.found["speed"] = {**compared.to_json(), "text": compared.describe(FLOAT)}


def _build_row(done: Compressed, form: str) -> Row:
    key = f"{done.student.name}/{done.variant.name}/{form}"
    return Row(key, key, "photogate", find_form(done, form))


def _take(scored: Sequence[ScoredPhoto], key: str) -> tuple[list[Photo], list[float]]:
    return [entry.photo for entry in scored], [entry.scores[key].quality for entry in scored]


def _compare_srcc(scored: Sequence[ScoredPhoto], step: Step, resamples: int) -> dict[str, Any] | None:
    """None where a correlation has no value."""
    photos, scores = _take(scored, step.row.key)
    _, reference = _take(scored, step.twin.key)
    mos = [photo.mos or 0.0 for photo in photos]
    try:
        return compute_srcc_difference(scores, reference, mos, [photo.group for photo in photos], resamples)
    except ValueError:
        return None
