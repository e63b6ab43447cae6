"""``python -m benchmarks invariance``: one photo at other sizes and in other encodings."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from benchmarks.accuracy import PARTS
from benchmarks.cli.options import EXIT_FINE, EXIT_ROW_FAILED, add_artifact, add_models, add_output, add_photos
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.invariance import InvarianceOptions, format_invariance, run_invariance
from benchmarks.options import build_options

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``invariance``."""
    command = add_subcommand(
        commands,
        "invariance",
        help="does one photo score alike at 12, 3, 1 and .3 megapixels, saved again, mirrored, turned?",
        description="Scores photos at other sizes and in other encodings, and writes invariance.json.",
    )
    command.set_defaults(call=_run)
    add_photos(command, part=InvarianceOptions.part, parts=PARTS)
    add_output(command, "folder for invariance.json")
    add_artifact(command)
    add_models(command, "a further photogate .tflite")
    command.add_argument(
        "--limit", type=int, default=InvarianceOptions.limit, help="photos at most, those of a megapixel or more first"
    )


def _run(parsed: argparse.Namespace) -> int:
    report = run_invariance(build_options(InvarianceOptions, parsed))
    print(format_invariance(report))
    print(f"written to {parsed.out}", file=sys.stderr)
    return EXIT_ROW_FAILED if report["undecodable"] else EXIT_FINE
