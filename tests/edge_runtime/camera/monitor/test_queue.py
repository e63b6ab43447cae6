"""The queue of events keeps its order over restarts, full disks and damage, and one bad part holds up no other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge_runtime.camera.monitor.sinks import EventQueue
from edge_runtime.errors import SourceError, UsageError


def make_line(number: int, size: int = 0) -> str:
    return f'{{"id": "{number}", "state": "opened", "x": "{"y" * size}"}}'


def take(queue: EventQueue) -> list[str]:
    """Everything that waits, removed one by one."""
    taken = []
    while (head := queue.first()) is not None:
        queue.remove(head[0])
        taken.append(head[1])
    return taken


def set_full(queue: EventQueue, is_full: bool) -> None:
    """Lets nothing be written any more, as on a full disk, or again."""
    assert queue._database is not None
    queue._database.execute(f"PRAGMA query_only = {is_full:d}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue"


def test_it_gives_back_in_order_what_was_put_in_before_a_restart(path: Path) -> None:
    queue = EventQueue(path, 10)
    for number in range(3):
        queue.put(make_line(number))
    queue.close()
    queue = EventQueue(path, 10)
    queue.put(make_line(3))
    assert take(queue) == [make_line(number) for number in range(4)]
    assert queue.counts == {"waiting": 0, "dropped": 0}
    queue.close()


def test_a_full_queue_drops_the_oldest_and_counts_over_restarts(path: Path) -> None:
    queue = EventQueue(path, 3)
    for number in range(5):
        queue.put(make_line(number))
    assert queue.counts == {"waiting": 3, "dropped": 2}
    queue.close()
    queue = EventQueue(path, 3)
    queue.put(make_line(5))
    assert queue.counts == {"waiting": 3, "dropped": 3}
    assert take(queue) == [make_line(number) for number in (3, 4, 5)]


def test_while_the_disk_is_full_events_wait_in_memory(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    queue = EventQueue(path, 100)
    queue.put(make_line(0))
    assert queue._database is not None
    queue._database.execute(f"PRAGMA max_page_count = {queue._database.execute('PRAGMA page_count').fetchone()[0]}")
    for number in range(1, 21):
        queue.put(make_line(number, 4000))
    assert caplog.text.count("make room") == 1
    assert queue.counts == {"waiting": 21, "dropped": 0}
    queue._database.execute("PRAGMA max_page_count = 100000")
    head = queue.first()
    assert head is not None
    assert head[1] == make_line(0)
    queue.close()
    assert EventQueue(path, 100).counts["waiting"] == 21


def test_while_the_disk_is_full_each_event_goes_out_once_in_order(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    queue = EventQueue(path, 100)
    for number in range(3):
        queue.put(make_line(number))
    set_full(queue, True)
    queue.put(make_line(3))
    assert take(queue) == [make_line(number) for number in range(4)]
    assert queue.counts == {"waiting": 0, "dropped": 0}
    assert len(caplog.records) == 1
    queue.put(make_line(4))
    set_full(queue, False)
    queue.put(make_line(5))
    assert queue.counts == {"waiting": 2, "dropped": 0}
    queue.close()
    assert take(EventQueue(path, 100)) == [make_line(4), make_line(5)], "the file is put right later"


def test_what_goes_out_while_the_disk_fills_and_empties_is_not_lost(path: Path) -> None:
    queue = EventQueue(path, 100)
    set_full(queue, True)
    for number in range(2):
        queue.put(make_line(number))
    head = queue.first()
    assert head is not None
    set_full(queue, False)
    queue.put(make_line(2))  # the one under way is on disk, too, now
    queue.remove(head[0])
    assert take(queue) == [make_line(1), make_line(2)]


def test_a_full_disk_keeps_nobody_from_opening_a_queue_that_is_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = EventQueue(path, 10)
    queue.put(make_line(0))
    queue.close()
    connect = sqlite3.connect

    def connect_to_full_disk(*arguments: object, **settings: object) -> sqlite3.Connection:
        database: sqlite3.Connection = connect(*arguments, **settings)  # type: ignore[call-overload]
        database.execute("PRAGMA query_only = 1")
        return database

    monkeypatch.setattr(sqlite3, "connect", connect_to_full_disk)
    assert take(EventQueue(path, 10)) == [make_line(0)]
    with pytest.raises(UsageError, match="make room"):
        EventQueue(path.with_name("another"), 10)


def test_what_is_no_database_is_put_aside(path: Path) -> None:
    path.write_bytes(b"this is no database, and never was one" * 100)
    queue = EventQueue(path, 3)
    queue.put(make_line(0))
    assert queue.counts["waiting"] == 1
    assert path.with_name("queue.broken").exists()


def spoil(path: Path, page: int) -> None:
    """Fills one page of an SQLite file, counted from its end, with something else."""
    data = bytearray(path.read_bytes())
    start = len(data) - 4096 * page
    data[start : start + 4096] = b"\xa5" * 4096
    path.write_bytes(data)


def fill(queue: EventQueue) -> None:
    for number in range(200):
        queue.put(make_line(number, 400))


@pytest.mark.parametrize("page", [1, 9])
def test_a_queue_that_is_partly_damaged_is_put_aside(path: Path, page: int, caplog: pytest.LogCaptureFixture) -> None:
    queue = EventQueue(path, 1000)
    fill(queue)
    queue.close()
    spoil(path, page)
    queue = EventQueue(path, 1000)
    assert caplog.text.count("put aside") == 1
    assert path.with_name("queue.broken").exists()
    queue.put(make_line(7))
    assert take(queue) == [make_line(7)]


def test_a_queue_that_is_damaged_while_it_is_open_is_put_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    queue = EventQueue(path, 1000)
    fill(queue)
    head = queue.first()
    assert head is not None
    for page in range(1, 20):
        spoil(path, page)
    with closing(sqlite3.connect(path)) as other:  # whoever writes to the file makes the queue read it anew
        other.execute("UPDATE counts SET value = 1")
        other.commit()
    queue.put(make_line(200))
    assert caplog.text.count("put aside") == 1
    assert path.with_name("queue.broken").exists()
    queue.remove(head[0])
    assert take(queue) == [make_line(200)], "what was put in since has numbers of its own"


@pytest.mark.parametrize(
    "bad", [b'\xff{"id": "1", "state": "opened"}', b'{"id": "1", \x00}', b"[]", b"", b"[" * 100_000]
)
def test_a_row_that_is_no_event_is_dropped_counted_and_told(
    path: Path, bad: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    queue = EventQueue(path, 100)
    assert queue._database is not None
    queue._database.execute("INSERT INTO waiting (id, line) VALUES (1, CAST(? AS TEXT))", (bad,))
    queue.close()
    queue = EventQueue(path, 100)
    queue.put(make_line(2))
    assert take(queue) == [make_line(2)]
    assert queue.counts == {"waiting": 0, "dropped": 1}
    assert caplog.text.count("is dropped") == 1
    queue.close()
    assert EventQueue(path, 100).counts == {"waiting": 0, "dropped": 1}


def test_a_queue_of_a_newer_version_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 9")
    with pytest.raises(SourceError, match="update photogate"):
        EventQueue(path, 3)


def test_a_queue_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="queue"):
        EventQueue(tmp_path / "file" / "queue", 3)


def test_a_closed_queue_is_not_opened_again(path: Path) -> None:
    queue = EventQueue(path, 3)
    queue.close()
    path.unlink()
    queue.put(make_line(0))
    assert not path.exists()
