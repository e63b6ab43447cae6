"""The store's tables, version by version. A new version adds an entry; an entry that was released is never edited."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from edge_runtime.errors import UsageError

__all__ = ["APPLICATION_ID", "MIGRATIONS", "bring_up_to_date"]

APPLICATION_ID = 0x50474642  # "PGFB", in the file's header: tells the store from other programs' databases

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE corrections (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            created_utc TEXT NOT NULL,
            photo_sha256 TEXT NOT NULL CHECK (length(photo_sha256) = 64),
            photo_path TEXT NOT NULL,
            kept_file TEXT,
            verdict TEXT NOT NULL CHECK (verdict IN ('accept', 'review', 'reject')),
            quality REAL CHECK (quality BETWEEN 0 AND 100),
            note TEXT NOT NULL,
            listing TEXT NOT NULL,
            model_sha256 TEXT NOT NULL,
            model_quality REAL NOT NULL,
            score TEXT NOT NULL
        )""",
        "CREATE INDEX corrections_by_photo ON corrections (photo_sha256)",
    ),
)
"""Statements that lead from schema n to schema n + 1; their number is the newest schema."""


def bring_up_to_date(connection: sqlite3.Connection, source: str) -> None:
    """Creates the tables of a new store, or migrates those of an older one: wholly, or not at all.

    Args:
        connection: in autocommit mode.
        source: the file, for messages.

    Raises:
        UsageError: the file is another program's, or of a newer schema.
        sqlite3.Error: as usual.
    """
    newest = len(MIGRATIONS)
    with _transaction(connection, "DEFERRED"):
        version = _read_version(connection, source)
    if version == newest:
        return
    with _transaction(connection, "IMMEDIATE"):
        # Once more: another process may have done it while this one waited.
        for statements in MIGRATIONS[_read_version(connection, source) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {newest}")


@contextmanager
def _transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _read_version(connection: sqlite3.Connection, source: str) -> int:
    """The schema of the store, 0 for an empty file.

    In a transaction: between two answers outside of one, another process may begin the store, which would then look
    like another program's.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise UsageError(f"{source}: is a database of another program; pass another --store")
    newest = len(MIGRATIONS)
    if version > newest:
        raise UsageError(
            f"{source}: was written by a newer photogate (schema {version}, this one knows up to {newest}); upgrade "
            "photogate, or pass another --store"
        )
    return int(version)
