"""Rows of CSV that end in a line feed, and that no cell can break."""

from __future__ import annotations

from typing import TextIO

__all__ = ["CsvRows"]


class CsvRows:
    """What ``csv.writer`` and ``csv.DictWriter`` write to, with their usual ends of rows, in a stream's place.

    Before Python 3.13 the csv module quotes a carriage return only where its own ends of rows hold one. Asked for a
    bare line feed it leaves one in a cell bare, too, and readers end the row there.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, row: str) -> int:
        """Writes one row, which ends in CR LF; returns the characters written."""
        return self._stream.write(row.removesuffix("\r\n") + "\n")
