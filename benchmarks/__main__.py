"""``python -m benchmarks COMMAND``: finds the command, and turns what happens into an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from edge_runtime.errors import PhotogateError

__all__ = ["COMMANDS", "EXIT_USAGE", "main"]

# Modules of benchmarks.cli, in the order of the help.
COMMANDS = (
    "run",
    "accuracy",
    "fidelity",
    "labels",
    "invariance",
    "thresholds",
    "best",
    "explain",
    "camera",
    "monitor",
    "soak",
    "budgets",
    "latency",
    "footprint",
    "device",
    "peers",
    "pareto",
    "compression",
    "architectures",
)
EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Parses the command line and runs.

    Args:
        arguments: without the program's name; None: the process's own.

    Returns:
        0 when all is fine (a row whose file is absent is fine, and said), 1 when a model that is there could not be
        measured, 2 on wrong usage or a faulty manifest.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = _build_parser(arguments[0] if arguments else None).parse_args(arguments)
    try:
        return int(options.call(options))
    except PhotogateError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return EXIT_USAGE


def _build_parser(wanted: str | None) -> argparse.ArgumentParser:
    """The parser of ``wanted`` alone, if that is a command: the others would only bring their libraries."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Benchmarks of every step.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in (wanted,) if wanted in COMMANDS else COMMANDS:
        import_module(f"benchmarks.cli.{name}").add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
