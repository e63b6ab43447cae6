"""A camera's way from frame to result: against the bare model, by pixel format, and on a shelf where nothing moves.

Latencies are taken in interleaved turns, as in ``latency``: the ratio to the bare invoke stays fair on a busy machine.
CPU time is the whole process's, so that the producer's share, the worker's and the hand-over between them all count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.environment import collect_environment, read_load_average, read_timestamp
from benchmarks.latency import TurnPlan, build_measure, compute_ratio, compute_summary, interleave
from edge_runtime.camera import Frame, LiveOptions, LiveScorer, PixelFormat, make_camera_view, score_frame
from edge_runtime.camera.frames import CHANNELS, HALVED_PLANES
from edge_runtime.errors import UsageError
from edge_runtime.interpreter import Interpreter
from edge_runtime.model_file import read_model
from edge_runtime.models import DEFAULT_MODEL, find_model
from edge_runtime.scorer import PhotoScorer

__all__ = ["CameraOptions", "build_noisy_frames", "format_camera", "run_camera"]

FRAMES_KEPT = 8  # different ones, in turn: a camera's next frame is in no cache
SENSOR_NOISE = 2.0  # standard deviation of one frame, in levels


@dataclass(frozen=True)
class CameraOptions:
    """What to measure.

    Attributes:
        model: a ``.tflite`` file; None: the one that ships.
        size: of the frames, (width, height).
        formats: pixel formats.
        rounds: turns that each way gets.
        frames: length of the idle and of the busy stream.
        num_threads: of the interpreter.
        is_cpu_time: latencies are CPU time of the whole process instead of time on the wall: what a machine that is
            busy with other work can still tell. It leaves out what threads wait for each other.
    """

    model: Path | None = None
    size: tuple[int, int] = (1280, 720)
    formats: tuple[PixelFormat, ...] = ("rgb", "nv12")
    rounds: int = 40
    frames: int = 300
    num_threads: int = 1
    is_cpu_time: bool = False


def run_camera(options: CameraOptions) -> dict[str, Any]:
    """Measures and returns one JSON object.

    Raises:
        ModelError: the model cannot be used.
        UsageError: a number out of range.
    """
    if options.rounds < 1 or options.frames < 2:
        raise UsageError("--rounds must be 1 or more and --frames 2 or more")
    path = options.model or find_model(DEFAULT_MODEL)
    model = read_model(path)
    contract = model.contract
    interpreter = Interpreter(model.flatbuffer, options.num_threads)
    noise = np.random.default_rng(0).integers(0, 256, interpreter.input_shape[1:], dtype=np.uint8)
    calls: dict[str, Callable[[], Any]] = {"invoke": lambda: interpreter.invoke(noise)}
    with PhotoScorer(model, options.num_threads) as scorer:
        with ExitStack() as streams:
            for name in options.formats:
                frames = build_noisy_frames(options.size, name)
                producer = _WaitingProducer(scorer, frames, name, skip_unchanged=False)
                streams.enter_context(producer.live)
                calls[f"{name} view"] = _build_view_call(frames, name, scorer)
                calls[f"{name} frame scored"] = _build_score_call(frames, name, scorer)
                calls[f"{name} submit to callback"] = producer.submit_and_wait
            clock_ns = time.process_time_ns if options.is_cpu_time else time.perf_counter_ns
            measures = {name: build_measure(call, clock_ns) for name, call in calls.items()}
            samples = interleave(measures, TurnPlan(options.rounds))
        cpu = {name: _measure_cpu(scorer, options, name) for name in options.formats}
    summaries = {name: compute_summary(values) for name, values in samples.items()}
    return {
        "schema": 1,
        "taken": read_timestamp(),
        "environment": collect_environment(),
        "load_average": read_load_average(),
        "model": contract.name,
        "size": list(options.size),
        "clock": "cpu" if options.is_cpu_time else "wall",
        "latency": {
            name: {
                "p50_ms": round(summary.p50_ms, 3),
                "p95_ms": round(summary.p95_ms, 3),
                "p99_ms": round(float(np.percentile(samples[name], 99)), 3),
                "calls": summary.calls,
                "over_invoke": round(compute_ratio(summary, summaries["invoke"]), 3),
                "is_noisy": summary.is_noisy,
            }
            for name, summary in summaries.items()
        },
        "cpu": cpu,
    }


def build_noisy_frames(
    size: tuple[int, int], pixel_format: PixelFormat, count: int = FRAMES_KEPT, seed: int = 0
) -> list[NDArray[np.uint8]]:
    """Frames of one still picture, smooth with edges, each with a sensor noise of its own."""
    width, height = size
    channels = CHANNELS.get(pixel_format, 1)
    rows = height * 3 // 2 if pixel_format in HALVED_PLANES else height
    generator = np.random.default_rng(seed)
    down, across = np.mgrid[0:rows, 0 : width * channels].astype(np.float32)
    still = 110 + 40 * np.sin(down / 37) + 40 * np.sin(across / (53 * channels)) + 30 * (across // (97 * channels) % 2)
    shape = (rows, width, channels) if pixel_format in CHANNELS else (rows, width)
    return [
        (still + generator.normal(0, SENSOR_NOISE, still.shape)).clip(0, 255).astype(np.uint8).reshape(shape)
        for _ in range(count)
    ]


def format_camera(results: dict[str, Any]) -> str:
    """The results as two tables in Markdown."""
    width, height = results["size"]
    runtime = results["environment"]["runtime"]
    lines = [f"{results['model']}, {width} x {height}, {runtime}, {results['clock']} time", ""]
    lines += ["| | p50 ms | p95 ms | p99 ms | / invoke |", "|---|---|---|---|---|"]
    for name, row in results["latency"].items():
        mark = " (noisy)" if row["is_noisy"] else ""
        lines.append(f"| {name}{mark} | {row['p50_ms']} | {row['p95_ms']} | {row['p99_ms']} | {row['over_invoke']} |")
    lines += [
        "",
        "| CPU ms a frame | each scored | idle shelf | share | scored again |",
        "|---|---|---|---|---|",
    ]
    for name, row in results["cpu"].items():
        lines.append(
            f"| {name} | {row['busy_ms']} | {row['idle_ms']} | {row['idle_share']:.1%} | {row['idle_scored']} of "
            f"{row['frames']} |"
        )
    return "\n".join(lines)


class _WaitingProducer:
    """A live stream of 10 frames a second by its timestamps, whose producer waits for each frame's result."""

    def __init__(
        self,
        scorer: PhotoScorer,
        frames: Sequence[NDArray[np.uint8]],
        pixel_format: PixelFormat,
        *,
        skip_unchanged: bool,
    ) -> None:
        self._frames = frames
        self._pixel_format = pixel_format
        self._has_come = Event()
        self._number = 0
        self.live = LiveScorer(scorer, lambda _: self._has_come.set(), LiveOptions(skip_unchanged=skip_unchanged))

    def submit_and_wait(self) -> None:
        """Submits the next frame and waits until its result has been reported."""
        self._has_come.clear()
        pixels = self._frames[self._number % len(self._frames)]
        self._number += 1
        self.live.submit(Frame(pixels, 100 * self._number, self._pixel_format))
        if not self._has_come.wait(timeout=60):
            raise RuntimeError(f"no result of a {self._pixel_format} frame within a minute")


