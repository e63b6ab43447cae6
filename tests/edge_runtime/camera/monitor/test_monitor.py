"""What goes wrong in front of a camera becomes events of the right kind, and what is no fault becomes none."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image, ImageFilter

from edge_runtime.camera import Frame
from edge_runtime.camera.monitor import Event, Monitor, MonitorConfig, RegionConfig
from edge_runtime.camera.monitor.kinds import EVENT_KINDS, RULES
from edge_runtime.camera.sources import Interruption
from edge_runtime.errors import FrameError, ModelError, SourceError, UsageError

KEYS = [
    *("schema", "id", "camera", "region", "kind", "state", "time", "timestamp_ms", "started_ms", "duration_ms"),
    *("value", "limit", "unit", "quality", "advice", "evidence", "warning"),
]


def defocus(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(5)))


def smear(picture: np.ndarray) -> np.ndarray:
    """A greasy thumb on three quarters of the lens."""
    smeared = 0.75 * np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(7))) + 35
    return np.concatenate([smeared[:, :240], picture[:, 240:].astype(float)], axis=1)


def cover(picture: np.ndarray) -> np.ndarray:
    """A box in front of the left half and a bit more."""
    covered = picture.copy()
    covered[:, :200] = (150, 115, 80)
    return covered


FAULTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "blurred": defocus,
    "dark": lambda picture: picture * 0.15,
    "overexposed": lambda picture: picture * 3.5,
    "color_cast": lambda picture: picture * np.array([1.2, 0.9, 0.75]),
    "obstructed": cover,
    "moved": lambda picture: np.roll(picture, (10, 25), (0, 1)),
}


class EventList:
    """A sink that keeps what it is sent."""

    name = "list"
    counts: ClassVar[dict[str, int]] = {}

    def __init__(self) -> None:
        self.events: list[Event] = []

    def send(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_opens_one_event_of_its_kind_and_closes_it(camera: Any, kind: Any) -> None:
    began_ms = camera.now_ms
    opened = camera.watch(25, FAULTS[kind])
    assert [(event.kind, event.state) for event in opened] == [(kind, "opened")]
    event = opened[0]
    delay_s = (event.timestamp_ms - began_ms) / 1000
    assert RULES[kind].min_duration_s <= delay_s <= RULES[kind].min_duration_s + 3
    assert (event.camera, event.region) == ("aisle", "all")
    assert abs(event.started_ms - began_ms) <= 2000
    closed = camera.watch(15)
    assert [(event.kind, event.state) for event in closed] == [(kind, "closed")]
    assert closed[0].event_id == event.event_id
    assert closed[0].duration_ms >= 25_000


def test_a_smeared_lens_is_a_fault(camera: Any) -> None:
    assert [event.kind for event in camera.watch(15, smear)] == ["blurred"]


@pytest.mark.parametrize("kind", FAULTS)
def test_what_takes_two_seconds_is_no_fault(camera: Any, kind: str) -> None:
    for _ in range(5):
        assert camera.watch(2, FAULTS[kind]) == []
        assert camera.watch(10) == []


def test_a_frozen_picture_is_told_from_a_still_shelf(camera: Any) -> None:
    assert camera.watch(30) == []
    frozen = camera.make_frame()
    events = []
    for _ in range(20):
        events += camera.monitor.feed(replace(frozen, timestamp_ms=camera.now_ms), "aisle")
        camera.now_ms += 500
    assert [(event.kind, event.state, event.region) for event in events] == [("frozen", "opened", "")]
    assert events[0].timestamp_ms - events[0].started_ms == 1000 * RULES["frozen"].min_duration_s
    assert [(event.kind, event.state) for event in camera.watch(5)] == [("frozen", "closed")]


def test_a_black_picture_is_dark_but_not_frozen(camera: Any) -> None:
    frame = Frame(np.zeros((240, 320, 3), np.uint8), 0)
    events = []
    for _ in range(40):
        events += camera.monitor.feed(replace(frame, timestamp_ms=camera.now_ms), "aisle")
        camera.now_ms += 500
    assert [event.kind for event in events] == ["dark"]


def interrupt(camera: Any, seconds: int) -> list[Any]:
    events = []
    for attempt in range(seconds):
        events += camera.monitor.feed(Interruption(camera.now_ms, "unplugged", attempt + 1, 1000), camera.name)
        camera.now_ms += 1000
    return events


def test_a_lost_signal_opens_while_it_lasts_and_closes_with_the_next_frame(camera: Any) -> None:
    assert interrupt(camera, 3) == []
    assert camera.watch(5) == []
    assert [(event.kind, event.state) for event in interrupt(camera, 30)] == [("lost_signal", "opened")]
    closed = camera.monitor.feed(camera.make_frame(), "aisle")
    assert [(event.kind, event.state, event.duration_ms) for event in closed] == [("lost_signal", "closed", 30_000)]
    assert camera.watch(20) == []
    cameras = camera.monitor.summary()["cameras"]["aisle"]
    assert cameras["uptime_share"] == pytest.approx(1 - 33 / (12 + 3 + 5 + 30 + 20), abs=0.02)


def test_frames_far_apart_mean_that_the_signal_was_lost_in_between(camera: Any) -> None:
    camera.now_ms += 90_000
    events = camera.watch(3)
    assert [(event.kind, event.state) for event in events] == [("lost_signal", "opened"), ("lost_signal", "closed")]
    assert events[1].duration_ms == pytest.approx(90_000, abs=1000)


def test_low_quality_is_what_only_the_model_sees(camera: Any, stub: Any) -> None:
    stub.quality = 40.0
    events = camera.watch(30)  # an unchanged picture is scored again after ten seconds
    assert [(event.kind, event.value, event.quality) for event in events] == [("low_quality", 30, 40)]
    stub.quality = 69.0
    assert [event.state for event in camera.watch(30)] == ["closed"]


def test_a_still_shelf_is_hardly_ever_scored(camera: Any, stub: Any) -> None:
    before = stub.calls
    camera.watch(100)
    assert stub.calls - before <= 11


def test_min_quality_counts_from_the_first_frame(stub: Any, config: MonitorConfig, camera: Any) -> None:
    stub.quality = 30.0
    strict = replace(config, regions=(RegionConfig("all", min_quality=60),))
    camera.monitor = Monitor(strict, stub)
    assert [event.kind for event in camera.watch(8)] == ["low_quality"]


def test_a_scorer_that_fails_is_counted_and_the_rest_goes_on(
    camera: Any, stub: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stub.quality = ModelError("broken")
    assert [event.kind for event in camera.watch(20, defocus)] == ["blurred"]
    assert camera.monitor.summary()["cameras"]["aisle"]["failed"] > 10
    assert caplog.text.count("broken") == 1
    stub.quality = ValueError("worse")
    assert [event.state for event in camera.watch(20)] == ["closed"]


def test_a_clock_that_goes_backwards_drops_frames_and_nothing_else(camera: Any) -> None:
    camera.monitor.feed(Frame(camera.picture, camera.now_ms - 5000), "aisle")
    assert camera.monitor.summary()["cameras"]["aisle"]["late"] == 1
    camera.now_ms -= 600_000
    camera.watch(10)
    assert [event.kind for event in camera.watch(15, defocus)] == ["blurred"]


def test_regions_are_judged_on_their_own_and_follow_the_camera_s_resolution(
    config: MonitorConfig, stub: Any, camera: Any
) -> None:
    regions = (RegionConfig("left", box=(0, 0, 160, 240)), RegionConfig("right", box=(160, 0, 320, 240)))
    camera.monitor = Monitor(replace(config, regions=regions), stub)
    camera.watch(15)

    def spoil(picture: np.ndarray) -> np.ndarray:
        return np.concatenate([defocus(picture[:, :160]), picture[:, 160:]], axis=1)

    assert [(event.region, event.kind) for event in camera.watch(10, spoil)] == [("left", "blurred")]
    assert [event.state for event in camera.watch(10)] == ["closed"]
    small = np.asarray(Image.fromarray(camera.picture).resize((240, 180), Image.Resampling.BOX))
    camera.picture = small
    assert camera.watch(20) == []
    assert [event.region for event in camera.watch(10, lambda picture: np.roll(picture, 20, 1))] == ["left", "right"]


def test_a_box_outside_the_first_frame_is_refused(config: MonitorConfig, stub: Any, camera: Any) -> None:
    camera.monitor = Monitor(replace(config, regions=(RegionConfig("far", box=(0, 0, 900, 240)),)), stub)
    with pytest.raises(FrameError, match="900"):
        camera.watch(1)


def test_what_a_refused_frame_has_closed_is_told_of(config: MonitorConfig, stub: Any, camera: Any) -> None:
    sink = EventList()
    regions = (RegionConfig("far", box=(0, 0, 900, 240)),)
    camera.monitor = Monitor(replace(config, regions=regions), stub, sinks=[sink])
    assert [event.state for event in interrupt(camera, 30)] == ["opened"]
    with pytest.raises(FrameError, match="900"):
        camera.watch(1)
    assert [(event.kind, event.state) for event in sink.events] == [
        ("lost_signal", "opened"),
        ("lost_signal", "closed"),
    ]


def test_cameras_do_not_disturb_each_other(config: MonitorConfig, stub: Any, camera: Any, draw_shelf: Any) -> None:
    other = type(camera)(draw_shelf(8, (320, 240)), "door")
    other.monitor = camera.monitor
    assert other.watch(15) == []
    assert [event.camera for event in other.watch(10, defocus)] == ["door"]
    assert camera.watch(10) == []
    only = Monitor(replace(config, regions=(RegionConfig("a", camera="aisle"),)), stub)
    with pytest.raises(SourceError, match="'aisle'"):
        only.feed(camera.make_frame(), "door")


def test_daylight_is_followed_and_a_slow_loss_of_focus_is_not(camera: Any) -> None:
    def fade(step: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda picture: picture * (1 - 0.5 * step / 200)

    events = []
    for step in range(200):  # to half the light in three hours
        camera.now_ms += 55_000
        events += camera.watch(1, fade(step))
    assert events == []
    level = camera.monitor._cameras["aisle"].regions[0].baseline.level
    assert level < 0.7 * float(camera.picture.mean())

    for step in range(300):  # five hours until nothing can be read any more
        camera.now_ms += 55_000
        radius = 5 * step / 300
        events += camera.watch(
            1,
            lambda picture, r=radius: (
                0.5 * np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(r)), float)
            ),
        )
    assert [event.kind for event in events] == ["blurred"]


def test_an_open_event_does_not_become_usual(camera: Any) -> None:
    camera.watch(20, cover)
    for _ in range(100):
        camera.now_ms += 55_000
        assert camera.watch(2, cover) == []
    assert [event.state for event in camera.watch(20)] == ["closed"]


def test_relearning_makes_it_usual(camera: Any) -> None:
    assert [event.state for event in camera.watch(20, cover)] == ["opened"]
    camera.monitor.relearn("aisle", "all")
    assert [event.state for event in camera.watch(30, cover)] == ["closed"]
    with pytest.raises(SourceError, match="check both names"):
        camera.monitor.relearn("aisle", "none")


@pytest.mark.parametrize(("kind", "spoil"), [("dark", FAULTS["dark"]), ("blurred", defocus)])
def test_nothing_is_learnt_from_a_bad_start_and_that_is_said(
    config: MonitorConfig, stub: Any, camera: Any, kind: str, spoil: Callable[[np.ndarray], np.ndarray]
) -> None:
    camera.monitor = Monitor(config, stub)
    assert [event.kind for event in camera.watch(30, spoil)] == [kind]
    region = camera.monitor.summary()["cameras"]["aisle"]["regions"]["all"]
    assert region["is_learning"]
    assert region["unfit_to_learn"] == kind
    assert [event.state for event in camera.watch(15)] == ["closed"]
    assert not camera.monitor.summary()["cameras"]["aisle"]["regions"]["all"]["is_learning"]


def test_an_event_is_one_line_of_json_with_the_documented_keys(camera: Any) -> None:
    line = camera.watch(10, defocus)[0].to_line()
    assert "\n" not in line
    document = json.loads(line)
    assert list(document) == KEYS
    assert document["schema"] == 1
    assert document["kind"] in EVENT_KINDS
    assert document["time"].endswith("Z")
    assert document["value"] <= document["limit"]
    assert len(document["id"]) == 16


def test_a_closed_monitor_takes_nothing_and_may_be_closed_again(camera: Any) -> None:
    assert camera.monitor.close() == []
    assert camera.monitor.close() == []
    with pytest.raises(UsageError, match="closed"):
        camera.watch(1)


def test_goods_of_another_colour_are_no_cast(config: MonitorConfig, stub: Any, camera: Any) -> None:
    plain = camera.picture
    camera.picture = (plain * np.array([1.0, 0.6, 0.15])).astype(np.uint8)  # nothing but peppers
    camera.monitor = Monitor(config, stub)
    camera.watch(15)

    def restock(picture: np.ndarray) -> np.ndarray:
        changed = picture.copy()
        changed[60:120, 80:160] = plain[60:120, 80:160]
        return changed

    assert camera.watch(20, restock) == []
    assert [event.kind for event in camera.watch(10, lambda picture: picture * np.array([1.2, 0.9, 0.7]))] == [
        "color_cast"
    ]
