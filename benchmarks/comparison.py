"""Which of two is faster, by how much, and whether that can be told at all on a machine as noisy as this one was.

The unit is the round of ``benchmarks.latency.interleave_rounds``, not the single call: calls of one turn share whatever
disturbed the turn, so that a thousand of them would promise a certainty that is not there. In every round the median of
one is divided by the median of the other, which takes out a drift that hits both. Rounds with the one order and rounds
with the other have a median each, and the two are averaged: what follows whom does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["COVERAGE", "EQUAL_WITHIN", "Comparison", "Verdict", "compare_rounds"]

Verdict = Literal["faster", "slower", "equal", "too noisy to tell"]

COVERAGE = 0.998
"""Of the interval, nominally. Of the median of some 20 pairs a percentile bootstrap covers less than it is asked for
(Hesterberg 2015, "What Teachers Should Know about the Bootstrap", section 4): in simulation, with noise and one turn in
ten disturbed, 99 % of such intervals held the true ratio."""
EQUAL_WITHIN = 1.02
"""Less than 2 % is no difference: where a model's tensors happen to lie in memory makes as much."""
MIN_ROUNDS = 20
RESAMPLES = 4000


@dataclass(frozen=True)
class Comparison:
    """The time of one over the time of another.

    Attributes:
        ratio: above 1 is slower.
        low, high: bootstrap interval of ``ratio`` over rounds; 0 and infinity where there are fewer than MIN_ROUNDS.
        rounds: how many were compared.
    """

    ratio: float
    low: float
    high: float
    rounds: int

    @property
    def verdict(self) -> Verdict:
        """A winner only if the whole interval lies beyond EQUAL_WITHIN, a tie only if it lies within."""
        if self.high < 1 / EQUAL_WITHIN:
            return "faster"
        if self.low > EQUAL_WITHIN:
            return "slower"
        return "equal" if self.low >= 1 / EQUAL_WITHIN and self.high <= EQUAL_WITHIN else "too noisy to tell"

    def to_json(self) -> dict[str, Any]:
        """Its fields and ``verdict``; bounds that are not known are None."""
        low, high = (self.low, self.high) if self.high < float("inf") else (None, None)
        return {"ratio": self.ratio, "low": low, "high": high, "rounds": self.rounds, "verdict": self.verdict}

    def describe(self, reference: str) -> str:
        """For people: "faster than float by 1.62x [1.55, 1.70]"."""
        if self.verdict == "faster":
            return f"faster than {reference} by {1 / self.ratio:.2f}x [{1 / self.high:.2f}, {1 / self.low:.2f}]"
        if self.verdict == "slower":
            return f"slower than {reference} by {self.ratio:.2f}x [{self.low:.2f}, {self.high:.2f}]"
        interval = f" [{self.low:.2f}, {self.high:.2f}]" if self.high < float("inf") else ", with no interval"
        found = f"time over {reference}'s {self.ratio:.2f}{interval}"
        return f"as fast as {reference}: {found}" if self.verdict == "equal" else f"too noisy to tell: {found}"


def compare_rounds(
    rounds: Sequence[Sequence[float]], reference: Sequence[Sequence[float]], seed: int = 0
) -> Comparison:
    """Compares what was measured in the same rounds.

    Args:
        rounds: latencies of one by round, in any unit, as :func:`benchmarks.latency.interleave_rounds` gives them.
        reference: of the other; rounds that only one of them has are left out.
        seed: of the bootstrap.

    Returns:
        The comparison. Its interval is a percentile bootstrap over pairs of neighbouring rounds, one of either order,
        widened where the ratios of neighbouring rounds resemble each other.

    Raises:
        ValueError: no round in common.
    """
    logs = np.array([np.log(np.median(a) / np.median(b)) for a, b in zip(rounds, reference, strict=False)])
    if not len(logs):
        raise ValueError("no round in common: there is nothing to compare")
    if len(logs) < MIN_ROUNDS:
        return Comparison(float(np.exp(np.median(logs))), 0.0, float("inf"), len(logs))
    count = len(logs) // 2
    pairs = logs[: 2 * count].reshape(count, 2)
    drawn = pairs[np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))]
    middle = float(np.median(pairs, axis=0).mean())
    ends = np.quantile(np.median(drawn, axis=1).mean(axis=1), [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    low, high = np.exp(middle + (ends - middle) * _compute_widening(pairs))
    return Comparison(float(np.exp(middle)), float(low), float(high), len(logs))


def _compute_widening(pairs: NDArray[np.float64]) -> float:
    """How much wider the interval has to be than for independent rounds: sqrt((1 + r) / (1 - r)), at least 1.

    r is the correlation of each round with the next, and the factor that of the standard error of a mean of a series
    of first order. Logs are clipped at three median deviations, else one disturbed round would decide.
    """
    centred = (pairs - np.median(pairs, axis=0)).ravel()
    limit = 3 * 1.4826 * np.median(np.abs(centred))
    clipped = np.clip(centred, -limit, limit)
    power = float((clipped**2).sum())
    correlation = float((clipped[1:] * clipped[:-1]).sum()) / power if power > 0 else 0.0
    correlation = min(max(correlation, 0.0), 0.9)
    return float(np.sqrt((1 + correlation) / (1 - correlation)))
