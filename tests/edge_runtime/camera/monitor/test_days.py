"""The day follows the clock on the wall, also one that was wrong for a moment."""

from __future__ import annotations

import json
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
