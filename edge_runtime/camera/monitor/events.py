"""An event: something went wrong with a camera's picture, or is well again. One line of JSON each."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from edge_runtime.camera.monitor.kinds import EventKind

__all__ = ["EVENT_SCHEMA", "Event", "format_time"]

EVENT_SCHEMA = 1
"""Grows when a key is renamed, removed or changes its meaning; further keys may come without that."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event has opened or closed.

    Attributes:
        event_id: the same in both lines of one event.
        camera: as it was fed.
        region: its name; "" for what concerns the camera as a whole.
        kind: what is wrong.
        state: "opened" or "closed".
        timestamp_ms: of the frame that decided, in the stream's time.
        started_ms: of the frame with which it began, in the stream's time.
        wall_ms: the clock on the wall when it was decided, milliseconds since 1970; a label, never used to count.
        duration_ms: from its beginning until now.
        value: the smoothed value that decided; None where nothing can be measured.
        limit: the one it passed.
        unit: of both.
        advice: what to do.
        quality: smoothed quality of the region, 0-100; None where unknown.
        evidence: path of a picture; None where none was kept.
        warning: what went wrong beside the event, e.g. that the disk is full; None if nothing.
    """

    event_id: str
    camera: str
    region: str
    kind: EventKind
    state: Literal["opened", "closed"]
    timestamp_ms: int
    started_ms: int
    wall_ms: int
    duration_ms: int
    value: float | None
    limit: float
    unit: str
    advice: str
    quality: float | None = None
    evidence: str | None = None
    warning: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The event's JSON object; see docs/shelf-camera.md."""
        return {
            "schema": EVENT_SCHEMA,
            "id": self.event_id,
            "camera": self.camera,
            "region": self.region or None,
            "kind": self.kind,
            "state": self.state,
            "time": format_time(self.wall_ms),
            "timestamp_ms": self.timestamp_ms,
            "started_ms": self.started_ms,
            "duration_ms": self.duration_ms,
            "value": _round(self.value, 4),
            "limit": self.limit,
            "unit": self.unit,
            "quality": _round(self.quality, 1),
            "advice": self.advice if self.state == "opened" else None,
            "evidence": self.evidence,
            "warning": self.warning,
        }

    def to_line(self) -> str:
        """One line of JSON, without its end."""
        # ASCII only, so that a name of any bytes can be written, stored and sent; NaN would not be JSON.
        return json.dumps(self.to_dict(), allow_nan=False)


def format_time(wall_ms: int) -> str:
    """Milliseconds since 1970 in ISO 8601, UTC, e.g. "2026-11-20T12:50:00.250Z"."""
    moment = datetime.fromtimestamp(wall_ms / 1000, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{wall_ms % 1000:03d}Z"


def _round(value: float | None, digits: int) -> float | None:
    """Also None for what is no finite number, which JSON does not know."""
    return round(value, digits) if value is not None and math.isfinite(value) else None
