"""Outcomes of rules in words: numbers with their units, the marketplace's name, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge_runtime.gate.catalogue import load_catalogue
from edge_runtime.gate.checks import RuleOutcome, State, choose_decimals, format_limit, round_value
from edge_runtime.gate.rules import Level, RulePack
from edge_runtime.result import Decides

__all__ = ["RuleReason", "build_rule_reason"]


@dataclass(frozen=True, slots=True)
class RuleReason:
    """Why a rule does not simply pass.

    Attributes:
        code: stable, for programs; begins with "not_checked" if that is what happened.
        rule: "pack/rule".
        level: "must" or "should".
        state: "failed" or "not_checked".
        value, limit: measured and asked, in the check's unit or in words; None: there is none.
        message, advice: for people.
        decides: the verdict that it asks for: "reject" or "review"; None: it only advises.
    """

    code: str
    rule: str
    level: Level
    state: State
    value: float | str | None
    limit: float | str | None
    message: str
    advice: str
    decides: Decides = None

    def to_dict(self) -> dict[str, Any]:
        """The reason's JSON object; the value rounded as for outcomes."""
        return {
            "code": self.code,
            "decides": self.decides,
            "rule": self.rule,
            "level": self.level,
            "state": self.state,
            "value": round_value(self.value, self.limit),
            "limit": self.limit,
            "message": self.message,
            "advice": self.advice,
        }


def build_rule_reason(
    outcome: RuleOutcome, pack: RulePack, language: str = "en", decides: Decides = None
) -> RuleReason:
    """The reason for an outcome that is not "passed".

    Args:
        outcome: of a rule.
        pack: the rule's.
        language: of message and advice.
        decides: the verdict that the outcome asks for.

    Raises:
        UsageError: there is no catalogue for ``language``.
    """
    catalogue = load_catalogue(language)
    rule = outcome.rule
    unit = outcome.unit
    low, high = (outcome.spread.low, outcome.spread.high) if outcome.spread else (None, None)
    nothing = catalogue.say("rule.nothing")
    words = {
        "title": pack.title,
        "asks": catalogue.say(f"asks.{outcome.level}"),
        "check": catalogue.say(f"check.{rule.check}"),
        "value": _show(outcome.value, outcome.limit, unit, nothing),
        "limit": _show_limit(outcome.limit, unit, nothing),
        "low": _show(low, outcome.limit, unit, nothing),
        "high": _show(high, outcome.limit, unit, nothing),
        "format": outcome.format,
    }
    message = catalogue.say(f"{outcome.code}.message", **words)
    if outcome.later is not None:
        message += " " + catalogue.say("rule.later", date=outcome.later.isoformat())
    return RuleReason(
        outcome.code,
        f"{pack.name}/{rule.name}",
        outcome.level,
        outcome.state,
        outcome.value,
        outcome.limit,
        message,
        catalogue.say(f"{outcome.code}.advice", **words),
        decides,
    )


def _show(value: float | str | None, limit: float | str | None, unit: str, nothing: str) -> str:
    """A number with as few decimals as leave it on its side of the limit, but as many as the limit has.

    A ratio, or a few percent, has one at least.
    """
    if value is None or value == "":
        return nothing
    if isinstance(value, str):
        return value
    least = 0 if abs(value) >= 10 or round(value) == round(value, 1) else 1
    if isinstance(limit, (int, float)):
        least = max(least, len(format_limit(limit).partition(".")[2]))
    return _add_unit(format_limit(round(value, choose_decimals(value, limit, least))), unit)


def _show_limit(limit: float | str | None, unit: str, nothing: str) -> str:
    return _add_unit(format_limit(limit), unit) if isinstance(limit, (int, float)) else limit or nothing


def _add_unit(text: str, unit: str) -> str:
    # Levels are a bare number on a scale that the message names.
    return text if unit in ("", "levels") else f"{text} {unit}"
