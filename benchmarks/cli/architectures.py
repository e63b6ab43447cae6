"""``python -m benchmarks architectures``: networks of other views, and MobileNetV3 as it comes, to be timed."""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.architectures import ArchitectureOptions, build_architectures
from benchmarks.cli.options import EXIT_FINE, add_output
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.options import build_options

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``architectures``."""
    command = add_subcommand(
        commands,
        "architectures",
        help="writes networks of other views, and MobileNetV3 as it comes, for `latency` to time",
        description="Writes .tflite files, float and int8, and prints options of `latency` that name them.",
    )
    command.set_defaults(call=_run)
    add_output(command, "folder for the files")
    add = command.add_argument
    add(
        "--variants",
        nargs="+",
        choices=ArchitectureOptions.variants,
        default=list(ArchitectureOptions.variants),
        help="which networks",
    )
    add(
        "--sizes",
        dest="sizes_px",
        type=int,
        nargs="+",
        default=list(ArchitectureOptions.sizes_px),
        metavar="PX",
        help="sides of the view",
    )
    add("--seed", type=int, default=ArchitectureOptions.seed, help="of the stock network's weights")


def _run(parsed: argparse.Namespace) -> int:
    paths = build_architectures(build_options(ArchitectureOptions, parsed))
    print(" ".join(f"--model {path.stem}={path}" for path in paths))
    return EXIT_FINE
