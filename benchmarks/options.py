"""A benchmark's options: from what was parsed to its dataclass, and from there to JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from edge_runtime.errors import UsageError

__all__ = ["build_options", "check_counts", "describe_options"]

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


def describe_options(options: Any) -> dict[str, Any]:
    """A benchmark's options, a dataclass, as JSON values; paths become text."""
    described: dict[str, Any] = json.loads(json.dumps(asdict(options), default=str))
    return described
