"""``python -m benchmarks best``: whether the best of a scene is what people would pick."""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.best import BestOptions, format_best, run_best
from benchmarks.cli.options import EXIT_FINE, add_artifact, add_output, add_photos
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.options import build_options

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``best``."""
    command = add_subcommand(
        commands,
        "best",
        help="the pick among the photos of a scene, held against people's ratings",
        description="Ranks the photos of each scene as `photogate best` does and writes best.json. Other keys to rank "
        "by are tried on the parts train and validation only.",
    )
    command.set_defaults(call=_run)
    add_photos(command, part="test", parts=("test", "validation", "train"))
    add_output(command, "folder for best.json")
    add_artifact(command)
    add = command.add_argument
    add("--prefix", default=BestOptions.prefix, help="scenes are the groups of photos whose file name starts so")
    add("--fewest", type=int, default=BestOptions.fewest, help="photos of a scene, at least")
    add("--rating-error", type=float, default=BestOptions.rating_error, help="standard error of one rating, on 0-1")


def _run(parsed: argparse.Namespace) -> int:
    print(format_best(run_best(build_options(BestOptions, parsed))))
    return EXIT_FINE
