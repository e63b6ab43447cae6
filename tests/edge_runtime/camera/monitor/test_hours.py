"""Outside its opening hours a shop may be dark; the camera's signal is watched at all times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from edge_runtime.camera.monitor import Monitor, MonitorConfig
from edge_runtime.camera.monitor.hours import parse_hours
from edge_runtime.camera.sources import Interruption


@pytest.fixture(autouse=True)
def time_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two hours east of Greenwich, on any machine."""
    if not hasattr(time, "tzset"):
        pytest.skip("this system's time zone cannot be set")
    monkeypatch.setenv("TZ", "XYZ-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> int:
    """Milliseconds since 1970 of a local time in the week from Monday, 16 November 2026."""
    day, clock = text.split()
    date = 16 + ("mon", "tue", "wed", "thu", "fri", "sat", "sun").index(day)
    return round(datetime.fromisoformat(f"2026-11-{date}T{clock}+02:00").timestamp() * 1000)


@pytest.mark.parametrize(
    ("hours", "is_open", "is_closed"),
    [
        (["08:00-20:00"], ["mon 08:00", "sun 19:59"], ["mon 07:59", "sun 20:00"]),
        (["Mon-Sat 08:00-20:00", "sun 10:00-16:30"], ["sat 19:59", "sun 16:29"], ["sun 09:59", "sun 16:30"]),
        (["Fri 22:00-02:00"], ["fri 22:00", "sat 01:59"], ["fri 01:00", "sat 02:00", "sat 22:00"]),
        (["Sun 22:00-24:00", "Sun 23:00-01:00"], ["sun 23:59", "mon 00:59"], ["mon 01:00"]),
        (["Sat-Mon 9:00-10:00"], ["sat 09:00", "sun 09:30", "mon 09:59"], ["tue 09:30", "fri 09:30"]),
        (["00:00-24:00"], ["wed 00:00", "wed 23:59"], []),
    ],
)
def test_hours(hours: list[str], is_open: list[str], is_closed: list[str]) -> None:
    parsed = parse_hours(hours)
    assert all(parsed.are_open(at(text)) for text in is_open)
    assert not any(parsed.are_open(at(text)) for text in is_closed)


@pytest.mark.parametrize(
    "text", ["", "8-20", "08:00", "08:60-20:00", "08:00-24:01", "Mon-Foo 08:00-20:00", "08:00-08:00", "Mon 8:0-9:00"]
)
def test_what_are_no_hours(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text}$"):
        parse_hours(["08:00-20:00", text])


def darken(picture: np.ndarray) -> np.ndarray:
    return picture * 0.1


@pytest.fixture
def shop(camera: Any, config: MonitorConfig, stub: Any) -> Any:
    """The camera, watched from 08:00 to 20:00; ``clock`` is the time on its wall."""
    camera.clock = at("mon 19:00")
    kept = replace(config, hours=parse_hours(["08:00-20:00"]))
    camera.monitor.close()
    camera.monitor = Monitor(kept, stub, wall_clock_ms=lambda: camera.clock)
    assert camera.watch(15) == []
    return camera


def test_the_night_is_no_event_and_the_morning_is_judged_again(shop: Any) -> None:
    shop.clock = at("mon 20:00")
    assert shop.watch(60, darken) == []
    shop.now_ms += 12 * 3_600_000
    shop.monitor.feed(Interruption(shop.now_ms - 1, "night", 1, 0), shop.name)
    shop.clock = at("tue 08:00")
    opened = shop.watch(10, darken)
    assert [event.kind for event in opened if event.region] == ["dark"], "somebody forgot to turn the lights on"
    assert opened[-1].timestamp_ms - shop.now_ms > -10_000
    assert [event.state for event in shop.watch(10)] == ["closed"]


def test_a_night_of_other_pictures_teaches_nothing(shop: Any) -> None:
    shop.clock = at("mon 22:00")
    shop.watch(20, lambda picture: np.roll(picture, 40, 1))
    shop.clock = at("tue 09:00")
    assert shop.watch(20) == []
    moved = shop.watch(10, lambda picture: np.roll(picture, 40, 1))
    assert [event.kind for event in moved] == ["moved"]


def test_a_fault_at_closing_time_begins_anew(shop: Any) -> None:
    shop.watch(2, darken)
    shop.clock = at("mon 21:00")
    shop.watch(2)
    shop.clock = at("tue 08:00")
    assert shop.watch(2, darken) == [], "two seconds in the evening and two in the morning are no four"


def test_the_signal_is_watched_at_night(shop: Any) -> None:
    shop.clock = at("mon 23:00")
    events = []
    for attempt in range(6):
        events += shop.monitor.feed(Interruption(shop.now_ms, "unplugged", attempt + 1, 1000), shop.name)
        shop.now_ms += 1000
    assert [(event.kind, event.state) for event in events] == [("lost_signal", "opened")]
