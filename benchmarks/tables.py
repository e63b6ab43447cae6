"""Tables as text: Markdown, and columns that only line up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["ABSENT", "align_columns", "format_correlation", "format_identities", "format_table"]

ABSENT = "-"


def format_correlation(found: Mapping[str, Any] | None) -> str:
    """A correlation, ``{"value", "low", "high"}``, with its interval where it has one: "0.916 [0.889, 0.932]"."""
    if found is None or found["value"] is None:
        return ABSENT
    interval = "" if found["low"] is None else f" [{found['low']:.3f}, {found['high']:.3f}]"
    return f"{found['value']:.3f}{interval}"


def format_identities(models: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line of Markdown for each file measured: its row's label, the model's name and version, the digest's start.

    Args:
        models: label → ``name`` and ``version``, or neither, and ``sha256``; what has no digest is left out.
    """
    lines = []
    for label, model in models.items():
        if model.get("sha256"):
            named = f"{model['name']} {model['version']}, " if model.get("name") else ""
            lines.append(f"- {label}: {named}sha256 {model['sha256'][:12]}")
    return lines


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
