"""Timestamps as they come, and a time that only grows."""

from __future__ import annotations

__all__ = ["StreamClock"]

STEP_FRAMES = 5  # so many frames in a row, in order among themselves, are no stragglers
STEP_MS = 1000  # and so far behind


class StreamClock:
    """Lets frames pass whose timestamps grow; follows a clock that is set back. Not thread-safe.

    A frame that is not newer than the one before is late. If five in a row are late by more than a second, but in order
    among themselves, the clock was set back: from then on its timestamps are moved forward to continue where it stood.

    Attributes:
        steps: how often the clock was set back.
    """

    def __init__(self) -> None:
        self.steps = 0
        self._newest: int | None = None  # in the stream's time
        self._offset_ms = 0
        self._late: list[int] = []  # timestamps of the frames that are late since the newest, while they grow

    def place(self, timestamp_ms: int) -> int | None:
        """The time of a frame in the stream, larger than that of every frame before; None for a late frame."""
        placed = timestamp_ms + self._offset_ms
        if self._newest is None or placed > self._newest:
            self._newest = placed
            self._late.clear()
            return placed
        if self._newest - placed <= STEP_MS:
            self._late.clear()
            return None
        if self._late and timestamp_ms <= self._late[-1]:
            self._late.clear()
        self._late.append(timestamp_ms)
        if len(self._late) < STEP_FRAMES:
            return None
        # The late frames have taken time, too: the stream's time goes on by as much.
        self._offset_ms = self._newest + 1 - self._late[0]
        self.steps += 1
        self._late.clear()
        self._newest = timestamp_ms + self._offset_ms
        return self._newest
