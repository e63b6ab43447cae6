"""``python -m benchmarks run``: accuracy, latency, footprint and end-to-end times in one table.

``python -m benchmarks accuracy``: one page about how good the models are, slice by slice and fault by fault.

``python -m benchmarks best``: whether the best of a scene is what people would pick.

``python -m benchmarks camera``: a camera's frame to its result against the bare model, and what an idle shelf costs.

``python -m benchmarks explain``: whether heat maps point at the place that was spoilt.

``python -m benchmarks monitor``: whether the shelf monitor finds what goes wrong in made-up scenes, and nothing else.

``python -m benchmarks soak``: whether memory or threads grow over a million frames, and latencies over half an hour.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from benchmarks.accuracy_report.report import format_goals
from benchmarks.accuracy_report.run import DEFAULT_TRAINING, AccuracyOptions, run_accuracy
from benchmarks.best import BestOptions, format_best, run_best
from benchmarks.camera import CameraOptions, format_camera, run_camera
from benchmarks.explain import DEFAULT_COUNT, ExplainOptions, format_explain, run_explain
from benchmarks.monitor import MonitorOptions, format_monitor, run_monitor
from benchmarks.report import format_markdown
from benchmarks.rows import ROW_KEYS, find_default_artifact
from benchmarks.run import RunOptions, run
from benchmarks.soak import SoakOptions, format_soak, run_soak
from edge_runtime.camera import PixelFormat
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


def _run_best(options: argparse.Namespace) -> int:
    report = run_best(
        BestOptions(
            data=tuple(options.data),
            out=options.out,
            artifact=options.artifact,
            part=options.part,
            seed=options.seed,
            prefix=options.prefix,
            fewest=options.fewest,
            rating_error=options.rating_error,
            is_forced=options.force,
        )
    )
    print(format_best(report))
    return EXIT_FINE


def _run_explain(options: argparse.Namespace) -> int:
    report = run_explain(
        ExplainOptions(
            data=tuple(options.data),
            out=options.out,
            artifact=options.artifact,
            part=options.part,
            count=options.count,
            seed=options.seed,
            patch_seed=options.patch_seed,
            budget_ms=options.budget_ms,
            is_forced=options.force,
        )
    )
    print(format_explain(report))
    print(f"written to {options.out}", file=sys.stderr)
    return EXIT_FINE


def _run_camera(options: argparse.Namespace) -> int:
    results = run_camera(
        CameraOptions(
            model=options.model,
            size=(options.width, options.height),
            formats=tuple(options.formats),
            rounds=options.rounds,
            frames=options.frames,
            num_threads=options.threads,
            is_cpu_time=options.cpu_time,
        )
    )
    print(json.dumps(results, indent=2) if options.json else format_camera(results))
    return EXIT_FINE


def _run_monitor(options: argparse.Namespace) -> int:
    result = run_monitor(
        MonitorOptions(
            data=tuple(options.data),
            out=options.out,
            part=options.part,
            scenes=options.scenes,
            quiet_minutes=options.quiet_minutes,
            fps=options.fps,
            seed=options.seed,
            is_forced=options.force,
        )
    )
    print(format_monitor(result))
    print(f"written to {options.out}", file=sys.stderr)
    return EXIT_FINE


def _run_soak(options: argparse.Namespace) -> int:
    results = run_soak(
        SoakOptions(
            model=options.model,
            frames=options.frames,
            seconds=options.seconds,
            fps=options.fps,
            size=(options.width, options.height),
            num_threads=options.threads,
        )
    )
    print(json.dumps(results, indent=2) if options.json else format_soak(results))
    return EXIT_FINE


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Benchmarks of every step.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_run(commands)
    _add_accuracy(commands)
    _add_best(commands)
    _add_camera(commands)
    _add_explain(commands)
    _add_soak(commands)
    _add_monitor(commands)
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


def _add_best(commands: Any) -> None:
    command = commands.add_parser(
        "best",
        help="the pick among the photos of a scene, held against people's ratings",
        description="Ranks the photos of each scene as `photogate best` does and writes best.json. Other keys to rank "
        "by are tried on the parts train and validation only.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    command.set_defaults(call=_run_best)
    add = command.add_argument
    add("--data", type=Path, action="append", required=True, help="manifest of rated photos; may be given again")
    add("--out", type=Path, required=True, help="folder for best.json")
    add(
        "--artifact",
        type=Path,
        default=find_default_artifact(),
        help="folder written by `python -m compress run`, or one .tflite file",
    )
    add("--part", choices=("test", "validation", "train"), default="test", help="part of the split to rank")
    add("--seed", type=int, help="seed of the split; without it the artifact's own, or 0")
    add("--prefix", default="ss01", help="scenes are the groups of photos whose file name starts so")
    add("--fewest", type=int, default=5, help="photos of a scene, at least")
    add("--rating-error", type=float, default=0.025, help="standard error of one rating, on 0-1")
    add("--force", action="store_true", help="overwrite a result that is in --out already")


def _add_explain(commands: Any) -> None:
    command = commands.add_parser(
        "explain",
        help="whether heat maps point at the place that was spoilt",
        description="Spoils flawless photos in one place each (blur, noise, darkness, blown light, a colour cast; a "
        "fifth to a third of each side, with content there), explains them, and writes explain.json and explain.png.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    command.set_defaults(call=_run_explain)
    add = command.add_argument
    add("--data", type=Path, action="append", required=True, help="manifest of photos; may be given again")
    add("--out", type=Path, required=True, help="folder for the JSON and the sheet of examples")
    add(
        "--artifact",
        type=Path,
        default=find_default_artifact(),
        help="folder written by `python -m compress run`, or one .tflite file",
    )
    add("--part", choices=("test", "validation", "train"), default="test", help="part of the split to take photos from")
    add("--seed", type=int, help="seed of the split; without it the artifact's own, or 0")
    add("--count", type=int, default=DEFAULT_COUNT, help="spoilt photos; the good examples come on top")
    add("--patch-seed", type=int, default=0, help="of places, strengths and patterns")
    add("--budget-ms", type=float, help="time for one photo; without it, all patchworks are made")
    add("--force", action="store_true", help="overwrite results that are in --out already")


def _add_camera(commands: Any) -> None:
    command = commands.add_parser(
        "camera",
        help="a camera's frame to its result against the bare invoke, and the CPU time of an idle shelf",
        description="Measures noisy frames of a still picture, by pixel format; writes nothing but its output.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    command.set_defaults(call=_run_camera)
    add = command.add_argument
    add("--model", type=Path, help="a photogate .tflite; without it the one that ships")
    add("--width", type=int, default=1280, help="of the frames, in pixels")
    add("--height", type=int, default=720, help="of the frames, in pixels")
    add("--formats", nargs="+", choices=get_args(PixelFormat), default=["rgb", "nv12"], help="pixel formats")
    add("--rounds", type=int, default=40, help="turns of each measurement")
    add("--frames", type=int, default=300, help="frames of the idle and of the busy shelf")
    add("--threads", type=int, default=1, help="of the interpreter")
    add("--cpu-time", action="store_true", help="latencies in CPU time, for a machine that is busy otherwise")
    add("--json", action="store_true", help="print JSON instead of tables")


def _add_monitor(commands: Any) -> None:
    command = commands.add_parser(
        "monitor",
        help="the shelf monitor on made-up scenes with incidents, customers and daylight",
        description="Makes scenes of shop photos, in simulated time, watches them, and writes monitor.json.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    command.set_defaults(call=_run_monitor)
    add = command.add_argument
    add("--data", type=Path, action="append", default=[], help="manifest with shop photos; without it, drawn shelves")
    add("--out", type=Path, required=True, help="folder for monitor.json")
    add(
        "--part", choices=("report", "tune"), default="report", help="half of the photos; limits are tuned on the other"
    )
    add("--scenes", type=int, default=6, help="each of another group of photos")
    add("--quiet-minutes", type=float, default=10.0, help="of each scene, beside some 9 minutes with incidents")
    add("--fps", type=float, default=2.0, help="frames of a simulated second")
    add("--seed", type=int, default=0, help="of photos, incidents, customers, daylight and noise")
    add("--force", action="store_true", help="overwrite a result that is in --out already")


def _add_soak(commands: Any) -> None:
    command = commands.add_parser(
        "soak",
        help="growth of memory and threads over a million frames, and a long run in real time",
        description="Sends small frames through the scorer, then frames at a camera's rate; prints its output only.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    command.set_defaults(call=_run_soak)
    add = command.add_argument
    add("--model", type=Path, help="a photogate .tflite; without it the one that ships")
    add("--frames", type=int, default=SoakOptions.frames, help="of the endurance run; 0: none")
    add("--seconds", type=float, default=SoakOptions.seconds, help="of the run in real time; 0: none")
    add("--fps", type=float, default=SoakOptions.fps, help="of the run in real time")
    add("--width", type=int, default=SoakOptions.size[0], help="of its frames, in pixels")
    add("--height", type=int, default=SoakOptions.size[1], help="of its frames, in pixels")
    add("--threads", type=int, default=1, help="of the interpreter")
    add("--json", action="store_true", help="print JSON instead of text")


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
