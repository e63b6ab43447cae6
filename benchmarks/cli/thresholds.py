"""``python -m benchmarks thresholds``: the limits of accept and reject that keep wrong verdicts rare."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from benchmarks.cli.options import EXIT_FINE, add_artifact, add_output, add_photos
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.options import build_options
from benchmarks.thresholds import ThresholdOptions, format_thresholds, run_thresholds

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``thresholds``."""
    command = add_subcommand(
        commands,
        "thresholds",
        help="the limits of accept and reject that keep wrong verdicts rare",
        description="Chooses a policy's limits on one part of the rated photos, judges them on another beside those of "
        "the default policy, and writes thresholds.json.",
    )
    command.set_defaults(call=_run)
    add_photos(command, part=ThresholdOptions.part)
    add_output(command, "folder for thresholds.json")
    add_artifact(command)
    add = command.add_argument
    add(
        "--tuned-on",
        choices=("validation", "train"),
        default=ThresholdOptions.tuned_on,
        help="part that the limits are chosen on",
    )
    add(
        "--acceptable-from",
        type=float,
        default=ThresholdOptions.acceptable_from,
        help="mean rating in points from which a photo is acceptable; 50 is fair",
    )
    add("--risk", type=float, default=ThresholdOptions.risk, help="share that either kind of wrong verdict may reach")


def _run(parsed: argparse.Namespace) -> int:
    print(format_thresholds(run_thresholds(build_options(ThresholdOptions, parsed))))
    print(f"written to {parsed.out}", file=sys.stderr)
    return EXIT_FINE
