"""A small progress bar on stderr, for people who wait at a terminal."""

from __future__ import annotations

import sys
from time import monotonic
from types import TracebackType

__all__ = ["ProgressBar"]

FEWEST = 20  # with fewer photos the bar would only flicker
WIDTH = 30
SECONDS_BETWEEN_DRAWINGS = 0.1


class ProgressBar:
    """Draws only if there is much to do, stderr is a terminal and stdout is not (or the two would mix)."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._started = monotonic()
        self._drawn = 0.0
        self._is_shown = total >= FEWEST and sys.stderr.isatty() and not sys.stdout.isatty()

    def advance(self) -> None:
        """Counts one more as done."""
        self._done += 1
        now = monotonic()
        if self._is_shown and (self._done == self._total or now - self._drawn >= SECONDS_BETWEEN_DRAWINGS):
            self._drawn = now
            filled = WIDTH * self._done // self._total
            left_s = (now - self._started) / self._done * (self._total - self._done)
            bar = "#" * filled + "." * (WIDTH - filled)
            sys.stderr.write(f"\r[{bar}] {self._done}/{self._total}, {left_s:.0f} s left \x1b[K")
            sys.stderr.flush()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown and self._done:
            sys.stderr.write("\n")
