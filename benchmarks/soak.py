"""Endurance: does a camera that is watched for months take more and more memory, or leave threads behind?

A million frames are what a camera that is looked at every 2.6 seconds delivers in a month. They are small here, since
what can grow does so by the frame and not by the pixel. Two runs:

- Endurance: frames in several formats and sizes, every other one like the one before, go through ``LiveScorer`` and
  ``score_video`` in turns, each turn with a new one. Resident memory is read after every turn. What counts as growth is
  the median of the last tenth of these readings less the median of the first tenth after the warm-up: a leak of a few
  bytes a frame adds up, while the allocator's single jumps do not.
- Real time: frames come at a camera's rate, for as long as wanted, and every one is changed and scored. Latencies are
  from ``submit`` to the callback.

All figures are stored in arrays that are allocated and touched before the first reading.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environment import collect_environment, read_load_average, read_timestamp
from benchmarks.growth import compute_growth, compute_slope, count_threads, read_resident_bytes, wait_for_threads
from benchmarks.synthetic_frames import build_pictures, build_small_frames
from edge_runtime.camera import (
    ChangeDetector,
    Frame,
    FrameResult,
    FrameScorer,
    LiveOptions,
    LiveScorer,
    score_video,
)
from edge_runtime.errors import UsageError
from edge_runtime.interpreter import quiet_native_log
from edge_runtime.models import DEFAULT_MODEL, find_model
from edge_runtime.scorer import PhotoScorer

__all__ = ["SoakOptions", "format_soak", "run_soak"]

TURNS = 200  # of LiveScorer and of score_video, and readings of memory
WARM_UP_SHARE = 0.1
WARM_UP_FRAMES = 2_000  # at least: the interpreter's and numpy's caches fill in the first hundreds
PATIENCE_S = 60.0


@dataclass(frozen=True)
class SoakOptions:
    """What to run.

    Attributes:
        model: a ``.tflite`` file; None: the one that ships.
        frames: of the endurance run; 0: none.
        seconds: of the real-time run; 0: none.
        fps: of the real-time run.
        size: of the real-time run's frames, (width, height).
        num_threads: of the interpreter.
    """

    model: Path | None = None
    frames: int = 1_000_000
    seconds: float = 1_800.0
    fps: float = 10.0
    size: tuple[int, int] = (1280, 720)
    num_threads: int = 1


def run_soak(options: SoakOptions) -> dict[str, Any]:
    """Runs both and returns one JSON object.

    Raises:
        ModelError: the model cannot be used.
        UsageError: a number out of range, or a system that does not tell its resident memory.
    """
    if options.frames < 0 or options.seconds < 0 or not options.fps > 0:
        raise UsageError("--frames and --seconds must be 0 or more, and --fps more than 0")
    if 0 < options.frames < 2 * TURNS:
        raise UsageError(f"--frames must be {2 * TURNS} or more, for growth needs readings to be told by")
    results: dict[str, Any] = {
        "schema": 1,
        "taken": read_timestamp(),
        "environment": collect_environment(),
        "load_average": read_load_average(),
        "endurance": None,
        "realtime": None,
    }
    with quiet_native_log():
        scorer = PhotoScorer.from_file(options.model or find_model(DEFAULT_MODEL), options.num_threads)
    with scorer:
        results["model"] = scorer.contract.name
        if options.frames:
            results["endurance"] = run_endurance(scorer, options.frames)
        if options.seconds:
            results["realtime"] = run_realtime(scorer, options)
    return results


def run_endurance(scorer: FrameScorer, frames: int, turns: int = TURNS) -> dict[str, Any]:
    """Sends ``frames`` small frames through ``scorer`` and tells of memory, threads and counts."""
    pool = build_small_frames()
    memory = np.ones(turns, np.int64)
    threads = np.ones(turns, np.int32)
    ends = np.linspace(0, frames, turns + 1).astype(int)
    counts = dict.fromkeys(("scored", "unchanged", "dropped", "failed"), 0)
    warm_up = max(WARM_UP_FRAMES, round(WARM_UP_SHARE * frames))
    before = count_threads()
    started, started_cpu = time.perf_counter(), time.process_time()
    for turn in range(turns):
        stream = _stream(pool, int(ends[turn]), int(ends[turn + 1]))
        _run_live(scorer, stream, counts) if turn % 2 else _run_video(scorer, stream, counts)
        memory[turn] = read_resident_bytes()
        threads[turn] = wait_for_threads(before)
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - started_cpu
    warm = memory[int(np.searchsorted(ends[1:], min(warm_up, frames // 2))) :]
    return {
        "frames": frames,
        "warm_up_frames": min(warm_up, frames // 2),
        "counts": counts,
        "wall_s": round(wall_s, 1),
        "cpu_s": round(cpu_s, 1),
        "resident_mb": {
            "after_first_turn": _to_mb(memory[0]),
            "after_warm_up": _to_mb(warm[0]),
            "at_end": _to_mb(memory[-1]),
            "most": _to_mb(memory.max()),
        },
        "growth_bytes": compute_growth(warm),
        "growth_bytes_a_frame": round(compute_slope(warm) * turns / frames, 4),
        "threads": {"before": before, "after": int(threads[-1]), "most_between_turns": int(threads.max())},
    }


def run_realtime(scorer: FrameScorer, options: SoakOptions) -> dict[str, Any]:
    """Submits frames at ``options.fps`` for ``options.seconds``; every one is changed."""
    count = max(1, round(options.seconds * options.fps))
    pool = build_pictures(options.size)
    latencies = np.full(count, np.nan)
    reached = [0]

    def take(result: FrameResult) -> None:
        latencies[reached[0]] = result.latency_ms
        reached[0] += 1

    late_ms = 0.0
    before = count_threads()
    with LiveScorer(scorer, take, LiveOptions(skip_unchanged=False)) as live:
        memory = read_resident_bytes()
        started, started_cpu = time.perf_counter(), time.process_time()
        for number in range(count):
            wait_s = started + number / options.fps - time.perf_counter()
            if wait_s > 0:
                time.sleep(wait_s)
            else:
                late_ms = max(late_ms, -1e3 * wait_s)
            live.submit(Frame(pool[number % len(pool)], round(1e3 * number / options.fps)))
            if number == count // 10:
                memory = read_resident_bytes()
        wall_s, cpu_s = time.perf_counter() - started, time.process_time() - started_cpu
    growth = read_resident_bytes() - memory
    kept = latencies[: reached[0]]
    return {
        "seconds": round(wall_s, 1),
        "fps": options.fps,
        "size": list(options.size),
        "counts": live.counts.to_dict(),
        "latency_ms": {
            **{f"p{percent}": round(float(np.percentile(kept, percent)), 2) for percent in (50, 95, 99)},
            "most": round(float(kept.max()), 2),
        },
        "producer_late_ms": round(late_ms, 1),
        "cpu_share": round(cpu_s / wall_s, 4),
        "growth_bytes": growth,
        "threads": {"before": before, "after": wait_for_threads(before)},
    }


def format_soak(results: dict[str, Any]) -> str:
    """The results for people."""
    lines = [f"{results['model']}, {results['environment']['runtime']}, {results['environment']['cpu']}"]
    endurance, realtime = results["endurance"], results["realtime"]
    if endurance is not None:
        counts, memory, threads = endurance["counts"], endurance["resident_mb"], endurance["threads"]
        lines += [
            "",
            f"endurance: {endurance['frames']:,} frames in {endurance['wall_s']:.0f} s ({counts['scored']:,} scored, "
            f"{counts['unchanged']:,} unchanged, {counts['dropped']:,} dropped, {counts['failed']:,} failed)",
            f"  resident memory {memory['after_warm_up']:.2f} MB after {endurance['warm_up_frames']:,} frames, "
            f"{memory['at_end']:.2f} MB at the end: grown by {endurance['growth_bytes'] / 1e6:.3f} MB",
            f"  threads {threads['before']} before, {threads['after']} after",
        ]
    if realtime is not None:
        latency, counts, threads = realtime["latency_ms"], realtime["counts"], realtime["threads"]
        drops = counts["dropped_busy"] + counts["dropped_late"] + counts["dropped_rate"]
        width, height = realtime["size"]
        lines += [
            "",
            f"real time: {realtime['seconds']:.0f} s at {realtime['fps']:g} frames/s of {width} x {height}",
            f"  latency p50 {latency['p50']} ms, p95 {latency['p95']} ms, p99 {latency['p99']} ms, "
            f"most {latency['most']} ms",
            f"  {counts['scored']:,} scored, {drops} dropped, {counts['failed']} failed; "
            f"{realtime['cpu_share']:.1%} of a core",
            f"  resident memory grown by {realtime['growth_bytes'] / 1e6:.3f} MB; threads {threads['before']} before, "
            f"{threads['after']} after",
        ]
    return "\n".join(lines)


def _stream(pool: list[Frame], start: int, end: int) -> Iterator[Frame]:
    for number in range(start, end):
        frame = pool[number % len(pool)]
        yield Frame(frame.pixels, 40 * number, frame.pixel_format)


def _run_video(scorer: FrameScorer, stream: Iterator[Frame], counts: dict[str, int]) -> None:
    for result in score_video(scorer, stream, detector=ChangeDetector()):
        _count(result, counts)


def _run_live(scorer: FrameScorer, stream: Iterator[Frame], counts: dict[str, int]) -> None:
    """Waits for most results; now and then three frames come at once, so that some are dropped, too."""
    has_come = threading.Event()

    def take(result: FrameResult) -> None:
        _count(result, counts)
        has_come.set()

    with LiveScorer(scorer, take) as live:
        for number, frame in enumerate(stream):
            has_come.clear()
            is_taken = live.submit(frame)
            if is_taken and number % 16 not in (0, 1) and not has_come.wait(PATIENCE_S):
                raise RuntimeError(f"no result of the frame at {frame.timestamp_ms} ms within a minute")
        kept = live
    drops = kept.counts
    counts["dropped"] += drops.dropped_busy + drops.dropped_late + drops.dropped_rate


def _count(result: FrameResult, counts: dict[str, int]) -> None:
    counts["failed" if result.error is not None else "unchanged" if result.is_unchanged else "scored"] += 1


def _to_mb(size_bytes: Any) -> float:
    return round(float(size_bytes) / 1e6, 2)
