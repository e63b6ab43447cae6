"""A live stream: the newest frame wins, everything else is counted, and no fault ends it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime import PhotoScorer, Score
from edge_runtime.camera import Frame, FrameResult, LiveCounts, LiveOptions, LiveScorer, score_frame, score_video
from edge_runtime.camera.clock import StreamClock
from edge_runtime.contract import ModelContract
from edge_runtime.errors import FrameError, ModelError, UsageError
from edge_runtime.scorer import Photo

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
EVERY = LiveOptions(skip_unchanged=False)
PATIENCE_S = 30.0  # for what happens at once on a machine that is not busy


@dataclass
class StubScorer:
    """Scores at will: waits for ``gate`` if it is closed, and raises what is in ``faults``."""

    template: Score
    contract: ModelContract
    gate: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    faults: list[Exception] = field(default_factory=list)
    views: list[NDArray[np.uint8]] = field(default_factory=list)

    def score(self, photo: Photo, color_order: str = "rgb") -> Score:
        assert isinstance(photo, np.ndarray)
        self.views.append(photo)
        self.begun.release()
        assert self.gate.wait(PATIENCE_S)
        if self.faults:
            raise self.faults.pop(0)
        return self.template

    def wait_until_begun(self) -> None:
        assert self.begun.acquire(timeout=PATIENCE_S)


@pytest.fixture
def stub(scorer: PhotoScorer, template: Score) -> StubScorer:
    stub = StubScorer(template, scorer.contract)
    stub.gate.set()
    return stub


def build_frame(timestamp_ms: int, level: int | None = None) -> Frame:
    level = timestamp_ms * 37 % 256 if level is None else level
    return Frame(np.full((48, 64, 3), level, np.uint8), timestamp_ms)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


def get_level(view: NDArray[np.uint8]) -> int:
    return int(view[0, 0, 0])


def add_up(counts: LiveCounts) -> int:
    dropped = counts.dropped_busy + counts.dropped_late + counts.dropped_rate
    return counts.scored + counts.unchanged + counts.failed + dropped


def submit_each(live: LiveScorer, frames: Sequence[Frame], results: list[FrameResult]) -> None:
    """Submits frame after frame, each when the former has its result."""
    for frame in frames:
        former = len(results)
        assert live.submit(frame)
        wait_for(lambda former=former: len(results) > former)  # type: ignore[misc]


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


def test_producer_is_not_held_up_and_the_newest_wins(stub: StubScorer) -> None:
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
    assert get_level(stub.views[1]) == 100 * 37 % 256
    assert live.counts == LiveCounts(received=101, scored=2, dropped_busy=99)


def test_submitting_to_a_scorer_that_sleeps_takes_little(stub: StubScorer) -> None:
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


def test_late_and_repeated_timestamps_are_dropped_and_the_stream_goes_on(stub: StubScorer) -> None:
    results: list[FrameResult] = []
    with LiveScorer(stub, results.append, EVERY) as live:
        submit_each(live, [build_frame(10), build_frame(20)], results)
        assert not live.submit(build_frame(20))
        assert not live.submit(build_frame(15))
        submit_each(live, [build_frame(30)], results)
    assert [(result.timestamp_ms, result.dropped) for result in results] == [(10, 0), (20, 0), (30, 2)]
    assert live.counts == LiveCounts(received=5, scored=3, dropped_late=2)


def test_clock_that_is_set_back_is_followed(stub: StubScorer) -> None:
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


def test_max_fps_holds_on_average(stub: StubScorer) -> None:
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


def test_unchanged_frames_are_not_scored_again_until_they_are_too_old(stub: StubScorer) -> None:
    results: list[FrameResult] = []
    with LiveScorer(stub, results.append, LiveOptions(max_age_ms=1000)) as live:
        submit_each(live, [build_frame(100 * step, level=80) for step in range(21)], results)
        submit_each(live, [build_frame(2100, level=120), build_frame(2200, level=120)], results)
    scored = [result.timestamp_ms for result in results if not result.is_unchanged]
    assert scored == [0, 1000, 2000, 2100]
    assert all(result.score is not None and result.error is None for result in results)
    assert live.counts == LiveCounts(received=23, scored=4, unchanged=19)
    assert len(stub.views) == 4


def test_frame_is_compared_with_the_one_being_scored(stub: StubScorer) -> None:
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


def test_callback_that_raises_is_reported_and_the_stream_goes_on(
    stub: StubScorer, caplog: pytest.LogCaptureFixture
) -> None:
    results: list[FrameResult] = []

    def raise_after_noting(result: FrameResult) -> None:
        results.append(result)
        if result.timestamp_ms < 30:
            raise ValueError("the viewer's own fault")

    with caplog.at_level(logging.ERROR), LiveScorer(stub, raise_after_noting, EVERY) as live:
        submit_each(live, [build_frame(10 * step) for step in range(5)], results)
    assert live.counts == LiveCounts(received=5, scored=5, callback_errors=3)
    assert "the viewer's own fault" in caplog.text
    assert len(caplog.records) == 1


def test_slow_callback_makes_frames_drop(stub: StubScorer) -> None:
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


@pytest.mark.parametrize("fault", [ModelError("the interpreter is unwell"), RuntimeError("unforeseen")])
def test_fault_of_the_scorer_is_a_result_and_the_stream_goes_on(
    stub: StubScorer, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    stub.faults = [fault]
    results: list[FrameResult] = []
    with LiveScorer(stub, results.append) as live:
        # The second looks like the first, but that one has no score to pass on.
        submit_each(live, [build_frame(10 * step, level=80) for step in range(3)], results)
    assert [result.error for result in results] == [fault, None, None]
    assert [result.score is None for result in results] == [True, False, False]
    assert [result.is_unchanged for result in results] == [False, False, True]
    assert live.counts == LiveCounts(received=3, scored=1, unchanged=1, failed=1)
    assert str(fault) in caplog.text
    assert results[0].to_dict()["error"] == {"type": type(fault).__name__, "message": str(fault)}


def test_unchanged_frame_shares_the_fault_of_the_one_that_it_equals(stub: StubScorer) -> None:
    stub.faults = [ModelError("unwell")]
    stub.gate.clear()
    results: list[FrameResult] = []
    with LiveScorer(stub, results.append) as live:
        live.submit(build_frame(0, level=80))
        stub.wait_until_begun()
        live.submit(build_frame(10, level=80))
        stub.gate.set()
        wait_for(lambda: len(results) == 2)
        submit_each(live, [build_frame(20, level=80)], results)
    assert [result.score is None for result in results] == [True, True, False]
    assert results[1].is_unchanged
    assert results[1].error is results[0].error


def test_camera_may_change_its_resolution_and_format(scorer: PhotoScorer) -> None:
    frames = [
        Frame(np.full((48, 64, 3), 90, np.uint8), 0),
        Frame(np.full((720, 1280, 3), 90, np.uint8), 10),
        Frame(np.full((72, 64), 90, np.uint8), 20, "nv12"),
        Frame(np.full((48, 64), 90, np.uint8), 30, "gray", 90),
    ]
    results: list[FrameResult] = []
    with LiveScorer(scorer, results.append, LiveOptions(box=(0, 0, 60, 40))) as live:
        submit_each(live, frames, results)
    # The box does not fit into the last frame, which stands upright.
    assert [result.is_unchanged for result in results] == [False] * 4
    assert [type(result.error) for result in results] == [type(None)] * 3 + [FrameError]
    assert live.counts == LiveCounts(received=4, scored=3, failed=1)


def test_buffer_may_be_reused_once_submit_has_returned(stub: StubScorer) -> None:
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
        assert get_level(stub.views[1]) == level


def test_results_may_be_iterated_over_and_end_with_the_stream(stub: StubScorer) -> None:
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


def test_results_that_nobody_fetches_are_bounded(stub: StubScorer) -> None:
    with LiveScorer(stub, options=LiveOptions(skip_unchanged=False, max_waiting_results=3)) as live:
        for step in range(8):
            live.submit(build_frame(step))
            wait_for(lambda step=step: live.counts.scored == step + 1)  # type: ignore[misc]
    assert [result.timestamp_ms for result in live.results()] == [5, 6, 7]
    assert live.counts.results_lost == 5


def test_iterating_beside_a_callback_is_refused(stub: StubScorer) -> None:
    with LiveScorer(stub, print) as live, pytest.raises(UsageError, match="on_result"):
        live.results()


def test_close_finishes_what_waits_and_takes_no_more(stub: StubScorer) -> None:
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


def test_close_gives_up_a_scorer_that_does_not_return(stub: StubScorer, caplog: pytest.LogCaptureFixture) -> None:
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


def test_iterator_ends_when_the_scorer_is_given_up(stub: StubScorer) -> None:
    stub.gate.clear()
    live = LiveScorer(stub, options=EVERY)
    live.submit(build_frame(0))
    stub.wait_until_begun()
    assert not live.close(timeout_s=0.05)
    assert list(live.results()) == []
    stub.gate.set()
    assert live.close()


def test_callback_may_close(stub: StubScorer) -> None:
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


def test_many_producers_and_a_close_among_them(stub: StubScorer) -> None:
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


@pytest.mark.parametrize(
    "options",
    [{"max_fps": -1}, {"max_fps": float("nan")}, {"max_age_ms": -1}, {"max_waiting_results": 0}],
)
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="pass"):
        LiveOptions(**options)  # type: ignore[arg-type]


def test_threshold_out_of_range_leaves_no_thread(stub: StubScorer) -> None:
    with pytest.raises(UsageError, match="threshold"):
        LiveScorer(stub, options=LiveOptions(change_threshold=0))


def test_video_is_scored_in_order_and_whole(stub: StubScorer) -> None:
    stub.faults = [ModelError("unwell")]
    frames = [build_frame(timestamp_ms) for timestamp_ms in (0, 40, 40, 20, 80)]
    results = list(score_video(stub, frames, keep_frames=True))
    assert [result.timestamp_ms for result in results] == [0, 40, 41, 42, 80]
    assert [result.frame for result in results] == frames
    assert [result.error is None for result in results] == [False, True, True, True, True]
    assert [get_level(view) for view in stub.views] == [get_level(frame.pixels) for frame in frames]


def test_video_is_scored_lazily(stub: StubScorer) -> None:
    results = score_video(stub, (build_frame(step) for step in range(10**9)))
    assert [next(results).timestamp_ms for _ in range(3)] == [0, 1, 2]
    assert len(stub.views) == 3


def test_one_frame(scorer: PhotoScorer) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    score = score_frame(scorer, Frame(pixels, 0, "bgr", 90), (10, 20, 90, 110))
    cut = np.ascontiguousarray(np.rot90(pixels[..., ::-1], -1)[20:110, 10:90])
    assert abs(score.quality - scorer.score(cut).quality) <= 5
    assert (score.image.width_px, score.image.height_px) == (80, 90)
