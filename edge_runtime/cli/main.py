"""The command ``photogate``: finds the subcommand and turns what happens into an exit code.

Exit codes: 0 all fine, 1 some inputs failed (or ``doctor`` found a fault), 2 wrong usage, a model, policy or
interpreter that cannot be used, or an output that cannot be written, 3 ``gate`` rejected a photo, 130 interrupted, 141
the reader of the output went away (``| head``).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from edge_runtime._version import __version__
from edge_runtime.cli.parser import CommandParser
from edge_runtime.cli.quiet import silence_metadata_warnings
from edge_runtime.errors import PhotogateError
from edge_runtime.printable import make_printable

__all__ = ["EXIT_FAILED_INPUTS", "EXIT_FINE", "EXIT_USAGE", "main"]

# Modules of this package, in the order of the help.
COMMANDS = (
    "score",
    "gate",
    "rules",
    "report",
    "best",
    "fix",
    "explain",
    "feedback",
    "watch",
    "models",
    "bench",
    "doctor",
)
EXIT_FINE = 0
EXIT_FAILED_INPUTS = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: without the program's name; None: the process's own.

    Returns:
        The exit code. Wrong arguments end in argparse's SystemExit(2), as usual.
    """
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        # A file name may hold what the terminal's encoding cannot say; that must not stop the other photos.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    silence_metadata_warnings()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = _build_parser(arguments[0] if arguments else None).parse_args(arguments)
        code: int = options.run(options)
        sys.stdout.flush()
    except PhotogateError as error:
        # It may quote a file's name or a stranger's server.
        text = "\n".join(map(make_printable, str(error).splitlines()))
        print(f"photogate {options.command}: {type(error).__name__}: {text}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("photogate: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return EXIT_BROKEN_PIPE
    except OSError as error:  # io.UnsupportedOperation, of a closed stdout, among them
        if error.filename is not None:  # no stream's, so a fault of ours
            raise
        _drop_output()
        print(f"photogate {options.command}: cannot write the output: {error.strerror or error}", file=sys.stderr)
        return EXIT_USAGE
    return code


def _open_missing_streams() -> None:
    """Gives what was closed (``>&-``) an end, as without one the next file opened would get its descriptor: the
    interpreter, which writes its log to descriptor 2, would write it into that file. Nothing can be written to
    stdout's, so that a result which nobody gets is an error, as on a full disk."""
    for name, mode in (("stdin", "r"), ("stdout", "r"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def _drop_output() -> None:
    """Python flushes stdout once more at exit, and would complain there."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _build_parser(wanted: str | None) -> argparse.ArgumentParser:
    """The parser of ``wanted`` alone, if that is a command: the others' modules would only delay the start."""
    parser = argparse.ArgumentParser(
        prog="photogate",
        description="Scores product photographs on this device: quality, attributes, a verdict and advice.",
        epilog="Exit codes: 0 all fine, 1 some inputs failed, 2 wrong usage, or no usable model, policy, interpreter, "
        "3 a photo was rejected (gate).",
    )
    parser.add_argument("--version", action="version", version=f"photogate {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=CommandParser)
    for name in (wanted,) if wanted in COMMANDS else COMMANDS:
        import_module(f"edge_runtime.cli.{name}").add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
