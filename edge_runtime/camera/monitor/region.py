"""One region over time: its baseline, its smoothed signals, and the state of each kind of event."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_runtime.camera.frames import Box
from edge_runtime.camera.monitor.baseline import Baseline, Learner, find_unfit
from edge_runtime.camera.monitor.config import MonitorConfig
from edge_runtime.camera.monitor.hysteresis import Hysteresis
from edge_runtime.camera.monitor.kinds import REGION_KINDS, EventKind
from edge_runtime.camera.monitor.measurement import Measurement, find_motion
from edge_runtime.camera.monitor.regions import RegionConfig
from edge_runtime.camera.monitor.signals import Signals, compare
from edge_runtime.camera.monitor.smoothing import Smoother
from edge_runtime.camera.monitor.structure import BLOCKS

__all__ = ["RegionMonitor", "Step"]

HIDDEN_BY: dict[EventKind, tuple[EventKind, ...]] = {
    "moved": ("dark", "overexposed"),
    "obstructed": ("dark", "overexposed", "moved"),
    "blurred": ("dark", "overexposed", "moved"),
    "color_cast": ("dark", "moved", "obstructed", "blurred"),
    "low_quality": ("dark", "overexposed", "moved", "obstructed", "blurred"),
}
"""An event of this kind is a mere consequence while one of those is open or about to be."""

NO_MOTION = np.zeros((BLOCKS, BLOCKS), np.bool_)

Step = tuple[Hysteresis, EventKind, Literal["opened", "closed"], "float | None"]


class RegionMonitor:
    """Follows one region of one camera. Memory does not grow with time.

    Attributes:
        config: which part of the picture it is.
        baseline: what is usual; None while it is being learnt.
        unfit: why nothing can be learnt at the moment, e.g. "dark"; None otherwise.
        quality: smoothed, 0-100; None if unknown.
        states: by kind, of those that are looked for.
    """

    def __init__(self, config: RegionConfig, monitor: MonitorConfig) -> None:
        self.config = config
        self.baseline: Baseline | None = None
        self.unfit: str | None = None
        self.quality: float | None = None
        self.states = {kind: Hysteresis(monitor.rules[kind]) for kind in REGION_KINDS if monitor.rules[kind].is_enabled}
        self._monitor = monitor
        self._learner = Learner(monitor.baseline.learn_s)
        self._smoothers = {kind: Smoother(monitor.smoothing_s, monitor.ema_s) for kind in REGION_KINDS}
        self._quality = Smoother(monitor.smoothing_s, monitor.ema_s)
        self._before: Measurement | None = None
        self._signals = Signals()
        self._compared_with: Baseline | None = None
        self._newest_ms: int | None = None
        self._quiet_ms: int | None = None

    def feed(self, now: Measurement, quality: float | None, timestamp_ms: int) -> Iterator[Step]:
        """Takes a picture in; yields what opens or closes by it: the state, its kind, which of both, and the value.

        The same measurement as the last time means that nothing has changed.
        """
        is_new = now is not self._before
        motion = find_motion(now, self._before) if is_new and self._before is not None else NO_MOTION
        elapsed_ms = 0 if self._newest_ms is None else timestamp_ms - self._newest_ms
        self._before, self._newest_ms = now, timestamp_ms
        if is_new or self._compared_with is not self.baseline:
            self._signals, self._compared_with = self._compare(now, motion), self.baseline
        signals = self._signals if is_new else replace(self._signals, is_busy=False)
        if not signals.is_busy or self._quiet_ms is None:
            self._quiet_ms = timestamp_ms
        # In a crowd that never ends pictures with people in them are better than none.
        is_hidden = signals.is_busy and timestamp_ms - self._quiet_ms < 1000 * self._monitor.baseline.busy_s
        if not is_hidden:
            self.quality = self._quality.add(quality, timestamp_ms) if quality is not None else self.quality
        values = {kind: self._smooth(kind, signals, quality, is_hidden, timestamp_ms) for kind in self.states}
        for kind, state in self.states.items():
            is_explained = any(self._is_suspected(cause) for cause in HIDDEN_BY.get(kind, ()))
            value = None if is_explained else values[kind]
            change = state.update(value, timestamp_ms)
            if change is not None:
                yield state, kind, change, value
        if self.baseline is None:
            self._learn(now, motion, quality, timestamp_ms)
        elif not signals.is_busy:
            if self.baseline.quality is None and quality is not None:
                self._learn_quality(now, motion, quality, timestamp_ms)
            self._follow(now, elapsed_ms)

    def skip(self) -> None:
        """Says that the signal was lost: what comes next is not compared with what was before."""
        self._before = self._newest_ms = None
        self._quality.clear()
        for smoother in self._smoothers.values():
            smoother.clear()

    def rest(self, timestamp_ms: int) -> None:
        """Says that nobody wants to know: nothing opens, closes or is learnt, and what had begun begins anew."""
        self.skip()
        for state in self.states.values():
            state.update(None, timestamp_ms)

    def relearn(self) -> None:
        """Forgets what is usual, for example since the shelf was built anew, and learns again."""
        self.baseline = None
        self._learner.clear()

    def relearn_quality(self) -> None:
        """Forgets which quality is usual, since another model judges it now; the rest stays."""
        if self.baseline is not None:
            self.baseline.replace_quality(None)
        self._learner.clear()

    def to_dict(self, now_ms: int) -> dict[str, Any]:
        """What must outlive a restart."""
        kept = {kind: state.to_dict(now_ms) for kind, state in self.states.items()}
        return {
            "box": None if self.config.box is None else list(self.config.box),
            "baseline": None if self.baseline is None else self.baseline.to_dict(),
            "open": {kind: entry for kind, entry in kept.items() if entry is not None},
        }

    def restore(self, kept: dict[str, Any], now_ms: int) -> None:
        """Takes up what ``to_dict`` gave, unless the region's box has changed since.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        if not self.has_box_of({self.config.name: kept}):
            return
        self.baseline = None if kept["baseline"] is None else Baseline.from_dict(kept["baseline"])
        for kind, entry in kept["open"].items():
            if kind in self.states:
                self.states[kind].restore(entry, now_ms)

    def has_box_of(self, kept: dict[str, Any]) -> bool:
        """Whether the box is as it was when ``kept``, by region's name, was kept."""
        box = None if self.config.box is None else list(self.config.box)
        return self.config.name in kept and bool(kept[self.config.name]["box"] == box)

    def find_box(self, scale: tuple[float, float]) -> Box | None:
        """The box in a frame that is so much larger, horizontally and vertically, than the first one was."""
        box = self.config.box
        if box is None or scale == (1.0, 1.0):
            return box
        left, top, right, bottom = box
        return round(left * scale[0]), round(top * scale[1]), round(right * scale[0]), round(bottom * scale[1])

    def _compare(self, now: Measurement, motion: NDArray[np.bool_]) -> Signals:
        if self.baseline is not None:
            return compare(now, motion, self.baseline)
        # Nothing is usual yet: only what would be wrong anywhere is told. The same keeps it from being learnt.
        unfit = find_unfit(now)
        return Signals(dark=float(unfit != "dark"), overexposed=now.burnt, blurred=float(unfit != "blurred"))

    def _smooth(
        self, kind: EventKind, signals: Signals, quality: float | None, is_hidden: bool, timestamp_ms: int
    ) -> float | None:
        if is_hidden:
            return None
        value = self._find_loss(quality) if kind == "low_quality" else getattr(signals, kind)
        return self._smoothers[kind].add(value, timestamp_ms)

    def _find_loss(self, quality: float | None) -> float | None:
        """Points below the usual quality, or below ``min_quality`` where that is more."""
        usual = [self.config.min_quality] if self.config.min_quality else []
        if self.baseline is not None and self.baseline.quality is not None:
            usual.append(self.baseline.quality)
        if quality is None or not usual:
            return None
        return max(0.0, max(usual) - quality)

    def _is_suspected(self, kind: EventKind) -> bool:
        state = self.states.get(kind)
        return state is not None and (state.is_open or state.is_pending)

    def _learn(self, now: Measurement, motion: NDArray[np.bool_], quality: float | None, timestamp_ms: int) -> None:
        self.unfit = find_unfit(now)
        if self.unfit is None:
            self.baseline = self._learner.add(now, motion, quality, timestamp_ms)

    def _learn_quality(self, now: Measurement, motion: NDArray[np.bool_], quality: float, timestamp_ms: int) -> None:
        # Low quality that the model before has told of cannot be told of any more, and must not keep this from ending.
        stays = {kind for kind in self.states if kind != "low_quality" or self.config.min_quality}
        if self.baseline is None or find_unfit(now) is not None or any(map(self._is_suspected, stays)):
            return
        learnt = self._learner.add(now, motion, quality, timestamp_ms)
        if learnt is not None:
            self.baseline.replace_quality(learnt.quality)

    def _follow(self, now: Measurement, elapsed_ms: int) -> None:
        # A fault that begins must not become what is usual.
        if self.baseline is None or any(state.is_open or state.is_pending for state in self.states.values()):
            return
        config = self._monitor.baseline
        light, scene = (-math.expm1(-elapsed_ms / (1000 * span_s)) for span_s in (config.light_s, config.scene_s))
        self.baseline.follow(now, self.quality, light, scene)
