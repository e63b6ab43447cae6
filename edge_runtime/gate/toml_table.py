"""Reading TOML that people write by hand: every fault named with its file, its table and what to write instead."""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Collection, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from edge_runtime.errors import PolicyError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["TomlTable", "find_near", "parse_toml", "read_toml_file"]

TOP = "top level"


class TomlTable:
    """One table of a file, with the words for its faults.

    Attributes:
        source: the file, as messages name it.
        place: the table, e.g. "[quality]", or "top level".
    """

    def __init__(self, values: Mapping[str, Any], source: str, place: str = TOP) -> None:
        self._values = values
        self.source = source
        self.place = place

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def fault(self, text: str) -> PolicyError:
        """The error to raise about this table."""
        return PolicyError(f"{self.source}: {self.place} {text}")

    def check_keys(self, known: Collection[str]) -> None:
        """Makes sure that there are no keys but ``known``.

        Raises:
            PolicyError: naming the nearest known key.
        """
        where = "at the top" if self.place == TOP else f"in {self.place}"
        for key in self._values:
            if key not in known:
                raise PolicyError(f"{self.source}: unknown key {key!r} {where}; {find_near(key, known)}")

    def table(self, key: str) -> TomlTable:
        """The table ``key``, which must exist."""
        place = f"[{key}]" if self.place == TOP else f"{self.place[:-1]}.{key}]"
        if key not in self._values:
            raise PolicyError(f"{self.source}: the table {place} is missing; add it")
        table = self._values[key]
        if not isinstance(table, dict):
            raise PolicyError(f"{self.source}: {key!r} is {type(table).__name__}, not a table; write it as {place}")
        return TomlTable(table, self.source, place)

    def optional_table(self, key: str) -> TomlTable:
        """The table ``key``, or an empty one."""
        return self.table(key) if key in self else TomlTable({}, self.source, f"[{key}]")

    def tables(self, key: str) -> list[TomlTable]:
        """The array of tables ``[[key]]``; at least one."""
        entries = self._values.get(key)
        if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
            raise PolicyError(f"{self.source}: {key!r} is no list of tables; write each as [[{key}]]")
        return [TomlTable(entry, self.source, f"[[{key}]] number {n}") for n, entry in enumerate(entries, 1)]

    def number(self, key: str, low: float, high: float, unit: str) -> float:
        """A number from ``low`` to ``high``; ``unit`` says of what, e.g. "points"."""
        span = f"{low:g} to {high:g}" if math.isfinite(high) else f"{low:g} on"
        wanted = f"a number{f' of {unit}' if unit else ''} from {span}"
        if key not in self._values:
            raise self.fault(f"lacks {key}; add {wanted}")
        value = self._values[key]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.fault(f"{key} is {_show(value)}; write {wanted}")
        try:
            number = float(value)
            shown = f"{number:g}"
        except OverflowError:  # an integer may have more digits than a float can hold
            number = math.inf if value > 0 else -math.inf
            shown = "more than 1e308" if value > 0 else "less than -1e308"
        if not (low <= number <= high and math.isfinite(number)):
            outside = f"{low:g}-{high:g}" if math.isfinite(high) else f"{low:g} and more"
            raise self.fault(f"{key} is {shown}, outside {outside}; write {wanted}")
        return number

    def text(self, key: str, usual: str | None = None) -> str:
        """A text; without a ``usual`` one it must be there."""
        value = self._values.get(key, usual)
        if not isinstance(value, str):
            fault = f"lacks {key}; add" if key not in self else f"{key} is {_show(value)}; write"
            raise self.fault(f"{fault} a text in quotation marks")
        return value

    def optional_text(self, key: str) -> str | None:
        """A text, or None where there is none."""
        return self.text(key) if key in self else None

    def choice(self, key: str, known: Collection[str], usual: str | None = None) -> str:
        """One of the ``known`` words."""
        value = self.text(key, usual)
        if value not in known:
            raise self.fault(f"{key} is {value!r}; {find_near(value, known)}")
        return value

    def texts(self, key: str, example: str = '"..."') -> tuple[str, ...]:
        """A list of texts; empty where it is missing. ``example`` is what stands in a list, as TOML."""
        values = self._values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self.fault(f"{key} is {_show(values)}; write a list of texts, as in {key} = [{example}]")
        return tuple(values)

    def choices(self, key: str, known: Collection[str]) -> tuple[str, ...]:
        """A list of ``known`` words; empty where it is missing."""
        value = self._values.get(key)
        examples = [value] if isinstance(value, str) and value in known else list(known)[:2]
        values = self.texts(key, ", ".join(f'"{name}"' for name in examples))
        for value in values:
            if value not in known:
                raise self.fault(f"{key} holds {value!r}; {find_near(value, known)}")
        return values

    def flag(self, key: str) -> bool:
        """true or false; false where it is missing."""
        value = self._values.get(key, False)
        if not isinstance(value, bool):
            raise self.fault(f"{key} is {_show(value)}; write true or false")
        return value

    def optional_date(self, key: str) -> date | None:
        """A date, or None where there is none."""
        value = self._values.get(key)
        if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
            raise self.fault(f"{key} is {_show(value)}; write a date without quotation marks, as in {key} = 2026-11-20")
        return value


def read_toml_file(path: str | Path, what: str) -> str:
    """The text of a file that somebody wrote.

    Args:
        path: the file.
        what: what it is in messages, e.g. "policy".

    Raises:
        PolicyError: it cannot be read.
    """
    if not str(path):
        raise PolicyError(f"the {what}'s path is empty; pass a TOML file, or nothing at all")
    try:
        # Windows' Notepad puts a byte order mark in front of UTF-8, which TOML does not know.
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PolicyError(f"{path}: cannot read the {what}: {reason}; pass a TOML file in UTF-8") from error


def parse_toml(text: str, source: str) -> TomlTable:
    """The document's top level.

    Raises:
        PolicyError: ``text`` is not TOML, or more than can be read of it.
    """
    try:
        return TomlTable(tomllib.loads(text), source)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{source}: not TOML: {error}") from error
    except RecursionError as error:
        raise PolicyError(f"{source}: not readable as TOML: brackets are nested too deeply; write fewer") from error
    except ValueError as error:  # Python turns no text of thousands of digits into an integer
        raise PolicyError(f"{source}: not readable as TOML: a number has thousands of digits; shorten it") from error


def find_near(word: str, known: Collection[str]) -> str:
    """The end of a message about an unknown word: the nearest known one, or all of them."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(known)}"


def _show(value: Any) -> str:
    """A value as messages name it."""
    try:
        return repr(value)
    except (RecursionError, ValueError):  # tables in tables, and integers, that Python does not print
        return f"too much to print ({type(value).__name__})"
