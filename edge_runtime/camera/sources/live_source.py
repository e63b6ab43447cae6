"""A camera or stream that runs for months: read by a thread of its own, and opened again whenever it is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TypeAlias

from edge_runtime.camera.frames import Frame
from edge_runtime.camera.sources.backoff import Backoff
from edge_runtime.camera.sources.capture import Capture, CorruptPictureError, SignalError, build_frame
from edge_runtime.camera.sources.handover import Handover
from edge_runtime.camera.sources.options import SourceOptions
from edge_runtime.camera.sources.source import Interruption, SourceCounts
from edge_runtime.camera.sources.timeline import RateLimit, Timeline
from edge_runtime.errors import SourceError

__all__ = ["LiveSource", "OpenCapture"]

OpenCapture: TypeAlias = Callable[[Callable[[], bool]], Capture]
HEARTBEAT_MS = 1_000  # while there is no signal, whoever watches hears of it at least so often
MIN_CORRUPT = 10  # pictures in a row, beside the time, before a stream that only sends rubbish is opened again
JOIN_SLACK_S = 2.0


class LiveSource:
    """Reads in a thread and keeps the newest frame, so that a slow taker sees no old pictures.

    Timestamps are the time of arrival: they go on over reconnects, and no clock of a camera can turn them back.
    """

    def __init__(
        self,
        name: str,
        open_capture: OpenCapture,
        options: SourceOptions,
        first: Capture | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepares; reading starts with the iteration.

        Args:
            name: for messages, without credentials.
            open_capture: opens the camera or stream, once more each time; it is given a function that tells whether
                to give up, and raises SourceError while there is no signal.
            options: as for ``open_source``.
            first: already open, if it is.
            clock: seconds.
        """
        self._name = name
        self._open_capture = open_capture
        self._options = options
        self._capture = first
        self._clock = clock
        self._timeline = Timeline(clock)
        self._limit = RateLimit(options.max_fps)
        self._backoff = Backoff(options.first_retry_ms, options.longest_retry_ms, options.retry_jitter, options.seed)
        self._handover = Handover()
        self._closed = threading.Event()
        self._lock = threading.Lock()  # guards _capture and _thread
        self._thread: threading.Thread | None = None
        self._attempt = 0  # failed attempts since the last picture
        self._frames = self._corrupt = self._reconnects = self._dropped = self._thinned = 0

    @property
    def name(self) -> str:
        """See Source."""
        return self._name

    @property
    def counts(self) -> SourceCounts:
        """See Source."""
        return SourceCounts(self._frames, self._corrupt, self._reconnects, self._dropped, self._thinned)

    def __iter__(self) -> Iterator[Frame | Interruption]:
        """See Source."""
        self._start()
        while (item := self._handover.take()) is not None:
            if isinstance(item, Frame):
                self._frames += 1
            yield item

    def close(self) -> None:
        """See Source. A read that cannot be interrupted is waited for until its time-out."""
        self._closed.set()
        self._handover.close()
        with self._lock:
            thread = self._thread
            if self._capture is not None:
                if thread is None:
                    self._capture.close()
                    self._capture = None
                else:
                    self._capture.interrupt()
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(self._options.open_timeout_ms, self._options.read_timeout_ms) / 1e3 + JOIN_SLACK_S)

    def __enter__(self) -> LiveSource:
        """See Source."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """See Source."""
        self.close()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name=f"photogate {self._name}", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        """The thread: play, wait, open again, until closed."""
        error: Exception | None = None
        try:
            while not self._closed.is_set():
                reason = self._play()
                self._let_go()
                if reason is None or self._closed.is_set():
                    break
                self._attempt += 1
                if self._options.max_retries is not None and self._attempt > self._options.max_retries:
                    error = SourceError(f"{reason} (given up after {self._options.max_retries} attempts to reconnect)")
                    break
                self._wait(reason)
        except Exception as unforeseen:  # never silently: the taker would wait for ever
            error = unforeseen
        finally:
            self._let_go()
            self._handover.finish(error)

    def _play(self) -> str | None:
        """Opens if need be, and reads until the signal is lost. Returns why; None: the end."""
        try:
            capture = self._capture or self._open()
            return None if capture is None else self._read(capture)
        except SourceError as error:
            return str(error)
        except Exception as error:
            # A defect in a driver's library is no reason for a shelf to be unwatched until somebody comes.
            return f"{self._name}: {type(error).__name__}: {error}; restart the camera if this does not pass"

    def _open(self) -> Capture | None:
        capture = self._open_capture(self._closed.is_set)
        with self._lock:
            if not self._closed.is_set():
                self._capture = capture
                return capture
        capture.close()
        return None

    def _read(self, capture: Capture) -> str | None:
        corrupt_in_a_row, corrupt_since = 0, 0.0
        while not self._closed.is_set():
            try:
                if not capture.grab():
                    if capture.is_finite:
                        return None
                    raise SignalError(f"{self._name}: the stream ended; it may be restarting")
                timestamp_ms = self._timeline.now()
                is_due = self._limit.admits(timestamp_ms)
                # After a damaged picture the next one is decoded in any case: it tells whether there are good ones.
                if is_due or corrupt_in_a_row:
                    frame = build_frame(capture.retrieve(), timestamp_ms, self._options.rotation)
            except CorruptPictureError:
                self._corrupt += 1
                corrupt_in_a_row += 1
                now = self._clock()
                corrupt_since = now if corrupt_in_a_row == 1 else corrupt_since
                if corrupt_in_a_row >= MIN_CORRUPT and now - corrupt_since > self._options.read_timeout_ms / 1e3:
                    return f"{self._name}: only damaged pictures; check the network, or the camera's settings"
                continue
            corrupt_in_a_row = 0
            if not is_due:
                self._thinned += 1
                continue
            if self._attempt:
                self._attempt = 0
                self._reconnects += 1
            if self._handover.put(frame):
                self._dropped += 1
        return None

    def _wait(self, reason: str) -> None:
        """Waits until the next attempt is due, telling so every second."""
        wait_ms = self._backoff.compute_wait_ms(self._attempt)
        until = self._clock() + wait_ms / 1e3
        while not self._closed.is_set():
            left_s = max(0.0, until - self._clock())
            self._handover.put(Interruption(self._timeline.now(), reason, self._attempt, round(1e3 * left_s)))
            # The last wait is not rounded: one that ends early would be followed by a burst of waits of 0 ms.
            if self._closed.wait(min(left_s, HEARTBEAT_MS / 1e3)) or self._clock() >= until:
                return

    def _let_go(self) -> None:
        with self._lock:
            capture, self._capture = self._capture, None
        if capture is not None:
            capture.close()
