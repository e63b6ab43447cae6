"""How wide a text is on a terminal, and lines that are no wider than that, in any language."""

from __future__ import annotations

import re
import textwrap
import unicodedata

__all__ = ["LINE_WIDTH", "display_width", "fill"]

LINE_WIDTH = 118
# A Chinese text has no spaces: it may be broken before any of its characters. But no line begins with what closes (a
# comma, a bracket) or ends with what opens: both stay with their neighbour.
_CJK = "\u2e80-\u9fff\uf900-\ufaff"
_OPENING, _CLOSING = "（“《【", "，。；：！？、）”》】"
_PIECES = re.compile(rf"\s*(?:[{_OPENING}]*(?:[{_CJK}]|[^\s{_CJK}{_OPENING}{_CLOSING}]+)[{_CLOSING}]*|\S)")


def display_width(text: str) -> int:
    """Columns on a terminal: East Asian wide characters take two, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fill(text: str, *, initial_indent: str = "", subsequent_indent: str = "") -> str:
    """Lines of up to ``LINE_WIDTH`` columns.

    Args:
        text: printable.
        initial_indent: before the first line.
        subsequent_indent: before the others.
    """
    if display_width(text) == len(text):
        return textwrap.fill(
            text,
            LINE_WIDTH,
            initial_indent=initial_indent,
            subsequent_indent=subsequent_indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    lines: list[str] = []
    line = ""
    for piece in _PIECES.findall(text):
        indent = subsequent_indent if lines else initial_indent
        if line and display_width(indent + line + piece) > LINE_WIDTH:
            lines.append(indent + line)
            line = ""
        line += piece if line else piece.lstrip()
    return "\n".join([*lines, (subsequent_indent if lines else initial_indent) + line])
