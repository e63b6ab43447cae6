"""Foreign text on one line: names of files and words of policies that can steer neither a terminal nor an eye."""

from __future__ import annotations

import unicodedata

__all__ = ["blank_unprintable", "make_printable"]


def make_printable(text: str) -> str:
    """``text`` with control characters, turns of the writing direction and bytes that are no text spelt out.

    Spaces of any kind become plain ones. What comes back can be written in any encoding that has the letters
    themselves: it holds no lone surrogates, which is how Python names files that are not UTF-8.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in _even_spaces(text))


def blank_unprintable(text: str) -> str:
    """``text`` with a "?" for each of these characters, for sentences, where spelling them out would only disturb."""
    return "".join(c if c.isprintable() else "?" for c in _even_spaces(text))


def _even_spaces(text: str) -> str:
    """Spaces of any width, of which Python calls only the plain one printable, as that one."""
    return "".join(" " if unicodedata.category(c) == "Zs" else c for c in text)
