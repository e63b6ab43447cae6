"""Rule packs: what a marketplace asks of a photo, as dated TOML files, ours in ``packs/`` or anybody's own.

A rule's ``level`` is "must" (a photo that breaks it is rejected, one that could not be checked is reviewed) or "should"
(breaking it adds advice). A must with ``applies_from`` in the future is a should until that day; a rule whose
``applies_until`` has passed is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from edge_runtime.errors import PolicyError
from edge_runtime.formats import PhotoFormat
from edge_runtime.gate.check_names import CHECK_NAMES, CHECKS
from edge_runtime.gate.toml_table import TomlTable, find_near, parse_toml, read_toml_file
from edge_runtime.paths import exists
from edge_runtime.printable import blank_unprintable

__all__ = ["SCHEMA_VERSION", "Level", "Rule", "RulePack", "list_packs", "load_pack", "parse_pack"]

SCHEMA_VERSION = 1
TOP_KEYS = ("schema", "name", "title", "scope", "source", "as_of", "leaves_out", "rules")
RULE_KEYS = ("name", "check", "level", "applies_from", "applies_until", "note")
FORMAT_TITLES = tuple(photo_format.title for photo_format in PhotoFormat)
Level = Literal["must", "should"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a pack asks for.

    Attributes:
        name: unique in its pack.
        check: what is measured, one of ``CHECK_NAMES``.
        level: "must" or "should".
        minimum, maximum: limits in the check's unit, both inclusive; None: no such limit.
        formats: for the check "file_format": titles as "JPEG".
        applies_from, applies_until: first and last day; None: always.
        note: what its author wants readers to know.
    """

    name: str
    check: str
    level: Level
    minimum: float | None = None
    maximum: float | None = None
    formats: tuple[str, ...] = ()
    applies_from: date | None = None
    applies_until: date | None = None
    note: str = ""

    def level_on(self, day: date) -> Level | None:
        """How binding the rule is on a day; None: not at all."""
        if self.applies_until is not None and day > self.applies_until:
            return None
        if self.applies_from is not None and day < self.applies_from:
            return "should" if self.level == "must" else None
        return self.level

    def to_dict(self) -> dict[str, Any]:
        """The rule as a JSON object, without what it does not have."""
        document: dict[str, Any] = {"name": self.name, "check": self.check, "level": self.level}
        if self.minimum is not None:
            document["minimum"] = self.minimum
        if self.maximum is not None:
            document["maximum"] = self.maximum
        if self.formats:
            document["formats"] = list(self.formats)
        unit = CHECKS[self.check].unit
        if unit:
            document["unit"] = unit
        for key, day in (("applies_from", self.applies_from), ("applies_until", self.applies_until)):
            if day is not None:
                document[key] = day.isoformat()
        if self.note:
            document["note"] = self.note
        return document


@dataclass(frozen=True, slots=True)
class RulePack:
    """The rules of one marketplace.

    Attributes:
        name: short, for commands and programs.
        title: as people call the marketplace.
        scope: which of its photos the rules are for.
        source: where the rules stand, an address.
        as_of: the day for which they are known to stand there.
        leaves_out: rules of the source that no check here can look at.
        rules: in the order of the file.
    """

    name: str
    title: str
    scope: str
    source: str
    as_of: date
    leaves_out: str
    rules: tuple[Rule, ...]

    def to_dict(self) -> dict[str, Any]:
        """The pack as a JSON object."""
        return {
            "name": self.name,
            "title": self.title,
            "scope": self.scope,
            "source": self.source,
            "as_of": self.as_of.isoformat(),
            "leaves_out": self.leaves_out,
            "rules": [rule.to_dict() for rule in self.rules],
        }


def list_packs() -> dict[str, Path]:
    """The packs that ship with photogate: their files by name."""
    folder = Path(str(resources.files("edge_runtime.gate"))) / "packs"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_pack(name_or_path: str | Path) -> RulePack:
    """Reads a pack that ships with photogate, by its name ("ebay"), or a file.

    Raises:
        PolicyError: neither, or the file cannot be read, is of a newer schema, or is written wrongly.
    """
    installed = list_packs()
    path = installed.get(str(name_or_path))
    if path is None:
        path = Path(name_or_path)
        if path.suffix != ".toml" and not exists(path):
            raise PolicyError(
                f"{name_or_path}: no such rule pack; pass a TOML file, or one that is installed: "
                f"{find_near(str(name_or_path), tuple(installed))}"
            )
    return parse_pack(read_toml_file(path, "rule pack"), str(path))


def parse_pack(text: str, source: str) -> RulePack:
    """Reads a pack from TOML ``text``; ``source`` names it in errors. See :func:`load_pack`."""
    document = parse_toml(text, source)
    # A newer schema may have other keys: say so before complaining about them.
    schema = document.number("schema", 1, float("inf"), "")
    if schema > SCHEMA_VERSION:
        raise PolicyError(
            f"{source}: the rule pack has schema {schema:g}, this photogate reads up to {SCHEMA_VERSION}: "
            "upgrade photogate"
        )
    document.check_keys(TOP_KEYS)
    as_of = document.optional_date("as_of")
    if as_of is None:
        raise document.fault("lacks as_of; add the day for which the rules are known, as in as_of = 2026-11-20")
    rules: dict[str, Rule] = {}
    for table in document.tables("rules"):
        rule = _read_rule(table)
        if rule.name in rules:
            raise table.fault(f"is the second rule named {rule.name!r}; give each its own name")
        rules[rule.name] = rule
    return RulePack(
        name=document.text("name"),
        # It is printed beside verdicts, and what a stranger called a pack must not steer a terminal.
        title=blank_unprintable(document.text("title")),
        scope=document.text("scope", ""),
        source=document.text("source"),
        as_of=as_of,
        leaves_out=document.text("leaves_out", ""),
        rules=tuple(rules.values()),
    )


def _read_rule(table: TomlTable) -> Rule:
    check = table.choice("check", CHECK_NAMES)
    spec = CHECKS[check]
    limits = [key for key, code in (("minimum", spec.too_low), ("maximum", spec.too_high)) if code]
    if check == "file_format":
        limits = ["formats"]
    table.check_keys((*RULE_KEYS, *limits))
    has_limit = bool(table.texts("formats")) if check == "file_format" else any(key in table for key in limits)
    if limits and not has_limit:
        raise table.fault(f"sets no limit; the check {check!r} takes {' and '.join(f'`{key}`' for key in limits)}")
    numbers: Mapping[str, float] = {
        key: table.number(key, 0, spec.highest, {"%": "percent"}.get(spec.unit, spec.unit))
        for key in ("minimum", "maximum")
        if key in table
    }
    minimum, maximum = numbers.get("minimum"), numbers.get("maximum")
    if minimum is not None and maximum is not None and minimum > maximum:
        raise table.fault(f"minimum ({minimum:g}) is more than maximum ({maximum:g}), so nothing can pass; swap them")
    applies_from, applies_until = table.optional_date("applies_from"), table.optional_date("applies_until")
    if applies_from is not None and applies_until is not None and applies_from > applies_until:
        raise table.fault(f"applies_from ({applies_from}) is after applies_until ({applies_until}); swap them")
    return Rule(
        name=table.text("name"),
        check=check,
        level="should" if table.choice("level", ("must", "should")) == "should" else "must",
        minimum=minimum,
        maximum=maximum,
        formats=table.choices("formats", FORMAT_TITLES),
        applies_from=applies_from,
        applies_until=applies_until,
        note=table.text("note", ""),
    )
