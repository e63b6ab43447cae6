"""``python -m benchmarks fidelity``: how near students are to their teacher on photos that neither has seen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.accuracy import PARTS
from benchmarks.cli.options import EXIT_FINE, EXIT_ROW_FAILED, add_models, add_output, add_photos, add_teacher
from benchmarks.cli.options import add_command as add_subcommand
from benchmarks.fidelity import FidelityOptions, format_fidelity, run_fidelity
from benchmarks.options import build_options

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``fidelity``."""
    command = add_subcommand(
        commands,
        "fidelity",
        help="students against their teacher on photos that neither has seen",
        description="Scores photos, which need no rating, with photogate models and their teacher, and writes "
        "fidelity.json. With --part all every photo of the manifests counts: for sources that nothing was trained on.",
    )
    command.set_defaults(call=_run)
    add_photos(command, part=FidelityOptions.part, parts=PARTS)
    add_output(command, "folder for fidelity.json")
    add_teacher(command, Path("artifacts/teacher"), "the students are held against it")
    add_models(command, "a photogate .tflite; without it those that ship")
    add = command.add_argument
    add("--limit", type=int, help="photos of each manifest, at most")
    add("--resamples", type=int, default=FidelityOptions.resamples, help="of each bootstrap")


def _run(parsed: argparse.Namespace) -> int:
    report = run_fidelity(build_options(FidelityOptions, parsed))
    print(format_fidelity(report))
    return EXIT_ROW_FAILED if any(model["is_failed"] for model in report["models"]) else EXIT_FINE
