"""``python -m benchmarks pareto``: accuracy against latency and size, with the front."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.cli.options import EXIT_FINE, add_output
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.options import build_options
from benchmarks.pareto.run import ParetoOptions, format_pareto, run_pareto

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``pareto``."""
    command = add_subcommand(
        commands,
        "pareto",
        help="accuracy against latency and size, with the Pareto front, from earlier results",
        description="Measures nothing: reads results.json and peers.json, and writes pareto.json, pareto.png and "
        "pareto.html, a page that needs nothing outside itself.",
    )
    command.set_defaults(call=_run)
    add_output(command, "folder for the three files")
    add = command.add_argument
    add("--results", type=Path, required=True, help="results.json of `benchmarks run`")
    add("--peers", type=Path, help="peers.json of `benchmarks peers`")


def _run(parsed: argparse.Namespace) -> int:
    print(format_pareto(run_pareto(build_options(ParetoOptions, parsed))))
    print(f"written to {parsed.out}", file=sys.stderr)
    return EXIT_FINE
