"""The file of budgets: which figure may be how large, and what a measured one comes to."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.environment import read_cpu_kinds
from edge_runtime.errors import PolicyError, UsageError
from edge_runtime.gate.toml_table import TomlTable, parse_toml, read_toml_file

__all__ = ["DEFAULT_BUDGETS", "Limit", "Reading", "State", "load_limits"]

DEFAULT_BUDGETS = Path(__file__).parents[1] / "budgets.toml"

_SIDES = ("at_least", "at_most")
_KINDS = ("AuthenticAMD", "GenuineIntel", "no_int8_dot_product")  # of processors; a later one prevails

State = Literal["met", "MISSED", "too noisy to tell", "cannot be told here"]


@dataclass(frozen=True)
class Reading:
    """What was measured.

    Attributes:
        value: None where this machine does not tell; ``note`` then says why.
        low, high: interval of ``value``; None: it is exact.
        note: for people.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Limit:
    """How large a figure may be.

    Attributes:
        name: of the figure.
        at_least, at_most: inclusive; -infinity and infinity where there is no limit on that side.
        goal: what the project wants of the figure, where that is not the limit; for people.
    """

    name: str
    at_least: float = -math.inf
    at_most: float = math.inf
    goal: float | None = None

    def judge(self, reading: Reading) -> State:
        """Met or missed only if the reading's whole interval is on that side of the limit; what is NaN is missed."""
        if reading.value is None:
            return "cannot be told here"
        if any(value is not None and math.isnan(value) for value in (reading.value, reading.low, reading.high)):
            return "MISSED"  # every comparison with it is false: it would pass for something else
        low = reading.value if reading.low is None else reading.low
        high = reading.value if reading.high is None else reading.high
        if high < self.at_least or low > self.at_most:
            return "MISSED"
        return "met" if self.at_least <= low and high <= self.at_most else "too noisy to tell"

    def __str__(self) -> str:
        goal = "" if self.goal is None else f" (goal {_format_limit(self.goal)})"
        if self.at_least == self.at_most:
            return f"{self.at_most:,g}{goal}"
        sides = (("at least", self.at_least), ("at most", self.at_most))
        return ", ".join(f"{word} {_format_limit(value)}" for word, value in sides if math.isfinite(value)) + goal


def load_limits(path: Path, known: Collection[str], kinds: Collection[str] | None = None) -> list[Limit]:
    """Reads a file of budgets.

    Args:
        path: TOML: a table for each figure, with ``at_most``, ``at_least`` or both, and ``goal``, which decides
            nothing. A table in it with the name of a kind of processors holds what is otherwise on those: one of
            "AuthenticAMD", "GenuineIntel" and "no_int8_dot_product" (``benchmarks.environment.read_cpu_kinds``).
        known: names of figures that can be measured; those that the file leaves out are not.
        kinds: what the processor is of these; None: as this machine's tells.

    Raises:
        UsageError: it cannot be read, is not TOML, has no budget, or has an unknown key, whose nearest right name the
            message tells; a limit is missing or no number, or there is nothing between the two.
    """
    try:
        top = parse_toml(read_toml_file(path, "file of budgets"), str(path))
        top.check_keys(known)
        here = read_cpu_kinds() if kinds is None else kinds
        limits = [_read_limit(name, top.table(name), here) for name in known if name in top]
    except PolicyError as error:  # the reader's word for any fault in such a file
        raise UsageError(str(error)) from error
    if not limits:
        raise UsageError(f"{path}: has no budget; add one of: {', '.join(known)}")
    return limits


def _read_limit(name: str, table: TomlTable, kinds: Collection[str]) -> Limit:
    table.check_keys((*_SIDES, "goal", *_KINDS))
    values = _read_sides(table)
    if not values:
        raise table.fault("has no limit; add at_most, at_least or both")
    for kind in _KINDS:
        special = table.optional_table(kind)
        special.check_keys(_SIDES)
        if kind in kinds:
            values |= _read_sides(special)
    limit = Limit(name, **values, goal=table.number("goal", 0.0, math.inf, "") if "goal" in table else None)
    if limit.at_least > limit.at_most:
        raise table.fault(f"asks for at least {limit.at_least:g} and at most {limit.at_most:g}; nothing is both")
    return limit


def _read_sides(table: TomlTable) -> dict[str, float]:
    return {side: table.number(side, 0.0, math.inf, "") for side in _SIDES if side in table}


def _format_limit(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"
