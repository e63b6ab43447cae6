"""Policies: TOML files with limits, and the verdict they give on a score.

The verdict follows the quality: accept from ``accept_from`` on, reject under ``reject_below``, review between. An
attribute under its ``minimum`` adds a reason and changes nothing else, so that an accepted photo may still come with
advice; under its ``reject_below`` it rejects the photo. A verdict other than accept always has at least one reason.
"""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.errors import PolicyError
from edge_runtime.gate.reasons import REASON_TEXTS, ReasonText
from edge_runtime.result import Decision, Reason, Score, Verdict

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["AttributeLimit", "Policy", "evaluate", "load_policy", "parse_policy"]

QUALITY_KEYS = ("accept_from", "reject_below", "message", "advice")
ATTRIBUTE_KEYS = ("minimum", "reject_below", "message", "advice")


@dataclass(frozen=True, slots=True)
class AttributeLimit:
    """Limits of one attribute in points, and the words for falling below; ``reject_below`` 0 never rejects."""

    attribute: str
    minimum: float
    reject_below: float
    text: ReasonText


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits in points (0-100): quality from ``accept_from`` on is accepted, under ``reject_below`` rejected."""

    name: str
    accept_from: float
    reject_below: float
    quality_text: ReasonText
    attribute_limits: tuple[AttributeLimit, ...]


def load_policy(path: str | Path | None = None) -> Policy:
    """Reads a policy file.

    Args:
        path: a TOML file; None: the default policy of the package.

    Raises:
        PolicyError: the file cannot be read, is not TOML, has an unknown or missing key, a value of the wrong type or
            outside 0-100, or thresholds that contradict each other.
    """
    if path is None:
        text = resources.files("edge_runtime.gate").joinpath("policies/default.toml").read_text(encoding="utf-8")
        return parse_policy(text, "default policy")
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PolicyError(f"{path}: cannot read the policy: {reason}; pass a TOML file in UTF-8") from error
    return parse_policy(text, str(path))


def parse_policy(text: str, source: str) -> Policy:
    """Reads a policy from TOML ``text``; ``source`` names it in errors. See :func:`load_policy`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{source}: not TOML: {error}") from error
    _check_keys(document, ("name", "quality", "attributes"), source, "at the top")
    quality = _read_table(document, "quality", source)
    _check_keys(quality, QUALITY_KEYS, source, "in [quality]")
    accept_from = _read_points(quality, "accept_from", source, "[quality]")
    reject_below = _read_points(quality, "reject_below", source, "[quality]")
    if accept_from < reject_below:
        raise PolicyError(
            f"{source}: [quality] accept_from ({accept_from:g}) is less than reject_below ({reject_below:g}), so a "
            "photo between them would be both accepted and rejected; raise accept_from or lower reject_below"
        )
    attributes = _read_table(document, "attributes", source) if "attributes" in document else {}
    _check_keys(attributes, ATTRIBUTE_NAMES, source, "in [attributes]")
    limits = tuple(_read_limit(attributes, name, source) for name in ATTRIBUTE_NAMES if name in attributes)
    name = _read_text(document, "name", Path(source).stem, source, "top level")
    return Policy(name, accept_from, reject_below, _read_words(quality, "quality", source, "[quality]"), limits)


def evaluate(score: Score, policy: Policy) -> Verdict:
    """Decides on ``score``.

    Returns:
        The verdict; reasons stand in the order of ``contract.ATTRIBUTE_NAMES``, the quality's own reason last.
    """
    decision: Decision = "accept"
    if score.quality < policy.accept_from:
        decision = "reject" if score.quality < policy.reject_below else "review"
    reasons = []
    for limit in policy.attribute_limits:
        points = getattr(score.attributes, limit.attribute)
        if points < limit.reject_below:
            decision = "reject"
        if points < limit.minimum or points < limit.reject_below:
            reasons.append(_build_reason(limit.text, limit.attribute, points, max(limit.minimum, limit.reject_below)))
    if score.quality < policy.accept_from and not reasons:
        reasons.append(_build_reason(policy.quality_text, "quality", score.quality, policy.accept_from))
    return Verdict(decision, tuple(reasons), policy.name)


def _build_reason(text: ReasonText, attribute: str, value: float, limit: float) -> Reason:
    return Reason(text.code, attribute, value, limit, text.message, text.advice)


def _read_limit(attributes: Mapping[str, Any], name: str, source: str) -> AttributeLimit:
    where = f"[attributes.{name}]"
    table = _read_table(attributes, name, source)
    _check_keys(table, ATTRIBUTE_KEYS, source, f"in {where}")
    if "minimum" not in table and "reject_below" not in table:
        raise PolicyError(f"{source}: {where} sets no limit; give it `minimum`, `reject_below` or both")
    reject_below = _read_points(table, "reject_below", source, where) if "reject_below" in table else 0.0
    minimum = _read_points(table, "minimum", source, where) if "minimum" in table else reject_below
    if minimum < reject_below:
        raise PolicyError(
            f"{source}: {where} minimum ({minimum:g}) is less than reject_below ({reject_below:g}), so a photo "
            "could be rejected while its attribute is good enough; raise minimum or lower reject_below"
        )
    return AttributeLimit(name, minimum, reject_below, _read_words(table, name, source, where))


def _read_table(document: Mapping[str, Any], key: str, source: str) -> Mapping[str, Any]:
    if key not in document:
        raise PolicyError(f"{source}: the table [{key}] is missing; add it")
    table = document[key]
    if not isinstance(table, dict):
        raise PolicyError(f"{source}: {key!r} is {type(table).__name__}, not a table; write it as [{key}]")
    return table


def _read_points(table: Mapping[str, Any], key: str, source: str, where: str) -> float:
    if key not in table:
        raise PolicyError(f"{source}: {where} lacks {key}; add a number of points from 0 to 100")
    value = table[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PolicyError(f"{source}: {where} {key} is {value!r}; write a number of points from 0 to 100")
    if math.isnan(value) or not 0 <= value <= 100:
        raise PolicyError(f"{source}: {where} {key} is {value:g}, outside 0-100; points run from 0 to 100")
    return float(value)


def _read_words(table: Mapping[str, Any], attribute: str, source: str, where: str) -> ReasonText:
    usual = REASON_TEXTS[attribute]
    message = _read_text(table, "message", usual.message, source, where)
    return ReasonText(usual.code, message, _read_text(table, "advice", usual.advice, source, where))


def _read_text(table: Mapping[str, Any], key: str, usual: str, source: str, where: str) -> str:
    value = table.get(key, usual)
    if not isinstance(value, str):
        raise PolicyError(f"{source}: {where} {key} is {value!r}; write a text in quotation marks")
    return value


def _check_keys(table: Mapping[str, Any], known: Collection[str], source: str, where: str) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(known)}"
            raise PolicyError(f"{source}: unknown key {key!r} {where}; {hint}")
