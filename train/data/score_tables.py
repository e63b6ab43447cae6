"""Tables of opinion scores as their authors distribute them, checked as they are read."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_runtime.errors import ManifestError

__all__ = ["parse_number", "parse_score", "read_header", "read_lines", "read_matlab", "read_table", "read_words"]


def read_header(scores: Path) -> list[str]:
    """The first line's cells."""
    return read_lines(scores)[0]


def read_table(scores: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows as dictionaries, with their number; the columns asked for must be there and the first be filled."""
    header, *lines = read_lines(scores)
    absent = [column for column in columns if column not in header]
    if absent:
        raise ManifestError(f"{scores} row 1: no column {', '.join(absent)}; the header has {', '.join(header)}")
    for row, cells in enumerate(lines, start=2):
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise ManifestError(f"{scores} row {row}: {len(cells)} cells, the header has {len(header)}")
        values = dict(zip(header, cells, strict=True))
        if not values[columns[0]]:
            raise ManifestError(f"{scores} row {row}, column {columns[0]}: empty")
        yield row, values


def read_lines(scores: Path) -> list[list[str]]:
    """Every line's cells, stripped; an empty line has none that is filled."""
    try:
        with scores.open(encoding="utf-8-sig", newline="") as file:
            lines = [[cell.strip() for cell in cells] for cells in csv.reader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{scores}: cannot read the scores as CSV in UTF-8: {error}") from error
    if not lines:
        raise ManifestError(f"{scores}: the table of scores is empty")
    return lines


def parse_number(scores: Path, row: int, column: str, text: str, low: float, high: float) -> float:
    """A number on low-high."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise ManifestError(f"{scores} row {row}, column {column}: {text!r} is not a number on {low:g}-{high:g}")
    return value


def parse_score(scores: Path, row: int, column: str, text: str, low: float, high: float) -> float:
    """A score on low-high to 0-1."""
    return (parse_number(scores, row, column, text, low, high) - low) / (high - low)


def read_words(scores: Path, count: int) -> Iterator[tuple[int, list[str]]]:
    """The lines of a table without a header whose cells are set apart by blanks, with their number; empty ones are
    left out, and each must have ``count`` cells."""
    try:
        lines = scores.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{scores}: cannot read the scores as text in UTF-8: {error}") from error
    if not any(line.split() for line in lines):
        raise ManifestError(f"{scores}: the table of scores is empty")
    for row, line in enumerate(lines, start=1):
        cells = line.split()
        if cells and len(cells) != count:
            raise ManifestError(f"{scores} row {row}: {len(cells)} cells set apart by blanks, there are to be {count}")
        if cells:
            yield row, cells


def read_matlab(path: Path, name: str) -> list[Any]:
    """A variable of a MATLAB file (version 5 to 7.2), flattened; a cell of one thing is that thing.

    Raises:
        ManifestError: the file is missing, no such file, or lacks the variable.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(path)
    except (
        Exception
    ) as error:  # scipy raises of its own, zlib's, struct's and Python's, whatever a file makes it trip on
        raise ManifestError(f"{path}: cannot read it as a MATLAB file: {error}") from error
    if name not in content:
        there = ", ".join(key for key in content if not key.startswith("__")) or "none"
        raise ManifestError(f"{path}: no variable {name}; there are {there}")
    return [cell.item() if getattr(cell, "size", 0) == 1 else cell for cell in content[name].ravel()]
