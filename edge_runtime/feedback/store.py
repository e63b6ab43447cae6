"""The store: one SQLite file on this device, safe against crashes, full disks and several writers."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any

from edge_runtime.errors import InputError, UsageError
from edge_runtime.feedback.correction import (
    LONGEST_TEXT,
    VERDICTS,
    Correction,
    is_finite_number,
    pack_score,
    unpack_score,
)
from edge_runtime.feedback.location import find_default_store
from edge_runtime.feedback.photos import drop_photo, keep_photo
from edge_runtime.feedback.schema import bring_up_to_date
from edge_runtime.originals import Originals
from edge_runtime.paths import exists
from edge_runtime.photo_file import read_photo_file
from edge_runtime.result import Decision, Score

__all__ = ["FeedbackStore"]

WAIT_S = 10.0
LARGEST_ID = 2**63 - 1  # of SQLite
COLUMNS = "id, created_utc, photo_sha256, photo_path, kept_file, verdict, quality, note, listing, score"
# What SQLite says, and what to tell the user of it. In this order: "disk I/O error" may stand beside others.
FAULTS = (
    ("locked", f"another process has been writing to it for {WAIT_S:g} s; try again"),
    (
        "readonly",
        "cannot be written: the file or its folder is read-only; change the permissions, or pass --store FILE",
    ),
    ("unable to open", "cannot be opened; check the folder and its permissions, or pass --store FILE"),
    ("full", "the disk is full; nothing was changed: free space and try again"),
    ("disk i/o", "the disk did not take the data (full, over a quota, or faulty); nothing was changed: free space"),
    ("not a database", "is damaged or no feedback store; restore it, or move it away and begin a new one"),
    ("malformed", "is damaged; restore it, or move it away and begin a new one"),
)


class FeedbackStore:
    """Corrections of people. A context manager; may be shared by threads, which then take turns.

    Every change is one transaction: after a crash, a kill or a loss of power it is there wholly or not at all. The file
    uses SQLite's rollback journal, fully synchronous, and not a write-ahead log: corrections come one by one, so speed
    does not matter, and the store stays one file that can be copied and be read from a read-only folder.

    Attributes:
        path: the file.
        photos: the folder beside it for the photos that are kept.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, must_exist: bool = False) -> None:
        """Opens a store, or begins one.

        Args:
            path: the file; None: see :func:`find_default_store`.
            must_exist: do not begin a new one.

        Raises:
            UsageError: it cannot be opened, is damaged, another program's or of a newer schema, or does not exist.
        """
        self.path = find_default_store() if path is None else Path(path)
        if not self.path.name:
            raise UsageError(f"{self.path}: is no file's name, so no feedback can be in it; pass --store FILE")
        self.photos = self.path.with_name(f"{self.path.stem}-photos")
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        if must_exist and not exists(self.path):
            raise UsageError(f"{self.path}: there is no feedback yet; `photogate feedback add` begins a store")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"{self.path.parent}: cannot make the folder for feedback: {error.strerror or error}; pass --store FILE"
            ) from error
        with self._translate():
            connection = sqlite3.connect(self.path, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
        try:
            with self._translate():
                # EXTRA also syncs the folder when the journal goes: a committed correction survives a loss of power.
                connection.execute("PRAGMA synchronous = EXTRA")
                connection.execute("PRAGMA secure_delete = ON")  # what is removed is overwritten
                bring_up_to_date(connection, str(self.path))
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def add(
        self,
        photo: str | os.PathLike[str] | bytes,
        score: Score,
        verdict: Decision,
        *,
        quality: float | None = None,
        note: str = "",
        group: str = "",
        is_kept: bool = False,
    ) -> Correction:
        """Adds a correction.

        Args:
            photo: the photo's path, or its bytes; neither is copied unless ``is_kept``.
            score: what the model says of it.
            verdict: what the person says: "accept", "review" or "reject".
            quality: the person's, 0-100.
            note: free text, up to ``LONGEST_TEXT`` characters.
            group: what belongs together, e.g. a listing's number: never on two sides of a split. No longer than a note.
            is_kept: copy the photo into :attr:`photos`: an export then refers to it, whatever becomes of the original.

        Returns:
            The correction as it was stored.

        Raises:
            InputError: the photo cannot be read, or its path is not UTF-8 text.
            UsageError: an impossible verdict, quality or text; the store cannot be written; or it is closed.
        """
        if verdict not in VERDICTS:
            raise UsageError(f"{verdict!r} is no verdict; pass one of {', '.join(VERDICTS)}")
        if quality is not None and not 0 <= quality <= 100:  # false for NaN, too
            raise UsageError(f"a quality of {quality:g} is not possible; pass 0 to 100")
        is_file = isinstance(photo, (str, os.PathLike))
        path = str(Path(photo).absolute()) if isinstance(photo, (str, os.PathLike)) else ""
        if not _is_plain(path):
            raise InputError(f"the photo's path {path!a} is not UTF-8 text; rename the photo")
        for what, text in (("the note", note), ("the group", group)):
            if not _is_plain(text):
                raise UsageError(f"{what} {text!a} is not UTF-8 text; change it")
            if len(text) > LONGEST_TEXT:
                raise UsageError(f"{what} has {len(text):,} characters, {LONGEST_TEXT:,} are possible; shorten it")
        data = read_photo_file(path) if is_file else bytes(photo)  # type: ignore[arg-type]
        sha256 = hashlib.sha256(data).hexdigest()
        created_utc = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with self._transaction() as connection:
            kept_file = keep_photo(data, sha256, self.photos) if is_kept else None
            cursor = connection.execute(
                "INSERT INTO corrections (created_utc, photo_sha256, photo_path, kept_file, verdict, quality, note, "
                "listing, model_sha256, model_quality, score) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(created_utc, sha256, path, kept_file, verdict, quality, note, group),
                    *(score.model.sha256, score.quality, pack_score(score)),
                ),
            )
            number = int(cursor.lastrowid or 0)
        return Correction(number, created_utc, sha256, path, kept_file, verdict, quality, note, group, score)

    def corrections(self) -> list[Correction]:
        """All corrections, the oldest first.

        Raises:
            UsageError: the store cannot be read, or is closed.
        """
        with self._lock, self._translate():
            rows = self._open().execute(f"SELECT {COLUMNS} FROM corrections ORDER BY id").fetchall()
        return [self._build(row) for row in rows]

    def originals(self, corrections: Sequence[Correction] | None = None) -> Originals:
        """What no output may replace: the store, the photos that its corrections are about, and its copies of them.

        Args:
            corrections: all of them, if they were read already.

        Raises:
            UsageError: as :meth:`corrections`.
        """
        corrections = self.corrections() if corrections is None else corrections
        photos = (correction.photo_path for correction in corrections if correction.photo_path)
        copies = (self.photos / correction.kept_file for correction in corrections if correction.kept_file)
        return Originals([self.path, *photos, *copies])

    def check_ids(self, numbers: Iterable[int]) -> None:
        """Makes sure that there are corrections of these numbers; also a damaged one has its own.

        Raises:
            UsageError: one is missing, or the store cannot be read, or is closed.
        """
        with self._lock, self._translate():
            known = {number for (number,) in self._open().execute("SELECT id FROM corrections")}
        for number in numbers:
            if number not in known:
                raise UsageError(f"{self.path}: no correction {number}; `photogate feedback list` shows all")

    def remove(self, number: int) -> None:
        """Removes a correction, and the store's copy of its photo if no other correction has it.

        Args:
            number: its id.

        Raises:
            UsageError: there is no such correction, the store cannot be written, or the copy cannot be removed: then
                the correction is gone all the same.
        """
        if not -LARGEST_ID <= number <= LARGEST_ID:  # SQLite cannot even be asked
            raise UsageError(f"{self.path}: no correction has such a number; `photogate feedback list` shows all")
        with self._transaction() as connection:
            row = connection.execute("SELECT kept_file FROM corrections WHERE id = ?", (number,)).fetchone()
            if row is None:
                raise UsageError(f"{self.path}: no correction {number}; `photogate feedback list` shows all")
            connection.execute("DELETE FROM corrections WHERE id = ?", (number,))
        if not isinstance(row[0], str):
            return
        # Not before the commit, which may yet fail: a copy too many can be removed, one too few is lost. And in a
        # transaction, too, so that no other process adds a correction that counts on the copy.
        try:
            with self._transaction() as connection:
                query = "SELECT count(*) FROM corrections WHERE kept_file = ?"
                if not connection.execute(query, row).fetchone()[0]:
                    drop_photo(self.photos, row[0])
        except UsageError as error:
            raise UsageError(
                f"correction {number} is removed, the copy of its photo is not; delete {self.photos / row[0]} ({error})"
            ) from error

    def close(self) -> None:
        """Closes the file; may be called twice."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def __enter__(self) -> FeedbackStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise UsageError("this FeedbackStore is closed; make a new one")
        return self._connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translate():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # after some faults SQLite has rolled back by itself
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _translate(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            words = str(error).lower()
            advice = next((advice for fault, advice in FAULTS if fault in words), "cannot be used; check the file")
            raise UsageError(f"{self.path}: {advice} ({error})") from error

    def _build(self, row: tuple[Any, ...]) -> Correction:
        number, created_utc, sha256, path, kept_file, verdict, quality, note, group, score = row
        try:
            # SQLite keeps whatever it is given, whatever the column.
            if not all(isinstance(text, str) for text in (created_utc, sha256, path, kept_file or "", note, group)):
                raise ValueError("a text is of another type")
            if verdict not in VERDICTS or not (quality is None or is_finite_number(quality)):
                raise ValueError("no such verdict, or no such quality")
            return Correction(
                number, created_utc, sha256, path, kept_file, verdict, quality, note, group, unpack_score(score)
            )
        except ValueError as error:
            raise UsageError(
                f"{self.path}: correction {number} is damaged ({error}); remove it with `photogate feedback remove`"
            ) from error


def _is_plain(text: str) -> bool:
    """SQLite stores UTF-8, and ends some texts at a zero character."""
    try:
        return "\0" not in text and text.encode() is not None
    except UnicodeEncodeError:
        return False
