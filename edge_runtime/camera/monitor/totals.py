"""What a day was like: counted as it goes by, in memory that does not grow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from edge_runtime.camera.monitor.kinds import EVENT_KINDS
from edge_runtime.camera.monitor.state import read_count

__all__ = ["SUMMARY_SCHEMA", "CameraTotals", "DayTotals", "RegionTotals"]

SUMMARY_SCHEMA = 1
POINTS = 101  # quality is counted in whole points, 0-100
MAX_SETBACK = timedelta(days=1)


@dataclass
class RegionTotals:
    """Of one region, or of a camera as a whole.

    Attributes:
        events: opened, by kind.
        open_ms: time in which an event of a kind was going on.
        points: how many pictures had a quality of 0, 1, 2 ... 100 points.
    """

    events: dict[str, int] = field(default_factory=dict)
    open_ms: dict[str, int] = field(default_factory=dict)
    points: list[int] = field(default_factory=lambda: [0] * POINTS)

    def add_open(self, kinds: Iterable[str], elapsed_ms: int) -> None:
        """Counts time in which these kinds of events were going on."""
        for kind in kinds:
            self.open_ms[kind] = self.open_ms.get(kind, 0) + elapsed_ms

    def add_quality(self, quality: float | None) -> None:
        """Counts a picture."""
        if quality is not None:
            self.points[min(max(round(quality), 0), POINTS - 1)] += 1

    @property
    def median_quality(self) -> int | None:
        """In whole points; None without any picture."""
        total = sum(self.points)
        passed = 0
        for points, count in enumerate(self.points):
            passed += count
            if total and 2 * passed >= total:
                return points
        return None

    def to_dict(self) -> dict[str, Any]:
        """For the summary."""
        kinds = [kind for kind in EVENT_KINDS if self.events.get(kind) or self.open_ms.get(kind)]
        return {
            "median_quality": self.median_quality,
            "events": {kind: self.events.get(kind, 0) for kind in kinds},
            "minutes": {kind: round(self.open_ms.get(kind, 0) / 60_000, 2) for kind in kinds},
        }


@dataclass
class CameraTotals:
    """Of one camera.

    Attributes:
        frames: that came.
        examined: that were measured; the others came faster than ``interval_ms``.
        scored: pictures of regions that the model scored; the others looked like the one before.
        failed: pictures of regions that could not be.
        late: frames whose time did not grow.
        up_ms, down_ms: time with and without a signal.
        whole: of lost_signal and frozen.
        regions: by name.
    """

    frames: int = 0
    examined: int = 0
    scored: int = 0
    failed: int = 0
    late: int = 0
    up_ms: int = 0
    down_ms: int = 0
    whole: RegionTotals = field(default_factory=RegionTotals)
    regions: dict[str, RegionTotals] = field(default_factory=dict)

    def add_time(self, elapsed_ms: int, *, is_up: bool) -> None:
        """Counts time with or without a signal."""
        if is_up:
            self.up_ms += elapsed_ms
        else:
            self.down_ms += elapsed_ms

    def find_region(self, name: str) -> RegionTotals:
        """The totals of a region; "" is the camera as a whole."""
        return self.regions.setdefault(name, RegionTotals()) if name else self.whole


@dataclass
class DayTotals:
    """Of all cameras.

    Attributes:
        day: e.g. "2026-11-20", by the clock on the wall.
        cameras: by name.
    """

    day: str
    cameras: dict[str, CameraTotals] = field(default_factory=dict)

    def find_camera(self, name: str) -> CameraTotals:
        """The totals of a camera."""
        return self.cameras.setdefault(name, CameraTotals())

    def is_over(self, today: str) -> bool:
        """Whether another day is to be begun.

        Forward only: a clock that is set back by some hours does not begin yesterday anew. A day that lies further
        ahead comes of a clock that was wrong, and waiting for it could take years.
        """
        ahead = date.fromisoformat(self.day) - date.fromisoformat(today)
        return ahead < timedelta(0) or ahead > MAX_SETBACK

    def to_state(self) -> dict[str, Any]:
        """For the state file."""
        return {
            "day": self.day,
            "cameras": {
                name: {
                    **{key: value for key, value in vars(totals).items() if isinstance(value, int)},
                    "whole": vars(totals.whole),
                    "regions": {region: vars(part) for region, part in totals.regions.items()},
                }
                for name, totals in self.cameras.items()
            },
        }

    @classmethod
    def from_state(cls, kept: dict[str, Any]) -> DayTotals:
        """What ``to_state`` gave.

        Raises:
            AttributeError, KeyError, TypeError, ValueError: it is something else.
        """
        cameras = {}
        for name, entry in kept["cameras"].items():
            counts = {key: read_count(value) for key, value in entry.items() if key not in ("whole", "regions")}
            regions = {region: _restore_region(part) for region, part in entry["regions"].items()}
            cameras[name] = CameraTotals(**counts, whole=_restore_region(entry["whole"]), regions=regions)
        return cls(date.fromisoformat(kept["day"]).isoformat(), cameras)


def _restore_region(kept: dict[str, Any]) -> RegionTotals:
    points = [read_count(count) for count in kept["points"]]
    if len(points) != POINTS:
        raise ValueError(f"{len(points)} counts of quality instead of {POINTS}")
    return RegionTotals(
        {kind: read_count(count) for kind, count in kept["events"].items()},
        {kind: read_count(span_ms) for kind, span_ms in kept["open_ms"].items()},
        points,
    )
