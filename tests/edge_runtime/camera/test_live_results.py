"""How the results of a live stream are fetched, and how it is closed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

import numpy as np
import pytest

from edge_runtime.camera import Frame, FrameResult, LiveCounts, LiveOptions, LiveScorer, score_video
from edge_runtime.errors import UsageError

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
BuildFrame = Callable[..., Frame]
SubmitEach = Callable[[LiveScorer, Sequence[Frame], list[FrameResult]], None]
WaitFor = Callable[[Callable[[], bool]], None]
EVERY = LiveOptions(skip_unchanged=False)
PATIENCE_S = 30.0  # for what happens at once on a machine that is not busy


def add_up(counts: LiveCounts) -> int:
    dropped = counts.dropped_busy + counts.dropped_late + counts.dropped_rate
    return counts.scored + counts.unchanged + counts.failed + dropped


def test_results_may_be_iterated_over_and_end_with_the_stream(
    stub: Any, build_frame: BuildFrame, submit_each: SubmitEach
) -> None:
    live = LiveScorer(stub, options=LiveOptions(skip_unchanged=False, keep_frames=True))
    got: list[FrameResult] = []
    reader = threading.Thread(target=lambda: got.extend(live.results()))
    reader.start()
    submit_each(live, [build_frame(10 * step) for step in range(5)], got)
    live.close()
    reader.join(PATIENCE_S)
    assert not reader.is_alive()
    assert [result.timestamp_ms for result in got] == [0, 10, 20, 30, 40]
    assert all(result.frame is not None and result.frame.timestamp_ms == result.timestamp_ms for result in got)
    assert list(live.results()) == []


@pytest.mark.parametrize("kind", [np.int64, np.float32, float])
def test_results_of_any_times_are_json(
    stub: Any, build_frame: BuildFrame, submit_each: SubmitEach, kind: Callable[[int], Any]
) -> None:
    frames = [Frame(build_frame(time_ms).pixels, kind(time_ms)) for time_ms in (10, 10, 30)]
    results = list(score_video(stub, frames))
    assert [json.loads(json.dumps(result.to_dict()))["timestamp_ms"] for result in results] == [10, 11, 30]
    assert {type(result.timestamp_ms) for result in results} == {int}
    results = []
    with LiveScorer(stub, results.append, EVERY) as live:
        submit_each(live, frames[1:], results)
    assert [json.loads(json.dumps(result.to_dict()))["timestamp_ms"] for result in results] == [10, 30]


def test_results_that_nobody_fetches_are_bounded(stub: Any, build_frame: BuildFrame, wait_for: WaitFor) -> None:
    with LiveScorer(stub, options=LiveOptions(skip_unchanged=False, max_waiting_results=3)) as live:
        for step in range(8):
            live.submit(build_frame(step))
            wait_for(lambda step=step: live.counts.scored == step + 1)  # type: ignore[misc]
    assert [result.timestamp_ms for result in live.results()] == [5, 6, 7]
    assert live.counts.results_lost == 5


def test_iterating_beside_a_callback_is_refused(stub: Any) -> None:
    with LiveScorer(stub, print) as live, pytest.raises(UsageError, match="on_result"):
        live.results()


def test_close_finishes_what_waits_and_takes_no_more(stub: Any, build_frame: BuildFrame, wait_for: WaitFor) -> None:
    results: list[FrameResult] = []
    stub.gate.clear()
    live = LiveScorer(stub, results.append, EVERY)
    live.submit(build_frame(0))
    stub.wait_until_begun()
    live.submit(build_frame(1))
    threading.Timer(0.05, stub.gate.set).start()
    assert live.close()
    assert [result.timestamp_ms for result in results] == [0, 1]
    assert not live.submit(build_frame(2))
    assert live.counts == LiveCounts(received=2, scored=2)
    assert live.close()
    wait_for(lambda: not any(isinstance(thread, threading.Timer) for thread in threading.enumerate()))


def test_close_gives_up_a_scorer_that_does_not_return(
    stub: Any, build_frame: BuildFrame, caplog: pytest.LogCaptureFixture
) -> None:
    stub.gate.clear()
    results: list[FrameResult] = []
    live = LiveScorer(stub, results.append, EVERY)
    live.submit(build_frame(0))
    stub.wait_until_begun()
    live.submit(build_frame(1))
    started = time.perf_counter()
    assert not live.close(timeout_s=0.05)
    assert time.perf_counter() - started < PATIENCE_S / 2
    assert "has not returned" in caplog.text
    stub.gate.set()
    assert live.close()
    assert results == []
    assert live.counts == LiveCounts(received=2, scored=1, dropped_busy=1)


def test_iterator_ends_when_the_scorer_is_given_up(stub: Any, build_frame: BuildFrame) -> None:
    stub.gate.clear()
    live = LiveScorer(stub, options=EVERY)
    live.submit(build_frame(0))
    stub.wait_until_begun()
    assert not live.close(timeout_s=0.05)
    assert list(live.results()) == []
    stub.gate.set()
    assert live.close()


def test_callback_may_close(stub: Any, build_frame: BuildFrame, wait_for: WaitFor) -> None:
    results: list[FrameResult] = []

    def close_at_once(result: FrameResult) -> None:
        results.append(result)
        assert not live.close()

    live = LiveScorer(stub, close_at_once, EVERY)
    live.submit(build_frame(0))
    wait_for(lambda: not live.submit(build_frame(len(results) + 1)))
    assert live.close()
    assert live.counts.callback_errors == 0
    assert len(results) >= 1


def test_many_producers_and_a_close_among_them(stub: Any, build_frame: BuildFrame, wait_for: WaitFor) -> None:
    results: list[FrameResult] = []
    live = LiveScorer(stub, results.append, EVERY)
    is_over = threading.Event()
    faults: list[BaseException] = []
    clock = iter(range(1, 10**9))
    lock = threading.Lock()

    def produce() -> None:
        try:
            while not is_over.is_set():
                with lock:
                    timestamp_ms = next(clock)
                live.submit(build_frame(timestamp_ms))
        except BaseException as fault:
            faults.append(fault)

    producers = [threading.Thread(target=produce) for _ in range(4)]
    for producer in producers:
        producer.start()
    wait_for(lambda: len(results) >= 50)
    assert live.close(PATIENCE_S)
    is_over.set()
    for producer in producers:
        producer.join(PATIENCE_S)
    assert not faults
    timestamps = [result.timestamp_ms for result in results]
    assert timestamps == sorted(set(timestamps))
    counts = live.counts
    assert counts.received == add_up(counts)
    assert counts.scored == len(results)


class SlowLock:
    """A lock after whose release something else happens first, whenever ``is_due`` says so."""

    def __init__(self, lock: threading.Lock, is_due: Callable[[], bool], action: Callable[[], None]) -> None:
        self._lock = lock
        self._is_due = is_due
        self._action = action

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        is_due = self._is_due()
        self._lock.release()
        if is_due:
            self._action()


def test_unchanged_frame_never_has_the_score_of_one_that_the_worker_has_begun_meanwhile(
    stub: Any, build_frame: BuildFrame, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = stub.score
    stub.score = lambda photo, color_order="rgb": replace(score(photo), quality=float(photo[0, 0, 0]))
    stub.gate.clear()
    results: list[FrameResult] = []
    found: list[bool] = []

    def go_on() -> None:
        """The worker ends the first frame and begins the one that waits."""
        stub.gate.set()
        wait_for(lambda: live._pending is None)

    with LiveScorer(stub, results.append) as live:
        live.submit(build_frame(0, level=10))
        stub.wait_until_begun()
        live.submit(build_frame(10, level=200))
        compare = live._detector.is_unchanged

        def note(samples: Any) -> bool:
            found.append(compare(samples))
            return found[-1]

        monkeypatch.setattr(live._detector, "is_unchanged", note)
        live._lock = SlowLock(live._lock, lambda: bool(found and found.pop()), go_on)  # type: ignore[assignment]
        live.submit(build_frame(20, level=10))
    assert [result.timestamp_ms for result in results] == [0, 20]
    assert [result.score.quality for result in results if result.score is not None] == [10.0, 10.0]
    assert results[1].is_unchanged
