"""The options that commands about photos share: which photos, by which model and policy, printed how."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from edge_runtime.cli.inputs import PhotoPaths
from edge_runtime.errors import UsageError
from edge_runtime.gate import list_packs
from edge_runtime.gate.catalogue import LANGUAGES
from edge_runtime.gate.overlay import OverlayDetector
from edge_runtime.models import DEFAULT_MODEL
from edge_runtime.paths import exists_as_folder

__all__ = [
    "add_format_option",
    "add_jobs_option",
    "add_language_option",
    "add_photo_options",
    "add_recursive_option",
    "add_rule_options",
    "add_threads_option",
    "load_detectors",
    "read_count",
    "writes_to_folder",
]


def add_photo_options(parser: argparse.ArgumentParser, *, has_format: bool = True) -> None:
    """Adds ``paths``, ``--model``, ``--threads``, ``--policy``, ``--recursive`` and, if it prints, ``--format``."""
    parser.add_argument("paths", nargs="+", action=PhotoPaths, metavar="PATH", help="a photo, or a folder of photos")
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="M",
        help="an installed model's name or a .tflite file (default: %(default)s)",
    )
    add_threads_option(parser)
    parser.add_argument("--policy", type=Path, metavar="P", help="a TOML file of limits (default: the built-in policy)")
    if has_format:
        add_format_option(parser)
    add_recursive_option(parser)


def add_recursive_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--recursive``, which ``expand_paths`` tells of where a folder has no photos."""
    parser.add_argument("--recursive", action="store_true", help="look into folders inside folders, too")


def add_threads_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--threads``."""
    parser.add_argument("--threads", type=read_count(1), default=1, metavar="N", help="threads (default: %(default)s)")


def add_format_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--format``."""
    parser.add_argument(
        "--format", choices=("table", "jsonl", "csv"), default="table", help="output (default: %(default)s)"
    )


def add_jobs_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--jobs``."""
    parser.add_argument(
        "--jobs", type=read_count(1), default=1, metavar="N", help="processes that share the photos (default: 1)"
    )


def add_language_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--language``."""
    parser.add_argument(
        "--language",
        choices=LANGUAGES,
        default="en",
        help="of messages, advice and the table's own words (default: %(default)s)",
    )


def add_rule_options(parser: argparse.ArgumentParser) -> None:
    """Adds ``--rules``, ``--language`` and ``--detect-text``, for commands that judge as the gate does."""
    parser.add_argument(
        "--rules",
        action="append",
        default=[],
        metavar="PACK",
        help=f"a marketplace's rules, {', '.join(list_packs())}, or a TOML file; may be given several times",
    )
    add_language_option(parser)
    parser.add_argument(
        "--detect-text",
        action="store_true",
        help="look for text added beside the product, for rules that forbid it (extra text; takes some 80 ms a photo)",
    )


def load_detectors(options: argparse.Namespace) -> dict[str, OverlayDetector]:
    """The detectors that the options of :func:`add_rule_options` ask for, as ``Gate`` takes them.

    Raises:
        UsageError: the extra ``text`` is not installed.
    """
    if not options.detect_text:
        return {}
    from edge_runtime.gate.text_detector import TextDetector

    return {"text": TextDetector()}


def writes_to_folder(options: argparse.Namespace) -> bool:
    """Whether ``--output`` names a folder: one photo goes to a file, unless OUT is a folder or written like one.

    Raises:
        UsageError: it is empty, as a variable is that nobody has set; it would be the working folder.
    """
    out = str(options.output)
    if not out:
        raise UsageError("--output is empty; pass a file or a folder")
    if len(options.paths) > 1 or exists_as_folder(options.paths[0]):
        return True
    return exists_as_folder(out) or out.endswith(("/", "\\"))


def read_count(least: int) -> Callable[[str], int]:
    """An argparse ``type``: whole numbers from ``least`` on."""

    def read(text: str) -> int:
        number = int(text)  # argparse turns the ValueError into a usage message
        if number < least:
            raise argparse.ArgumentTypeError(f"{number} is too few; pass {least} or more")
        return number

    read.__name__ = "number"  # argparse: "invalid number value: 'two'"
    return read
