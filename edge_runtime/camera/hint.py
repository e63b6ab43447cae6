"""When to press the shutter: the score has been good for a moment, and has stood still."""

from __future__ import annotations

from collections import deque

from edge_runtime.errors import UsageError

__all__ = ["DEFAULT_SPREAD", "DEFAULT_WINDOW_MS", "ShutterHint"]

DEFAULT_WINDOW_MS = 1000  # how long a hand holds still without being asked to
# In points. A hand that is held still moves the score by 1 or 2 from frame to frame; a hand that moves, or a lens that
# is still looking for its focus, by 10 and more within a second.
DEFAULT_SPREAD = 5.0
FEWEST_READINGS = 3  # two can be alike by chance
COVERED_SHARE = 0.8  # of the window: what has just begun is not steady yet
# Once given, the hint stays until the score has left these wider limits: one that flickers cannot be followed.
KEPT_SPREAD = 1.5
KEPT_BELOW = 2.0


class ShutterHint:
    """Tells, reading after reading, whether now is the moment. Not thread-safe.

    It is when all readings of the last ``window_ms`` are at least ``least_quality``, and no two of them differ by more
    than ``most_spread``. Three readings are needed, of which the first may be older, so that a camera
    has to deliver more than one result in that time.
    """

    def __init__(
        self, least_quality: float, most_spread: float = DEFAULT_SPREAD, window_ms: int = DEFAULT_WINDOW_MS
    ) -> None:
        """Starts without readings.

        Args:
            least_quality: in points, 0-100: usually a policy's ``accept_from``.
            most_spread: between the best and the worst reading of the window, in points.
            window_ms: how far back it looks.

        Raises:
            UsageError: a number out of range.
        """
        if not (0 <= least_quality <= 100 and most_spread >= 0 and window_ms > 0):
            raise UsageError(
                f"a shutter hint for quality {least_quality}, spread {most_spread} and {window_ms} ms is not possible; "
                "pass 0 to 100 points, a spread of 0 or more, and more than 0 ms"
            )
        self._least_quality = least_quality
        self._most_spread = most_spread
        self._window_ms = window_ms
        self._readings: deque[tuple[int, float]] = deque()
        self._is_ready = False

    @property
    def is_ready(self) -> bool:
        """Whether the last reading said: now."""
        return self._is_ready

    @property
    def spread(self) -> float | None:
        """Between the best and the worst reading of the window, in points; None without readings."""
        qualities = [quality for _, quality in self._readings]
        return max(qualities) - min(qualities) if qualities else None

    def update(self, timestamp_ms: int, quality: float | None) -> bool:
        """Takes a reading.

        Args:
            timestamp_ms: larger than that of the reading before.
            quality: in points; None if there is none, which starts all over.

        Returns:
            Whether now is the moment.
        """
        if quality is None:
            self.reset()
            return False
        if self._readings and timestamp_ms - self._readings[-1][0] > self._window_ms:
            self.reset()  # what was before a pause says nothing about now
        self._readings.append((timestamp_ms, quality))
        # One reading from before the window stays, so that the readings cover it.
        while len(self._readings) > 1 and self._readings[1][0] <= timestamp_ms - self._window_ms:
            self._readings.popleft()
        slack, widening = (KEPT_BELOW, KEPT_SPREAD) if self._is_ready else (0.0, 1.0)
        spread = self.spread
        assert spread is not None  # there is at least this reading
        self._is_ready = (
            len(self._readings) >= FEWEST_READINGS
            and timestamp_ms - self._readings[0][0] >= COVERED_SHARE * self._window_ms
            and spread <= widening * self._most_spread
            and min(quality for _, quality in self._readings) >= self._least_quality - slack
        )
        return self._is_ready

    def reset(self) -> None:
        """Forgets all readings."""
        self._readings.clear()
        self._is_ready = False
