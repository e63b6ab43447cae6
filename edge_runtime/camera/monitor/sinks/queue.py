"""Events that wait for a connection: on disk, in order, over restarts, and never more than a bound."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections import deque
from pathlib import Path
from threading import Lock

from edge_runtime.errors import SourceError, UsageError

__all__ = ["EventQueue"]

QUEUE_SCHEMA = 1
MAX_IN_MEMORY = 1000  # while the disk is full
MAKE = """
CREATE TABLE IF NOT EXISTS waiting (id INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT OR IGNORE INTO counts VALUES ('dropped', 0);
"""

logger = logging.getLogger(__name__)


class EventQueue:
    """First in, first out; from any thread. What was put in is on disk, synced, before ``put`` returns.

    Beyond the bound the oldest is dropped, and counted. While the disk is full, up to 1000 wait in memory.
    """

    def __init__(self, path: Path, max_waiting: int) -> None:
        """Opens or makes the file. One that is broken is put aside under the name "….broken".

        Args:
            path: an SQLite database.
            max_waiting: the bound.

        Raises:
            UsageError: the file cannot be opened or made.
            SourceError: it was written by a newer version of photogate.
        """
        self._path = path
        self._max_waiting = max_waiting
        self._lock = Lock()
        self._unwritten: deque[str] = deque()
        self._lost = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._database = self._open()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                logger.warning("%s: the queue is broken (%s); it is put aside, and begun anew", path, error)
                path.replace(path.with_name(path.name + ".broken"))
                self._database = self._open()
        except (OSError, sqlite3.Error) as error:
            raise UsageError(
                f"{path}: cannot open the queue of events: {error}; make room or choose a folder that can be written to"
            ) from error

    @property
    def counts(self) -> dict[str, int]:
        """Events that wait, and those dropped since the file was made."""
        with self._lock:
            try:
                waiting, dropped = self._count(), self._read_dropped()
            except sqlite3.Error:
                waiting, dropped = 0, 0
            return {"waiting": waiting + len(self._unwritten), "dropped": dropped + self._lost}

    def put(self, line: str) -> None:
        """Adds an event; never fails."""
        with self._lock:
            is_behind = bool(self._unwritten)
            if len(self._unwritten) >= min(MAX_IN_MEMORY, self._max_waiting):
                self._unwritten.popleft()
                self._lost += 1
            # SQLite takes no lone surrogates, and one line that cannot be written would hold up all the others. In JSON
            # an escape is the same text.
            self._unwritten.append(line.encode("utf-8", "backslashreplace").decode("utf-8"))
            try:
                self._write()
            except sqlite3.Error as error:
                if not is_behind:  # the first of a row
                    logger.warning("%s: cannot keep an event on disk: %s; make room", self._path, error)

    def first(self) -> tuple[int, str] | None:
        """The oldest event and its number; None if none waits."""
        with self._lock:
            with contextlib.suppress(sqlite3.Error):
                self._write()
            try:
                row = self._database.execute("SELECT id, line FROM waiting ORDER BY id LIMIT 1").fetchone()
            except sqlite3.Error as error:
                logger.warning("%s: cannot read the queue of events: %s", self._path, error)
                return None
            return None if row is None else (int(row[0]), str(row[1]))

    def remove(self, number: int) -> None:
        """Takes out an event that has been delivered; if the disk does not let it, it will be delivered again."""
        with self._lock:
            try:
                self._database.execute("DELETE FROM waiting WHERE id = ?", (number,))
            except sqlite3.Error as error:
                logger.warning("%s: cannot take a delivered event out of the queue: %s", self._path, error)

    def close(self) -> None:
        """Closes the file; what waits stays in it."""
        with self._lock:
            with contextlib.suppress(sqlite3.Error):
                self._write()
            self._database.close()

    def _open(self) -> sqlite3.Connection:
        # Its lock is this class's own; every statement is a transaction of its own unless it says otherwise.
        database = sqlite3.connect(self._path, timeout=10, isolation_level=None, check_same_thread=False)
        try:
            schema = database.execute("PRAGMA user_version").fetchone()[0]
            if schema > QUEUE_SCHEMA:
                raise SourceError(
                    f"{self._path}: the queue has schema {schema}, this version of photogate knows {QUEUE_SCHEMA}; "
                    "update photogate, or move the file away"
                )
            database.execute("PRAGMA synchronous = FULL")
            database.executescript(MAKE)
            database.execute(f"PRAGMA user_version = {QUEUE_SCHEMA}")
        except BaseException:
            database.close()
            raise
        return database

    def _write(self) -> None:
        """Moves what waits in memory to the disk, and drops what is too much, in one transaction."""
        if not self._unwritten:
            return
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany("INSERT INTO waiting (line) VALUES (?)", [(line,) for line in self._unwritten])
            excess = self._count() - self._max_waiting
            if excess > 0:
                self._database.execute(
                    "DELETE FROM waiting WHERE id IN (SELECT id FROM waiting ORDER BY id LIMIT ?)", (excess,)
                )
            lost = max(excess, 0) + self._lost
            self._database.execute("UPDATE counts SET value = value + ? WHERE name = 'dropped'", (lost,))
            self._database.execute("COMMIT")
        except BaseException:  # whatever it is: in a transaction that stays open nothing more could be written
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise
        self._unwritten.clear()
        self._lost = 0

    def _count(self) -> int:
        return int(self._database.execute("SELECT COUNT(*) FROM waiting").fetchone()[0])

    def _read_dropped(self) -> int:
        return int(self._database.execute("SELECT value FROM counts WHERE name = 'dropped'").fetchone()[0])
