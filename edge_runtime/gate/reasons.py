"""The reasons a score can be marked down for: stable codes for programs, words from the catalogues for people.

Also what all reasons share, those of rules included: what a reason decides, by which they are put in order, and the
mark that tables and reports put before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from edge_runtime.gate.catalogue import load_catalogue
from edge_runtime.result import Decides, Decision, Reason

__all__ = [
    "MARKS",
    "REASON_CODES",
    "build_reason",
    "find_decision",
    "find_mark",
    "order_reasons",
]

ORDER: tuple[Decides, ...] = ("reject", "review", None)
MARKS = ("broken", "score", "look", "advice")  # of the catalogue; in a list of many photos what weighs most first

REASON_CODES = {
    "quality": "low_quality",
    "sharpness": "blurred",
    "noise": "noisy",
    "exposure": "bad_exposure",
    "color": "color_cast",
    "composition": "bad_composition",
}


class _Deciding(Protocol):
    @property
    def decides(self) -> Decides: ...


def find_decision(reasons: Iterable[_Deciding]) -> Decision:
    """The strictest verdict that one of the reasons asks for; "accept" where they only advise."""
    decided = {reason.decides for reason in reasons}
    return "reject" if "reject" in decided else "review" if "review" in decided else "accept"


_AnyReason = TypeVar("_AnyReason", bound=_Deciding)


def order_reasons(reasons: Iterable[_AnyReason]) -> tuple[_AnyReason, ...]:
    """Those that reject first, then those that ask for a review, then advice; among equals the order stays."""
    return tuple(sorted(reasons, key=lambda reason: ORDER.index(reason.decides)))


def find_mark(reason: Mapping[str, Any]) -> str:
    """What a reason's JSON object is: a broken must, the model's score, a must that nobody checked, or a should."""
    if "rule" not in reason:
        return "score"
    if reason["state"] == "not_checked":
        return "look"
    return "broken" if reason["level"] == "must" else "advice"


def build_reason(
    code: str,
    attribute: str,
    value: float,
    limit: float,
    language: str = "en",
    message: str | None = None,
    advice: str | None = None,
    decides: Decides = None,
) -> Reason:
    """A reason with the catalogue's words, or with a policy's own ``message`` and ``advice`` where it has them."""
    catalogue = load_catalogue(language)
    return Reason(
        code,
        attribute,
        value,
        limit,
        catalogue.say(f"{code}.message") if message is None else message,
        catalogue.say(f"{code}.advice") if advice is None else advice,
        decides,
    )
