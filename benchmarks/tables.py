"""Tables as text: Markdown, and columns that only line up."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["align_columns", "format_table"]


def format_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of Markdown whose columns also line up on a terminal."""
    table = [headers, *rows]
    widths = _measure(table)
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in table]
    return [f"| {' | '.join(row)} |" for row in (padded[0], ["-" * width for width in widths], *padded[1:])]


def align_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines for a terminal; at least one row."""
    widths = _measure(rows)
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _measure(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
