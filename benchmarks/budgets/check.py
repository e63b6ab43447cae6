"""One check of all budgets: measure, judge, measure once more what is too noisy, say what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.budgets.figures import FIGURES, Subject, find_subject
from benchmarks.budgets.limits import DEFAULT_BUDGETS, Limit, Reading, State, load_limits
from benchmarks.messages import Say, say_aloud
from benchmarks.rows import REFERENCE
from benchmarks.tables import align_columns

__all__ = ["BudgetOptions", "Checked", "check_budgets", "format_budgets"]

RETRY_EFFORT = 3


@dataclass(frozen=True)
class BudgetOptions:
    """What the command line asks for.

    Attributes:
        budgets: the file of limits.
        artifact: the folder with the int8 and the float model; the golden scores are those of the model
            of its name that ships.
    """

    budgets: Path = DEFAULT_BUDGETS
    artifact: Path = REFERENCE


@dataclass(frozen=True)
class Checked:
    """One budget and what came of it."""

    limit: Limit
    reading: Reading
    state: State


def check_budgets(
    options: BudgetOptions,
    figures: Mapping[str, Callable[[Subject], Reading]] = FIGURES,
    say: Say = say_aloud,
) -> list[Checked]:
    """Measures what the file has limits for, in the order of ``figures``.

    A figure whose interval lies on both sides of its limit is measured once more, for longer; if it still does, it
    is too noisy to tell, which is neither met nor missed. So is a timed figure that is missed: what has become slower
    is so the second time, and a burst of other work is over.

    Raises:
        UsageError: the file of budgets is faulty, or a model is not there.
        ModelError: a model cannot be used.
    """
    limits = load_limits(options.budgets, figures)
    subject = find_subject(options.artifact)
    checked = []
    for limit in limits:
        measure = figures[limit.name]
        reading = measure(subject)
        state = limit.judge(reading)
        if state == "too noisy to tell" or (state == "MISSED" and reading.low is not None):
            say(f"{limit.name}: {state}, measured once more")
            reading = measure(replace(subject, effort=RETRY_EFFORT * subject.effort))
        checked.append(Checked(limit, reading, limit.judge(reading)))
    return checked


def format_budgets(checked: list[Checked]) -> str:
    """A table for a terminal, and a last line that sums it up."""
    rows = [("budget", "measured", "limit", "verdict", "")]
    rows += [
        (one.limit.name, _format_reading(one.reading), str(one.limit), one.state, one.reading.note) for one in checked
    ]
    states = [one.state for one in checked]
    counts = [f"{states.count(state)} {state}" for state in dict.fromkeys(states)]
    return "\n".join([*align_columns(rows), "", ", ".join(counts)])


def _format_reading(reading: Reading) -> str:
    if reading.value is None:
        return "-"
    value = f"{reading.value:,.0f}" if reading.value >= 1000 else f"{reading.value:.3g}"
    if reading.low is None or reading.high is None:
        return value
    return f"{value} [{reading.low:.3g}, {reading.high:.3g}]"
