"""An event's line can be written, stored and sent, whatever its camera is called, and never holds up another."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from edge_runtime.camera.monitor import Event
from edge_runtime.camera.monitor.sinks import EventQueue, JsonlLog

ODD_NAME = "shelf \udcff ü"  # as Python names a folder that is not UTF-8


def make_event() -> Event:
    return Event(
        "0" * 16, ODD_NAME, "all", "dark", "opened", 5, 1, 0, 4, 0.1, 0.4, "share", "Look.", 71.0, "/a\udcff.jpg"
    )


def refuse(text: str) -> NoReturn:
    raise AssertionError(f"{text} is no JSON")


def test_names_of_any_bytes_get_into_the_log(tmp_path: Path) -> None:
    log = JsonlLog(tmp_path / "events.jsonl", 1)
    log.send(make_event())
    line = json.loads((tmp_path / "events.jsonl").read_text(encoding="ascii"))
    assert line == make_event().to_dict()
    assert (line["camera"], line["evidence"]) == (ODD_NAME, "/a\udcff.jpg")


def test_names_of_any_bytes_get_into_the_queue(tmp_path: Path) -> None:
    queue = EventQueue(tmp_path / "queue", 10)
    queue.put(make_event().to_line())
    queue.put(f'{{"camera": "{ODD_NAME}"}}')  # as somebody else may write it
    queue.put("{}")
    taken = []
    while (head := queue.first()) is not None:
        queue.remove(head[0])
        taken.append(json.loads(head[1]))
    assert taken == [make_event().to_dict(), {"camera": ODD_NAME}, {}]
    queue.close()


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_unknown(number: float) -> None:
    event = replace(make_event(), value=number, quality=number)
    line = json.loads(event.to_line(), parse_constant=refuse)
    assert (line["value"], line["quality"]) == (None, None)


class FailingOnce:
    """A database whose next insertion fails with an error that is not SQLite's."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._is_failing = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def executemany(self, *arguments: Any) -> Any:
        if self._is_failing:
            self._is_failing = False
            raise MemoryError
        return self._database.executemany(*arguments)


def test_no_error_leaves_a_transaction_open(tmp_path: Path) -> None:
    queue = EventQueue(tmp_path / "queue", 10)
    assert queue._database is not None
    queue._database = FailingOnce(queue._database)  # type: ignore[assignment]
    with pytest.raises(MemoryError):
        queue.put('{"id": "a"}')
    with closing(sqlite3.connect(tmp_path / "queue", timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")  # nobody holds the file
    queue.put('{"id": "b"}')
    assert queue.counts == {"waiting": 2, "dropped": 0}
    queue.close()
    again = EventQueue(tmp_path / "queue", 10)
    head = again.first()
    assert head is not None
    assert head[1] == '{"id": "a"}'
    again.close()
