"""``photogate bench``: how fast photos are scored on this machine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from edge_runtime.cli.options import add_format_option, add_threads_option, read_count
from edge_runtime.cli.tables import Column, build_writer
from edge_runtime.errors import InputError, ModelError
from edge_runtime.interpreter import quiet_native_log
from edge_runtime.models import find_model, list_models
from edge_runtime.result import ScoreFailure
from edge_runtime.scorer import Photo, PhotoScorer
from edge_runtime.speed import draw_frame, draw_jpeg, measure_speed

__all__ = ["add_command", "run_bench"]

BENCH_COLUMNS = (
    Column("photo", "photo", 5, lambda record: record["photo"]),
    Column("model", "model", 15, lambda record: record["model"]["name"]),
    Column("", "model_version", 0, lambda record: record["model"]["version"]),
    Column("", "model_sha256", 0, lambda record: record["model"]["sha256"]),
    Column("", "runtime", 0, lambda record: record["model"]["runtime"]),
    Column("", "threads", 0, lambda record: record["threads"]),
    Column("p50 ms", "p50_ms", 7, lambda record: record["p50_ms"], ".2f"),
    Column("p95 ms", "p95_ms", 7, lambda record: record["p95_ms"], ".2f"),
    Column("", "min_ms", 0, lambda record: record["min_ms"]),
    Column("decode", "decode_ms", 7, lambda record: record["steps_ms"]["decode"], ".2f"),
    Column("views", "preprocess_ms", 7, lambda record: record["steps_ms"]["preprocess"], ".2f"),
    Column("inference", "inference_ms", 9, lambda record: record["steps_ms"]["inference"], ".2f"),
    Column("calls", "calls", 5, lambda record: record["calls"], "d"),
    Column("", "is_noisy", 0, lambda record: record["is_noisy"]),
    Column("", "error_type", 0, lambda record: record["error"]["type"]),
    Column("", "error_message", 0, lambda record: record["error"]["message"]),
)
DRAWN: Mapping[str, Callable[[], Photo]] = {"drawn 12 MP JPEG": draw_jpeg, "drawn 1280x720 frame": draw_frame}


def add_command(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "bench",
        help="measure how fast photos are scored here",
        description="Scores photos again and again, all models in turns, and tells the median time and that of each "
        "step: decoding, making the model's views, running the model. Without PATH it draws a 12 MP photo and a camera "
        "frame. For comparisons that shall hold, close other programs; rows whose slowest calls take more than twice "
        "the median are named.",
        epilog="Exit codes: 0 all fine, 1 a photo cannot be scored, 2 wrong usage, or no usable model, interpreter.",
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a photo; read anew each time")
    parser.add_argument(
        "--model",
        action="append",
        metavar="M",
        help="an installed model's name or a .tflite file; may be given several times (default: all installed)",
    )
    add_threads_option(parser)
    parser.add_argument(
        "--seconds", type=read_count(1), default=2, metavar="S", help="time for each row, about (default: %(default)s)"
    )
    add_format_option(parser)
    parser.set_defaults(run=run_bench)


def run_bench(options: argparse.Namespace) -> int:
    """Prints one record for each photo and model.

    Returns:
        0, or 1 if a photo cannot be scored.

    Raises:
        ModelError, RuntimeUnavailableError: nothing can be scored at all.
    """
    models = options.model or [path.stem for path in list_models()]
    if not models:
        raise ModelError("no model is installed; install photogate again")
    with ExitStack() as stack:
        with quiet_native_log():
            scorers = {
                model: stack.enter_context(PhotoScorer.from_file(find_model(model), options.threads))
                for model in models
            }
        photos: dict[str, Photo] = {path: path for path in options.paths}
        if not photos:
            photos = {name: draw() for name, draw in DRAWN.items()}
        failures = _find_failures(next(iter(scorers.values())), photos)
        fine = {name: photo for name, photo in photos.items() if name not in failures}
        speeds = measure_speed(scorers, fine, options.seconds, options.threads) if fine else []
    writer = build_writer(options.format, sys.stdout, BENCH_COLUMNS, photos)
    for speed in speeds:
        writer.write(speed.to_dict())
    for name, failure in failures.items():
        writer.write({"photo": name, **failure.to_dict()})
    writer.close()
    noisy = [f"{speed.photo} by {speed.model.name}" for speed in speeds if speed.is_noisy]
    if noisy:
        print(f"photogate bench: other programs disturbed {', '.join(noisy)}: measure again", file=sys.stderr)
    return 1 if failures else 0


def _find_failures(scorer: PhotoScorer, photos: Mapping[str, Photo]) -> dict[str, ScoreFailure]:
    failures = {}
    for name, photo in photos.items():
        try:
            scorer.score(photo)
        except InputError as error:
            failures[name] = ScoreFailure(name, error)
    return failures
