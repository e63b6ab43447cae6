"""``python -m benchmarks run``: accuracy, latency, footprint and end-to-end times in one table.

``python -m benchmarks accuracy``: one page about how good the models are, slice by slice and fault by fault.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy_report.report import format_goals
from benchmarks.accuracy_report.run import DEFAULT_TRAINING, AccuracyOptions, run_accuracy
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
        return int(options.call(options))
    except PhotogateError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return EXIT_USAGE


def _run(options: argparse.Namespace) -> int:
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
    print(format_markdown(results))
    print(f"written to {options.out}", file=sys.stderr)
    return EXIT_ROW_FAILED if any(row.is_failed for row in results.rows) else EXIT_FINE


def _run_accuracy(options: argparse.Namespace) -> int:
    report = run_accuracy(
        AccuracyOptions(
            data=tuple(options.data),
            out=options.out,
            artifact=options.artifact,
            teacher=options.teacher,
            teacher_weights=options.teacher_weights,
            models=tuple(options.model),
            part=options.part,
            limit=options.limit,
            seed=options.seed,
            resamples=options.resamples,
            photos_per_test=options.photos_per_test,
            training=options.training,
            is_forced=options.force,
        )
    )
    print(format_goals(report))
    print(f"written to {options.out}", file=sys.stderr)
    is_incomplete = report["data"]["undecodable"] or any(model["is_failed"] for model in report["models"])
    return EXIT_ROW_FAILED if is_incomplete else EXIT_FINE


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Benchmarks of every step.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_run(commands)
    _add_accuracy(commands)
    return parser


def _add_run(commands: Any) -> None:
    command = commands.add_parser(
        "run",
        help="measure accuracy, latency, footprint and end-to-end times; print and save one table",
        description="Measures all models on this machine and writes table.md, results.json and accuracy-latency.png.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    command.set_defaults(call=_run)
    _add_common(command, out="folder for the results and the cache of exported backbones", part="test")
    add = command.add_argument
    add("--teacher", type=Path, default=Path("artifacts/teacher"), help="folder written by `train fit-teacher`")
    add("--peers", type=Path, default=Path("../shared/peers"), help="folder with the NIMA .tflite files")
    add("--rows", nargs="+", choices=ROW_KEYS, metavar="ROW", help=f"only these rows, out of: {', '.join(ROW_KEYS)}")
    add("--limit", type=int, help="score this many photos at most, evenly spaced over the part")
    add("--smoke", action="store_true", help="few photos and rounds, untrained backbones left out")


def _add_accuracy(commands: Any) -> None:
    command = commands.add_parser(
        "accuracy",
        help="agreement with people, ladders of faults, culprits, invariance, calibration, int8 against float",
        description="Writes accuracy.html, a page that needs nothing outside itself, and accuracy.json.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    command.set_defaults(call=_run_accuracy)
    _add_common(command, out="folder for the page and the JSON", part="validation")
    add = command.add_argument
    add("--teacher", type=Path, help="folder written by `train fit-teacher`; without it, no teacher is asked")
    add(
        "--model",
        type=_parse_model,
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="a further photogate .tflite, for example one trained without a source; may be given again",
    )
    add("--limit", type=int, help="this many rated and this many other photos at most, evenly spaced")
    add("--resamples", type=int, default=1000, help="of each bootstrap interval")
    add("--photos-per-test", type=int, default=60, help="photos for each kind of fault and for the invariance")
    add("--training", type=Path, default=DEFAULT_TRAINING, help="config whose [samples] say which photos are flawless")


def _add_common(command: argparse.ArgumentParser, out: str, part: str) -> None:
    """The options of both commands."""
    add = command.add_argument
    add("--data", type=Path, action="append", required=True, help="manifest of rated photos; may be given again")
    add("--out", type=Path, required=True, help=out)
    add(
        "--artifact",
        type=Path,
        default=find_default_artifact(),
        help="folder written by `python -m compress run`, or one .tflite file (then the int8 row alone)",
    )
    add("--teacher-weights", type=Path, help="its backbone's weights, if they have moved since it was trained")
    add("--part", choices=("test", "validation"), default=part, help="part of the split to score")
    add("--seed", type=int, help="seed of the split; without it the artifact's own, or 0")
    add("--force", action="store_true", help="overwrite results that are in --out already")


def _parse_model(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not separator or not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, Path(path)


if __name__ == "__main__":
    sys.exit(main())
