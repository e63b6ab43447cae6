"""Arguments that the subcommands of ``python -m train`` share, and how their values are read."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_backbone_weights", "add_data", "add_out", "parse_count", "parse_side_px"]


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, required=True, action="append", metavar="MANIFEST", help="may be given several times"
    )


def add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="artifact folder to make; an unfinished one is resumed")
    parser.add_argument("--force", action="store_true", help="replace what --out holds")


def add_backbone_weights(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help=f"{text}; with several backbones once for each, with its name",
    )


def parse_count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def parse_side_px(text: str) -> int:
    """A side that the student's five halvings divide."""
    if not text.isdecimal() or not int(text) or int(text) % 32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a multiple of 32")
    return int(text)
