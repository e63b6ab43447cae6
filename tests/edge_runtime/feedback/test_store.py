"""The store: what goes in comes out, whatever happens to the process, the disk or the file in between."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime import Score
from edge_runtime.errors import InputError, UsageError
from edge_runtime.feedback import FeedbackStore, schema
from edge_runtime.feedback.correction import pack_score, unpack_score

BuildScore = Callable[..., Score]

ADD_FOR_EVER = """
import sys
from edge_runtime.feedback import FeedbackStore
from edge_runtime.feedback.correction import unpack_score
path, photo, score, count, note_size = sys.argv[1:]
with FeedbackStore(path) as store:
    for _ in range(int(count)):
        number = store.add(photo, unpack_score(score), "review", note="x" * int(note_size)).id
        print(number, flush=True)
"""


def start_adding(
    environment: dict[str, str], path: Path, photo: Path, score: Score, count: int, note_size: int = 10
) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ADD_FOR_EVER, str(path), str(photo), pack_score(score), str(count), str(note_size)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check_integrity(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_what_goes_in_comes_out(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    score = build_score(61.4 + 1e-13, sharpness=1 / 3)
    added = store.add(photo, score, "reject", quality=35.5, note="Grüße, 像素; 'x' -- \"y\"\n", group="listing 7")
    with FeedbackStore(store.path, must_exist=True) as again:
        (found,) = again.corrections()
    assert found == added
    assert found.score == score, "to the last bit"
    assert (found.verdict, found.quality, found.group, found.id) == ("reject", 35.5, "listing 7", 1)
    assert found.photo_sha256 == hashlib.sha256(photo.read_bytes()).hexdigest()
    assert found.photo_path == str(photo)
    assert found.score.model.sha256 == "a" * 64
    assert found.created_utc.endswith("+00:00")


def test_scores_survive_packing(build_score: BuildScore) -> None:
    score = build_score(0.1 + 0.2)
    assert unpack_score(pack_score(score)) == score
    for text in ("{}", "[]", "1", '{"interval": 3}', "no JSON"):
        with pytest.raises(ValueError):
            unpack_score(text)


def test_a_photo_is_not_copied_unless_asked(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    store.add(photo, build_score(50.0), "review")
    assert not store.photos.exists()
    kept = store.add(photo, build_score(50.0), "review", is_kept=True)
    same = store.add(photo.read_bytes(), build_score(50.0), "review", is_kept=True)
    assert kept.kept_file == same.kept_file == f"{kept.photo_sha256[:2]}/{kept.photo_sha256}.jpg"
    assert (store.photos / str(kept.kept_file)).read_bytes() == photo.read_bytes()
    assert [path for path in store.photos.rglob("*") if path.is_file()] == [store.photos / str(kept.kept_file)]


def test_removing_takes_the_copy_with_the_last_correction(
    store: FeedbackStore, photo: Path, build_score: BuildScore
) -> None:
    first, second, third = (store.add(photo, build_score(50.0), "review", is_kept=True) for _ in range(3))
    copy = store.photos / str(first.kept_file)
    store.remove(second.id)
    store.remove(first.id)
    assert copy.exists()
    store.remove(third.id)
    assert not copy.exists()
    assert store.corrections() == []
    assert store.add(photo, build_score(50.0), "review").id == 4, "a number is never used again"
    with pytest.raises(UsageError, match="no correction 3"):
        store.remove(3)
    assert photo.exists()


def test_what_is_removed_is_not_left_in_the_file(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    note = "a secret that nobody shall find"
    store.remove(store.add(photo, build_score(50.0), "review", note=note).id)
    store.close()
    assert note.encode() not in store.path.read_bytes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"verdict": "maybe"}, "no verdict"),
        ({"quality": 100.1}, "0 to 100"),
        ({"quality": float("nan")}, "0 to 100"),
        ({"note": "a\0b"}, "the note"),
        ({"note": "\udcff"}, "not UTF-8"),
        ({"group": "\udcff"}, "the group"),
    ],
)
def test_impossible_corrections(
    store: FeedbackStore, photo: Path, build_score: BuildScore, changes: dict, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        store.add(photo, build_score(50.0), **{"verdict": "accept", **changes})
    assert store.corrections() == []


def test_photos_that_are_none(store: FeedbackStore, tmp_path: Path, build_score: BuildScore) -> None:
    for path in (tmp_path / "none.jpg", tmp_path):
        with pytest.raises(InputError, match=path.name):
            store.add(path, build_score(50.0), "accept")
    with pytest.raises(InputError):
        store.add(b"no photo", build_score(50.0), "accept", is_kept=True)
    assert store.corrections() == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_does_not_block(store: FeedbackStore, tmp_path: Path, build_score: BuildScore) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="not a regular file"):
        store.add(tmp_path / "pipe.jpg", build_score(50.0), "accept")


def test_a_closed_store_says_so(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    store.close()
    store.close()
    with pytest.raises(UsageError, match="closed"):
        store.corrections()
    with pytest.raises(UsageError, match="closed"):
        store.add(photo, build_score(50.0), "accept")


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


def test_a_full_database_loses_nothing(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    store.add(photo, build_score(50.0), "accept", note="before")
    pages = store._open().execute("PRAGMA page_count").fetchone()[0]
    store._open().execute(f"PRAGMA max_page_count = {pages + 3}")
    with pytest.raises(UsageError, match="disk is full; nothing was changed"):
        store.add(photo, build_score(50.0), "accept", note="x" * 100_000)
    assert [correction.note for correction in store.corrections()] == ["before"]
    store.add(photo, build_score(50.0), "accept", note="small enough")
    check_integrity(store.path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on file sizes")
def test_a_full_disk_loses_nothing(
    store: FeedbackStore, photo: Path, build_score: BuildScore, package_environment: dict[str, str]
) -> None:
    store.close()
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
    arguments = [str(store.path), str(photo), pack_score(build_score(50.0)), "100", "20000"]
    command = [sys.executable, "-c", limit + ADD_FOR_EVER, *arguments]
    result = subprocess.run(command, env=package_environment, capture_output=True, text=True, check=False, timeout=120)
    told = [int(line) for line in result.stdout.split()]
    assert result.returncode == 1
    assert "UsageError" in result.stderr
    assert "the disk" in result.stderr
    assert 3 <= len(told) < 20
    check_integrity(store.path)
    with FeedbackStore(store.path) as again:
        assert [correction.id for correction in again.corrections()] == told
        again.add(photo, build_score(50.0), "accept")


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


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_kill_in_the_middle_of_writing_loses_nothing_that_was_told(
    tmp_path: Path, photo: Path, build_score: BuildScore, package_environment: dict[str, str]
) -> None:
    path = tmp_path / "killed.sqlite3"
    told: list[int] = []
    for lines in (1, 7, 15):
        # Notes of many pages, so that the kill hits a transaction and not the time between two.
        process = start_adding(package_environment, path, photo, build_score(50.0), 10_000, note_size=300_000)
        assert process.stdout is not None
        told += [int(process.stdout.readline()) for _ in range(lines)]
        process.kill()
        told += [int(line) for line in process.communicate()[0].split()]
        assert process.returncode == -signal.SIGKILL
        with FeedbackStore(path, must_exist=True) as store:
            found = [correction.id for correction in store.corrections()]
            assert all(len(correction.note) == 300_000 for correction in store.corrections())
        assert set(told) <= set(found)
        # One more may have been committed before it could be told; it counts as told from here on.
        assert len(found) <= len(told) + 1
        told = found
        check_integrity(path)


def test_processes_take_turns(
    tmp_path: Path, photo: Path, build_score: BuildScore, package_environment: dict[str, str]
) -> None:
    # Neither finds a store: both begin it at the same time.
    path = tmp_path / "new" / "shared.sqlite3"
    processes = [start_adding(package_environment, path, photo, build_score(50.0), 40) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    told = [int(line) for output, _ in outputs for line in output.split()]
    with FeedbackStore(path) as store:
        assert sorted(told) == [correction.id for correction in store.corrections()] == list(range(1, 81))


def test_threads_take_turns(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    def add() -> None:
        for _ in range(10):
            store.add(photo, build_score(50.0), "review")

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [correction.id for correction in store.corrections()] == list(range(1, 41))


def test_a_writer_that_waits_too_long_says_so(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store._open().execute("PRAGMA busy_timeout = 50")
    with pytest.raises(UsageError, match="another process"):
        store.add(photo, build_score(50.0), "review")
    other.execute("ROLLBACK")
    other.close()
    store.add(photo, build_score(50.0), "review")
