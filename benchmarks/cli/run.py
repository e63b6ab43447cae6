"""``python -m benchmarks run``: accuracy, latency, footprint and end-to-end times in one table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.cli.options import (
    EXIT_FINE,
    EXIT_ROW_FAILED,
    add_artifact,
    add_output,
    add_photos,
    add_teacher,
)
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.options import build_options
from benchmarks.report import format_markdown
from benchmarks.rows import ROW_KEYS
from benchmarks.run import RunOptions, run

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``run``."""
    command = add_subcommand(
        commands,
        "run",
        help="measure accuracy, latency, footprint and end-to-end times; print and save one table",
        description="Measures all models on this machine and writes table.md, results.json and accuracy-latency.png.",
    )
    command.set_defaults(call=_run)
    add_photos(command, part="test")
    add_output(command, "folder for the results and the cache of exported backbones")
    add_artifact(command)
    add_teacher(command, Path("artifacts/teacher"), "without it, its row is left out")
    add = command.add_argument
    add("--peers", type=Path, default=Path("../shared/peers"), help="folder with the NIMA .tflite files")
    add("--rows", nargs="+", choices=ROW_KEYS, metavar="ROW", help=f"only these rows, out of: {', '.join(ROW_KEYS)}")
    add(
        "--trained",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="heads that `train fit-teacher` trained on vgg16 or resnet50 alone, for the accuracy of that row",
    )
    add("--limit", type=int, help="score this many photos at most, evenly spaced over the part")
    add("--smoke", dest="is_smoke", action="store_true", help="few photos and rounds, untrained backbones left out")


def _run(parsed: argparse.Namespace) -> int:
    results = run(build_options(RunOptions, parsed))
    print(format_markdown(results))
    print(f"written to {parsed.out}", file=sys.stderr)
    return EXIT_ROW_FAILED if any(row.is_failed for row in results.rows) else EXIT_FINE
