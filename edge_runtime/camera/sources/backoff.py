"""How long to wait before the next attempt: longer each time, up to a limit, and a little at random."""

from __future__ import annotations

import random

__all__ = ["Backoff"]


class Backoff:
    """Exponential back-off: each wait is twice the one before, up to the longest, plus the jitter."""

    def __init__(self, first_ms: int, longest_ms: int, jitter: float = 0.0, seed: int | None = None) -> None:
        """Args: as ``SourceOptions`` has them."""
        self._first_ms = first_ms
        self._longest_ms = longest_ms
        self._jitter = jitter
        self._random = random.Random(seed)

    def compute_wait_ms(self, attempt: int) -> int:
        """Milliseconds to wait before attempt number ``attempt``, counted from 1."""
        doublings = min(attempt - 1, 62)  # 2 ** 62 ms is beyond any limit
        wait_ms = min(self._first_ms << doublings, self._longest_ms)
        return round(wait_ms * (1 + self._jitter * self._random.random()))
