"""A state that is JSON, but not what was written: the monitor starts, says so, and learns anew."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.camera.monitor import Monitor, MonitorConfig
from edge_runtime.camera.monitor.state import load_state

NAN_ARRAY = base64.b64encode(np.full((8, 8), np.nan, np.float32).tobytes()).decode()


@pytest.fixture
def kept(camera: Any, config: MonitorConfig, stub: Any, tmp_path: Path) -> MonitorConfig:
    """With a folder that holds the state of a camera, and an event that is open."""
    kept = replace(config, folder=tmp_path)
    with Monitor(kept, stub) as camera.monitor:
        camera.watch(15)
        camera.watch(8, lambda picture: picture // 8)
    camera.now_ms = 0
    return kept


def change(folder: Path, place: str, value: Any) -> None:
    """Puts something else at a place such as "cameras/aisle/size"."""
    state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    *parents, last = place.split("/")
    part = state
    for name in parents:
        part = part[name]
    assert last in part
    part[last] = value
    (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")


def start_and_watch(camera: Any, config: MonitorConfig, stub: Any) -> dict[str, Any]:
    """The summary's part about the camera after some frames and an event."""
    with Monitor(config, stub) as camera.monitor:
        camera.watch(15)
        events = camera.watch(8, lambda picture: picture // 8)
        for event in events:
            json.loads(event.to_line(), parse_constant=pytest.fail)
        assert [event.kind for event in events if event.state == "opened"] == ["dark"]
        summary = camera.monitor.summary()
        json.dumps(summary, allow_nan=False)
        return dict(summary["cameras"]["aisle"])


def test_what_was_not_changed_is_taken_up(camera: Any, kept: MonitorConfig, stub: Any, caplog: Any) -> None:
    assert start_and_watch(camera, kept, stub)["frames"] == 2 * (15 + 8) * 2
    assert caplog.text == ""


@pytest.mark.parametrize("cameras", [None, [], "aisle", 7, {"aisle": None}, {"aisle": []}])
def test_cameras_that_are_none_are_put_aside(
    camera: Any, kept: MonitorConfig, stub: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, cameras: Any
) -> None:
    change(tmp_path, "cameras", cameras)
    start_and_watch(camera, kept, stub)
    assert "learnt anew" in caplog.text
    assert (tmp_path / "state.json.broken").exists()


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "[" * 100_000])
def test_what_is_no_number_and_what_is_too_deep_is_put_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    (tmp_path / "state.json").write_text(f'{{"schema": 1, "cameras": {{}}, "x": {text}}}')
    assert load_state(tmp_path / "state.json") == {}
    assert "learnt anew" in caplog.text
    assert (tmp_path / "state.json.broken").exists()


def test_a_schema_that_is_no_number_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"schema": true}')
    assert load_state(tmp_path / "state.json") == {}
    assert (tmp_path / "state.json.broken").exists()


AISLE = "cameras/aisle"
REGION = f"{AISLE}/regions/all"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (f"{AISLE}/size", [0, 240]),
        (f"{AISLE}/size", [320, -240]),
        (f"{AISLE}/size", [10**400, 240]),
        (f"{AISLE}/size", ["320", "240"]),
        (f"{AISLE}/size", [320]),
        (f"{AISLE}/regions", []),
        (f"{AISLE}/open", 3),
        (f"{REGION}/open", {"dark": {"id": "ab\nc", "duration_ms": 5}}),
        (f"{REGION}/open", {"dark": {"id": 5, "duration_ms": 5}}),
        (f"{REGION}/open", {"dark": {"id": "abc", "duration_ms": -1}}),
        (f"{REGION}/open", {"dark": {"id": "abc", "duration_ms": 10**400}}),
        (f"{REGION}/baseline/level", 1e308),
        (f"{REGION}/baseline/level", 10**400),
        (f"{REGION}/baseline/level", None),
        (f"{REGION}/baseline/burnt", True),
        (f"{REGION}/baseline/tint", [0, -1e300]),
        (f"{REGION}/baseline/quality", None),
        (f"{REGION}/baseline/learnt/quality", None),
        (f"{REGION}/baseline/learnt/level", "12"),
        (f"{REGION}/baseline/detail", NAN_ARRAY),
        (f"{REGION}/baseline/learnt/detail", NAN_ARRAY),
    ],
)
def test_a_camera_with_something_else_in_it_is_learnt_anew(
    camera: Any,
    kept: MonitorConfig,
    stub: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    place: str,
    value: Any,
) -> None:
    if not place.startswith(f"{REGION}/open"):
        change(tmp_path, f"{REGION}/open", {})
    change(tmp_path, place, value)
    start_and_watch(camera, kept, stub)
    assert "camera aisle: what was kept of it cannot be read" in caplog.text


def spoil_frames(day: dict[str, Any]) -> Any:
    return {**day, "cameras": {"aisle": {**day["cameras"]["aisle"], "frames": 10**400}}}


def spoil_open_ms(day: dict[str, Any]) -> Any:
    aisle = day["cameras"]["aisle"]
    return {**day, "cameras": {"aisle": {**aisle, "whole": {**aisle["whole"], "open_ms": {"frozen": 10**400}}}}}


def spoil_points(day: dict[str, Any]) -> Any:
    aisle = day["cameras"]["aisle"]
    return {**day, "cameras": {"aisle": {**aisle, "whole": {**aisle["whole"], "points": [-1] + [0] * 100}}}}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda day: 5,
        lambda day: [],
        lambda day: {**day, "cameras": None},
        lambda day: {**day, "day": "../../zzz"},
        lambda day: {**day, "day": 9},
        spoil_frames,
        spoil_open_ms,
        spoil_points,
    ],
)
def test_counts_that_are_none_are_begun_anew(
    camera: Any,
    kept: MonitorConfig,
    stub: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[dict[str, Any]], Any],
) -> None:
    change(tmp_path, "today", spoil(json.loads((tmp_path / "state.json").read_text())["today"]))
    assert start_and_watch(camera, kept, stub)["frames"] == 2 * (15 + 8)
    assert "counted anew" in caplog.text
