"""``python -m benchmarks labels``: how often category and style are right, class by class and source by source."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.accuracy import PARTS
from benchmarks.cli.options import EXIT_FINE, EXIT_ROW_FAILED, add_artifact, add_models, add_output, add_photos
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.labels import LabelOptions, format_labels, run_labels
from benchmarks.options import build_options

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``labels``."""
    command = add_subcommand(
        commands,
        "labels",
        help="category and style: right how often, class by class, source by source, and of photos made alike",
        description="Holds category and style against the manifests' labels, and writes labels.json.",
    )
    command.set_defaults(call=_run)
    add_photos(command, part=LabelOptions.part, parts=PARTS)
    add_output(command, "folder for labels.json")
    add_artifact(command)
    add_models(command, "a further photogate .tflite")
    command.add_argument(
        "--training", type=Path, default=LabelOptions.training, help="config whose [labels] say what words mean"
    )


def _run(parsed: argparse.Namespace) -> int:
    report = run_labels(build_options(LabelOptions, parsed))
    print(format_labels(report))
    print(f"written to {parsed.out}", file=sys.stderr)
    return EXIT_ROW_FAILED if report["undecodable"] else EXIT_FINE
