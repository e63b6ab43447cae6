"""The shelf monitor: frames of several cameras in, events out, for months."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any

from edge_runtime.camera.frames import Frame
from edge_runtime.camera.monitor.camera import CameraMonitor, CameraStep
from edge_runtime.camera.monitor.config import MonitorConfig
from edge_runtime.camera.monitor.events import Event, format_time
from edge_runtime.camera.monitor.evidence import EvidenceFolder
from edge_runtime.camera.monitor.folder import FolderClaim
from edge_runtime.camera.monitor.kinds import RULES
from edge_runtime.camera.monitor.sinks import Sink, open_sinks
from edge_runtime.camera.monitor.state import load_state, save_state
from edge_runtime.camera.monitor.summary import covers, summarize_camera
from edge_runtime.camera.monitor.totals import SUMMARY_SCHEMA, CameraTotals, DayTotals
from edge_runtime.camera.scoring import FrameScorer
from edge_runtime.camera.sources.source import Interruption
from edge_runtime.errors import PhotogateError, SourceError, UsageError
from edge_runtime.output_file import write_output

__all__ = ["Monitor"]

SAVE_EVERY_MS = 600_000

logger = logging.getLogger(__name__)


class Monitor:
    """Watches cameras; may be fed from several threads. A context manager.

    What is usual, the events that are open and the day's counts are kept in the configuration's folder: a monitor that
    is started again goes on where the last one stopped, and an event that was open then closes now, or stays open.
    """

    def __init__(
        self,
        config: MonitorConfig,
        scorer: FrameScorer,
        *,
        sinks: Sequence[Sink] | None = None,
        relearns: bool = False,
        wall_clock_ms: Callable[[], int] | None = None,
    ) -> None:
        """Reads the state and opens the sinks.

        Args:
            config: of ``load_monitor_config``, or made.
            scorer: a PhotoScorer; it stays the caller's, and is used in the threads that feed, by one at a time.
            sinks: instead of those that the configuration asks for; the monitor closes them.
            relearns: forget what was usual before, and learn it anew; open events stay.
            wall_clock_ms: milliseconds since 1970, for labels and the day; the system's clock otherwise.

        Raises:
            SourceError: the state is of a newer version, a secret is missing, a queue has no folder.
            UsageError: a folder cannot be written to, or is another monitor's; a library is not installed.
        """
        self.config = config
        self._scorer = scorer
        self._relearns = relearns
        self._wall_clock_ms = wall_clock_ms or (lambda: time.time_ns() // 1_000_000)
        self._lock = RLock()
        self._cameras: dict[str, CameraMonitor] = {}
        self._is_closed = False
        self._saved_ms: dict[str, int] = {}
        self._warning: str | None = None  # for the next event
        self._claim = None if config.folder is None else FolderClaim(config.folder)
        try:
            self._state = {} if config.folder is None else load_state(config.folder / "state.json")
            self._sinks = list(sinks) if sinks is not None else open_sinks(config)
        except BaseException:
            self._release()
            raise
        self._day = self._restore_day()
        self._left_day: DayTotals | None = None  # the one before
        is_kept = config.folder is not None and config.evidence.is_enabled
        self._evidence = (
            EvidenceFolder(config.folder / "evidence", config.evidence) if is_kept and config.folder else None
        )
        self._turn_day(self._wall_clock_ms(), is_restored=True)

    def feed(self, item: Frame | Interruption, camera: str) -> list[Event]:
        """Takes a frame, or word that there is none, and returns the events that it opens or closes.

        Args:
            item: its timestamps grow within a camera; one that does not is left out, and counted.
            camera: the name under which regions ask for it.

        Raises:
            SourceError: no region belongs to this camera.
            FrameError: a region's box does not lie in the camera's first frame. What that frame opened or closed before
                goes to the sinks alone.
            UsageError: the monitor is closed.
        """
        with self._lock:
            if self._is_closed:
                raise UsageError("the monitor is closed; make a new one")
            watched = self._cameras.get(camera) or self._add_camera(camera)
            wall_ms = self._wall_clock_ms()
            self._turn_day(wall_ms)
            totals = self._day.find_camera(camera)
            before_ms, examined = watched.now_ms, totals.examined
            had_baseline = [region.baseline is not None for region in watched.regions]
            events: list[Event] = []
            is_judged = self.config.hours is None or self.config.hours.are_open(wall_ms)
            try:
                for step in watched.feed(item, totals, is_judged=is_judged):
                    event = self._build_event(watched, step, item, wall_ms)
                    totals.find_region(event.region).events.setdefault(event.kind, 0)
                    if event.state == "opened":
                        totals.find_region(event.region).events[event.kind] += 1
                    events.append(event)
            finally:  # what opened or closed before a box was found to lie outside has done so, and is told of
                self._count(watched, totals, before_ms, totals.examined > examined)
                for event in events:
                    self._send(event)
                now_ms = watched.now_ms or 0
                is_news = bool(events) or had_baseline != [region.baseline is not None for region in watched.regions]
                if is_news or now_ms - self._saved_ms.setdefault(camera, now_ms) >= SAVE_EVERY_MS:
                    self._saved_ms[camera] = now_ms
                    self._save()
            return events

    def relearn(self, camera: str, region: str) -> None:
        """Forgets what is usual in a region, for example since its shelf was built anew.

        Raises:
            SourceError: there is no such region, or nothing was fed of its camera yet.
        """
        with self._lock:
            for candidate in self._cameras[camera].regions if camera in self._cameras else ():
                if candidate.config.name == region:
                    candidate.relearn()
                    return
        raise SourceError(f"no region {region!r} of a camera {camera!r} is being watched; check both names")

    def summary(self) -> dict[str, Any]:
        """The day until now, as one JSON object; see docs/shelf-camera.md."""
        with self._lock:
            wall_ms = self._wall_clock_ms()
            cameras = {
                name: summarize_camera(totals, self._cameras.get(name)) for name, totals in self._day.cameras.items()
            }
            return {
                "schema": SUMMARY_SCHEMA,
                "day": self._day.day,
                "written": format_time(wall_ms),
                "cameras": cameras,
                "sinks": {sink.name: sink.counts for sink in self._sinks},
            }

    def close(self) -> list[Event]:
        """Writes the state and the day's summary, and closes the sinks. May be called twice.

        Returns:
            Nothing, for stopping closes no event: one that is open is kept in the state, and goes on or closes when the
            monitor runs again. It is a list so that it can be treated as what ``feed`` returns.
        """
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._save()
                self._write_summary()
                for sink in self._sinks:
                    sink.close()
                self._release()
            return []

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _release(self) -> None:
        if self._claim is not None:
            self._claim.release()

    def _add_camera(self, name: str) -> CameraMonitor:
        watched = CameraMonitor(name, self.config, self._scorer)
        kept = self._state.get("cameras", {}).get(name)
        if kept is not None:
            watched.restore(kept, relearns=self._relearns)
        self._cameras[name] = watched
        return watched

    def _build_event(
        self, watched: CameraMonitor, found: CameraStep, item: Frame | Interruption, wall_ms: int
    ) -> Event:
        state, kind, change, value = found.step
        now_ms = watched.now_ms or 0
        started_ms = now_ms if state.started_ms is None else state.started_ms
        if change == "opened":
            state.event_id = uuid.uuid4().hex[:16]
        region = found.region
        evidence: Path | None = None
        warning, self._warning = self._warning, None
        if change == "opened" and self._evidence is not None and isinstance(item, Frame):
            label = "_".join(part for part in (watched.name, region, kind) if part)
            try:
                evidence = self._evidence.save(item, found.box, format_time(wall_ms), label, state.event_id)
            except (PhotogateError, OSError) as error:
                warning = f"no evidence was kept: {error}"
                logger.warning("%s", warning)
        event = Event(
            event_id=state.event_id,
            camera=watched.name,
            region=region,
            kind=kind,
            state=change,
            timestamp_ms=now_ms,
            started_ms=started_ms,
            wall_ms=wall_ms,
            duration_ms=now_ms - started_ms,
            value=value,
            limit=state.rule.open_limit if change == "opened" else state.rule.close_limit,
            unit=RULES[kind].unit,
            advice=RULES[kind].advice,
            quality=found.quality,
            evidence=None if evidence is None else str(evidence),
            warning=warning,
        )
        if change == "closed":
            state.end()
        return event

    def _send(self, event: Event) -> None:
        for sink in self._sinks:
            try:
                sink.send(event)
            except Exception:  # one that fails must stop neither the others nor the watching
                logger.exception("%s: an event could not be taken", sink.name)

    def _count(self, watched: CameraMonitor, totals: CameraTotals, before_ms: int | None, is_examined: bool) -> None:
        elapsed_ms = 0 if before_ms is None or watched.now_ms is None else watched.now_ms - before_ms
        totals.whole.add_open([kind for kind, state in watched.states.items() if state.is_open], elapsed_ms)
        for region in watched.regions:
            counted = totals.find_region(region.config.name)
            counted.add_open([kind for kind, state in region.states.items() if state.is_open], elapsed_ms)
            if is_examined:
                counted.add_quality(region.quality)

    def _restore_day(self) -> DayTotals:
        today = _name_day(self._wall_clock_ms())
        kept = self._state.get("today")
        if kept is None:
            return DayTotals(today)
        try:
            day = DayTotals.from_state(kept)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            logger.warning("what was kept of the day cannot be read (%s); it is counted anew", error)
            return DayTotals(today)
        return day

    def _turn_day(self, wall_ms: int, *, is_restored: bool = False) -> None:
        if self._day.is_over(today := _name_day(wall_ms)):
            self._write_summary(is_restored=is_restored)
            left = self._left_day
            # After one wrong reading of the clock the day goes on with what was counted before.
            day = left if left is not None and left.day == today else DayTotals(today)
            self._left_day, self._day = self._day, day

    def _write_summary(self, *, is_restored: bool = False) -> None:
        if self.config.folder is None:
            return
        path = self.config.folder / "summaries" / f"{self._day.day}.json"
        # One that was written at midnight or at the end knows as much, and how things stood then as well.
        if is_restored and covers(path, self._day):
            return
        try:
            path.parent.mkdir(exist_ok=True)
            text = json.dumps(self.summary(), indent=2, ensure_ascii=False)
            write_output(path, text + "\n", force=True)
        except (OSError, PhotogateError) as error:
            self._warn(f"the summary of {self._day.day} could not be written: {error}")

    def _save(self) -> None:
        if self.config.folder is None:
            return
        cameras = dict(self._state.get("cameras", {}))  # also of those that have not come back yet
        cameras.update({name: watched.to_dict() for name, watched in self._cameras.items()})
        try:
            save_state(self.config.folder / "state.json", {"cameras": cameras, "today": self._day.to_state()})
        except PhotogateError as error:
            self._warn(f"the monitor's state could not be written: {error}")

    def _warn(self, text: str) -> None:
        logger.warning("%s", text)
        self._warning = text


def _name_day(wall_ms: int) -> str:
    return datetime.fromtimestamp(wall_ms / 1000).astimezone().date().isoformat()
