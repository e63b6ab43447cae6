"""``python -m benchmarks labels``: how often category and style are right, class by class and source by source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.cli.photo_report import add_photo_command
from benchmarks.labels import LabelOptions, format_labels, run_labels

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``labels``."""
    command = add_photo_command(
        commands,
        "labels",
        help="category and style: right how often, class by class, source by source, and of photos made alike",
        description="Holds category and style against the manifests' labels, and writes labels.json.",
        options=LabelOptions,
        run=run_labels,
        show=format_labels,
    )
    command.add_argument(
        "--training", type=Path, default=LabelOptions.training, help="config whose [labels] say what words mean"
    )
