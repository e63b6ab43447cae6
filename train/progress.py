"""A progress bar for long loops; on a terminal it moves, in a log it prints a line now and then."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

__all__ = ["track"]

Item = TypeVar("Item")
LOG_INTERVAL_S = 30.0


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterable[Item]:
    """Yields ``items`` and reports how far they are, on standard error."""
    interval = 0.1 if sys.stderr.isatty() else LOG_INTERVAL_S
    return tqdm(items, desc=description, total=total, mininterval=interval, file=sys.stderr)
