"""Events that wait for a connection: on disk, in order, over restarts, and never more than a bound."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TypeVar

from edge_runtime.errors import SourceError, UsageError

__all__ = ["EventQueue"]

QUEUE_SCHEMA = 1
MAX_IN_MEMORY = 1000  # while the disk is full
MAKE = """
CREATE TABLE IF NOT EXISTS waiting (id INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT OR IGNORE INTO counts VALUES ('dropped', 0);
"""

T = TypeVar("T")
logger = logging.getLogger(__name__)


class EventQueue:
    """First in, first out; from any thread. What was put in is on disk, synced, before ``put`` returns.

    Beyond the bound the oldest is dropped, and counted. While the disk is full, up to 1000 wait in memory, and what
    has been removed is not given out again.
    """

    def __init__(self, path: Path, max_waiting: int) -> None:
        """Opens or makes the file. One that is broken, now or later, is put aside under the name "….broken".

        A file that is there is not written to, so that a full disk keeps nobody from opening it.

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
        self._database: sqlite3.Connection | None = None
        self._unwritten: deque[tuple[int, str]] = deque()  # newer than all that is on disk
        self._next_number = 1
        self._removed = 0  # the last number that has been; the file may still hold events up to it
        self._lost = 0  # dropped, which the file does not know yet
        self._is_ahead = False  # whether the file lacks something that this object knows
        self._is_failing = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._access(lambda _: None)
        except (OSError, sqlite3.Error) as error:
            raise UsageError(
                f"{path}: cannot open the queue of events: {error}; make room or choose a folder that can be written to"
            ) from error

    @property
    def counts(self) -> dict[str, int]:
        """Events that wait, and those dropped since the file was made."""
        with self._lock:
            try:
                waiting, dropped = self._access(lambda database: (self._count(database), _read_dropped(database)))
            except sqlite3.Error:
                waiting, dropped = 0, 0
            return {"waiting": waiting + len(self._unwritten), "dropped": dropped + self._lost}

    def put(self, line: str) -> None:
        """Adds an event, one JSON object; never fails."""
        with self._lock:
            if len(self._unwritten) >= min(MAX_IN_MEMORY, self._max_waiting):
                self._unwritten.popleft()
                self._lost += 1
            # SQLite takes no lone surrogates, and one line that cannot be written would hold up all the others. In JSON
            # an escape is the same text.
            text = line.encode("utf-8", "backslashreplace").decode("utf-8")
            self._unwritten.append((self._next_number, text))
            self._next_number += 1
            self._is_ahead = True
            self._write()

    def first(self) -> tuple[int, str] | None:
        """The oldest event and its number; None if none waits. What is no event any more is dropped and counted."""
        with self._lock:
            self._write()
            while True:
                try:
                    row = self._access(self._find_first)
                except sqlite3.Error as error:
                    logger.warning("%s: cannot read the queue of events: %s", self._path, error)
                    return None
                if row is None:
                    return self._unwritten[0] if self._unwritten else None
                number, line = row
                if _is_event(line):
                    return number, line.decode()
                logger.warning("%s: an event that waited is damaged; it is dropped", self._path)
                self._removed = number
                self._lost += 1
                self._is_ahead = True

    def remove(self, number: int) -> None:
        """Takes out the event that ``first`` gave, since it has been delivered.

        If the disk does not let it, that is made up for later; after a restart before that it is delivered again.
        """
        with self._lock:
            self._removed = number
            while self._unwritten and self._unwritten[0][0] <= number:
                self._unwritten.popleft()
            self._is_ahead = True
            self._write()

    def close(self) -> None:
        """Closes the file; what waits stays in it."""
        with self._lock:
            self._write()
            if self._database is not None:
                self._database.close()

    def _access(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Does something with the file; with a new one if it turns out to be broken."""
        try:
            return action(self._connect())
        except sqlite3.DatabaseError as error:
            # Of this very type are those of a file that is damaged or no database; a full disk has one of its own.
            if type(error) is not sqlite3.DatabaseError:
                raise
            self._put_aside(error)
            return action(self._connect())

    def _connect(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = self._open()
            newest = self._database.execute("SELECT MAX(id) FROM waiting").fetchone()[0] or 0
            self._next_number = max(self._next_number, newest + 1)
        return self._database

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
            (fault,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if fault != "ok":
                raise sqlite3.DatabaseError(" ".join(fault.split()))
            database.execute("PRAGMA synchronous = FULL")
            if schema < QUEUE_SCHEMA or not _is_made(database):
                database.executescript(MAKE)
                database.execute(f"PRAGMA user_version = {QUEUE_SCHEMA}")
        except BaseException:
            database.close()
            raise
        return database

    def _put_aside(self, error: sqlite3.DatabaseError) -> None:
        logger.warning("%s: the queue is broken (%s); it is put aside, and begun anew", self._path, error)
        if self._database is not None:
            self._database.close()
            self._database = None
        try:
            self._path.replace(self._path.with_name(self._path.name + ".broken"))
        except OSError as fault:
            raise sqlite3.OperationalError(f"{error}, and it cannot be put aside: {fault}") from error

    def _write(self) -> None:
        """Tells the file all that it lacks; what fails stays in memory until the next time."""
        if not self._is_ahead:
            return
        try:
            self._access(self._catch_up)
        except sqlite3.Error as error:
            if not self._is_failing:  # the first of a row
                logger.warning("%s: cannot write the queue of events: %s; make room", self._path, error)
            self._is_failing = True
        else:
            self._unwritten.clear()
            self._lost = 0
            self._is_ahead = self._is_failing = False

    def _catch_up(self, database: sqlite3.Connection) -> None:
        try:
            database.execute("BEGIN IMMEDIATE")
            database.execute("DELETE FROM waiting WHERE id <= ?", (self._removed,))
            database.executemany("INSERT INTO waiting (id, line) VALUES (?, ?)", self._unwritten)
            lost = self._lost
            excess = self._count(database) - self._max_waiting if self._unwritten else 0
            if excess > 0:
                database.execute(
                    "DELETE FROM waiting WHERE id IN (SELECT id FROM waiting ORDER BY id LIMIT ?)", (excess,)
                )
                lost += excess
            if lost:
                database.execute("UPDATE counts SET value = value + ? WHERE name = 'dropped'", (lost,))
            database.execute("COMMIT")
        except BaseException:  # whatever it is: in a transaction that stays open nothing more could be written
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise

    def _find_first(self, database: sqlite3.Connection) -> tuple[int, bytes] | None:
        # As bytes: text that is no UTF-8 would be an error of SQLite's, which tells neither why nor of which row.
        rows = database.execute(
            "SELECT id, CAST(line AS BLOB) FROM waiting WHERE id > ? ORDER BY id LIMIT 1", (self._removed,)
        )
        row: tuple[int, bytes] | None = rows.fetchone()
        return row

    def _count(self, database: sqlite3.Connection) -> int:
        return int(database.execute("SELECT COUNT(*) FROM waiting WHERE id > ?", (self._removed,)).fetchone()[0])


def _is_made(database: sqlite3.Connection) -> bool:
    tables = database.execute("SELECT COUNT(*) FROM sqlite_master WHERE name IN ('waiting', 'counts')").fetchone()[0]
    return bool(tables == 2)


def _read_dropped(database: sqlite3.Connection) -> int:
    query = "SELECT COALESCE(MAX(CAST(value AS INTEGER)), 0) FROM counts WHERE name = 'dropped'"  # damaged or not
    return int(database.execute(query).fetchone()[0])


def _is_event(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line.decode()), dict)
    except (ValueError, RecursionError):
        return False
