"""``python -m benchmarks accuracy``: one page about how good the models are, slice by slice and fault by fault."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.accuracy_report.report import format_goals
from benchmarks.accuracy_report.run import AccuracyOptions, run_accuracy
from benchmarks.cli.options import (
    EXIT_FINE,
    EXIT_ROW_FAILED,
    add_artifact,
    add_models,
    add_output,
    add_photos,
    add_teacher,
)
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.options import build_options

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``accuracy``."""
    command = add_subcommand(
        commands,
        "accuracy",
        help="agreement with people, ladders of faults, culprits, labels, invariance, calibration, int8 against float",
        description="Writes accuracy.html, a page that needs nothing outside itself, and accuracy.json.",
    )
    command.set_defaults(call=_run)
    add_photos(command, part="validation")
    add_output(command, "folder for the page and the JSON")
    add_artifact(command)
    add_models(command, "a further photogate .tflite, for example one trained without a source")
    add_teacher(command, None, "without it, no teacher is asked")
    add = command.add_argument
    add("--limit", type=int, help="this many rated and this many other photos at most, evenly spaced")
    add("--resamples", type=int, default=AccuracyOptions.resamples, help="of each bootstrap interval")
    add(
        "--photos-per-test",
        type=int,
        default=AccuracyOptions.photos_per_test,
        help="photos for each kind of fault and for the invariance",
    )
    add(
        "--training",
        type=Path,
        default=AccuracyOptions.training,
        help="config whose [samples] say which photos are flawless, and whose [labels] what manifests' words mean",
    )
    add(
        "--clean-source",
        dest="clean_sources",
        action="append",
        default=[],
        metavar="SOURCE",
        help="its photos are flawless, too",
    )


def _run(parsed: argparse.Namespace) -> int:
    report = run_accuracy(build_options(AccuracyOptions, parsed))
    print(format_goals(report))
    print(f"written to {parsed.out}", file=sys.stderr)
    is_incomplete = report["data"]["undecodable"] or any(model["is_failed"] for model in report["models"])
    return EXIT_ROW_FAILED if is_incomplete else EXIT_FINE
