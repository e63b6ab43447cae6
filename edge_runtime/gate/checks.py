"""Measures what a rule asks for and compares it with the rule's limits: passed, failed, or not checked and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from edge_runtime.gate.backdrop import COMPRESSION_LEVELS, Range
from edge_runtime.gate.check_names import CHECKS
from edge_runtime.gate.evidence import Evidence
from edge_runtime.gate.overlay import OVERLAY_CHECKS, OverlayDetector
from edge_runtime.gate.rules import Level, Rule

__all__ = ["EXTENSIONS", "RuleOutcome", "State", "check_rule", "choose_decimals", "format_limit", "round_value"]

State = Literal["passed", "failed", "not_checked"]

USUAL_DECIMALS = 3  # of what was measured, in reports and JSON
MOST_DECIMALS = 15  # where fewer put it on a limit that it misses, or on its other side; a float has no more

# The extensions that Google's page lists for each format, the usual one first; for the rest the registered ones.
EXTENSIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "JPEG": (".jpg", ".jpeg"),
        "PNG": (".png",),
        "WebP": (".webp",),
        "GIF": (".gif",),
        "TIFF": (".tif", ".tiff"),
        "BMP": (".bmp",),
        "AVIF": (".avif",),
        "JPEG 2000": (".jp2",),
        "PPM": (".ppm", ".pgm"),
        "HEIC": (".heic", ".heif"),
    }
)


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What came of one rule on one photo.

    Attributes:
        rule: the rule.
        level: how binding it is on the day of the check.
        state: "passed", "failed" or "not_checked".
        value: what was measured, in the check's unit, or in words; None: nothing could be.
        limit: the limit that it was held against.
        code: of the reason; "" if passed.
        spread: the value's range where it is doubtful.
        format: the file's format where its extension does not fit.
        later: the day on which the rule becomes a must.
    """

    rule: Rule
    level: Level
    state: State
    value: float | str | None = None
    limit: float | str | None = None
    code: str = ""
    spread: Range | None = None
    format: str = ""
    later: date | None = None

    @property
    def unit(self) -> str:
        """Of ``value`` and ``limit``; a border, which no rule puts a number to, is measured in per cent."""
        return "%" if self.rule.check == "border" else CHECKS[self.rule.check].unit

    def to_dict(self, pack: str) -> dict[str, Any]:
        """The outcome as a JSON object; the value rounded as :func:`round_value` does, the limit as it was written."""
        document: dict[str, Any] = {"rule": f"{pack}/{self.rule.name}", "level": self.level, "state": self.state}
        document["value"] = round_value(self.value, self.limit)
        document["limit"] = self.limit
        document["unit"] = self.unit
        return document


def check_rule(
    rule: Rule, level: Level, evidence: Evidence, detectors: Mapping[str, OverlayDetector], day: date
) -> RuleOutcome:
    """Holds a photo against one rule.

    Args:
        rule: what is asked.
        level: how binding that is on ``day``.
        evidence: the photo.
        detectors: for the checks "text" and "watermark", by the check's name.
        day: today.
    """
    is_later = rule.applies_from is not None and day < rule.applies_from
    outcome = _measure(rule, evidence, detectors)
    return RuleOutcome(
        rule,
        level,
        outcome.state,
        outcome.value,
        outcome.limit,
        outcome.code,
        outcome.spread,
        outcome.format,
        rule.applies_from if is_later else None,
    )


def _measure(rule: Rule, evidence: Evidence, detectors: Mapping[str, OverlayDetector]) -> RuleOutcome:
    if rule.check in OVERLAY_CHECKS:
        return _look_for_overlay(rule, evidence, detectors)
    if rule.check == "border":
        return _look_for_border(rule, evidence)
    if rule.check == "file_format":
        return _check_format(rule, evidence)
    if rule.check == "extension":
        return _check_extension(rule, evidence)
    if rule.check == "background_white":
        return _check_white(rule, evidence)
    if CHECKS[rule.check].needs_pixels:
        return _check_backdrop(rule, evidence)
    return _check_size(rule, evidence)


def _check_size(rule: Rule, evidence: Evidence) -> RuleOutcome:
    width_px, height_px = evidence.size.width_px, evidence.size.height_px
    size_bytes = evidence.file.size_bytes
    if rule.check == "file_size" and size_bytes is None:
        return _not_checked(rule, "not_checked_no_file")
    value = {
        "longest_side": max(width_px, height_px),
        "shortest_side": min(width_px, height_px),
        "megapixels": width_px * height_px / 1e6,
        "aspect_ratio": width_px / height_px,
        "file_size": (size_bytes or 0) / 1e6,
    }[rule.check]
    return _compare(rule, Range(value, value, value))


def _check_format(rule: Rule, evidence: Evidence) -> RuleOutcome:
    limit = ", ".join(rule.formats)
    if evidence.file.format is None:
        return _not_checked(rule, "not_checked_no_file", limit)
    if evidence.file.format in rule.formats:
        return RuleOutcome(rule, rule.level, "passed", evidence.file.format, limit)
    return RuleOutcome(rule, rule.level, "failed", evidence.file.format, limit, "format_not_accepted")


