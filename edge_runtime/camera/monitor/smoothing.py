"""Values that jump, smoothed: the median of the last seconds, then, if wanted, an exponential mean of the medians."""

from __future__ import annotations

import math
from collections import deque
from statistics import median

__all__ = ["Smoother"]

MAX_VALUES = 64  # of one window, however fast frames come


class Smoother:
    """Smooths one value over the stream's time. What is unknown (None) is left out, and does not age what is known."""

    def __init__(self, window_s: float, ema_s: float = 0.0) -> None:
        """Begins without a value.

        Args:
            window_s: length of the median's window; 0: no median.
            ema_s: time constant of the exponential mean; 0: no such mean.
        """
        self._window_ms = 1000 * window_s
        self._ema_ms = 1000 * ema_s
        self._values: deque[tuple[int, float]] = deque(maxlen=MAX_VALUES)
        self._mean: float | None = None
        self._newest_ms = 0

    def add(self, value: float | None, timestamp_ms: int) -> float | None:
        """The smoothed value with ``value`` in it; None if ``value`` is None."""
        if value is None:
            return None
        self._values.append((timestamp_ms, value))
        while timestamp_ms - self._values[0][0] > self._window_ms:  # differences are exact, however large the times
            self._values.popleft()
        middle = median(kept for _, kept in self._values)
        if not self._ema_ms or self._mean is None:
            self._mean = middle
        else:
            weight = -math.expm1(-(timestamp_ms - self._newest_ms) / self._ema_ms)
            self._mean += weight * (middle - self._mean)
        self._newest_ms = timestamp_ms
        return self._mean

    def clear(self) -> None:
        """Forgets all values, for example since the signal was lost in between."""
        self._values.clear()
        self._mean = None
