"""How sure a share is that was counted on a few photos."""

from __future__ import annotations

from scipy.stats import binomtest

__all__ = ["compute_share_interval"]


def compute_share_interval(hits: int, count: int) -> tuple[float, float]:
    """95 % score interval (Wilson 1927) of the share of ``hits`` among ``count``, which holds near 0 and 1, too.

    Raises:
        ValueError: ``count`` is below 1, or ``hits`` not from 0 to ``count``.
    """
    interval = binomtest(hits, count).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)
