"""The day follows the clock on the wall, also one that was wrong for a moment."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.camera.monitor import Monitor, MonitorConfig
from edge_runtime.camera.monitor.totals import DayTotals

NOON_MS = 1_763_640_000_000  # 2025-11-20 12:00 UTC
DAY_MS = 86_400_000
FAR_MS = 4_102_488_000_000  # 2100-01-01 12:00 UTC


@pytest.fixture
def kept(config: MonitorConfig, tmp_path: Path) -> MonitorConfig:
    """With a folder."""
    return replace(config, folder=tmp_path)


def read_frames(folder: Path) -> dict[str, int]:
    """Frames of the camera by the year and day of each summary."""
    days = sorted((folder / "summaries").iterdir())
    documents = [json.loads(day.read_text(encoding="utf-8")) for day in days]
    return {document["day"][:4]: document["cameras"]["aisle"]["frames"] for document in documents}


@pytest.mark.parametrize(
    ("kept_day", "is_over"),
    [
        ("2026-11-19", True),
        ("2026-11-20", False),
        ("2026-11-21", False),
        ("2026-11-22", True),
        ("2100-01-01", True),
    ],
)
def test_setbacks_of_up_to_a_day_begin_no_day_anew(kept_day: str, is_over: bool) -> None:
    assert DayTotals(kept_day).is_over("2026-11-20") is is_over


def test_one_wrong_reading_of_the_clock_costs_no_summary(
    camera: Any, kept: MonitorConfig, stub: Any, tmp_path: Path
) -> None:
    clock = [NOON_MS]
    with Monitor(kept, stub, wall_clock_ms=lambda: clock[0]) as camera.monitor:
        camera.watch(5)
        clock[0] = FAR_MS
        camera.watch(1)
        clock[0] = NOON_MS
        camera.watch(3)
        assert camera.monitor.summary()["day"] < "2026"
        assert read_frames(tmp_path) == {"2025": 10, "2100": 2}
        clock[0] += DAY_MS
        camera.watch(1)
        first, *_ = sorted((tmp_path / "summaries").iterdir())
        assert json.loads(first.read_text())["cameras"]["aisle"]["frames"] == 16, "what came before is counted, too"
        assert len(list((tmp_path / "summaries").iterdir())) == 2


@pytest.fixture
def clock() -> list[int]:
    return [NOON_MS]


def cut_power(config: MonitorConfig, stub: Any, clock: list[int], camera: Any, folder: Path) -> None:
    """Goes on in another folder that holds what was on disk, for the old one is never closed."""
    assert config.folder is not None
    shutil.copytree(config.folder, folder)
    camera.monitor = Monitor(replace(config, folder=folder), stub, wall_clock_ms=lambda: clock[0])
    camera.now_ms = 0


def test_what_was_kept_of_a_day_is_summed_up_after_a_power_cut_though_it_is_over(
    camera: Any, kept: MonitorConfig, stub: Any, tmp_path: Path, clock: list[int]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    camera.monitor = Monitor(replace(kept, folder=first), stub, wall_clock_ms=lambda: clock[0])
    camera.watch(15)
    opened = camera.watch(8, lambda picture: picture // 8)
    assert len(opened) == 1
    counted = json.loads((first / "state.json").read_text())["today"]["cameras"]["aisle"]["frames"]
    assert not (first / "summaries").exists()
    clock[0] += DAY_MS
    cut_power(replace(kept, folder=first), stub, clock, camera, second)
    (path,) = (second / "summaries").iterdir()
    document = json.loads(path.read_text())
    assert document["day"] == path.stem < camera.monitor.summary()["day"]
    assert document["cameras"]["aisle"]["frames"] == counted > 30
    assert document["cameras"]["aisle"]["regions"]["all"]["events"] == {"dark": 1}
    camera.watch(2, lambda picture: picture // 8)
    assert camera.monitor.summary()["cameras"]["aisle"]["frames"] == 4, "today is counted from its beginning"


def test_a_summary_of_a_clean_stop_is_not_written_over_by_one_that_knows_less(
    camera: Any, kept: MonitorConfig, stub: Any, tmp_path: Path, clock: list[int]
) -> None:
    with Monitor(kept, stub, wall_clock_ms=lambda: clock[0]) as camera.monitor:
        camera.watch(15)
        camera.watch(8, lambda picture: picture // 8)
    (path,) = (tmp_path / "summaries").iterdir()
    before = path.read_text()
    assert json.loads(before)["cameras"]["aisle"]["regions"]["all"]["open"] == ["dark"]
    clock[0] += DAY_MS
    Monitor(kept, stub, wall_clock_ms=lambda: clock[0]).close()
    assert path.read_text() == before


@pytest.mark.parametrize("written", ["whole", "", "[]", '{"cameras": {"aisle": {"frames": null}}}'])
def test_a_summary_of_an_earlier_stop_on_the_same_day_is_written_anew_after_a_power_cut(
    camera: Any, kept: MonitorConfig, stub: Any, tmp_path: Path, clock: list[int], written: str
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    settings = replace(kept, folder=first)
    with Monitor(settings, stub, wall_clock_ms=lambda: clock[0]) as camera.monitor:
        camera.watch(15)
    (path,) = (first / "summaries").iterdir()
    if written != "whole":
        path.write_text(written)
    camera.now_ms = 0
    camera.monitor = Monitor(settings, stub, wall_clock_ms=lambda: clock[0])
    camera.watch(8, lambda picture: picture // 8)
    clock[0] += DAY_MS
    cut_power(settings, stub, clock, camera, second)
    document = json.loads((second / "summaries" / path.name).read_text())
    assert document["cameras"]["aisle"]["frames"] > 30
    assert document["cameras"]["aisle"]["regions"]["all"]["events"] == {"dark": 1}


def test_a_day_that_was_kept_by_a_wrong_clock_is_ended_after_a_restart(
    camera: Any, kept: MonitorConfig, stub: Any, tmp_path: Path
) -> None:
    with Monitor(kept, stub, wall_clock_ms=lambda: FAR_MS) as camera.monitor:
        camera.watch(2)
    camera.now_ms = 0
    with Monitor(kept, stub, wall_clock_ms=lambda: NOON_MS) as camera.monitor:
        camera.watch(3)
        assert camera.monitor.summary()["day"] < "2026"
    assert read_frames(tmp_path) == {"2025": 6, "2100": 4}
