"""One camera over time: when there is a signal, whether its picture is frozen, and what its regions show."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_runtime.camera.change import ChangeDetector, Samples, sample_frame
from edge_runtime.camera.clock import StreamClock
from edge_runtime.camera.frames import Box, Frame
from edge_runtime.camera.monitor.config import MonitorConfig
from edge_runtime.camera.monitor.hysteresis import Hysteresis
from edge_runtime.camera.monitor.kinds import CAMERA_KINDS, EventKind
from edge_runtime.camera.monitor.measurement import MEASURED_VIEW, Measurement, measure
from edge_runtime.camera.monitor.region import RegionMonitor, Step
from edge_runtime.camera.monitor.state import read_count
from edge_runtime.camera.monitor.totals import CameraTotals
from edge_runtime.camera.scoring import FrameScorer
from edge_runtime.camera.sources.options import MAX_SIDE_PX
from edge_runtime.camera.sources.source import Interruption
from edge_runtime.camera.view import make_camera_view
from edge_runtime.errors import FrameError, PhotogateError

__all__ = ["CameraMonitor", "CameraStep"]

MAX_SCORE_AGE_MS = 10_000  # an unchanged picture is scored again after so long
MAX_MEASUREMENT_AGE_MS = 1_000  # and measured again after so long: a faint haze escapes those who compare samples
MIN_LIVELY_LEVEL = 12.0  # mean below which sensors clip their noise away: a black picture never moves
MIN_LIVELY_SPREAD = 2.0  # likewise for a picture of one colour

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CameraStep:
    """What has opened or closed, and where.

    Attributes:
        region: its name; "" for what concerns the camera as a whole.
        step: of the region, or of the camera.
        quality: smoothed, of the region, 0-100; None if unknown.
        box: of the region in the frame that decided; None: all of it.
    """

    region: str
    step: Step
    quality: float | None = None
    box: Box | None = None


class CameraMonitor:
    """Follows one camera. Memory does not grow with time.

    Attributes:
        name: as it is fed.
        regions: at least one.
        states: of lost_signal and frozen, by kind.
        now_ms: time of the newest frame or interruption, in the stream's time.
    """

    def __init__(self, name: str, config: MonitorConfig, scorer: FrameScorer) -> None:
        """Begins without having seen anything.

        Raises:
            SourceError: no region belongs to this camera.
        """
        self.name = name
        self.regions = [RegionMonitor(region, config) for region in config.find_regions(name)]
        self.states = {kind: Hysteresis(config.rules[kind]) for kind in CAMERA_KINDS if config.rules[kind].is_enabled}
        self.now_ms: int | None = None
        self._config = config
        self._scorer = scorer
        self._clock = StreamClock()
        self._detector = ChangeDetector()
        self._size: tuple[int, int] | None = None  # that the boxes are meant for
        self._samples: Samples | None = None
        self._is_connected = True
        self._due_ms: int | None = None
        self._scores: dict[str, float | None] = {}
        self._measurements: dict[str, tuple[int, Measurement]] = {}
        self._scored_ms = 0
        self._is_failing = False
        self._kept: dict[str, Any] | None = None
        self._relearns = False

    def feed(self, item: Frame | Interruption, totals: CameraTotals, *, is_judged: bool = True) -> Iterator[CameraStep]:
        """Takes a frame or an interruption in; yields what opens or closes by it.

        Args:
            item: see ``Monitor.feed``.
            totals: counts are added to it.
            is_judged: whether regions are looked at; the signal always is.

        Raises:
            FrameError: the first frame is smaller than a region's box needs.
        """
        now_ms = self._clock.place(int(item.timestamp_ms))
        if now_ms is None:
            totals.late += 1
            return
        before_ms, self.now_ms = self.now_ms, now_ms
        if self._kept is not None:
            yield from self._take_up(now_ms)
        elapsed_ms = 0 if before_ms is None else now_ms - before_ms
        is_lost = isinstance(item, Interruption)
        is_gap = elapsed_ms > 1000 * self._config.max_gap_s
        totals.add_time(elapsed_ms, is_up=self._is_connected and not is_gap)
        was_lost, self._is_connected = not self._is_connected, not is_lost
        yield from self._follow_signal(is_lost, was_lost, is_gap, before_ms, now_ms)
        if isinstance(item, Interruption) or is_gap:
            self._samples = None
            for region in self.regions:
                region.skip()
        if isinstance(item, Interruption):
            return
        totals.frames += 1
        if self._due_ms is None or now_ms >= self._due_ms or is_gap:
            # On average the interval, whatever the camera's own is.
            due_ms = now_ms if self._due_ms is None or is_gap else max(self._due_ms, now_ms - self._config.interval_ms)
            self._due_ms = due_ms + self._config.interval_ms
            if is_judged:
                yield from self._examine(item, now_ms, totals)
            else:
                self._rest(now_ms)

    def _rest(self, now_ms: int) -> None:
        self._samples = None
        self._detector.forget()
        for region in self.regions:
            region.rest(now_ms)

    def to_dict(self) -> dict[str, Any]:
        """What must outlive a restart."""
        if self.now_ms is None and self._kept is not None:
            return self._kept
        now_ms = self.now_ms or 0
        kept = {kind: state.to_dict(now_ms) for kind, state in self.states.items()}
        return {
            "model": self._name_model(),
            "size": None if self._size is None else list(self._size),
            "open": {kind: entry for kind, entry in kept.items() if entry is not None},
            "regions": {region.config.name: region.to_dict(now_ms) for region in self.regions},
        }

    def restore(self, kept: dict[str, Any], *, relearns: bool = False) -> None:
        """Takes up what ``to_dict`` gave, once the first frame tells where the new stream's time begins.

        Args:
            kept: see there.
            relearns: without what was usual.
        """
        self._kept = kept
        self._relearns = relearns

    def _take_up(self, now_ms: int) -> Iterator[CameraStep]:
        kept, self._kept = self._kept or {}, None
        try:
            regions = {**kept["regions"]}
            # Boxes written anew are meant for the picture as it is now.
            if kept["size"] is not None and all(region.has_box_of(regions) for region in self.regions):
                width_px, height_px = (read_count(side, 1, MAX_SIDE_PX) for side in kept["size"])
                self._size = width_px, height_px
            for kind, entry in kept["open"].items():
                if kind in self.states:
                    self.states[kind].restore(entry, now_ms)
            for region in self.regions:
                if region.config.name in regions:
                    region.restore(regions[region.config.name], now_ms)
                if self._relearns:
                    region.relearn()
            if kept.get("model") != self._name_model():
                logger.info("camera %s: another model than before; which quality is usual is learnt anew", self.name)
                for region in self.regions:
                    region.relearn_quality()
            yield from self._end_orphans(kept, now_ms)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            logger.warning("camera %s: what was kept of it cannot be read (%s); it is learnt anew", self.name, error)

    def _end_orphans(self, kept: dict[str, Any], now_ms: int) -> Iterator[CameraStep]:
        """Closes events of what is not watched any more as it was, for nothing else ever would."""
        watched = {region.config.name: region for region in self.regions if region.has_box_of(kept["regions"])}
        places: list[tuple[str, dict[EventKind, Any], Container[str]]]
        places = [("", kept["open"], self.states)]
        for name, entry in kept["regions"].items():
            region = watched.get(name)
            places.append((name, entry["open"], () if region is None else region.states))
        for place, events, states in places:
            for kind in (kind for kind in events if kind not in states):
                state = Hysteresis(self._config.rules[kind])
                state.restore(events[kind], now_ms)
                state.is_open = False
                where = f", region {place}" if place else ""
                text = "camera %s%s: %s was open, and is closed, for it is not watched any more as it was"
                logger.warning(text, self.name, where, kind)
                yield CameraStep(place, (state, kind, "closed", None))

    def _name_model(self) -> str:
        contract = self._scorer.contract
        return f"{contract.name} {contract.version} {contract.sha256}"

    def _follow_signal(
        self, is_lost: bool, was_lost: bool, is_gap: bool, before_ms: int | None, now_ms: int
    ) -> Iterator[CameraStep]:
        state = self.states.get("lost_signal")
        if state is None:
            return
        times = [(float(is_lost), now_ms)]
        if before_ms is not None and not is_lost and now_ms - before_ms > 1:
            if is_gap:  # told of in hindsight: it opens when it is over
                times = [(1.0, before_ms + 1), (1.0, now_ms - 1), *times]
            elif was_lost:  # since the last interruption nothing has come either
                times = [(1.0, now_ms - 1), *times]
        for value, at_ms in times:
            change = state.update(value, at_ms)
            if change is not None:
                yield CameraStep("", (state, "lost_signal", change, value))

    def _examine(self, frame: Frame, now_ms: int, totals: CameraTotals) -> Iterator[CameraStep]:
        totals.examined += 1
        samples = sample_frame(frame)
        yield from self._follow_liveliness(samples, now_ms)
        size = frame.width_px, frame.height_px
        if self._size is None:
            self._size = size
        scale = size[0] / self._size[0], size[1] / self._size[1]
        is_fresh = now_ms - self._scored_ms < MAX_SCORE_AGE_MS
        is_unchanged = is_fresh and self._detector.is_unchanged(samples)
        if not is_unchanged:
            self._detector.mark_scored(samples)
            self._scored_ms = now_ms
        for region in self.regions:
            box = region.find_box(scale)
            kept = self._measurements.get(region.config.name)
            if is_unchanged and kept is not None and now_ms - kept[0] < MAX_MEASUREMENT_AGE_MS:
                for step in region.feed(kept[1], self._scores.get(region.config.name), now_ms):
                    yield CameraStep(region.config.name, step, region.quality, box)
                continue
            try:
                view = make_camera_view(frame, MEASURED_VIEW, box)
            except FrameError as error:
                if scale == (1.0, 1.0):  # a fault of the configuration; otherwise the camera's, and it may go by
                    raise
                self._report_failure(region, error)
                totals.failed += 1
                continue
            if not is_unchanged:
                self._scores[region.config.name] = self._score(frame, view, box, region, totals)
            quality = self._scores.get(region.config.name)
            measurement = measure(view)
            self._measurements[region.config.name] = now_ms, measurement
            for step in region.feed(measurement, quality, now_ms):
                yield CameraStep(region.config.name, step, region.quality, box)

    def _follow_liveliness(self, samples: Samples, now_ms: int) -> Iterator[CameraStep]:
        before, self._samples = self._samples, samples
        state = self.states.get("frozen")
        if state is None:
            return
        value: float | None = None
        if before is not None and before.layout == samples.layout:
            luma = samples.values[0]
            if float(luma.mean()) >= MIN_LIVELY_LEVEL and float(luma.std()) >= MIN_LIVELY_SPREAD:
                value = float(np.abs(samples.values - before.values).mean())
        change = state.update(value, now_ms)
        if change is not None:
            yield CameraStep("", (state, "frozen", change, value))

    def _score(self, frame: Frame, view: Any, box: Any, region: RegionMonitor, totals: CameraTotals) -> float | None:
        wanted = self._scorer.contract.view
        try:
            if (wanted.width_px, wanted.height_px) != (MEASURED_VIEW.width_px, MEASURED_VIEW.height_px):
                view = make_camera_view(frame, wanted, box)
            quality = float(self._scorer.score(view).quality)
        except Exception as error:  # months of watching must not end with one picture
            self._report_failure(region, error)
            self._detector.forget()
            totals.failed += 1
            return None
        self._is_failing = False
        totals.scored += 1
        return quality

    def _report_failure(self, region: RegionMonitor, error: Exception) -> None:
        if not self._is_failing:  # the first of a row
            is_ours = isinstance(error, PhotogateError)
            logger.warning(
                "camera %s, region %s: a frame cannot be scored: %s",
                self.name,
                region.config.name,
                error,
                exc_info=not is_ours,
            )
        self._is_failing = True