def _build_view_call(
    frames: Sequence[NDArray[np.uint8]], pixel_format: PixelFormat, scorer: PhotoScorer
) -> Callable[[], Any]:
    turn = cycle(frames)
    return lambda: make_camera_view(Frame(next(turn), 0, pixel_format), scorer.contract.view)


def _build_score_call(
    frames: Sequence[NDArray[np.uint8]], pixel_format: PixelFormat, scorer: PhotoScorer
) -> Callable[[], Any]:
    turn = cycle(frames)
    return lambda: score_frame(scorer, Frame(next(turn), 0, pixel_format))


def _measure_cpu(scorer: PhotoScorer, options: CameraOptions, pixel_format: PixelFormat) -> dict[str, Any]:
    """CPU time a frame when each is scored, and when only those are that are too old or have changed."""
    frames = build_noisy_frames(options.size, pixel_format)
    cpu_ms, counts = [], []
    for skip_unchanged in (False, True):
        producer = _WaitingProducer(scorer, frames, pixel_format, skip_unchanged=skip_unchanged)
        with producer.live:
            producer.submit_and_wait()
            before = time.process_time()
            for _ in range(options.frames):
                producer.submit_and_wait()
            cpu_ms.append(1e3 * (time.process_time() - before) / options.frames)
            counts.append(producer.live.counts)
    return {
        "frames": options.frames,
        "busy_ms": round(cpu_ms[0], 3),
        "idle_ms": round(cpu_ms[1], 3),
        "idle_share": round(cpu_ms[1] / cpu_ms[0], 4),
        "idle_scored": counts[1].scored - 1,
    }