def _check_extension(rule: Rule, evidence: Evidence) -> RuleOutcome:
    file = evidence.file
    if file.format is None or file.suffix is None:
        return _not_checked(rule, "not_checked_no_file")
    fitting = EXTENSIONS[file.format]
    limit = fitting[0]
    if file.suffix in fitting:
        return RuleOutcome(rule, rule.level, "passed", file.suffix, file.suffix, format=file.format)
    return RuleOutcome(rule, rule.level, "failed", file.suffix, limit, "extension_mismatch", None, file.format)


def _check_white(rule: Rule, evidence: Evidence) -> RuleOutcome:
    backdrop = evidence.backdrop
    if backdrop.level is not None:
        return _compare(rule, backdrop.level)
    # Not plain. If hardly any of the photo's rim comes near the limit, the background does not; else the product may
    # reach the rim, and what lies behind it cannot be told.
    if rule.minimum is not None and backdrop.rim_bright < rule.minimum - COMPRESSION_LEVELS:
        return RuleOutcome(rule, rule.level, "failed", backdrop.rim_level, rule.minimum, "background_not_white")
    return _not_checked(rule, "not_checked_background")


def _check_backdrop(rule: Rule, evidence: Evidence) -> RuleOutcome:
    backdrop = evidence.backdrop
    if not backdrop.is_plain:
        return _not_checked(rule, "not_checked_background")
    values = {"background_even": backdrop.spread, "product_fill": backdrop.fill, "product_centered": backdrop.offset}
    measured = values[rule.check]
    return _not_checked(rule, "not_checked_no_product") if measured is None else _compare(rule, measured)


def _look_for_border(rule: Rule, evidence: Evidence) -> RuleOutcome:
    border = evidence.border
    if border.state == "found":
        return RuleOutcome(rule, rule.level, "failed", border.width_percent, 0.0, "border_found")
    if border.state == "unclear":
        return _not_checked(rule, "not_checked_border", 0.0)
    return RuleOutcome(rule, rule.level, "passed", 0.0, 0.0)


def _look_for_overlay(rule: Rule, evidence: Evidence, detectors: Mapping[str, OverlayDetector]) -> RuleOutcome:
    detector = detectors.get(rule.check)
    if detector is None:
        return _not_checked(rule, "not_checked_no_detector")
    is_found = detector(evidence.picture).is_found
    if is_found is None:
        return _not_checked(rule, "not_checked_undecided")
    return RuleOutcome(
        rule, rule.level, "failed" if is_found else "passed", code=CHECKS[rule.check].found if is_found else ""
    )


def _compare(rule: Rule, measured: Range) -> RuleOutcome:
    """Limits are inclusive. A doubtful value is judged only when all of its range lies on one side of them."""
    spec = CHECKS[rule.check]
    if rule.minimum is not None and measured.low < rule.minimum:
        if measured.high < rule.minimum:
            return RuleOutcome(rule, rule.level, "failed", measured.best, rule.minimum, spec.too_low)
        return _not_checked(rule, "not_checked_too_close", rule.minimum, measured)
    if rule.maximum is not None and measured.high > rule.maximum:
        if measured.low > rule.maximum:
            return RuleOutcome(rule, rule.level, "failed", measured.best, rule.maximum, spec.too_high)
        return _not_checked(rule, "not_checked_too_close", rule.maximum, measured)
    return RuleOutcome(
        rule, rule.level, "passed", measured.best, rule.maximum if rule.minimum is None else rule.minimum
    )


def _not_checked(rule: Rule, code: str, limit: float | str | None = None, spread: Range | None = None) -> RuleOutcome:
    usual = rule.minimum if rule.minimum is not None else rule.maximum
    return RuleOutcome(rule, rule.level, "not_checked", None, usual if limit is None else limit, code, spread)


def round_value(value: float | str | None, limit: float | str | None = None) -> float | str | None:
    """As reports and JSON give what was measured: to three decimals, or more if these put it across the limit."""
    return round(value, choose_decimals(value, limit, USUAL_DECIMALS)) if isinstance(value, float) else value


def choose_decimals(value: float, limit: float | str | None, least: int) -> int:
    """The fewest decimals, from ``least`` on, that leave a value on its side of the limit.

    84.96 under one of 85 is not 85, and 1.3333 over one of 1.33 is not 1.3.
    """
    decimals = least
    if isinstance(limit, (int, float)):
        while decimals < MOST_DECIMALS and np.sign(round(value, decimals) - limit) != np.sign(value - limit):
            decimals += 1
    return decimals


def format_limit(limit: float) -> str:
    """A limit as its author wrote it: the fewest digits that are this very number, without an exponent."""
    return str(np.format_float_positional(limit, trim="-"))
