"""The Pareto front of models that cost something and are good for something, and how sure each place on it is.

One model dominates another if it costs no more, is no less accurate, and is better in one of the two (Pareto). Of two
equal ones neither dominates the other: both are on the front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Candidate", "Place", "dominates", "find_places"]

Verdict = Literal["front", "front, not beyond doubt", "dominated, not beyond doubt", "dominated"]


@dataclass(frozen=True)
class Candidate:
    """One model.

    Attributes:
        key: names it.
        label, kind: for people; see :class:`benchmarks.plot.PlotPoint`.
        cost: what it costs, such that less is better; ``cost_low`` to ``cost_high`` is what it may be.
        accuracy: such that more is better; likewise, but None where nobody knows.
    """

    key: str
    label: str
    kind: str
    cost: float
    cost_low: float
    cost_high: float
    accuracy: float
    accuracy_low: float | None
    accuracy_high: float | None


@dataclass(frozen=True)
class Place:
    """Where a model stands.

    Attributes:
        verdict: "front" if no other could dominate it even if both intervals were as bad for it as they can be, and
            "dominated" if another dominates it even with intervals as good for it as they can be.
        dominated_by: keys of those that dominate it as measured, the most accurate first.
        rivals: keys of those that do not as measured, but could.
    """

    candidate: Candidate
    verdict: Verdict
    dominated_by: tuple[str, ...]
    rivals: tuple[str, ...]

    @property
    def is_on_front(self) -> bool:
        """As measured."""
        return not self.dominated_by


def dominates(one: Candidate, other: Candidate) -> bool:
    """Whether ``one`` dominates ``other`` as measured."""
    is_no_worse = one.cost <= other.cost and one.accuracy >= other.accuracy
    return is_no_worse and (one.cost < other.cost or one.accuracy > other.accuracy)


def find_places(candidates: Sequence[Candidate]) -> list[Place]:
    """The place of each, in the given order."""
    return [_find_place(one, [other for other in candidates if other is not one]) for one in candidates]


def _find_place(mine: Candidate, others: Sequence[Candidate]) -> Place:
    better = sorted((other for other in others if dominates(other, mine)), key=lambda other: -other.accuracy)
    rivals = [other for other in others if other not in better and _could_dominate(other, mine)]
    verdict: Verdict
    if better:
        is_sure = any(_surely_dominates(other, mine) for other in better)
        verdict = "dominated" if is_sure else "dominated, not beyond doubt"
    else:
        verdict = "front, not beyond doubt" if rivals else "front"
    return Place(mine, verdict, tuple(other.key for other in better), tuple(other.key for other in rivals))


def _surely_dominates(one: Candidate, other: Candidate) -> bool:
    """Sure of both: no interval reaches into the other's, but for a cost that is exactly the same."""
    if one.accuracy_low is None or other.accuracy_high is None:
        return False
    return one.cost_high <= other.cost_low and one.accuracy_low >= other.accuracy_high


def _could_dominate(one: Candidate, other: Candidate) -> bool:
    """An exact equal could not: equal in truth it would not dominate, and its interval is no reason to doubt."""
    if (one.cost, one.accuracy) == (other.cost, other.accuracy):
        return False
    if one.accuracy_high is None or other.accuracy_low is None:
        return one.cost_low <= other.cost_high
    return one.cost_low <= other.cost_high and one.accuracy_high >= other.accuracy_low
