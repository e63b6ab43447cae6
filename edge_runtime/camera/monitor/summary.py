"""A camera's part of the day's summary: what was counted, and how things stand now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge_runtime.camera.monitor.camera import CameraMonitor
from edge_runtime.camera.monitor.totals import CameraTotals, DayTotals

__all__ = ["covers", "summarize_camera"]


def covers(path: Path, day: DayTotals) -> bool:
    """Whether a summary that was written before holds all that was counted of the day; False if it cannot be read."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))["cameras"]
        counted = {name: summarize_camera(totals, None) for name, totals in day.cameras.items()}
        return all(
            written[name][key] >= camera[key]
            for name, camera in counted.items()
            for key in ("frames", "watched_minutes")  # a camera may have had no signal, or one frame
        )
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return False


def summarize_camera(totals: CameraTotals, watched: CameraMonitor | None) -> dict[str, Any]:
    """A camera's part of the summary; ``watched`` is None if it has not been fed since the monitor was started."""
    total_ms = totals.up_ms + totals.down_ms
    regions = {}
    for name, counted in totals.regions.items():
        now = next((region for region in watched.regions if region.config.name == name), None) if watched else None
        is_learning = now is not None and now.baseline is None
        regions[name] = {
            **counted.to_dict(),
            "is_learning": is_learning,
            "unfit_to_learn": now.unfit if now is not None and is_learning else None,
            "open": [] if now is None else [kind for kind, state in now.states.items() if state.is_open],
        }
    return {
        "uptime_share": round(totals.up_ms / total_ms, 5) if total_ms else None,
        "watched_minutes": round(total_ms / 60_000, 2),
        "frames": totals.frames,
        "examined": totals.examined,
        "scored": totals.scored,
        "failed": totals.failed,
        "late": totals.late,
        "events": totals.whole.to_dict()["events"],
        "minutes": totals.whole.to_dict()["minutes"],
        "open": [] if watched is None else [kind for kind, state in watched.states.items() if state.is_open],
        "regions": regions,
    }
