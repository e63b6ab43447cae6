"""Does the shelf monitor find what goes wrong, soon, and let customers pass? On scenes made of photos from shops.

Half of the photos' groups are for tuning, the other half for the report: ``--part`` chooses, by a hash of the group.
Time is simulated; the model is the real one.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.environment import collect_environment, read_timestamp
from benchmarks.options import describe_options
from benchmarks.output_folder import check_output_folder, write_texts
from benchmarks.shelf.scenes import INCIDENTS, Incident, IncidentKind, Scene, draw_shelf, write_script
from edge_runtime.camera.monitor import Event, EventKind, Monitor, MonitorConfig
from edge_runtime.camera.monitor.config import BaselineConfig
from edge_runtime.camera.monitor.kinds import RULES
from edge_runtime.errors import UsageError
from edge_runtime.scorer import PhotoScorer
from train.data.manifest import load_manifests

__all__ = ["OUTPUT_NAME", "MonitorOptions", "format_monitor", "judge_scene", "run_monitor"]

OUTPUT_NAME = "monitor.json"
SHOP_STYLE = "phone_in_store"
GRACE_S = 3.0  # that finding may take beyond the minimum duration
SAMPLING_S = 1.0  # that an incident has to be longer than the minimum duration, seen twice a second and smoothed
AFTERMATH_S = 8.0  # after an incident, in which an event is still its consequence
NIGHT_AND_DAY_S = 8 * 3600.0
MEANT: dict[IncidentKind, tuple[EventKind, ...]] = {
    "defocus": ("blurred",),
    "smear": ("blurred", "obstructed"),
    "lights_off": ("dark",),
    "bump": ("moved", "obstructed"),
    "box": ("obstructed", "moved"),
    "glare": ("overexposed",),
    "cast": ("color_cast",),
    "frozen_feed": ("frozen",),
    "lost_signal": ("lost_signal",),
}
"""Events that name an incident rightly."""


@dataclass(frozen=True)
class MonitorOptions:
    """What the command line asks for.

    Attributes:
        data: manifests; photos of the style "phone_in_store" are used. None: drawn shelves.
        out: the folder for ``monitor.json``.
        part: "tune" or "report".
        scenes: how many.
        quiet_minutes: of each scene, beside its incidents, with customers and goods that change.
        fps: frames of a simulated second.
        seed: of the scenes.
        is_forced: overwrite an earlier result.
    """

    data: tuple[Path, ...]
    out: Path
    part: Literal["tune", "report"] = "report"
    scenes: int = 6
    quiet_minutes: float = 10.0
    fps: float = 2.0
    seed: int = 0
    is_forced: bool = False


@dataclass(frozen=True)
class SceneOutcome:
    """What came of one scene.

    Attributes:
        incidents: each with what was found, by which kind of event, and after how long.
        false_events: events that belong to no incident.
        customers: how many passed.
        disturbed: how many of them raised an event.
        hours: simulated.
    """

    incidents: list[dict[str, Any]]
    false_events: list[dict[str, Any]]
    customers: int
    disturbed: int
    hours: float


def run_monitor(options: MonitorOptions) -> dict[str, Any]:
    """Watches the scenes, and writes the result.

    Raises:
        ManifestError, InputError: a manifest or a photo cannot be read.
        UsageError: there are not enough photos, or a result is there already.
    """
    check_output_folder(options.out, [OUTPUT_NAME], force=options.is_forced)
    pictures = _choose_pictures(options)
    outcomes = []
    frames, started = 0, time.process_time()
    config = MonitorConfig(baseline=BaselineConfig(learn_s=60), interval_ms=round(1000 / options.fps))
    with PhotoScorer.default() as scorer:
        for number, (_, picture) in enumerate(pictures):
            scene = _build_scene(picture, options, number)
            with Monitor(config, scorer) as monitor:
                events = [event for item in scene.items() for event in monitor.feed(item, "shelf")]
                frames += monitor.summary()["cameras"]["shelf"]["frames"]
            outcomes.append(judge_scene(scene.script, events, scene.duration_s))
    result = {
        "schema": 1,
        "created": read_timestamp(),
        "options": {**describe_options(options), "data": [path.name for path in options.data], "out": None},
        "environment": collect_environment(),
        "photos": [name for name, _ in pictures],
        "frames": frames,
        "cpu_ms_per_frame": round(1000 * (time.process_time() - started) / max(frames, 1), 2),
        **_summarize(outcomes),
        "scenes": [asdict(outcome) for outcome in outcomes],
    }
    write_texts(options.out, {OUTPUT_NAME: json.dumps(result, indent=2)}, force=options.is_forced)
    return result


def judge_scene(script: Sequence[Incident], events: Sequence[Event], duration_s: float) -> SceneOutcome:
    """Holds events against the truth.

    An incident is found if an event that names it rightly opens while it lasts (or in its aftermath) and not later than
    its kind's minimum duration and three seconds after the incident's beginning. An event that opens while no incident
    lasts is false, whatever it says.
    """
    opened = [event for event in events if event.state == "opened"]
    truth = [incident for incident in script if incident.kind != "customer"]
    customers = [incident for incident in script if incident.kind == "customer"]
    incidents: list[dict[str, Any]] = []
    owned: set[str] = set()
    for incident in truth:
        during = [
            event for event in opened if incident.start_ms <= event.timestamp_ms < incident.end_ms + 1000 * AFTERMATH_S
        ]
        owned.update(event.event_id for event in during)
        named = [event for event in during if event.kind in MEANT[incident.kind]]
        due = [event for event in named if _find_delay(event, incident) <= RULES[event.kind].min_duration_s + GRACE_S]
        first = min(due or named or during, key=lambda event: event.timestamp_ms, default=None)
        longest_s = max(RULES[kind].min_duration_s for kind in MEANT[incident.kind][:1])
        incidents.append(
            {
                **incident.to_dict(),
                "is_found": bool(due),
                "is_noticed": bool(during),
                "is_long_enough": incident.end_ms - incident.start_ms >= 1000 * (longest_s + SAMPLING_S),
                "events": sorted({event.kind for event in during}),
                "delay_s": None if first is None else round(_find_delay(first, incident), 2),
            }
        )
    stray = [event for event in opened if event.event_id not in owned]
    disturbed = sum(
        any(passing.start_ms <= event.started_ms < passing.end_ms + 1000 * AFTERMATH_S for event in stray)
        for passing in customers
    )
    false_events = [event.to_dict() for event in stray]
    return SceneOutcome(incidents, false_events, len(customers), disturbed, duration_s / 3600)


def format_monitor(result: dict[str, Any]) -> str:
    """A table for people."""
    lines = [
        f"{len(result['photos'])} scenes ({result['options']['part']}), {result['hours']:.2f} simulated hours, "
        f"{result['frames']} frames, {result['cpu_ms_per_frame']} ms of CPU a frame with making the scene",
        "",
        "| incident | number | found in time | noticed | median delay, s | events |",
        "|---|---|---|---|---|---|",
    ]
    for kind, row in result["by_incident"].items():
        events = ", ".join(f"{name} {count}" for name, count in row["events"].items())
        lines.append(
            f"| {kind} | {row['count']} | {row['found']} | {row['noticed']} | {row['median_delay_s']} | {events} |"
        )
    lines += [
        "",
        f"found in time: {result['found']} of {result['incidents']}",
        f"false events in 8 hours: {result['false_per_8_hours']:.2f} ({result['false']} in all)",
        f"customers who raised an event: {result['disturbed']} of {result['customers']}",
    ]
    return "\n".join(lines)


def _find_delay(event: Event, incident: Incident) -> float:
    return (event.timestamp_ms - incident.start_ms) / 1000


def _summarize(outcomes: Sequence[SceneOutcome]) -> dict[str, Any]:
    incidents = [incident for outcome in outcomes for incident in outcome.incidents]
    by_incident = {}
    for kind in INCIDENTS:
        rows = [incident for incident in incidents if incident["kind"] == kind and incident["is_long_enough"]]
        delays = [incident["delay_s"] for incident in rows if incident["is_found"]]
        by_incident[kind] = {
            "count": len(rows),
            "found": sum(incident["is_found"] for incident in rows),
            "noticed": sum(incident["is_noticed"] for incident in rows),
            "median_delay_s": round(float(np.median(delays)), 2) if delays else None,
            "events": dict(Counter(name for incident in rows for name in incident["events"]).most_common()),
        }
    hours = sum(outcome.hours for outcome in outcomes)
    false = sum(len(outcome.false_events) for outcome in outcomes)
    return {
        "incidents": sum(row["count"] for row in by_incident.values()),
        "found": sum(row["found"] for row in by_incident.values()),
        "by_incident": by_incident,
        "hours": hours,
        "false": false,
        "false_per_8_hours": false * NIGHT_AND_DAY_S / 3600 / hours if hours else 0.0,
        "customers": sum(outcome.customers for outcome in outcomes),
        "disturbed": sum(outcome.disturbed for outcome in outcomes),
    }


def _choose_pictures(options: MonitorOptions) -> list[tuple[str, NDArray[np.uint8]]]:
    if not options.data:
        first = 0 if options.part == "tune" else 1000
        return [(f"drawn {first + n}", draw_shelf(first + n)) for n in range(options.scenes)]
    groups: dict[str, Path] = {}
    for photo in load_manifests(options.data):
        is_shop = photo.style == SHOP_STYLE
        if is_shop and _find_part(photo.group) == options.part:
            groups.setdefault(photo.group, photo.path)
    if len(groups) < options.scenes:
        raise UsageError(
            f"the manifests hold photos of {len(groups)} groups from shops (style {SHOP_STYLE!r}) in the part "
            f"{options.part!r}; ask for as many --scenes at most, or leave out --data to draw shelves"
        )
    names = sorted(groups, key=lambda group: hashlib.sha256(f"{options.seed} {group}".encode()).digest())
    chosen = []
    for name in names[: options.scenes]:
        with Image.open(groups[name]) as photo_file:
            chosen.append((groups[name].name, np.asarray(photo_file.convert("RGB"))))
    return chosen


def _find_part(group: str) -> Literal["tune", "report"]:
    return "tune" if hashlib.sha256(f"shelf {group}".encode()).digest()[0] % 2 else "report"


def _build_scene(picture: NDArray[np.uint8], options: MonitorOptions, number: int) -> Scene:
    rng = np.random.default_rng([options.seed, number, options.part == "report"])
    script, end_s = write_script(rng, INCIDENTS, quiet_s=75)
    duration_s = end_s + 60 * options.quiet_minutes
    now_s = end_s + 10
    while now_s < duration_s - 20:  # the quiet time has its customers, too: one in a minute
        length_s = float(rng.uniform(2, 6))
        script.append(Incident("customer", round(1000 * now_s), round(1000 * (now_s + length_s)), 0.5))
        now_s += length_s + float(rng.exponential(55))
    return Scene(picture, script, duration_s, fps=options.fps, seed=int(rng.integers(1 << 30)))
