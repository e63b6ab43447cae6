"""When did other programs disturb a measurement? Without imports, for `python -m benchmarks` on a bare device, too."""

from __future__ import annotations

__all__ = ["is_noisy"]

# On a quiet machine p95 stays within 1.1-1.3 of the median; beyond this share the median is suspect, too.
NOISY_P95_OVER_P50 = 2.0


def is_noisy(p50_ms: float, p95_ms: float) -> bool:
    """Whether the spread forbids trusting the median of latencies in milliseconds: p95 over twice p50."""
    return p95_ms > NOISY_P95_OVER_P50 * p50_ms
