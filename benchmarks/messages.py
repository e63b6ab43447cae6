"""What a benchmark says while it works, to whoever waits for the result."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Say", "say_aloud"]

Say: TypeAlias = "Callable[[str], None]"
"""Gets one line at a time."""


def say_aloud(line: str) -> None:
    """Prints a line to standard error, so that standard output holds the result alone."""
    print(line, file=sys.stderr)
