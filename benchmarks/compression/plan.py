"""The plan: which variants of a base recipe are tried, and which of their files are measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import tomllib

from benchmarks.options import list_repeated
from compress.recipe import Recipe
from edge_runtime.errors import PolicyError, UsageError
from edge_runtime.gate.toml_table import TomlTable
from train.config_reader import check_file_name, parse_config

__all__ = ["DEFAULT_PLAN", "FLOAT", "FORMS", "LIGHT_FORMS", "Plan", "Variant", "load_plan"]

DEFAULT_PLAN = Path(__file__).parent / "plan.toml"
FLOAT = "float"
"""The form that the others are compared with; it is always measured."""
LIGHT_FORMS = ("float16", "dynamic")
FORMS = (*LIGHT_FORMS, "pruned", "int8")
CHANGEABLE = tuple(field.name for field in fields(Recipe) if field.name not in ("name", "contract"))


@dataclass(frozen=True)
class Variant:
    """One way to compress a student.

    Attributes:
        name: as :func:`train.config_reader.check_file_name` asks for.
        forms: out of :data:`FORMS`; what is measured of it.
        changes: its own against the base recipe, by dotted key.
        recipe: the whole.
    """

    name: str
    forms: tuple[str, ...]
    changes: Mapping[str, Any]
    recipe: Recipe


@dataclass(frozen=True)
class Plan:
    """What is tried.

    Attributes:
        date: on which it was made, or None.
        every: changes of all variants against the base recipe, by dotted key.
        variants: in the order of the table, for the first student.
        every_student: names of those that further students get, too.
    """

    date: date | None
    every: Mapping[str, Any]
    variants: tuple[Variant, ...]
    every_student: tuple[str, ...]

    def select(self, names: Sequence[str] | None) -> Plan:
        """The plan with the variants ``names`` alone, in its own order; None: all.

        Raises:
            UsageError: there is no such variant.
        """
        if names is None:
            return self
        known = [variant.name for variant in self.variants]
        unknown = sorted(set(names) - set(known))
        if unknown:
            raise UsageError(f"--variants: the plan has no {', '.join(unknown)}; it has {', '.join(known)}")
        variants = tuple(variant for variant in self.variants if variant.name in names)
        return replace(self, variants=variants, every_student=tuple(n for n in self.every_student if n in names))

    def list_variants(self, *, is_first: bool) -> tuple[Variant, ...]:
        """Those of the first student, or of a further one."""
        return tuple(one for one in self.variants if is_first or one.name in self.every_student)


def load_plan(path: Path, base: Recipe) -> Plan:
    """Reads a plan; see ``plan.toml`` beside this module for its keys.

    Args:
        path: of the file.
        base: the recipe that the variants are derived from.

    Raises:
        UsageError: it cannot be read, is not TOML, has no variant, has an unknown key at any depth, or a variant's
            recipe is impossible; the message tells where.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: cannot read the plan: {error}") from error
    top = TomlTable(data, str(path))
    try:
        top.check_keys(("date", "every", "every_student", "variant"))
        top.optional_table("every").check_keys(CHANGEABLE)
        common = data.get("every", {})
        pairs = zip(top.tables("variant"), data["variant"], strict=True)
        variants = tuple(_read_variant(table, values, common, base) for table, values in pairs)
        names = [variant.name for variant in variants]
        taken = list_repeated(names)
        if taken:
            raise top.fault(f"has two variants named {', '.join(taken)}; choose another name")
        students = top.choices("every_student", names)
        return Plan(top.optional_date("date"), _flatten(common), variants, students)
    except PolicyError as error:  # the reader's word for any fault in such a file
        raise UsageError(str(error)) from error


def _read_variant(table: TomlTable, values: Mapping[str, Any], common: Mapping[str, Any], base: Recipe) -> Variant:
    table.check_keys(("name", "forms", *CHANGEABLE))
    name = table.text("name")
    try:
        check_file_name(name)
    except UsageError as error:
        raise table.fault(str(error)) from error
    forms = table.choices("forms", FORMS)
    if not forms:
        raise table.fault(f"lacks forms; add a list of: {', '.join(FORMS)}")
    own = {key: value for key, value in values.items() if key in CHANGEABLE}
    merged = {**_merge(_merge(asdict(base), common), own), "name": name}
    return Variant(
        name, tuple(dict.fromkeys(forms)), _flatten(own), parse_config(merged, Recipe, f"{table.source}: {table.place}")
    )


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` in it; sections are merged key by key."""
    merged = dict(base)
    for key, value in changes.items():
        is_section = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if is_section else value
    return merged


def _flatten(changes: Mapping[str, Any]) -> dict[str, Any]:
    """By dotted key: ``{"prune": {"epochs": 1}}`` as ``{"prune.epochs": 1}``."""
    flat: dict[str, Any] = {}
    for key, value in changes.items():
        section = value if isinstance(value, dict) else {}
        flat.update({f"{key}.{inner}": entry for inner, entry in section.items()} or {key: value})
    return flat
