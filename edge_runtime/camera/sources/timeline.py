"""The time of frames: strictly growing milliseconds, whatever the stream or the system's clock do."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["RateLimit", "Timeline"]

USUAL_STEP_MS = 40.0  # between frames of which nothing else is known: 25 a second


class Timeline:
    """Gives each frame its timestamp, 0 at the start. Not for several threads at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, step_ms: float = USUAL_STEP_MS) -> None:
        """Starts now.

        Args:
            clock: seconds, for :meth:`now`.
            step_ms: expected between frames, for those without a position.
        """
        self._clock = clock
        self._start = clock()
        self._step_ms = step_ms
        self._last_ms = -1
        self._offset_ms: float | None = None
        self._reached_ms = -step_ms

    def now(self) -> int:
        """The timestamp of what happens now; by the clock, and at least 1 ms after the last one."""
        return self._grow(1e3 * (self._clock() - self._start))

    def place(self, position_ms: float | None) -> int:
        """The timestamp of a frame at ``position_ms`` of its stream.

        The first frame's is 0. Where positions jump back, as in recordings that were joined, the time goes on from
        there by the step between the frames before. Jumps forward are kept: a recording may have gaps.
        """
        if position_ms is None:
            self._reached_ms += self._step_ms
        else:
            if self._offset_ms is None:
                self._offset_ms = -position_ms
            placed_ms = position_ms + self._offset_ms
            if placed_ms <= self._reached_ms:
                self._offset_ms += self._reached_ms + self._step_ms - placed_ms
                placed_ms = self._reached_ms + self._step_ms
            elif self._reached_ms >= 0:
                self._step_ms = placed_ms - self._reached_ms
            self._reached_ms = placed_ms
        return self._grow(self._reached_ms)

    def _grow(self, time_ms: float) -> int:
        self._last_ms = max(self._last_ms + 1, round(time_ms))
        return self._last_ms


class RateLimit:
    """Lets through at most so many frames a second, evenly spaced."""

    # A camera's frames jitter: one that comes a little early must not be left out, or a limit at the camera's own
    # rate would halve it.
    SLACK, MAX_SLACK_MS = 0.25, 10.0

    def __init__(self, max_fps: float) -> None:
        """0: no limit."""
        self._interval_ms = 1e3 / max_fps if max_fps else 0.0
        self._slack_ms = min(self.SLACK * self._interval_ms, self.MAX_SLACK_MS)
        self._due_ms = float("-inf")

    def admits(self, timestamp_ms: int) -> bool:
        """Whether the frame of this time, which is later than that of the call before, is one to take."""
        if timestamp_ms < self._due_ms - self._slack_ms:
            return False
        is_behind = timestamp_ms - self._due_ms >= self._interval_ms
        self._due_ms = (timestamp_ms if is_behind else self._due_ms) + self._interval_ms
        return True
