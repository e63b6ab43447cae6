"""``python -m benchmarks compression``: what each step and each setting of compression buys."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.cli.options import EXIT_FINE, EXIT_ROW_FAILED, add_output
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.compression.report import format_compression
from benchmarks.compression.run import CompressionOptions, run_compression
from benchmarks.options import build_options

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``compression``."""
    command = add_subcommand(
        commands,
        "compression",
        help="what pruning, quantising and their settings buy: agreement, distance, size, time, memory",
        description="Compresses a float student by each variant of a plan, and measures all of them together on the "
        "validation part; writes compression.md, compression.json and compression.png. Training takes minutes for each "
        "variant; a run that was cut short goes on, and what is compressed in --out is not compressed again.",
    )
    command.set_defaults(call=_run)
    add_output(command, "folder for the three files, and for what is compressed")
    add = command.add_argument
    usual = CompressionOptions
    add(
        "--student",
        dest="students",
        type=Path,
        action="append",
        metavar="FOLDER",
        required=True,
        help="folder written by `train distill`; given again: one of another width or size, for fewer variants",
    )
    add("--recipe", type=Path, default=usual.recipe, help="that the variants are derived from")
    add("--plan", type=Path, default=usual.plan, help="the variants: what changes, and what is measured")
    add("--variants", nargs="+", metavar="NAME", help="of the plan; without it, all")
    add("--data", type=Path, action="append", default=[], help="manifest of rated photos; without it the student's own")
    add("--limit", type=int, help="rated photos at most, evenly spaced")
    add("--resamples", type=int, default=usual.resamples, help="of each bootstrap interval")
    add("--rounds", type=int, default=usual.rounds, help="of the latencies; below 20 there is no verdict")
    add("--processes", type=int, default=usual.processes, help="fresh processes for each model's memory")


def _run(parsed: argparse.Namespace) -> int:
    report = run_compression(build_options(CompressionOptions, parsed))
    print(format_compression(report))
    print(f"written to {parsed.out}", file=sys.stderr)
    is_incomplete = bool(report["failures"] or report["data"]["undecodable"])
    is_incomplete |= any(row["is_failed"] for row in report["rows"])
    return EXIT_ROW_FAILED if is_incomplete else EXIT_FINE
