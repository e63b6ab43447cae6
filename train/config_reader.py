"""TOML → dataclasses: unknown keys, wrong types and values out of range fail before any work is done."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import tomllib

from edge_runtime.errors import UsageError

__all__ = ["LARGEST_SEED", "check_file_name", "check_ranges", "load_config", "parse_config"]

LARGEST_SEED = 2**32 - 1  # that all generators take which Keras sets
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Config = TypeVar("Config")


def load_config(path: str | Path, kind: type[Config]) -> Config:
    """Reads a TOML file into ``kind``.

    Raises:
        UsageError: the file is missing or not TOML, a key is unknown or missing, or a value has the wrong type or is
            out of its range.
    """
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: cannot read the config: {error}") from error
    return parse_config(data, kind, str(path))


def parse_config(data: dict[str, Any], kind: type[Config], where: str) -> Config:
    """Builds the dataclass ``kind`` from nested dictionaries; ``where`` names their origin in messages.

    Raises:
        UsageError: as for :func:`load_config`.
    """
    hints = typing.get_type_hints(kind)
    fields = {item.name: item for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key not in fields:
            nearest = difflib.get_close_matches(key, fields, n=1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else f"; known keys: {', '.join(fields)}"
            raise UsageError(f"{where}: unknown key {key!r}{hint}")
        values[key] = _convert(value, hints[key], f"{where}: {key}")
    missing = [
        name
        for name, item in fields.items()
        if name not in values and item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise UsageError(f"{where}: missing key {missing[0]!r}")
    try:
        return kind(**values)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def check_file_name(name: str) -> None:
    """Makes sure that a config's ``name`` can name files.

    Raises:
        UsageError: it cannot.
    """
    if not _FILE_NAME.fullmatch(name):
        raise UsageError(
            f"name is {name!r}: it names files, so use up to 100 letters, digits, dots, hyphens and underscores, the "
            "first of them a letter or digit"
        )


def check_ranges(section: Any, **ranges: tuple[float, float]) -> None:
    for name, (low, high) in ranges.items():
        value = getattr(section, name)
        if not (low <= value <= high and math.isfinite(value)):
            wanted = f"{low:g} or more, and finite" if high == math.inf else f"from {low:g} to {high:.10g}"
            raise UsageError(f"{name} is {value!r}: it must be {wanted}")


def _convert(value: Any, hint: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return parse_config(value, hint, where)  # type: ignore[arg-type]
    origin = typing.get_origin(hint)
    if origin is tuple and isinstance(value, list | tuple):
        items = typing.get_args(hint)
        items = items[:1] * len(value) if items[-1] is Ellipsis else items
        if len(items) == len(value):
            return tuple(
                _convert(*pair, f"{where}[{index}]") for index, pair in enumerate(zip(value, items, strict=True))
            )
    if origin is dict and isinstance(value, dict):
        (_, item) = typing.get_args(hint)
        return {key: _convert(entry, item, f"{where}.{key}") for key, entry in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    expected = origin or hint
    is_plain = isinstance(expected, type) and not isinstance(expected, types.UnionType)
    if is_plain and isinstance(value, expected) and not (expected is int and isinstance(value, bool)):
        return value
    raise UsageError(f"{where}: expected {getattr(hint, '__name__', hint)}, found {value!r}")
