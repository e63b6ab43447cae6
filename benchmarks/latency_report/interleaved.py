"""Models in turns at one number of threads: percentiles, and who is faster where that can be told."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.comparison import Comparison, compare_rounds
from benchmarks.latency import Measure, TurnPlan, compute_profile, join_turns, read_waited_ns
from benchmarks.rows import Row, interleave_living

__all__ = ["measure_interleaved"]

MAX_WAITED_SHARE = 0.1  # beyond it, the scheduler's rhythm is in the figures of several threads, round after round


def measure_interleaved(
    rows: Sequence[Row], measures: Mapping[str, Measure], num_threads: int, rounds: int, against: str | None
) -> dict[str, Any]:
    """Times the models in turns and compares them.

    Args:
        rows: whose teacher fails if its process dies on the way.
        measures: name → one timed call.
        num_threads: of each.
        rounds: turns of each.
        against: whom the others are compared with; None, or where it has failed: "float" if it is there, else the
            first.

    Returns:
        ``clock``, ``waited_share``, ``models``, ``against`` and ``comparisons``; nothing where nothing was measured.
    """
    if not measures:
        return {}
    waited_ns, used_ns = read_waited_ns(), time.process_time_ns()
    turns = interleave_living(rows, measures, TurnPlan(rounds=rounds, turn_ms=20.0, min_rounds=20))
    waited_share = _compute_waited_share(waited_ns, read_waited_ns(), time.process_time_ns() - used_ns)
    if not turns:
        return {}
    usual = "float" if "float" in turns else next(iter(turns))
    against = usual if against is None or against not in turns else against
    comparisons = {}
    for name, own in turns.items():
        if name != against:
            found = compare_rounds(own, turns[against])
            comparisons[name] = _distrust(found, num_threads, waited_share)
    return {
        "clock": "running" if num_threads == 1 else "wall",
        "waited_share": waited_share,
        "models": {name: {"latency": vars(compute_profile(join_turns(own)))} for name, own in turns.items()},
        "against": against,
        "comparisons": {
            name: {**found.to_json(), "text": found.describe(against)} for name, found in comparisons.items()
        },
    }


def _compute_waited_share(before_ns: int | None, after_ns: int | None, used_ns: int) -> float | None:
    """Of the processor time that this process would have used, the share that it had to wait for; None: unknown."""
    if before_ns is None or after_ns is None:
        return None
    waited_ns = max(after_ns - before_ns, 0)  # less than before where a thread has ended and taken its account along
    return waited_ns / max(waited_ns + used_ns, 1)


def _distrust(found: Comparison, num_threads: int, waited_share: float | None) -> Comparison:
    """Without bounds where several threads were measured on the wall clock of a machine that others were using."""
    is_disturbed = num_threads > 1 and waited_share is not None and waited_share > MAX_WAITED_SHARE
    return replace(found, low=0.0, high=float("inf")) if is_disturbed else found
