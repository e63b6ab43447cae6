"""``python -m benchmarks explain``: whether heat maps point at the place that was spoilt."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from benchmarks.cli.options import EXIT_FINE, add_artifact, add_output, add_photos
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.explain import ExplainOptions, format_explain, run_explain
from benchmarks.options import build_options

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``explain``."""
    command = add_subcommand(
        commands,
        "explain",
        help="whether heat maps point at the place that was spoilt",
        description="Spoils flawless photos in one place each (blur, noise, darkness, blown light, a colour cast; a "
        "fifth to a third of each side, with content there), explains them, and writes explain.json and explain.png.",
    )
    command.set_defaults(call=_run)
    add_photos(command, part="test", parts=("test", "validation", "train"))
    add_output(command, "folder for the JSON and the sheet of examples")
    add_artifact(command)
    add = command.add_argument
    add("--count", type=int, default=ExplainOptions.count, help="spoilt photos; the good examples come on top")
    add("--patch-seed", type=int, default=ExplainOptions.patch_seed, help="of places, strengths and patterns")
    add("--budget-ms", type=float, help="time for one photo; without it, all patchworks are made")


def _run(parsed: argparse.Namespace) -> int:
    print(format_explain(run_explain(build_options(ExplainOptions, parsed))))
    print(f"written to {parsed.out}", file=sys.stderr)
    return EXIT_FINE
