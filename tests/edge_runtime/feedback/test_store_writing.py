"""Writing to the store: a full disk, a kill, and several writers at a time lose nothing."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime import Score
from edge_runtime.errors import UsageError
from edge_runtime.feedback import FeedbackStore
from edge_runtime.feedback.correction import LONGEST_TEXT, pack_score

BuildScore = Callable[..., Score]

CAMERA = "\U0001f4f7"  # four bytes in the store, one character of a note
ADD_FOR_EVER = """
import sys
from edge_runtime.feedback import FeedbackStore
from edge_runtime.feedback.correction import unpack_score
path, photo, score, count, note_size = sys.argv[1:]
with FeedbackStore(path) as store:
    for _ in range(int(count)):
        number = store.add(photo, unpack_score(score), "review", note="\\U0001f4f7" * int(note_size)).id
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


def test_a_full_database_loses_nothing(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    store.add(photo, build_score(50.0), "accept", note="before")
    pages = store._open().execute("PRAGMA page_count").fetchone()[0]
    store._open().execute(f"PRAGMA max_page_count = {pages + 3}")
    with pytest.raises(UsageError, match="disk is full; nothing was changed"):
        store.add(photo, build_score(50.0), "accept", note=CAMERA * LONGEST_TEXT)
    assert [correction.note for correction in store.corrections()] == ["before"]
    store.add(photo, build_score(50.0), "accept", note="small enough")
    check_integrity(store.path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on file sizes")
def test_a_full_disk_loses_nothing(
    store: FeedbackStore, photo: Path, build_score: BuildScore, package_environment: dict[str, str]
) -> None:
    store.close()
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
    arguments = [str(store.path), str(photo), pack_score(build_score(50.0)), "100", "5000"]
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


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_kill_in_the_middle_of_writing_loses_nothing_that_was_told(
    tmp_path: Path, photo: Path, build_score: BuildScore, package_environment: dict[str, str]
) -> None:
    path = tmp_path / "killed.sqlite3"
    told: list[int] = []
    for lines in (1, 7, 15):
        # Notes of many pages, so that the kill hits a transaction and not the time between two.
        process = start_adding(package_environment, path, photo, build_score(50.0), 10_000, note_size=LONGEST_TEXT)
        assert process.stdout is not None
        told += [int(process.stdout.readline()) for _ in range(lines)]
        process.kill()
        # Not communicate(), which passes by what readline() has read ahead.
        told += [int(line) for line in process.stdout.read().split()]
        process.wait(timeout=60)
        assert process.returncode == -signal.SIGKILL
        with FeedbackStore(path, must_exist=True) as store:
            found = [correction.id for correction in store.corrections()]
            assert all(correction.note == CAMERA * LONGEST_TEXT for correction in store.corrections())
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


def test_a_removal_that_fails_keeps_the_photo(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    added = store.add(photo, build_score(50.0), "review", is_kept=True)
    copy = store.photos / str(added.kept_file)
    reader = sqlite3.connect(store.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM corrections").fetchone()  # holds off the commit, and only that
    store._open().execute("PRAGMA busy_timeout = 50")
    with pytest.raises(UsageError, match="another process"):
        store.remove(added.id)
    reader.execute("ROLLBACK")
    reader.close()
    assert store.corrections() == [added]
    assert copy.exists()
    store.remove(added.id)
    assert not copy.exists()


def test_a_copy_that_cannot_be_removed_is_named(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    added = store.add(photo, build_score(50.0), "review", is_kept=True)
    copy = store.photos / str(added.kept_file)
    copy.unlink()
    copy.mkdir()
    with pytest.raises(UsageError, match=rf"correction {added.id} is removed, .* is not; delete .*\.jpg"):
        store.remove(added.id)
    assert store.corrections() == []


def test_a_writer_that_waits_too_long_says_so(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store._open().execute("PRAGMA busy_timeout = 50")
    with pytest.raises(UsageError, match="another process"):
        store.add(photo, build_score(50.0), "review")
    other.execute("ROLLBACK")
    other.close()
    store.add(photo, build_score(50.0), "review")
