"""``python photogate-device.pyz COMMAND``, and ``python -m benchmarks.device COMMAND`` in a checkout.

The commands that run on the board; ``python -m benchmarks device`` has them too, and those that need a computer.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.device.bench import DeviceBenchOptions, run_device_bench
from benchmarks.device.record import compare_records, format_record, load_record
from benchmarks.options import build_options
from edge_runtime.errors import PhotogateError

__all__ = ["add_board_commands", "main"]

EXIT_FINE, EXIT_DIFFERENT, EXIT_USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Parses the command line and runs.

    Returns:
        0 when all is fine, 1 when outputs that are compared differ, 2 on wrong usage or a model that cannot be run.
    """
    parser = argparse.ArgumentParser(prog="photogate-device", description="photogate's benchmark on this very board.")
    add_board_commands(parser.add_subparsers(dest="command", required=True, metavar="COMMAND"))
    parsed = parser.parse_args(arguments)
    try:
        return int(parsed.call(parsed))
    except PhotogateError as error:
        print(f"photogate-device: {error}", file=sys.stderr)
        return EXIT_USAGE


def add_board_commands(commands: Any) -> None:
    """Adds ``bench`` and ``compare`` to argparse's subparsers."""
    _add_bench(commands)
    _add_compare(commands)


def _add_bench(commands: Any) -> None:
    command = commands.add_parser(
        "bench",
        help="measure models on this machine",
        description="Latency by number of threads, in turns; load time, memory, heat; a fingerprint of the outputs.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    command.set_defaults(call=_run_bench)
    add = command.add_argument
    add("models", type=Path, nargs="*", metavar="MODEL", help=".tflite files; without any, what was packed or ships")
    add("--threads", type=int, nargs="+", default=list(DeviceBenchOptions.threads), help="of the interpreter")
    add("--rounds", type=int, default=DeviceBenchOptions.rounds, help="turns of each model")
    add("--processes", type=int, default=DeviceBenchOptions.processes, help="fresh ones for load time and memory")
    add("--out", type=Path, help="JSON file to write")
    add("--force", dest="is_forced", action="store_true", help="replace it")


def _run_bench(parsed: argparse.Namespace) -> int:
    print(format_record(run_device_bench(build_options(DeviceBenchOptions, parsed))))
    return EXIT_FINE


def _add_compare(commands: Any) -> None:
    command = commands.add_parser(
        "compare",
        help="two machines: do they answer alike, and which is how much faster",
        description="Compares two files that `bench --out` wrote.",
        epilog="Exit codes: 0 outputs alike, to 1e-5 at least, 1 they differ, 2 nothing to compare.",
    )
    command.set_defaults(call=_run_compare)
    command.add_argument("first", type=Path)
    command.add_argument("second", type=Path)


def _run_compare(parsed: argparse.Namespace) -> int:
    lines, are_alike = compare_records(load_record(parsed.first), load_record(parsed.second))
    print("\n".join(lines))
    return EXIT_FINE if are_alike else EXIT_DIFFERENT


if __name__ == "__main__":
    sys.exit(main())
