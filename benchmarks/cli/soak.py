"""``python -m benchmarks soak``: whether memory or threads grow over a million frames; latencies in half an hour."""

from __future__ import annotations

import argparse
import json
from typing import Any

from benchmarks.cli.options import EXIT_FINE, add_frame_options
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.options import build_options
from benchmarks.soak import SoakOptions, format_soak, run_soak

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``soak``."""
    command = add_subcommand(
        commands,
        "soak",
        help="growth of memory and threads over a million frames, and a long run in real time",
        description="Sends small frames through the scorer, then frames at a camera's rate; prints its output only.",
    )
    command.set_defaults(call=_run)
    add_frame_options(command, SoakOptions.size)
    add = command.add_argument
    add("--frames", type=int, default=SoakOptions.frames, help="of the endurance run; 0: none")
    add("--seconds", type=float, default=SoakOptions.seconds, help="of the run in real time; 0: none")
    add("--fps", type=float, default=SoakOptions.fps, help="of the run in real time")


def _run(parsed: argparse.Namespace) -> int:
    results = run_soak(build_options(SoakOptions, parsed, {"size": (parsed.width, parsed.height)}))
    print(json.dumps(results, indent=2) if parsed.json else format_soak(results))
    return EXIT_FINE
