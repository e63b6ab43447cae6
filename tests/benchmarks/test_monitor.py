"""The monitor's benchmark makes scenes that have their truth, and holds events against it."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.monitor import judge_scene
from benchmarks.shelf.scenes import INCIDENTS, Incident, Scene, draw_shelf, write_script
from edge_runtime.camera import Frame
from edge_runtime.camera.monitor import Event, EventKind
from edge_runtime.camera.sources import Interruption


def make_event(kind: EventKind, started_s: float, opened_s: float, number: int = 0) -> Event:
    started_ms, opened_ms = round(1000 * started_s), round(1000 * opened_s)
    return Event(
        f"{number}", "shelf", "", kind, "opened", opened_ms, started_ms, 0, opened_ms - started_ms, 0.0, 0.0, "", ""
    )


def make_scene(*script: Incident, seconds: float = 30) -> Scene:
    return Scene(draw_shelf(1), script, seconds, size=(160, 120), restock_s=1e9, seed=4)


def see(scene: Scene) -> dict[int, np.ndarray]:
    return {item.timestamp_ms: item.pixels.astype(float) for item in scene.items() if isinstance(item, Frame)}


def test_a_scene_is_the_same_each_time_and_noisy() -> None:
    scene = make_scene()
    first, again = see(scene), see(scene)
    assert all(np.array_equal(first[now_ms], again[now_ms]) for now_ms in first)
    assert 2 < (first[500] - first[0]).std() < 5
    assert len(first) == 60


@pytest.mark.parametrize("kind", [kind for kind in INCIDENTS if kind not in ("frozen_feed", "lost_signal")])
def test_an_incident_changes_the_picture_while_it_lasts_and_no_longer(kind: str) -> None:
    spoilt, plain = see(make_scene(Incident(kind, 10_000, 20_000, 0.5))), see(make_scene())  # type: ignore[arg-type]

    def compute_change(now_ms: int) -> float:
        return float(np.abs(spoilt[now_ms] - plain[now_ms]).mean())

    assert compute_change(15_000) > 4 * max(compute_change(5_000), compute_change(25_000), 1)


def test_a_customer_comes_and_goes() -> None:
    scene, plain = see(make_scene(Incident("customer", 10_000, 16_000))), see(make_scene())
    changes = [float((np.abs(scene[now_ms] - plain[now_ms]) > 40).mean()) for now_ms in sorted(scene)]
    assert max(changes[22:30]) > 0.05
    assert changes[10] == changes[40] == pytest.approx(0, abs=0.01)


def test_a_frozen_feed_repeats_one_frame_and_a_lost_signal_gives_none() -> None:
    scene = make_scene(Incident("frozen_feed", 5_000, 10_000), Incident("lost_signal", 15_000, 20_000))
    frames = see(scene)
    assert np.array_equal(frames[5_000], frames[9_500])
    assert not np.array_equal(frames[9_500], frames[10_000])
    lost = [item.timestamp_ms for item in scene.items() if isinstance(item, Interruption)]
    assert lost == [15_000, 16_000, 17_000, 18_000, 19_000]
    assert 15_500 not in frames


def test_a_script_has_each_incident_once_and_customers_between() -> None:
    script, end_s = write_script(np.random.default_rng(0), INCIDENTS, quiet_s=60)
    faults = [incident for incident in script if incident.kind != "customer"]
    assert sorted(incident.kind for incident in faults) == sorted(INCIDENTS)
    assert all(5_000 <= incident.end_ms - incident.start_ms <= 25_000 for incident in faults)
    assert len(script) == 2 * len(faults)
    assert [incident.start_ms for incident in script] == sorted(incident.start_ms for incident in script)
    assert all(before.end_ms < after.start_ms for before, after in pairwise(script))
    assert script[-1].end_ms < 1000 * end_s


SCRIPT = [Incident("defocus", 100_000, 110_000), Incident("customer", 200_000, 204_000)]


def test_what_is_found_in_time_counts_and_nothing_else() -> None:
    assert judge_scene(SCRIPT, [make_event("blurred", 101, 105)], 3600).incidents[0]["is_found"]
    late = judge_scene(SCRIPT, [make_event("blurred", 101, 109)], 3600).incidents[0]
    assert (late["is_found"], late["is_noticed"]) == (False, True)
    other = judge_scene(SCRIPT, [make_event("dark", 101, 105)], 3600).incidents[0]
    assert (other["is_found"], other["is_noticed"], other["events"]) == (False, True, ["dark"])
    assert not judge_scene(SCRIPT, [], 3600).incidents[0]["is_noticed"]


def test_events_without_an_incident_are_false_and_those_of_customers_are_told() -> None:
    events = [make_event("obstructed", 50, 58, 1), make_event("obstructed", 201, 209, 2)]
    outcome = judge_scene(SCRIPT, events, 7200)
    assert len(outcome.false_events) == 2
    assert (outcome.customers, outcome.disturbed, outcome.hours) == (1, 1, 2)


def test_the_command_watches_drawn_shelves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["monitor", "--out", str(tmp_path), "--scenes", "1", "--quiet-minutes", "0.5"]
    assert main(arguments) == 0
    result = json.loads((tmp_path / "monitor.json").read_text())
    assert result["incidents"] >= len(INCIDENTS) - 1
    assert result["found"] >= result["incidents"] - 2
    assert result["disturbed"] == 0
    assert result["customers"] >= len(INCIDENTS)
    assert f"found in time: {result['found']} of" in capsys.readouterr().out
    assert main(arguments) == 2, "a result is not overwritten without --force"


def test_too_few_shop_photos_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = tmp_path / "manifest.csv"
    Image.fromarray(draw_shelf(2)).save(tmp_path / "other.jpg")
    manifest.write_text("file,mos,group,style\nother.jpg,,a,studio_white\n")
    assert main(["monitor", "--data", str(manifest), "--out", str(tmp_path)]) == 2
    assert "--scenes" in capsys.readouterr().err
