"""What the commands of ``benchmarks.photo_report`` have in common on the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from benchmarks.accuracy import PARTS
from benchmarks.cli.options import (
    EXIT_FINE,
    EXIT_ROW_FAILED,
    add_artifact,
    add_command,
    add_models,
    add_output,
    add_photos,
)
from benchmarks.options import build_options
from benchmarks.photo_report import PhotoOptions

__all__ = ["add_photo_command"]

_Options = TypeVar("_Options", bound=PhotoOptions)


def add_photo_command(
    commands: Any,
    name: str,
    *,
    help: str,
    description: str,
    options: type[_Options],
    run: Callable[[_Options], dict[str, Any]],
    show: Callable[[dict[str, Any]], str],
) -> argparse.ArgumentParser:
    """A command that measures photos of one part with every model, and prints what it found.

    Args:
        commands: get the command.
        name: of the command, and of its JSON file.
        help: one line about it.
        description: likewise, on its own page.
        options: what it takes; the command gets those of :class:`benchmarks.photo_report.PhotoOptions`.
        run: measures and writes.
        show: the result as text.

    Returns:
        Its parser, for options of its own.
    """
    command = add_command(commands, name, help=help, description=description)

    def call(parsed: argparse.Namespace) -> int:
        report = run(build_options(options, parsed))
        print(show(report))
        print(f"written to {parsed.out}", file=sys.stderr)
        return EXIT_ROW_FAILED if report["undecodable"] else EXIT_FINE

    command.set_defaults(call=call)
    add_photos(command, part=options.part, parts=PARTS)
    add_output(command, f"folder for {name}.json")
    add_artifact(command)
    add_models(command, "a further photogate .tflite")
    return command
