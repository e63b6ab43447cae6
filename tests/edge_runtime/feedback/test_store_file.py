"""The store's file: none, read-only, damaged, of another program, or of another version."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime import Score
from edge_runtime.errors import UsageError
from edge_runtime.feedback import FeedbackStore, schema
from edge_runtime.feedback.photos import drop_photo, keep_photo

BuildScore = Callable[..., Score]


def test_reading_begins_no_store(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no feedback yet"):
        FeedbackStore(tmp_path / "none" / "f.sqlite3", must_exist=True)
    assert not (tmp_path / "none").exists()


def test_a_store_where_none_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot make the folder"):
        FeedbackStore(tmp_path / "file" / "f.sqlite3")
    with pytest.raises(UsageError, match="cannot be opened"):
        FeedbackStore(tmp_path)
    for nameless in ("", ".", tmp_path.anchor):
        for must_exist in (False, True):
            with pytest.raises(UsageError, match=r"is no file's name.*pass --store FILE"):
                FeedbackStore(nameless, must_exist=must_exist)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_read_only_folder(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    store.add(photo, build_score(50.0), "accept")
    store.close()
    store.path.chmod(0o400)
    store.path.parent.chmod(0o500)
    try:
        with FeedbackStore(store.path, must_exist=True) as reader:
            assert len(reader.corrections()) == 1
            with pytest.raises(UsageError, match="read-only"):
                reader.add(photo, build_score(50.0), "accept")
    finally:
        store.path.parent.chmod(0o700)


def test_a_store_that_sqlite_may_not_write(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    store.add(photo, build_score(50.0), "accept")
    store._open().execute("PRAGMA query_only = ON")
    with pytest.raises(UsageError, match="read-only"):
        store.add(photo, build_score(50.0), "accept")
    assert len(store.corrections()) == 1


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: b"this is no database" * 300, "damaged or no feedback store"),
        (lambda data: data[:4096] + os.urandom(len(data) - 4096), "damaged"),
        (lambda data: data[:5000], "damaged"),
    ],
    ids=["other file", "scrambled", "cut"],
)
def test_a_damaged_file(
    store: FeedbackStore,
    photo: Path,
    build_score: BuildScore,
    damage: Callable[[bytes], bytes],
    words: str,
) -> None:
    for _ in range(20):
        store.add(photo, build_score(50.0), "accept", note="x" * 1000)
    store.close()
    store.path.write_bytes(damage(store.path.read_bytes()))
    with pytest.raises(UsageError, match=words), FeedbackStore(store.path) as again:
        again.corrections()


def test_a_damaged_row_is_named_and_can_be_removed(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    first, second = (store.add(photo, build_score(50.0), "accept") for _ in range(2))
    store._open().execute("UPDATE corrections SET score = '{}' WHERE id = ?", (first.id,))
    with pytest.raises(UsageError, match="correction 1 is damaged"):
        store.corrections()
    store.remove(first.id)
    assert store.corrections() == [second]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param("score", "[" * 100_000, id="deep score"),
        *((column, b"\xff\xfe") for column in ("verdict", "note", "listing", "photo_path", "photo_sha256")),
        *((column, b"\xff\xfe") for column in ("kept_file", "created_utc", "quality")),
        ("quality", "much"),
        ("quality", float("inf")),
    ],
)
def test_a_row_of_other_types_is_damaged(
    store: FeedbackStore, photo: Path, build_score: BuildScore, column: str, value: object
) -> None:
    first, second = (store.add(photo, build_score(50.0), "accept") for _ in range(2))
    store._open().execute("PRAGMA ignore_check_constraints = ON")
    store._open().execute(f"UPDATE corrections SET {column} = ? WHERE id = ?", (value, first.id))
    with pytest.raises(UsageError, match="correction 1 is damaged"):
        store.corrections()
    store.remove(first.id)
    assert store.corrections() == [second]


def test_a_newer_schema_is_refused(store: FeedbackStore) -> None:
    store._open().execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(UsageError, match=r"newer photogate \(schema 99, this one knows up to 1\)"):
        FeedbackStore(store.path)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE corrections (id INTEGER)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(UsageError, match="another program"):
        FeedbackStore(path)
    assert path.read_bytes() == before


def test_a_store_that_another_one_begins_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f.sqlite3"
    others: list[threading.Thread] = []

    class Interrupted(sqlite3.Connection):
        """Before it counts the tables of the store, another connection begins it, or tries."""

        def execute(self, statement: str, *values: object) -> sqlite3.Cursor:  # type: ignore[override]
            if "sqlite_master" in statement and not others:
                others.append(threading.Thread(target=lambda: FeedbackStore(path).close()))
                others[0].start()
                others[0].join(0.5)
            return super().execute(statement, *values)  # type: ignore[arg-type]

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *names, **options: connect(*names, **options, factory=Interrupted))
    with FeedbackStore(path) as store:
        others[0].join()
        assert store.corrections() == []


def test_an_older_store_is_brought_up_to_date(
    store: FeedbackStore, photo: Path, build_score: BuildScore, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = store.add(photo, build_score(50.0), "accept")
    store.close()
    steps = ("ALTER TABLE corrections ADD COLUMN seller TEXT NOT NULL DEFAULT 'nobody'", "CREATE TABLE sellers (id)")
    # A migration that fails half-way changes nothing ...
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, (*steps, "CREATE TABLE sellers (id)")))
    with pytest.raises(UsageError, match="already exists"):
        FeedbackStore(store.path)
    connection = sqlite3.connect(store.path)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert "seller" not in [row[1] for row in connection.execute("PRAGMA table_info(corrections)")]
    connection.close()
    # ... and one that works keeps what is there.
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:1], steps))
    with FeedbackStore(store.path) as again:
        assert again.corrections() == [added]
        assert again._open().execute("PRAGMA user_version").fetchone() == (2,)
        assert again._open().execute("SELECT seller FROM corrections").fetchall() == [("nobody",)]


@pytest.mark.parametrize("name", ["../mine.jpg", "mine.jpg", "aa/../../mine.jpg", ""])
def test_only_its_own_copies_are_removed(tmp_path: Path, name: str) -> None:
    photos = tmp_path / "store-photos"
    (photos / "aa").mkdir(parents=True)
    for place in (tmp_path / "mine.jpg", photos / "mine.jpg"):
        place.touch()
    drop_photo(photos, name)
    assert (tmp_path / "mine.jpg").exists()
    assert (photos / "mine.jpg").exists()
    copy = photos / keep_photo(b"\xff\xd8\xff\xe0photo", "a" * 64, photos)
    drop_photo(photos, copy.relative_to(photos).as_posix())
    assert not copy.exists()
