"""The log of events: a file of JSON lines that is put aside when it has grown, three times at most."""

from __future__ import annotations

import logging
from collections import deque
from pathlib import Path

from edge_runtime.camera.monitor.events import Event

__all__ = ["JsonlLog"]

KEPT_FILES = 3  # beside the one that is written to
MAX_WAITING = 1000  # lines kept in memory while the disk is full

logger = logging.getLogger(__name__)


class JsonlLog:
    """Appends lines to a file, which is opened for each: it may be moved or deleted at any time.

    A line that does not fit on the disk is kept in memory and written before the next one.
    """

    name = "log"

    def __init__(self, path: Path, max_mb: float) -> None:
        """Nothing is written before the first event.

        Args:
            path: "NAME.jsonl"; older ones are called "NAME.1.jsonl" to "NAME.3.jsonl".
            max_mb: size at which the file is put aside.
        """
        self._path = path
        self._max_bytes = max_mb * 1e6
        self._waiting: deque[bytes] = deque()
        self._dropped = 0

    @property
    def counts(self) -> dict[str, int]:
        """Lines that wait for room on the disk, and those for which there was no room in memory either."""
        return {"waiting": len(self._waiting), "dropped": self._dropped}

    def send(self, event: Event) -> None:
        """Appends a line, and those that wait."""
        is_behind = bool(self._waiting)
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(event.to_line().encode() + b"\n")
        try:
            self._write_waiting()
        except OSError as error:
            if not is_behind:  # the first of a row
                logger.warning("%s: cannot write an event: %s; make room", self._path, error.strerror or error)

    def close(self) -> None:
        """Tries once more to write what waits."""
        try:
            self._write_waiting()
        except OSError:
            logger.warning("%s: %d events could not be written", self._path, len(self._waiting))

    def _write_waiting(self) -> None:
        while self._waiting:
            self._append(self._waiting[0])
            self._waiting.popleft()

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and self._path.stat().st_size + len(line) > self._max_bytes:
            self._put_aside()
        with self._path.open("a+b", buffering=0) as stream:
            size_bytes = stream.seek(0, 2)
            if size_bytes:
                stream.seek(size_bytes - 1)
                if stream.read(1) != b"\n":  # the power went off within a line
                    line = b"\n" + line
            written = -1
            try:
                written = stream.write(line)
                if written != len(line):
                    raise OSError("no space left for a whole line")
            finally:
                if written != len(line):
                    stream.truncate(size_bytes)

    def _put_aside(self) -> None:
        names = [self._path, *(self._path.with_suffix(f".{number}.jsonl") for number in range(1, KEPT_FILES + 1))]
        for older, newer in zip(reversed(names[1:]), reversed(names[:-1]), strict=True):
            if newer.exists():
                newer.replace(older)
