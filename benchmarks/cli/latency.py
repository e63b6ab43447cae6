"""``python -m benchmarks latency``: models, photos, frames and cold starts against the clock."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.cli.options import EXIT_FINE, EXIT_ROW_FAILED, add_artifact, add_models, add_output, add_teacher
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.end_to_end import PHOTO_FORMATS, PHOTO_SIZES_PX
from benchmarks.latency_report.report import format_latency
from benchmarks.latency_report.run import MODES, PARTS, LatencyOptions, run_latency
from benchmarks.latency_report.runtimes import RUNTIME_NAMES
from benchmarks.options import build_options
from benchmarks.rows import ROW_KEYS

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``latency``."""
    command = add_subcommand(
        commands,
        "latency",
        help="percentiles and a verdict on who is faster; photos, frames and cold starts; endurance",
        description="Writes latency.md and latency.json. Says who is faster only where the noise allows it.",
    )
    command.set_defaults(call=_run)
    add_output(command, "folder for the results and the cache of exported backbones")
    add_artifact(command)
    add_models(command, "a further .tflite or .onnx file")
    usual = LatencyOptions
    add_teacher(command, usual.teacher, "for its row")
    add = command.add_argument
    add("--rows", nargs="+", choices=ROW_KEYS, default=list(usual.rows), metavar="ROW", help=", ".join(ROW_KEYS))
    add("--peers", type=Path, default=usual.peers, help="folder with the NIMA .tflite files, for their rows")
    add("--threads", nargs="+", type=int, default=list(usual.threads), help="numbers of threads")
    add("--runtimes", nargs="+", choices=RUNTIME_NAMES, default=list(usual.runtimes), help="every .tflite under each")
    add("--mode", choices=MODES, default=usual.mode, help="how models are called")
    add("--against", help="whom the others are compared with; without it float, or the first")
    add("--parts", nargs="+", choices=PARTS, default=list(usual.parts), help="of an interleaved run")
    add("--megapixels", nargs="+", choices=tuple(PHOTO_SIZES_PX), default=list(usual.megapixels), help="of photos")
    add("--formats", nargs="+", choices=tuple(PHOTO_FORMATS), default=list(usual.formats), help="of photos")
    add("--rounds", type=int, default=usual.rounds, help="of an interleaved run; below 20 there is no verdict")
    add("--min-queries", type=int, default=usual.min_queries, help="of a single stream")
    add("--min-seconds", type=float, default=usual.min_seconds, help="of a single stream")
    add("--minutes", type=float, default=usual.minutes, help="of a sustained run, for each model")
    add("--window-s", type=float, default=usual.window_s, help="of a sustained run's medians")


def _run(parsed: argparse.Namespace) -> int:
    report = run_latency(build_options(LatencyOptions, parsed))
    print(format_latency(report))
    print(f"written to {parsed.out}", file=sys.stderr)
    return EXIT_ROW_FAILED if any(model["is_failed"] for model in report["models"].values()) else EXIT_FINE
