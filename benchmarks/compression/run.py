"""One run: compress what is not compressed yet, then measure all of it together; three files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy import load_rated_photos
from benchmarks.compression.build import Compressed, Student, compress_variant, open_students
from benchmarks.compression.measure import Step, build_steps, judge_steps, measure_files, time_steps
from benchmarks.compression.plan import DEFAULT_PLAN, Plan, load_plan
from benchmarks.compression.report import build_panels, format_compression
from benchmarks.environment import (
    collect_environment,
    describe_files,
    read_load_average,
    read_timestamp,
)
from benchmarks.latency import TurnPlan
from benchmarks.messages import Say, say_aloud
from benchmarks.options import check_counts, describe_options
from benchmarks.output_folder import check_output_folder, write_texts
from benchmarks.plot import save_panels
from compress.recipe import Recipe
from edge_runtime.errors import PhotogateError, UsageError
from edge_runtime.gate import load_policy
from train.config_reader import load_config
from train.data.manifest import Photo

__all__ = ["OUTPUT_NAMES", "PART", "CompressionOptions", "run_compression"]

OUTPUT_NAMES = ("compression.md", "compression.json", "compression.png")
WORK = "variants"
PART = "validation"
"""A setting is chosen by these figures: the test part has no say in a choice."""


@dataclass(frozen=True)
class CompressionOptions:
    """What the command line asks for.

    Attributes:
        students: artifacts of ``python -m train distill``; the first gets all variants of the plan, the others those
            that it names for every student.
        out: the folder for the three files, and for what is compressed, which later runs take up.
        recipe: that the variants are derived from.
        plan: see ``benchmarks/compression/plan.toml``.
        variants: names of those to take out of the plan; None: all.
        data: manifests of rated photos; empty: those that the first student learnt from.
        limit: rated photos at most.
        resamples: of each bootstrap.
        rounds: of the latencies; below 20 there is no verdict.
        processes: fresh processes for each model's memory.
        is_forced: overwrite earlier results; what is compressed stays.
    """

    students: tuple[Path, ...]
    out: Path
    recipe: Path = Path("compress/recipes/int8-pruned.toml")
    plan: Path = DEFAULT_PLAN
    variants: tuple[str, ...] | None = None
    data: tuple[Path, ...] = ()
    limit: int | None = None
    resamples: int = 1000
    rounds: int = 100
    processes: int = 3
    is_forced: bool = False


def run_compression(options: CompressionOptions, say: Say = say_aloud) -> dict[str, Any]:
    """Compresses, measures, writes the three files into ``options.out`` and returns what stands in the JSON.

    A variant that cannot be compressed is listed in ``failures``, a file that cannot be measured says so in its row's
    note; the others are measured.

    Raises:
        UsageError: results exist already, an option, the plan or the recipe is impossible, a student cannot be used,
            no rated photo is left, or nothing could be compressed.
        ManifestError: a manifest is faulty.
    """
    _check(options)
    plan = load_plan(options.plan, load_config(options.recipe, Recipe)).select(options.variants)
    students = open_students(options.students)
    if len(students) > 1 and not plan.every_student:
        raise UsageError(
            f"{options.plan}: no variant chosen is in every_student: nothing is left for {students[1].name}"
        )
    manifests = options.data or students[0].manifests
    seed = students[0].split_seed
    photos = load_rated_photos(manifests, PART, seed, options.limit)
    environment = collect_environment()
    variants, failures = _compress(students, plan, options.out / WORK, say)
    if not variants:
        raise UsageError(f"{options.out}: no variant could be compressed; the first: {failures[0]['error']}")
    steps = build_steps(variants)
    undecodable = _measure(steps, photos, options, environment, say)
    report: dict[str, Any] = {
        "schema": 1,
        "created": read_timestamp(),
        "environment": environment,
        "options": describe_options(options),
        "plan": _describe_plan(options.plan, plan),
        "recipe": describe_files([options.recipe])[0],
        "data": {
            "manifests": describe_files(manifests),
            "part": PART,
            "seed": seed,
            "rated_photos": len(photos) - len(undecodable),
            "groups": len({photo.group for photo in photos}),
            "undecodable": undecodable,
        },
        "students": {student.name: _describe_student(student) for student in students},
        "variants": [_describe_variant(done) for done in variants],
        "rows": [_describe_step(step) for step in steps],
        "failures": failures,
        "notes": [],
    }
    _save(report, options)
    return report


def _check(options: CompressionOptions) -> None:
    check_output_folder(options.out, OUTPUT_NAMES, force=options.is_forced)
    check_counts(options, "limit", "resamples", "rounds", "processes")


def _compress(
    students: Sequence[Student], plan: Plan, work: Path, say: Say
) -> tuple[list[Compressed], list[dict[str, str]]]:
    jobs = [
        (student, variant)
        for number, student in enumerate(students)
        for variant in plan.list_variants(is_first=number == 0)
    ]
    done, failures = [], []
    for number, (student, variant) in enumerate(jobs, 1):
        say(f"{number} of {len(jobs)}: {student.name}, {variant.name}")
        try:
            done.append(compress_variant(student, variant, work))
        except PhotogateError as error:
            failures.append({"student": student.name, "variant": variant.name, "error": str(error)})
            say(f"failed: {error}")
    return done, failures


def _measure(
    steps: Sequence[Step],
    photos: Sequence[Photo],
    options: CompressionOptions,
    environment: dict[str, Any],
    say: Say,
) -> list[dict[str, str]]:
    """Fills the steps, and ``environment`` with the load around the latencies; the photos that cannot be decoded."""
    say(f"scoring {len(photos)} rated photos of the {PART} part with {len(steps)} models")
    undecodable = judge_steps(steps, photos, load_policy(), options.resamples)
    say("files and memory")
    measure_files(steps, options.processes)
    say("latency, in turns")
    environment["load_average_start"] = read_load_average()
    time_steps(steps, TurnPlan(rounds=options.rounds, turn_ms=20.0, min_rounds=20))
    environment["load_average_end"] = read_load_average()
    return undecodable


def _describe_plan(path: Path, plan: Plan) -> dict[str, Any]:
    made = None if plan.date is None else plan.date.isoformat()
    return {**describe_files([path])[0], "date": made, "every": dict(plan.every)}


def _describe_student(student: Student) -> dict[str, Any]:
    labels = ("category_labels", "style_labels")  # long, and no part of what is measured
    spec = {name: value for name, value in student.spec.items() if name not in labels}
    return {"path": str(student.folder), "sha256": student.sha256, "spec": spec}


def _describe_variant(done: Compressed) -> dict[str, Any]:
    return {
        "student": done.student.name,
        "name": done.variant.name,
        "changes": dict(done.variant.changes),
        "recipe": asdict(done.variant.recipe),
        "folder": str(done.folder),
        "duration_s": done.duration_s,
        "chosen": done.metrics["chosen"],
        "sparsity": done.metrics["sparsity"],
    }


def _describe_step(step: Step) -> dict[str, Any]:
    measured = ("accuracy", "against_float", "file", "latency", "speed")
    return {
        "key": step.row.key,
        "student": step.done.student.name,
        "variant": step.done.variant.name,
        "form": step.form,
        "path": str(step.row.path),
        "is_failed": step.row.is_failed,
        "note": step.row.note,
        **{name: step.found.get(name) for name in measured},
    }


def _save(report: dict[str, Any], options: CompressionOptions) -> None:
    picture = options.out / OUTPUT_NAMES[2]
    try:
        save_panels(build_panels(report), picture)
    except UsageError as error:
        report["notes"].append(f"No plot: {error}")
    document = json.dumps(report, indent=1, allow_nan=False)
    contents = dict(zip(OUTPUT_NAMES[:2], (format_compression(report), document), strict=True))
    write_texts(options.out, contents, force=options.is_forced)
