"""``python -m benchmarks monitor``: whether the shelf monitor finds what goes wrong in made-up scenes, nothing else."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.cli.options import EXIT_FINE, add_output
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.monitor import MonitorOptions, format_monitor, run_monitor
from benchmarks.options import build_options

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``monitor``."""
    command = add_subcommand(
        commands,
        "monitor",
        help="the shelf monitor on made-up scenes with incidents, customers and daylight",
        description="Makes scenes of shop photos, in simulated time, watches them, and writes monitor.json.",
    )
    command.set_defaults(call=_run)
    add = command.add_argument
    add("--data", type=Path, action="append", default=[], help="manifest with shop photos; without it, drawn shelves")
    add_output(command, "folder for monitor.json")
    add(
        "--part",
        choices=("report", "tune"),
        default=MonitorOptions.part,
        help="half of the photos; limits are tuned on the other",
    )
    add("--scenes", type=int, default=MonitorOptions.scenes, help="each of another group of photos")
    add(
        "--quiet-minutes",
        type=float,
        default=MonitorOptions.quiet_minutes,
        help="of each scene, beside some 9 minutes with incidents",
    )
    add("--fps", type=float, default=MonitorOptions.fps, help="frames of a simulated second")
    add("--seed", type=int, default=MonitorOptions.seed, help="of photos, incidents, customers, daylight and noise")


def _run(parsed: argparse.Namespace) -> int:
    print(format_monitor(run_monitor(build_options(MonitorOptions, parsed))))
    print(f"written to {parsed.out}", file=sys.stderr)
    return EXIT_FINE
