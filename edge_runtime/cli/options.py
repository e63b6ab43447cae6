"""The options that commands about photos share: which photos, by which model and policy, printed how."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_runtime.models import DEFAULT_MODEL

__all__ = ["add_photo_options"]


def add_photo_options(parser: argparse.ArgumentParser) -> None:
    """Adds ``paths``, ``--model``, ``--threads``, ``--policy``, ``--format`` and ``--recursive``."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a photo, or a folder of photos")
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="M",
        help="an installed model's name or a .tflite file (default: %(default)s)",
    )
    parser.add_argument("--threads", type=_positive, default=1, metavar="N", help="threads (default: %(default)s)")
    parser.add_argument("--policy", type=Path, metavar="P", help="a TOML file of limits (default: the built-in policy)")
    parser.add_argument(
        "--format", choices=("table", "jsonl", "csv"), default="table", help="output (default: %(default)s)"
    )
    parser.add_argument("--recursive", action="store_true", help="look into folders inside folders, too")


def _positive(text: str) -> int:
    number = int(text)  # argparse turns the ValueError into a usage message
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} threads are not possible; pass 1 or more")
    return number
