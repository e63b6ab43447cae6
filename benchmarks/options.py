"""A benchmark's options: from what was parsed to its dataclass, and from there to JSON."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from edge_runtime.errors import UsageError

__all__ = ["build_options", "check_counts", "check_model_names", "describe_options", "list_repeated"]

_Options = TypeVar("_Options")


def build_options(kind: type[_Options], parsed: argparse.Namespace, given: Mapping[str, Any] | None = None) -> _Options:
    """The options of a benchmark: each field from the parsed option of its name, lists as tuples.

    Args:
        kind: a dataclass.
        parsed: its options; a field that has none keeps its default.
        given: fields that are made of several options.
    """
    values = dict(given or {})
    for field in fields(kind):  # type: ignore[arg-type]  # a dataclass, which no type says
        if field.name not in values and hasattr(parsed, field.name):
            value = getattr(parsed, field.name)
            values[field.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def check_counts(options: Any, *names: str) -> None:
    """Makes sure that fields which count something are None or at least 1.

    Raises:
        UsageError: one is not.
    """
    for name in names:
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name.replace('_', '-')} must be at least 1, not {value}")


def check_model_names(names: Iterable[str], reserved: Iterable[str] = ()) -> None:
    """Makes sure that every row of a table has a name of its own.

    Args:
        names: given with ``--model NAME=FILE``.
        reserved: of the rows that are there without it.

    Raises:
        UsageError: a name is given twice, or reserved.
    """
    taken = list_repeated([*dict.fromkeys(reserved), *names])
    if taken:
        raise UsageError(f"--model: {', '.join(taken)} is taken already; choose another name")


def list_repeated(names: Iterable[str]) -> list[str]:
    """The names that occur more than once, sorted."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


def describe_options(options: Any) -> dict[str, Any]:
    """A benchmark's options, a dataclass, as JSON values; paths become text."""
    described: dict[str, Any] = json.loads(json.dumps(asdict(options), default=str))
    return described
