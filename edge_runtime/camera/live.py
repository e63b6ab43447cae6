"""A live camera: the newest frame is scored, the producer never waits, and what cannot be kept up with is counted.

One worker thread, and one place for a frame that waits: a newer frame takes the place of an older one.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from threading import Condition, Lock, Thread, current_thread
from time import perf_counter
from types import TracebackType

from edge_runtime.camera.change import ChangeDetector, Samples, sample_frame
from edge_runtime.camera.clock import StreamClock
from edge_runtime.camera.frames import Frame
from edge_runtime.camera.live_options import LiveCounts, LiveOptions
from edge_runtime.camera.scoring import FrameResult, FrameScorer, score_frame, score_video
from edge_runtime.errors import PhotogateError, UsageError
from edge_runtime.result import Score

__all__ = ["FrameResult", "LiveCounts", "LiveOptions", "LiveScorer", "score_video"]

DROPS = ("dropped_busy", "dropped_late", "dropped_rate")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Item:
    """What waits for the worker.

    Attributes:
        timestamp_ms: in the stream's time.
        submitted: ``perf_counter()`` at its arrival.
        samples: of the frame; None if changes are not looked for.
        frame: None if it is unchanged.
    """

    timestamp_ms: int
    submitted: float
    samples: Samples | None
    frame: Frame | None


class LiveScorer:
    """Scores the newest of the frames submitted from any thread, in a thread of its own. A context manager.

    Results come in the order of their timestamps, which strictly grow. They go to ``on_result``, in the worker's
    thread, or, without it, to those who iterate over :meth:`results`. A callback that takes its time makes frames drop,
    like a slow model; one that raises is logged and counted, and a frame whose scoring fails becomes a result with an
    error: neither ends the stream.

    Frames that are the same but for sensor noise are not scored again (``LiveOptions.skip_unchanged``). The camera may
    change its resolution, its format or its rotation from one frame to the next.

    The scorer stays the caller's: it is not closed here.
    """

    def __init__(
        self,
        scorer: FrameScorer,
        on_result: Callable[[FrameResult], object] | None = None,
        options: LiveOptions | None = None,
    ) -> None:
        """Starts the worker.

        Args:
            scorer: a PhotoScorer.
            on_result: called with each result; None: fetch them from :meth:`results`.
            options: see LiveOptions.

        Raises:
            UsageError: a threshold out of range.
        """
        self._scorer = scorer
        self._on_result = on_result
        self._options = options or LiveOptions()
        self._detector = ChangeDetector(self._options.change_threshold)
        self._clock = StreamClock()
        # One lock guards all that follows; nobody scores, copies or calls back while holding it.
        self._lock = Lock()
        self._work = Condition(self._lock)
        self._news = Condition(self._lock)
        self._counts = {field.name: 0 for field in fields(LiveCounts)}
        self._pending: _Item | None = None
        self._taken_ms: int | None = None  # of the newest frame that the worker has begun
        self._scored_ms: int | None = None  # of the newest frame that was scored rather than found unchanged
        self._due_ms: float | None = None  # for max_fps
        self._drops_reported = 0
        self._results: deque[FrameResult] = deque()
        self._is_closed = False
        self._is_over = False  # no result will come any more
        self._score: Score | None = None  # these three are the worker's own
        self._error: Exception | None = None
        self._is_callback_failing = False
        self._thread = Thread(target=self._run, name="photogate-live", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> LiveCounts:
        """What became of the frames so far."""
        with self._lock:
            return LiveCounts(**{**self._counts, "clock_steps": self._clock.steps})

    def submit(self, frame: Frame) -> bool:
        """Hands over a frame; from any thread, and without waiting for the worker.

        Its pixels may be changed once this returns, unless ``LiveOptions.copy`` is off: then not before its result.

        Returns:
            Whether it was taken, as changed or as unchanged; False if it was dropped, or if this scorer is closed. One
            that was taken may yet be pushed out by a newer one.
        """
        submitted = perf_counter()
        with self._lock:
            if self._is_closed:
                return False
            self._counts["received"] += 1
            timestamp_ms = self._clock.place(int(frame.timestamp_ms))
            if timestamp_ms is None:
                return self._drop("dropped_late")
            if not self._is_due(timestamp_ms):
                return self._drop("dropped_rate")
        samples = sample_frame(frame) if self._options.skip_unchanged else None
        with self._lock:
            if samples is not None and self._is_fresh(timestamp_ms) and self._detector.is_unchanged(samples):
                # Placed before the lock is let go of: otherwise the worker could begin a frame that waits, whose score
                # this one would get.
                return self._place(_Item(timestamp_ms, submitted, samples, None))
        kept = replace(frame, pixels=frame.pixels.copy()) if self._options.copy else frame
        with self._lock:
            return self._place(_Item(timestamp_ms, submitted, samples, kept))

    def results(self) -> Iterator[FrameResult]:
        """Results as they come; ends when the scorer is closed and all have been fetched.

        Raises:
            UsageError: results go to ``on_result``.
        """
        if self._on_result is not None:
            raise UsageError("the results of this LiveScorer go to its on_result; make it without one to iterate")
        return self._iterate()

    def close(self, timeout_s: float = 5.0) -> bool:
        """Takes no more frames, lets the worker finish those it has, and waits for it. May be called twice.

        In the worker's own thread, that is from ``on_result``, it does not wait.

        Args:
            timeout_s: how long to wait at most; after that no result comes any more, whenever the scorer returns.

        Returns:
            Whether the worker has ended.
        """
        with self._lock:
            self._is_closed = True
            self._work.notify_all()
        if current_thread() is self._thread:
            return False
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            return True
        logger.warning("the scorer has not returned within %.1f s of closing; its result is given up", timeout_s)
        with self._lock:
            self._end()
        return False

    def __enter__(self) -> LiveScorer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _is_due(self, timestamp_ms: int) -> bool:
        """Whether ``max_fps`` lets a frame pass; the rate holds on average, though frames come at uneven times."""
        if not self._options.max_fps:
            return True
        interval_ms = 1e3 / self._options.max_fps
        if self._due_ms is None:
            self._due_ms = float(timestamp_ms)
        if timestamp_ms < self._due_ms:
            return False
        self._due_ms += interval_ms
        if self._due_ms <= timestamp_ms:  # after a pause: what was missed is not made up for
            self._due_ms = timestamp_ms + interval_ms
        return True

    def _is_fresh(self, timestamp_ms: int) -> bool:
        max_age_ms = self._options.max_age_ms
        return not max_age_ms or self._scored_ms is None or timestamp_ms - self._scored_ms < max_age_ms

    def _place(self, item: _Item) -> bool:
        """Lets an item wait for the worker, unless a newer one does so already; for whoever holds the lock."""
        if self._is_closed:
            return self._drop("dropped_busy")
        pending = self._pending
        newest_ms = pending.timestamp_ms if pending is not None else self._taken_ms
        if newest_ms is not None and newest_ms >= item.timestamp_ms:  # another thread was faster with a newer frame
            return self._drop("dropped_late")
        if pending is not None:
            self._drop("dropped_busy")
        self._pending = item
        self._work.notify()
        return True

    def _drop(self, name: str) -> bool:
        self._counts[name] += 1
        return False

    def _end(self) -> None:
        """Nothing comes any more; what waits is dropped."""
        if self._pending is not None:
            self._pending = None
            self._drop("dropped_busy")
        self._is_over = True
        self._news.notify_all()

    def _iterate(self) -> Iterator[FrameResult]:
        while True:
            with self._lock:
                while not self._results and not self._is_over:
                    self._news.wait()
                if not self._results:
                    return
                result = self._results.popleft()
            yield result

    def _run(self) -> None:
        try:
            while (item := self._take()) is not None:
                self._report(self._score_item(item))
        finally:
            with self._lock:
                self._is_closed = True
                self._end()

    def _take(self) -> _Item | None:
        with self._lock:
            while self._pending is None and not self._is_closed:
                self._work.wait()
            item, self._pending = self._pending, None
            if item is not None:
                self._taken_ms = item.timestamp_ms
                if item.frame is not None:
                    self._scored_ms = item.timestamp_ms
                    if item.samples is not None:  # now, for the next frame is compared while this one is scored
                        self._detector.mark_scored(item.samples)
            return item

    def _score_item(self, item: _Item) -> FrameResult:
        if item.frame is not None:
            error: Exception | None = None
            try:
                self._score = score_frame(self._scorer, item.frame, self._options.box)
            except PhotogateError as fault:
                error = fault
                if self._error is None:  # the first of a row: a camera delivers dozens a second
                    logger.warning("the frame at %d ms cannot be scored: %s", item.timestamp_ms, fault)
            except Exception as fault:
                error = fault
                if self._error is None:
                    logger.exception("the frame at %d ms cannot be scored", item.timestamp_ms)
            self._error = error
            if error is not None:
                self._score = None
        return FrameResult(
            item.timestamp_ms,
            self._score,
            is_unchanged=item.frame is None,
            latency_ms=1e3 * (perf_counter() - item.submitted),
            error=self._error,
            frame=item.frame if self._options.keep_frames else None,
        )

    def _report(self, result: FrameResult) -> None:
        with self._lock:
            self._counts["unchanged" if result.is_unchanged else "scored" if result.error is None else "failed"] += 1
            if result.error is not None:
                self._detector.forget()
            if self._is_over:
                return
            drops = sum(self._counts[name] for name in DROPS)
            result = replace(result, dropped=drops - self._drops_reported)
            self._drops_reported = drops
            if self._on_result is None:
                self._results.append(result)
                if len(self._results) > self._options.max_waiting_results:
                    self._results.popleft()
                    self._counts["results_lost"] += 1
                self._news.notify()
                return
        try:
            self._on_result(result)
            self._is_callback_failing = False
        except Exception:
            if not self._is_callback_failing:  # the first of a row
                logger.exception("on_result failed for the frame at %d ms; the stream goes on", result.timestamp_ms)
            self._is_callback_failing = True
            with self._lock:
                self._counts["callback_errors"] += 1
