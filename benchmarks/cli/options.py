"""What the commands' options have in common."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.rows import find_default_artifact

__all__ = [
    "EXIT_FINE",
    "EXIT_ROW_FAILED",
    "add_artifact",
    "add_command",
    "add_frame_options",
    "add_models",
    "add_output",
    "add_photos",
    "add_teacher",
]

EXIT_FINE, EXIT_ROW_FAILED = 0, 1


def add_command(commands: Any, name: str, *, help: str, description: str) -> argparse.ArgumentParser:
    """A subcommand whose help tells the defaults."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    return parser


def add_photos(command: argparse.ArgumentParser, *, part: str, parts: Sequence[str] = ("test", "validation")) -> None:
    """--data, --part and --seed: manifests, and the part of their split."""
    add = command.add_argument
    add("--data", type=Path, action="append", required=True, help="manifest of photos; may be given again")
    add("--part", choices=parts, default=part, help="part of the split")
    add("--seed", type=int, help="seed of the split; without it the artifact's own")


def add_artifact(command: argparse.ArgumentParser) -> None:
    """--artifact: what is measured."""
    command.add_argument(
        "--artifact",
        type=Path,
        default=find_default_artifact(),
        help="folder written by `python -m compress run`, or one .tflite file (then the int8 model alone)",
    )


def add_models(command: argparse.ArgumentParser, what: str) -> None:
    """--model NAME=PATH, any number of times.

    Args:
        command: gets the option.
        what: may be given, for the help.
    """
    command.add_argument(
        "--model",
        dest="models",
        type=_parse_model,
        action="append",
        default=[],
        metavar="NAME=PATH",
        help=f"{what}; may be given again",
    )


def add_teacher(command: argparse.ArgumentParser, default: Path | None, what: str) -> None:
    """--teacher and --teacher-weights.

    Args:
        command: gets the options.
        default: folder of the teacher, if any.
        what: is done with it, for the help.
    """
    command.add_argument("--teacher", type=Path, default=default, help=f"folder written by `train fit-teacher`; {what}")
    command.add_argument(
        "--teacher-weights",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="its backbone's weights, if they have moved since it was trained; may be given again",
    )


def add_output(command: argparse.ArgumentParser, out: str) -> None:
    """--out and --force."""
    command.add_argument("--out", type=Path, required=True, help=out)
    command.add_argument(
        "--force", dest="is_forced", action="store_true", help="overwrite results that are in --out already"
    )


def add_frame_options(command: argparse.ArgumentParser, size: tuple[int, int]) -> None:
    """--model, --width, --height, --threads and --json of the commands that measure a camera's frames."""
    add = command.add_argument
    add("--model", type=Path, help="a photogate .tflite; without it the one that ships")
    add("--width", type=int, default=size[0], help="of the frames, in pixels")
    add("--height", type=int, default=size[1], help="of the frames, in pixels")
    add("--threads", dest="num_threads", type=int, default=1, help="of the interpreter")
    add("--json", action="store_true", help="print JSON instead of text")


def _parse_model(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not separator or not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, Path(path)
