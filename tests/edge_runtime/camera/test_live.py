"""What arrives in a live stream: the newest frame wins, and everything else is dropped and counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from edge_runtime import PhotoScorer
from edge_runtime.camera import Frame, FrameResult, LiveCounts, LiveOptions, LiveScorer
from edge_runtime.camera.clock import StreamClock

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
BuildFrame = Callable[..., Frame]
SubmitEach = Callable[[LiveScorer, Sequence[Frame], list[FrameResult]], None]
WaitFor = Callable[[Callable[[], bool]], None]
EVERY = LiveOptions(skip_unchanged=False)
PATIENCE_S = 30.0  # for what happens at once on a machine that is not busy


def test_real_scorer_gives_the_score_of_the_frame(scorer: PhotoScorer) -> None:
    """The score of one look: there is no time for a second one between two frames."""
    pixels = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), dtype=np.uint8)
    results: list[FrameResult] = []
    with LiveScorer(scorer, results.append) as live:
        live.submit(Frame(pixels, 5))
    (result,) = results
    with PhotoScorer.default(is_quick=True) as quick:
        wanted = quick.score(pixels)
    assert result.score is not None
    assert (result.score.quality, result.score.attributes) == (wanted.quality, wanted.attributes)
    assert (result.score.image.width_px, result.score.image.height_px) == (1280, 720)
    assert result.score.timings.preprocess_ms > 0
    assert result.latency_ms >= result.score.timings.total_ms
    assert live.counts == LiveCounts(received=1, scored=1)
    assert result.to_dict()["score"]["quality"] == round(wanted.quality, 1)


def test_producer_is_not_held_up_and_the_newest_wins(stub: Any, build_frame: BuildFrame) -> None:
    stub.gate.clear()
    results: list[FrameResult] = []
    with LiveScorer(stub, results.append, EVERY) as live:
        live.submit(build_frame(0))
        stub.wait_until_begun()
        for timestamp_ms in range(1, 101):  # would wait for ever if it waited for the scorer
            assert live.submit(build_frame(timestamp_ms))
        assert live.counts.dropped_busy == 99
        stub.gate.set()
    assert [(result.timestamp_ms, result.dropped) for result in results] == [(0, 99), (100, 0)]
    assert stub.levels[1] == 100 * 37 % 256
    assert live.counts == LiveCounts(received=101, scored=2, dropped_busy=99)


def test_submitting_to_a_scorer_that_sleeps_takes_little(stub: Any, build_frame: BuildFrame, wait_for: WaitFor) -> None:
    stub.gate.clear()
    with LiveScorer(stub, options=EVERY) as live:
        live.submit(build_frame(0))
        stub.wait_until_begun()
        threading.Timer(1.0, stub.gate.set).start()
        started = time.perf_counter()
        for timestamp_ms in range(1, 21):
            live.submit(build_frame(timestamp_ms))
        assert time.perf_counter() - started < 0.5
        assert stub.gate.wait(PATIENCE_S)
    wait_for(lambda: not any(isinstance(thread, threading.Timer) for thread in threading.enumerate()))


def test_late_and_repeated_timestamps_are_dropped_and_the_stream_goes_on(
    stub: Any, build_frame: BuildFrame, submit_each: SubmitEach
) -> None:
    results: list[FrameResult] = []
    with LiveScorer(stub, results.append, EVERY) as live:
        submit_each(live, [build_frame(10), build_frame(20)], results)
        assert not live.submit(build_frame(20))
        assert not live.submit(build_frame(15))
        submit_each(live, [build_frame(30)], results)
    assert [(result.timestamp_ms, result.dropped) for result in results] == [(10, 0), (20, 0), (30, 2)]
    assert live.counts == LiveCounts(received=5, scored=3, dropped_late=2)


def test_clock_that_is_set_back_is_followed(
    stub: Any, build_frame: BuildFrame, submit_each: SubmitEach, wait_for: WaitFor
) -> None:
    results: list[FrameResult] = []
    hour_ms = 3_600_000
    with LiveScorer(stub, results.append, EVERY) as live:
        submit_each(live, [build_frame(hour_ms + 100 * step) for step in range(3)], results)
        taken = [live.submit(build_frame(100 * step)) for step in range(5)]
        wait_for(lambda: len(results) == 4)
        submit_each(live, [build_frame(500), build_frame(600)], results)
    assert taken == [False] * 4 + [True]
    timestamps = [result.timestamp_ms for result in results]
    assert timestamps == sorted(set(timestamps))
    assert timestamps[-1] - timestamps[-2] == 100
    assert timestamps[-1] < hour_ms + 2000
    assert live.counts == LiveCounts(received=10, scored=6, dropped_late=4, clock_steps=1)


def test_stragglers_do_not_turn_the_clock() -> None:
    clock = StreamClock()
    assert clock.place(100_000) == 100_000
    for step in range(40):  # an old frame between all the others
        assert clock.place(0 if step % 2 else 5) is None
        assert clock.place(100_100 + 100 * step) == 100_100 + 100 * step
    for timestamp_ms in (50_000, 40_000, 30_000, 20_000, 10_000, 9_000):  # a pile of old ones, the last first
        assert clock.place(timestamp_ms) is None
    assert clock.steps == 0


def test_max_fps_holds_on_average(stub: Any, build_frame: BuildFrame, wait_for: WaitFor) -> None:
    results: list[FrameResult] = []
    generator = np.random.default_rng(0)
    with LiveScorer(stub, results.append, LiveOptions(max_fps=10, skip_unchanged=False)) as live:
        for step in range(300):  # ten seconds of 30 frames a second, at uneven times
            former = len(results)
            if live.submit(build_frame(1000 * step // 30 + int(generator.integers(0, 20)))):
                wait_for(lambda former=former: len(results) > former)  # type: ignore[misc]
    assert 98 <= len(results) <= 101
    assert live.counts.dropped_rate + live.counts.dropped_late == 300 - len(results)
    assert sum(result.dropped for result in results) + 5 >= 300 - len(results)


def test_unchanged_frames_are_not_scored_again_until_they_are_too_old(
    stub: Any, build_frame: BuildFrame, submit_each: SubmitEach
) -> None:
    results: list[FrameResult] = []
    with LiveScorer(stub, results.append, LiveOptions(max_age_ms=1000)) as live:
        submit_each(live, [build_frame(100 * step, level=80) for step in range(21)], results)
        submit_each(live, [build_frame(2100, level=120), build_frame(2200, level=120)], results)
    scored = [result.timestamp_ms for result in results if not result.is_unchanged]
    assert scored == [0, 1000, 2000, 2100]
    assert all(result.score is not None and result.error is None for result in results)
    assert live.counts == LiveCounts(received=23, scored=4, unchanged=19)
    assert len(stub.views) == 4


def test_frame_is_compared_with_the_one_being_scored(stub: Any, build_frame: BuildFrame) -> None:
    stub.gate.clear()
    results: list[FrameResult] = []
    with LiveScorer(stub, results.append) as live:
        live.submit(build_frame(0, level=80))
        stub.wait_until_begun()
        live.submit(build_frame(100, level=80))
        live.submit(build_frame(200, level=160))
        live.submit(build_frame(300, level=80))  # as before again, while the other one still waits
        stub.gate.set()
    assert [(result.timestamp_ms, result.is_unchanged) for result in results] == [(0, False), (300, True)]
    assert live.counts == LiveCounts(received=4, scored=1, unchanged=1, dropped_busy=2)


def test_slow_callback_makes_frames_drop(stub: Any, build_frame: BuildFrame) -> None:
    results: list[FrameResult] = []
    go_on = threading.Event()
    has_begun = threading.Event()

    def hold(result: FrameResult) -> None:
        results.append(result)
        has_begun.set()
        assert go_on.wait(PATIENCE_S)

    with LiveScorer(stub, hold, EVERY) as live:
        live.submit(build_frame(0))
        assert has_begun.wait(PATIENCE_S)
        for timestamp_ms in range(1, 11):
            live.submit(build_frame(timestamp_ms))
        go_on.set()
    assert [(result.timestamp_ms, result.dropped) for result in results] == [(0, 0), (10, 9)]


def test_buffer_may_be_reused_once_submit_has_returned(stub: Any) -> None:
    for copy, level in ((True, 40), (False, 200)):
        stub.views.clear()
        stub.gate.clear()
        pixels = np.full((48, 64, 3), 10, np.uint8)
        with LiveScorer(stub, options=LiveOptions(skip_unchanged=False, copy=copy)) as live:
            live.submit(Frame(pixels, 0))
            stub.wait_until_begun()
            pixels[...] = 40
            live.submit(Frame(pixels, 1))
            pixels[...] = 200
            stub.gate.set()
        stub.wait_until_begun()
        assert stub.levels[1] == level
