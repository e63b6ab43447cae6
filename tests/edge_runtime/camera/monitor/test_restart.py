"""What is known outlives a restart, a full disk and a broken file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from edge_runtime.camera.monitor import Monitor, MonitorConfig, RegionConfig
from edge_runtime.camera.monitor.config import EvidenceConfig
from edge_runtime.camera.view import make_camera_view
from edge_runtime.errors import SourceError, UsageError

NOON_MS = 1_763_640_000_000  # 2025-11-20 12:00 UTC


def defocus(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(5)))


@pytest.fixture
def kept(config: MonitorConfig, tmp_path: Path) -> MonitorConfig:
    """With a folder."""
    return replace(config, folder=tmp_path / "shelf")


def restart(camera: Any, config: MonitorConfig, stub: Any, **options: Any) -> None:
    camera.monitor.close()
    camera.now_ms = 7  # a new stream's time begins anywhere
    camera.monitor = Monitor(config, stub, **options)


def test_what_was_learnt_is_known_after_a_restart(camera: Any, kept: MonitorConfig, stub: Any) -> None:
    camera.monitor = Monitor(kept, stub)
    camera.watch(15)
    restart(camera, kept, stub)
    assert [event.kind for event in camera.watch(8, defocus)] == ["blurred"]


def test_without_the_state_it_would_not_be(camera: Any, kept: MonitorConfig, stub: Any) -> None:
    camera.monitor = Monitor(kept, stub)
    camera.watch(15)
    restart(camera, kept, stub)
    (kept.folder / "state.json").unlink()  # type: ignore[operator]
    restart(camera, kept, stub)  # written anew at closing, with nothing of the camera in it
    kept_state = json.loads((kept.folder / "state.json").read_text())  # type: ignore[operator]
    assert kept_state["schema"] == 1
    moved = camera.watch(8, lambda picture: np.roll(picture, 40, 1))
    assert [event.kind for event in moved] == ["moved"]


def test_an_event_goes_on_over_a_restart_and_closes_once(camera: Any, kept: MonitorConfig, stub: Any) -> None:
    camera.monitor = Monitor(kept, stub)
    camera.watch(15)
    opened = camera.watch(10, defocus)
    restart(camera, kept, stub)
    assert camera.watch(10, defocus) == []
    restart(camera, kept, stub)
    closed = camera.watch(10)
    assert [(event.event_id, event.state) for event in closed] == [(opened[0].event_id, "closed")]
    assert closed[0].duration_ms >= 20_000
    lines = [json.loads(line) for line in (kept.folder / "events.jsonl").read_text().splitlines()]  # type: ignore[operator]
    assert [line["state"] for line in lines] == ["opened", "closed"]


def test_another_box_is_learnt_anew(camera: Any, kept: MonitorConfig, stub: Any) -> None:
    camera.monitor = Monitor(kept, stub)
    camera.watch(15)
    restart(camera, replace(kept, regions=(RegionConfig("all", box=(0, 0, 160, 200)),)), stub)
    camera.watch(2)
    assert camera.monitor.summary()["cameras"]["aisle"]["regions"]["all"]["is_learning"]


@pytest.mark.parametrize("change", ["box", "name", "kind"])
def test_an_event_of_what_is_not_watched_any_more_as_it_was_closes_once(
    camera: Any, kept: MonitorConfig, stub: Any, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    camera.monitor = Monitor(kept, stub)
    camera.watch(15)
    (opened,) = camera.watch(10, defocus)
    changed = {
        "box": replace(kept, regions=(RegionConfig("all", box=(0, 0, 160, 200)),)),
        "name": replace(kept, regions=(RegionConfig("cereals"),)),
        "kind": replace(kept, rules={**kept.rules, "blurred": replace(kept.rules["blurred"], is_enabled=False)}),
    }[change]
    restart(camera, changed, stub)
    (closed,) = camera.watch(10)
    assert (closed.event_id, closed.region, closed.kind) == (opened.event_id, "all", "blurred")
    assert (closed.state, closed.value) == ("closed", None)
    assert closed.duration_ms >= 5_000
    assert "region all: blurred was open, and is closed" in caplog.text
    restart(camera, changed, stub)
    assert camera.watch(5) == []


def test_what_is_usual_is_learnt_anew_where_that_is_asked_for(camera: Any, kept: MonitorConfig, stub: Any) -> None:
    camera.monitor = Monitor(kept, stub)
    camera.watch(15)
    camera.watch(10, lambda picture: np.roll(picture, 40, 1))
    camera.picture = np.roll(camera.picture, 40, 1)  # that is where everything stands now
    restart(camera, kept, stub, relearns=True)
    assert [event.state for event in camera.watch(15)] == ["closed"]
    assert camera.watch(10) == []
    restart(camera, kept, stub)
    assert [event.kind for event in camera.watch(8, defocus)] == ["blurred"], "once is enough"


def test_a_box_is_scaled_after_a_restart_unless_it_was_written_anew(
    camera: Any, kept: MonitorConfig, stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = []

    def make_view(frame: Any, view: Any, box: Any) -> Any:
        boxes.append(box)
        return make_camera_view(frame, view, box)

    monkeypatch.setattr("edge_runtime.camera.monitor.camera.make_camera_view", make_view)
    boxed = replace(kept, regions=(RegionConfig("all", box=(0, 0, 300, 200)),))
    camera.monitor = Monitor(boxed, stub)
    camera.watch(1)
    camera.picture = np.ascontiguousarray(camera.picture[::2, ::2])
    restart(camera, boxed, stub)
    camera.watch(1)
    assert (boxes[0], boxes[-1]) == ((0, 0, 300, 200), (0, 0, 150, 100))
    restart(camera, replace(kept, regions=(RegionConfig("all", box=(0, 0, 140, 100)),)), stub)
    camera.watch(1)
    assert boxes[-1] == (0, 0, 140, 100)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1, "cameras": {"aisle": {"size": 3}}}'])
def test_a_broken_state_is_put_aside_and_learnt_anew(
    camera: Any, kept: MonitorConfig, stub: Any, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert kept.folder is not None
    kept.folder.mkdir()
    (kept.folder / "state.json").write_text(text)
    camera.monitor = Monitor(kept, stub)
    camera.watch(15)
    assert "anew" in caplog.text
    assert [event.kind for event in camera.watch(8, defocus)] == ["blurred"]


def test_a_folder_is_one_monitors_at_a_time(camera: Any, kept: MonitorConfig, stub: Any) -> None:
    camera.monitor = Monitor(kept, stub)
    with pytest.raises(UsageError, match="another monitor"):
        Monitor(kept, stub)
    camera.watch(15)
    restart(camera, kept, stub)
    assert [event.kind for event in camera.watch(8, defocus)] == ["blurred"]


def test_a_folder_whose_monitor_could_not_start_is_free(kept: MonitorConfig, stub: Any) -> None:
    assert kept.folder is not None
    kept.folder.mkdir()
    (kept.folder / "state.json").write_text('{"schema": 2}')
    with pytest.raises(SourceError, match="update photogate") as caught:
        Monitor(kept, stub)
    (kept.folder / "state.json").unlink()
    Monitor(kept, stub).close()
    assert caught.value is not None, "though what was raised is still at hand"


def test_where_folders_cannot_be_locked_the_monitor_runs_all_the_same(
    kept: MonitorConfig, stub: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert kept.folder is not None
    (kept.folder / "monitor.lock").mkdir(parents=True)
    Monitor(kept, stub).close()
    assert "cannot be kept out" in caplog.text


def test_a_newer_state_is_refused(kept: MonitorConfig, stub: Any) -> None:
    assert kept.folder is not None
    kept.folder.mkdir()
    (kept.folder / "state.json").write_text('{"schema": 2}')
    with pytest.raises(SourceError, match="update photogate"):
        Monitor(kept, stub)


def test_a_summary_is_written_each_day_and_at_the_end(camera: Any, kept: MonitorConfig, stub: Any) -> None:
    assert kept.folder is not None
    clock = [NOON_MS]
    camera.monitor = Monitor(kept, stub, wall_clock_ms=lambda: clock[0])
    camera.watch(15)
    camera.watch(30, defocus)
    folder = kept.folder / "summaries"
    assert not folder.exists()
    clock[0] += 86_400_000
    camera.watch(15)
    days = sorted(folder.iterdir())
    assert len(days) == 1
    document = json.loads(days[0].read_text())
    assert document["day"] == days[0].stem
    region = document["cameras"]["aisle"]["regions"]["all"]
    assert region["events"] == {"blurred": 1}
    assert region["minutes"]["blurred"] == pytest.approx(0.42, abs=0.06)
    assert region["median_quality"] == 70
    assert region["open"] == ["blurred"]
    assert document["cameras"]["aisle"]["uptime_share"] == 1
    restart(camera, kept, stub, wall_clock_ms=lambda: clock[0])
    assert len(sorted(folder.iterdir())) == 2
    assert camera.monitor.summary()["cameras"]["aisle"]["frames"] == 30  # the day goes on after the restart
    clock[0] -= 86_400_000  # a clock that is set back begins no day anew
    camera.watch(1)
    assert camera.monitor.summary()["day"] > document["day"]


def test_evidence_is_a_small_picture_and_its_folder_does_not_outgrow_the_cap(
    camera: Any, kept: MonitorConfig, stub: Any
) -> None:
    assert kept.folder is not None
    clock = [NOON_MS]
    small = replace(kept, evidence=EvidenceConfig(max_mb=0.02, width_px=160))
    camera.monitor = Monitor(small, stub, wall_clock_ms=lambda: clock[0])
    camera.watch(15)
    foreign = kept.folder / "evidence" / "mine.jpg"
    paths = []
    for _ in range(8):
        clock[0] += 60_000
        (event,) = camera.watch(8, lambda picture: np.roll(picture, 40, 1))
        assert event.warning is None
        paths.append(Path(event.evidence))
        foreign.write_bytes(b"x" * 30_000)
        assert camera.watch(8)[0].evidence is None
    with Image.open(paths[-1]) as picture:
        assert picture.format == "JPEG"
        assert picture.size == (160, 120)
    there = [path.exists() for path in paths]
    assert there[-1]
    assert not there[0]
    assert there == sorted(there)  # the oldest go first
    assert foreign.exists()
    assert sum(path.stat().st_size for path in paths if path.exists()) <= 20_000


def test_what_is_no_picture_among_the_evidence_is_passed_over(camera: Any, kept: MonitorConfig, stub: Any) -> None:
    assert kept.folder is not None
    # So little that whatever counts as a picture of its own would be deleted first.
    camera.monitor = Monitor(replace(kept, evidence=EvidenceConfig(max_mb=0.001)), stub)
    camera.watch(15)
    (kept.folder / "evidence").mkdir()
    link = kept.folder / "evidence" / "20261120T125004.250Z_a_3f0c62f5a1b84e07.jpg"
    link.symlink_to(kept.folder / "nowhere")
    folder = kept.folder / "evidence" / "20261120T125004.250Z_a_4f0c62f5a1b84e07.jpg"
    folder.mkdir()
    (event,) = camera.watch(8, defocus)
    assert event.warning is None
    assert event.evidence is not None
    assert link.is_symlink() and folder.is_dir()


def test_a_full_disk_is_a_warning_in_the_event(
    camera: Any, kept: MonitorConfig, stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.monitor = Monitor(kept, stub)
    camera.watch(15)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    (event,) = camera.watch(8, defocus)
    assert event.evidence is None
    assert "No space left" in event.warning
    monkeypatch.undo()
    (closed,) = camera.watch(8)
    assert closed.state == "closed"
    assert "state could not be written" in closed.warning


def test_without_a_folder_nothing_is_written(
    camera: Any, stub: Any, config: MonitorConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    camera.monitor = Monitor(config, stub)
    camera.watch(15)
    assert camera.watch(8, defocus)[0].evidence is None
    camera.monitor.close()
    assert list(tmp_path.iterdir()) == []


def make_other_model(stub: Any, quality: float) -> Any:
    other = type(stub)(quality)
    other.contract.version, other.contract.sha256 = "2.0.0", "cd" * 32
    return other


def test_another_model_learns_anew_which_quality_is_usual_and_nothing_else(
    camera: Any, kept: MonitorConfig, stub: Any
) -> None:
    camera.monitor = Monitor(kept, stub)
    camera.watch(15)
    other = make_other_model(stub, 40.0)  # 30 points lower, and nothing is wrong
    restart(camera, kept, other)
    assert [event.kind for event in camera.watch(8, defocus)] == ["blurred"], "focus is held against what was learnt"
    assert [event.state for event in camera.watch(40)] == ["closed"]
    restart(camera, kept, other)
    other.quality = 20.0
    assert [event.kind for event in camera.watch(30)] == ["low_quality"], "40 points were usual"


def test_the_same_model_goes_on_with_the_quality_that_was_usual(camera: Any, kept: MonitorConfig, stub: Any) -> None:
    camera.monitor = Monitor(kept, stub)
    camera.watch(15)
    stub.quality = 40.0
    restart(camera, kept, stub)
    assert [event.kind for event in camera.watch(30)] == ["low_quality"]


def test_low_quality_that_the_model_before_told_of_ends_with_what_the_new_one_learns(
    camera: Any, kept: MonitorConfig, stub: Any
) -> None:
    camera.monitor = Monitor(kept, stub)
    camera.watch(15)
    stub.quality = 30.0
    assert [event.kind for event in camera.watch(60)] == ["low_quality"]
    restart(camera, kept, make_other_model(stub, 45.0))
    assert [(event.kind, event.state) for event in camera.watch(60)] == [("low_quality", "closed")]


def test_quality_that_could_not_be_told_at_first_is_learnt_later(camera: Any, config: MonitorConfig, stub: Any) -> None:
    stub.quality = ValueError("no memory")
    camera.monitor = Monitor(config, stub)
    camera.watch(15)
    stub.quality = 70.0
    assert camera.watch(30) == []
    stub.quality = 30.0
    assert [event.kind for event in camera.watch(60)] == ["low_quality"]
