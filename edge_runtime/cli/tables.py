"""Three ways to print records as they come: an aligned table, JSON lines, CSV. No file name can break any of them."""

from __future__ import annotations

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TextIO

from edge_runtime.cli.words import TABLE_WORDS
from edge_runtime.cli.wrapping import display_width
from edge_runtime.csv_rows import CsvRows
from edge_runtime.printable import make_printable

__all__ = ["SCORE_COLUMNS", "Column", "Writer", "build_writer"]

WIDEST_NAME = 48


@dataclass(frozen=True)
class Column:
    """One column: its heading in the table and in CSV, the table's width, and how to read it from a record.

    One with an empty heading is left out of the table, one with an empty key out of the CSV. Truth values are "true"
    and "false" in CSV, "yes" and "no" in the table. A ``read`` that finds nothing may raise KeyError: the cell stays
    empty. ``table_format`` is a format specification for numbers; columns with one are aligned to the right.
    """

    heading: str
    key: str
    width: int
    read: Callable[[Mapping[str, Any]], Any]
    table_format: str = ""


def _attribute(heading: str, name: str) -> Column:
    return Column(heading, name, len(heading), lambda record: record["attributes"][name], ".0f")


SCORE_COLUMNS = (
    Column("photo", "path", 5, lambda record: record["path"]),
    Column("quality", "quality", 7, lambda record: record["quality"], ".1f"),
    Column("", "interval_low", 0, lambda record: record["interval"][0]),
    Column("", "interval_high", 0, lambda record: record["interval"][1]),
    Column("band", "band", 6, lambda record: record["band"]),
    Column("verdict", "verdict", 7, lambda record: record["verdict"]),
    _attribute("sharp", "sharpness"),
    _attribute("noise", "noise"),
    _attribute("expos", "exposure"),
    _attribute("color", "color"),
    _attribute("compo", "composition"),
    Column("category", "category", 14, lambda record: record["category"]["label"]),
    Column("", "category_probability", 0, lambda record: record["category"]["probability"]),
    Column("style", "style", 12, lambda record: record["style"]["label"]),
    Column("", "style_probability", 0, lambda record: record["style"]["probability"]),
    Column("ms", "total_ms", 7, lambda record: record["timings_ms"]["total"], ".1f"),
    Column("reasons", "reasons", 0, lambda record: " ".join(reason["code"] for reason in record["reasons"])),
    Column("", "error_type", 0, lambda record: record["error"]["type"]),
    Column("", "error_message", 0, lambda record: record["error"]["message"]),
)


class Writer(Protocol):
    """Prints records one by one, each at once."""

    def write(self, record: Mapping[str, Any]) -> None:
        """Prints one record."""

    def close(self) -> None:
        """Prints what is left to say, e.g. a heading if there was no record."""


def build_writer(
    form: str, stream: TextIO, columns: Sequence[Column], names: Iterable[str], language: str = "en"
) -> Writer:
    """The writer for ``form``: "table", "jsonl" or "csv".

    Args:
        form: the output format.
        stream: where to print.
        columns: of the table and the CSV; JSON lines hold whole records.
        names: what the first column will hold, for its width in the table.
        language: of the table; JSON and CSV are for programs, and do not change with it.
    """
    if form == "jsonl":
        return _JsonLines(stream)
    if form == "csv":
        return _Csv(stream, columns)
    return _Table(stream, columns, names, TABLE_WORDS[language])


class _JsonLines:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, record: Mapping[str, Any]) -> None:
        # ASCII only, so that a name of any bytes fits any encoding; NaN would not be JSON.
        self._stream.write(json.dumps(record, allow_nan=False) + "\n")
        self._stream.flush()

    def close(self) -> None:
        self._stream.flush()


class _Headed(ABC):
    """Prints its heading before the first record: wrong usage that shows only then is all that is printed."""

    def __init__(self, stream: TextIO, columns: Sequence[Column]) -> None:
        self._stream = stream
        self._columns = columns
        self._has_heading = False

    def write(self, record: Mapping[str, Any]) -> None:
        self._begin()
        self._write(record)
        self._stream.flush()

    def close(self) -> None:
        self._begin()
        self._stream.flush()

    def _begin(self) -> None:
        if not self._has_heading:
            self._has_heading = True
            self._write_heading()

    @abstractmethod
    def _write_heading(self) -> None: ...

    @abstractmethod
    def _write(self, record: Mapping[str, Any]) -> None: ...


class _Csv(_Headed):
    def __init__(self, stream: TextIO, columns: Sequence[Column]) -> None:
        super().__init__(stream, [column for column in columns if column.key])
        self._rows = csv.writer(CsvRows(stream))

    def _write_heading(self) -> None:
        self._rows.writerow([column.key for column in self._columns])

    def _write(self, record: Mapping[str, Any]) -> None:
        cells = (_read_cell(column, record) for column in self._columns)
        self._rows.writerow([str(cell).lower() if isinstance(cell, bool) else cell for cell in cells])


class _Table(_Headed):
    def __init__(
        self, stream: TextIO, columns: Sequence[Column], names: Iterable[str], words: Mapping[str, str]
    ) -> None:
        super().__init__(stream, [_translate(column, words) for column in columns if column.heading])
        self._words = words
        longest = max((display_width(make_printable(name)) for name in names), default=0)
        self._first_width = max(self._columns[0].width, min(longest, WIDEST_NAME))

    def _write_heading(self) -> None:
        self._print([column.heading for column in self._columns])

    def _write(self, record: Mapping[str, Any]) -> None:
        first, *others = self._columns
        name = make_printable(str(_read_cell(first, record)))
        if "error" in record:
            error = record["error"]
            message = make_printable(error["message"].removeprefix(f"{record.get('path', '')}: "))
            self._stream.write(f"{_pad(name, self._first_width)}  {error['type']}: {message}\n")
            return
        self._print([name, *(self._say(_format_cell(_read_cell(column, record), column)) for column in others)])

    def _say(self, cell: str) -> str:
        """A value in the table's language; "reject>accept" are two."""
        return ">".join(self._words.get(part, part) for part in cell.split(">"))

    def _print(self, cells: Sequence[str]) -> None:
        padded = [_pad(cells[0], self._first_width)]
        for cell, column in zip(cells[1:], self._columns[1:], strict=True):
            gap = " " * (column.width - display_width(cell))
            padded.append(gap + cell if column.table_format else cell + gap)
        self._stream.write("  ".join(padded).rstrip() + "\n")


def _read_cell(column: Column, record: Mapping[str, Any]) -> Any:
    try:
        return column.read(record)
    except KeyError:
        return ""


def _format_cell(cell: Any, column: Column) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return format(cell, column.table_format) if isinstance(cell, (int, float)) else make_printable(str(cell))


def _translate(column: Column, words: Mapping[str, str]) -> Column:
    """The column with a heading in the table's language, and wide enough for it."""
    heading = words.get(column.heading, column.heading)
    return replace(column, heading=heading, width=max(column.width, display_width(heading)))


def _pad(text: str, width: int) -> str:
    return text + " " * (width - display_width(text))
