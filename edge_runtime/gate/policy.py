"""Policies: TOML files with limits, and the verdict they give on a score.

The verdict follows the quality: accept from ``accept_from`` on, reject under ``reject_below``, review between.
``judged_by`` says which quality: the model's own ("direct"), or the weighted mean of the attributes ("weighted"). An
attribute under its ``minimum`` adds a reason and changes nothing else, so that an accepted photo may still come with
advice, unless the attribute is ``required``: then the photo is not accepted, but reviewed. Under its ``reject_below``
it rejects the photo. A verdict other than accept always has at least one reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Literal

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.gate.check_names import CHECK_NAMES
from edge_runtime.gate.reasons import REASON_CODES, build_reason, find_decision, order_reasons
from edge_runtime.gate.toml_table import TomlTable, parse_toml, read_toml_file
from edge_runtime.gate.weights import DEFAULT_WEIGHTS, compute_weighted_quality
from edge_runtime.printable import blank_unprintable
from edge_runtime.result import Decides, Reason, Score, Verdict

__all__ = [
    "AttributeLimit",
    "OwnWords",
    "Policy",
    "evaluate",
    "find_reasons",
    "get_judged_quality",
    "load_policy",
    "parse_policy",
]

TOP_KEYS = ("name", "quality", "attributes", "weights", "rules")
QUALITY_KEYS = ("accept_from", "reject_below", "judged_by", "message", "advice")
ATTRIBUTE_KEYS = ("minimum", "reject_below", "required", "message", "advice")
RULES_KEYS = ("checked_elsewhere",)
JUDGES = ("direct", "weighted")
LARGEST_WEIGHT = 1e6


@dataclass(frozen=True, slots=True)
class OwnWords:
    """A policy's own message and advice, in whatever language its author writes; None: those of the catalogue."""

    message: str | None = None
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class AttributeLimit:
    """Limits of one attribute in points; ``reject_below`` 0 never rejects."""

    attribute: str
    minimum: float
    reject_below: float
    is_required: bool = False
    words: OwnWords = OwnWords()


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits in points (0-100): quality from ``accept_from`` on is accepted, under ``reject_below`` rejected.

    Attributes:
        judged_by: the quality that these two look at: "direct" is the model's, "weighted" that of ``weights``.
        weights: of the attributes, by name; see :func:`compute_weighted_quality`. A dict: it can be pickled.
        checked_elsewhere: checks of rule packs, e.g. "text", that people or another program do: that photogate has not
            checked them does not keep a photo from being accepted.
    """

    name: str
    accept_from: float
    reject_below: float
    attribute_limits: tuple[AttributeLimit, ...]
    judged_by: Literal["direct", "weighted"] = "direct"
    weights: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    quality_words: OwnWords = OwnWords()
    checked_elsewhere: tuple[str, ...] = ()


def load_policy(path: Policy | str | Path | None = None) -> Policy:
    """Reads a policy file.

    Args:
        path: a TOML file; None: the default policy of the package. What is a policy already is handed back.

    Raises:
        PolicyError: the file cannot be read, is not TOML, has an unknown or missing key, a value of the wrong type or
            out of range, or thresholds that contradict each other.
    """
    if isinstance(path, Policy):
        return path
    if path is None:
        text = resources.files("edge_runtime.gate").joinpath("policies/default.toml").read_text(encoding="utf-8")
        return parse_policy(text, "default policy")
    return parse_policy(read_toml_file(path, "policy"), str(path))


def parse_policy(text: str, source: str) -> Policy:
    """Reads a policy from TOML ``text``; ``source`` names it in errors. See :func:`load_policy`."""
    document = parse_toml(text, source)
    document.check_keys(TOP_KEYS)
    quality = document.table("quality")
    quality.check_keys(QUALITY_KEYS)
    accept_from = _read_points(quality, "accept_from")
    reject_below = _read_points(quality, "reject_below")
    if accept_from < reject_below:
        raise quality.fault(
            f"accept_from ({accept_from:g}) is less than reject_below ({reject_below:g}), so a photo between them "
            "would be both accepted and rejected; raise accept_from or lower reject_below"
        )
    attributes = document.optional_table("attributes")
    attributes.check_keys(ATTRIBUTE_NAMES)
    rules = document.optional_table("rules")
    rules.check_keys(RULES_KEYS)
    return Policy(
        # It is printed beside verdicts, and what a stranger called a policy must not steer a terminal.
        name=blank_unprintable(document.text("name", Path(source).stem)),
        accept_from=accept_from,
        reject_below=reject_below,
        attribute_limits=tuple(_read_limit(attributes.table(name)) for name in ATTRIBUTE_NAMES if name in attributes),
        judged_by="weighted" if quality.choice("judged_by", JUDGES, "direct") == "weighted" else "direct",
        weights=_read_weights(document.table("weights")) if "weights" in document else dict(DEFAULT_WEIGHTS),
        quality_words=_read_words(quality),
        checked_elsewhere=rules.choices("checked_elsewhere", CHECK_NAMES),
    )


def evaluate(score: Score, policy: Policy, language: str = "en") -> Verdict:
    """Decides on ``score``.

    Args:
        score: what the model said.
        policy: the limits.
        language: of messages and advice: "en" or "zh".

    Returns:
        The verdict; reasons that reject stand first, then those that ask for a review, then advice; each of these in
        the order of ``contract.ATTRIBUTE_NAMES``. The quality's own reason is given only where there is no other.

    Raises:
        UsageError: there is no catalogue for ``language``.
    """
    reasons = find_reasons(score, policy, language)
    return Verdict(find_decision(reasons), reasons, policy.name)


def find_reasons(score: Score, policy: Policy, language: str = "en") -> tuple[Reason, ...]:
    """The reasons of :func:`evaluate`, with what each of them decides."""
    quality = get_judged_quality(score, policy)
    by_quality: Decides = None
    if quality < policy.accept_from:
        by_quality = "reject" if quality < policy.reject_below else "review"
    reasons = []
    for limit in policy.attribute_limits:
        points = getattr(score.attributes, limit.attribute)
        asked = max(limit.minimum, limit.reject_below)
        if points < asked:
            # Where the quality is too low, it is the attributes' reasons that stand for it.
            decides: Decides = by_quality
            if points < limit.reject_below:
                decides = "reject"
            elif limit.is_required and decides is None:
                decides = "review"
            words, code = limit.words, REASON_CODES[limit.attribute]
            reasons.append(
                build_reason(code, limit.attribute, points, asked, language, words.message, words.advice, decides)
            )
    if by_quality is not None and not reasons:
        words, code = policy.quality_words, REASON_CODES["quality"]
        attribute = "weighted_quality" if policy.judged_by == "weighted" else "quality"
        asked = policy.accept_from
        reasons.append(build_reason(code, attribute, quality, asked, language, words.message, words.advice, by_quality))
    return order_reasons(reasons)


def get_judged_quality(score: Score, policy: Policy) -> float:
    """The quality that the policy looks at, in points."""
    if policy.judged_by == "weighted":
        return compute_weighted_quality(score.attributes, policy.weights)
    return score.quality


def _read_points(table: TomlTable, key: str) -> float:
    points = table.number(key, 0, 100, "points")
    # Nobody wants a limit of half a point; of another scale it would accept all photos, or none.
    if 0 < points < 1:
        raise table.fault(f"{key} is {points:g}: points run from 0 to 100, not to 1; did you mean {100 * points:g}?")
    return points


def _read_limit(table: TomlTable) -> AttributeLimit:
    table.check_keys(ATTRIBUTE_KEYS)
    if "minimum" not in table and "reject_below" not in table:
        raise table.fault("sets no limit; give it `minimum`, `reject_below` or both")
    reject_below = _read_points(table, "reject_below") if "reject_below" in table else 0.0
    minimum = _read_points(table, "minimum") if "minimum" in table else reject_below
    if minimum < reject_below:
        raise table.fault(
            f"minimum ({minimum:g}) is less than reject_below ({reject_below:g}), so a photo "
            "could be rejected while its attribute is good enough; raise minimum or lower reject_below"
        )
    is_required = table.flag("required")
    if is_required and "minimum" not in table:
        raise table.fault("is required, but has no minimum to reach; add `minimum`")
    attribute = table.place.removeprefix("[attributes.").removesuffix("]")
    return AttributeLimit(attribute, minimum, reject_below, is_required, _read_words(table))


def _read_weights(table: TomlTable) -> Mapping[str, float]:
    table.check_keys(ATTRIBUTE_NAMES)
    weights = {name: table.number(name, 0, float("inf"), "") if name in table else 0.0 for name in ATTRIBUTE_NAMES}
    for name, weight in weights.items():
        if weight > LARGEST_WEIGHT:
            raise table.fault(
                f"{name} is {weight:g}, more than {LARGEST_WEIGHT:,.0f}; write smaller numbers: only their ratios count"
            )
    if not sum(weights.values()):
        raise table.fault("weighs nothing: all weights are 0; give at least one attribute a weight above 0")
    return weights


def _read_words(table: TomlTable) -> OwnWords:
    words = OwnWords(table.optional_text("message"), table.optional_text("advice"))
    for key, text in (("message", words.message), ("advice", words.advice)):
        if text is not None and not text.strip():
            raise table.fault(f"{key} is empty; write a sentence, or leave the key out for the usual one")
    return words
