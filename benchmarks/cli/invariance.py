"""``python -m benchmarks invariance``: one photo at other sizes and in other encodings."""

from __future__ import annotations

from typing import Any

from benchmarks.cli.photo_report import add_photo_command
from benchmarks.invariance import InvarianceOptions, format_invariance, run_invariance

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Adds ``invariance``."""
    command = add_photo_command(
        commands,
        "invariance",
        help="does one photo score alike at 12, 3, 1 and .3 megapixels, saved again, in Display P3, mirrored, turned?",
        description="Scores photos at other sizes and in other encodings, and writes invariance.json.",
        options=InvarianceOptions,
        run=run_invariance,
        show=format_invariance,
    )
    command.add_argument(
        "--limit", type=int, default=InvarianceOptions.limit, help="photos at most, those of a megapixel or more first"
    )
