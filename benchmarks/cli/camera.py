"""``python -m benchmarks camera``: a camera's frame to its result against the bare model; what an idle shelf costs."""

from __future__ import annotations

import argparse
import json
from typing import Any, get_args

from benchmarks.camera import CameraOptions, format_camera, run_camera
from benchmarks.cli.options import EXIT_FINE, add_frame_options
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.options import build_options
from edge_runtime.camera import PixelFormat

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``camera``."""
    command = add_subcommand(
        commands,
        "camera",
        help="a camera's frame to its result against the bare invoke, and the CPU time of an idle shelf",
        description="Measures noisy frames of a still picture, by pixel format; writes nothing but its output.",
    )
    command.set_defaults(call=_run)
    add_frame_options(command, CameraOptions.size)
    add = command.add_argument
    add(
        "--formats",
        nargs="+",
        choices=get_args(PixelFormat),
        default=list(CameraOptions.formats),
        help="pixel formats",
    )
    add("--rounds", type=int, default=CameraOptions.rounds, help="turns of each measurement")
    add("--frames", type=int, default=CameraOptions.frames, help="frames of the idle and of the busy shelf")
    add(
        "--cpu-time",
        dest="is_cpu_time",
        action="store_true",
        help="latencies in CPU time, for a machine that is busy otherwise",
    )


def _run(parsed: argparse.Namespace) -> int:
    results = run_camera(build_options(CameraOptions, parsed, {"size": (parsed.width, parsed.height)}))
    print(json.dumps(results, indent=2) if parsed.json else format_camera(results))
    return EXIT_FINE
