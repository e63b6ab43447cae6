"""Files, folders and standard input: every picture in order, read when it is asked for, until the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from time import monotonic
from types import TracebackType

from edge_runtime.camera.frames import Frame
from edge_runtime.camera.sources.capture import Capture, CorruptPictureError, SignalError, build_frame
from edge_runtime.camera.sources.options import SourceOptions
from edge_runtime.camera.sources.source import Interruption, SourceCounts
from edge_runtime.camera.sources.timeline import RateLimit, Timeline
from edge_runtime.errors import SourceError

__all__ = ["RecordedSource"]


class RecordedSource:
    """Drops nothing and needs no thread: nobody reads ahead."""

    def __init__(
        self, name: str, capture: Capture, options: SourceOptions, *, is_stamped_on_arrival: bool = False
    ) -> None:
        """Takes ``capture`` over.

        Args:
            name: for messages.
            capture: opened.
            options: as for ``open_source``.
            is_stamped_on_arrival: timestamps are the time since the start instead of the picture's position.
        """
        self._name = name
        self._capture = capture
        self._options = options
        self._is_stamped_on_arrival = is_stamped_on_arrival
        self._timeline = Timeline(step_ms=1e3 / options.fps) if options.fps else Timeline()
        self._limit = RateLimit(options.max_fps)
        self._closed = threading.Event()
        # Held while the capture is used, so that closing waits for that; a signal's handler may close from the same
        # thread, which the wait would stop for ever.
        self._lock = threading.RLock()
        self._is_released = False
        self._started: float | None = None
        self._frames = self._corrupt = self._thinned = 0

    @property
    def name(self) -> str:
        """See Source."""
        return self._name

    @property
    def counts(self) -> SourceCounts:
        """See Source."""
        return SourceCounts(self._frames, self._corrupt, 0, 0, self._thinned)

    def __iter__(self) -> Iterator[Frame | Interruption]:
        """See Source; there are no interruptions.

        Raises:
            SourceError: a network file's connection broke off.
        """
        while (frame := self._read()) is not None:
            if self._options.is_paced and self._wait_for(frame.timestamp_ms):
                return
            self._frames += 1
            yield frame

    def close(self) -> None:
        """See Source."""
        self._closed.set()
        self._capture.interrupt()
        with self._lock:
            self._release()

    def __enter__(self) -> RecordedSource:
        """See Source."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """See Source."""
        self.close()

    def _read(self) -> Frame | None:
        """The next frame that can be decoded and is due; None: the end, or closed."""
        with self._lock:
            while not self._closed.is_set():
                try:
                    if not self._capture.grab():
                        self._release()
                        return None
                    timestamp_ms = self._stamp()
                    if not self._limit.admits(timestamp_ms):
                        self._thinned += 1
                        continue
                    return build_frame(self._capture.retrieve(), timestamp_ms, self._options.rotation)
                except CorruptPictureError:
                    self._corrupt += not self._closed.is_set()  # closing cuts a picture off that is being read
                except BaseException as error:
                    self._release()
                    if self._closed.is_set():
                        return None
                    if isinstance(error, SignalError):  # nobody tries again
                        raise SourceError(str(error)) from error
                    raise
            self._release()
            return None

    def _stamp(self) -> int:
        if self._is_stamped_on_arrival:
            return self._timeline.now()
        return self._timeline.place(self._capture.position_ms)

    def _wait_for(self, timestamp_ms: int) -> bool:
        """Waits until the frame is due at the recording's own speed. Returns whether it was closed meanwhile."""
        now = monotonic()
        if self._started is None:
            self._started = now - timestamp_ms / 1e3
        return self._closed.wait(max(0.0, self._started + timestamp_ms / 1e3 - now))

    def _release(self) -> None:
        if not self._is_released:
            self._is_released = True
            self._capture.close()
