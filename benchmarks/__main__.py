"""``python -m benchmarks run``: accuracy, latency, footprint and end-to-end times in one table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import format_markdown
from benchmarks.rows import ROW_KEYS, find_default_artifact
from benchmarks.run import RunOptions, run
from edge_runtime.errors import PhotogateError

__all__ = ["main"]

EXIT_FINE, EXIT_ROW_FAILED, EXIT_USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Parses the command line and runs.

    Returns:
        0 when all is fine (a row whose file is absent is fine, and said), 1 when a model that is there could not be
        measured, 2 on wrong usage or a faulty manifest.
    """
    options = _build_parser().parse_args(arguments)
    try:
        results = run(
            RunOptions(
                data=tuple(options.data),
                out=options.out,
                artifact=options.artifact,
                teacher=options.teacher,
                peers=options.peers,
                teacher_weights=options.teacher_weights,
                rows=tuple(options.rows) if options.rows else None,
                part=options.part,
                limit=options.limit,
                seed=options.seed,
                is_smoke=options.smoke,
                is_forced=options.force,
            )
        )
    except PhotogateError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return EXIT_USAGE
    print(format_markdown(results))
    print(f"written to {options.out}", file=sys.stderr)
    return EXIT_ROW_FAILED if any(row.is_failed for row in results.rows) else EXIT_FINE


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Benchmarks of every step.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "run",
        help="measure accuracy, latency, footprint and end-to-end times; print and save one table",
        description="Measures all models on this machine and writes table.md, results.json and accuracy-latency.png.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = command.add_argument
    add("--data", type=Path, action="append", required=True, help="manifest of rated photos; may be given again")
    add("--out", type=Path, required=True, help="folder for the results and the cache of exported backbones")
    add(
        "--artifact",
        type=Path,
        default=find_default_artifact(),
        help="folder written by `python -m compress run`, or one .tflite file (then the int8 row alone)",
    )
    add("--teacher", type=Path, default=Path("artifacts/teacher"), help="folder written by `train fit-teacher`")
    add("--teacher-weights", type=Path, help="its backbone's weights, if they have moved since it was trained")
    add("--peers", type=Path, default=Path("../shared/peers"), help="folder with the NIMA .tflite files")
    add("--rows", nargs="+", choices=ROW_KEYS, metavar="ROW", help=f"only these rows, out of: {', '.join(ROW_KEYS)}")
    add("--part", choices=("test", "validation"), default="test", help="part of the split to score")
    add("--limit", type=int, help="score this many photos at most, evenly spaced over the part")
    add("--seed", type=int, help="seed of the split; without it the artifact's own, or 0")
    add("--smoke", action="store_true", help="few photos and rounds, untrained backbones left out")
    add("--force", action="store_true", help="overwrite results that are in --out already")
    return parser


if __name__ == "__main__":
    sys.exit(main())
