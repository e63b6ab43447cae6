"""``python -m benchmarks footprint``: what models, the package and a long run take up."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from benchmarks.cli.options import EXIT_FINE, EXIT_ROW_FAILED, add_artifact, add_models, add_output
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.footprint_report.report import format_footprint
from benchmarks.footprint_report.run import FootprintOptions, run_footprint
from benchmarks.options import build_options

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``footprint``."""
    command = add_subcommand(
        commands,
        "footprint",
        help="sizes, parameters, memory, the installed package, and `photogate score` on many photos",
        description="Writes footprint.md and footprint.json.",
    )
    command.set_defaults(call=_run)
    add_output(command, "folder for the results")
    add_artifact(command)
    add_models(command, "a further .tflite file")
    add = command.add_argument
    add("--photos", type=int, default=FootprintOptions.photos, help="scored to see whether memory grows")
    add("--throughput-photos", type=int, default=FootprintOptions.throughput_photos, help="for one process against two")
    add("--import-rounds", type=int, default=FootprintOptions.import_rounds, help="fresh processes of each kind")
    add("--smoke", dest="is_smoke", action="store_true", help="200 photos and few processes")


def _run(parsed: argparse.Namespace) -> int:
    report = run_footprint(build_options(FootprintOptions, parsed))
    print(format_footprint(report))
    print(f"written to {parsed.out}", file=sys.stderr)
    return EXIT_ROW_FAILED if any(model["is_failed"] for model in report["models"].values()) else EXIT_FINE
