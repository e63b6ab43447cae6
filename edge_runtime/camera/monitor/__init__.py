"""The shelf monitor: tells when a camera's picture goes bad, and when it is well again.

from edge_runtime import PhotoScorer
from edge_runtime.camera.monitor import Monitor, load_monitor_config
from edge_runtime.camera.sources import open_source

with PhotoScorer.default() as scorer, Monitor(load_monitor_config("monitor.toml"), scorer) as monitor:
    with open_source("rtsp://camera/stream") as source:
        for item in source:
            for event in monitor.feed(item, "aisle-3"):
                print(event.to_line())
"""

from __future__ import annotations

from edge_runtime.camera.monitor.config import MonitorConfig, load_monitor_config, parse_monitor_config
from edge_runtime.camera.monitor.events import EVENT_SCHEMA, Event
from edge_runtime.camera.monitor.kinds import EVENT_KINDS, EventKind, KindRule
from edge_runtime.camera.monitor.monitor import Monitor
from edge_runtime.camera.monitor.regions import RegionConfig

__all__ = [
    "EVENT_KINDS",
    "EVENT_SCHEMA",
    "Event",
    "EventKind",
    "KindRule",
    "Monitor",
    "MonitorConfig",
    "RegionConfig",
    "load_monitor_config",
    "parse_monitor_config",
]
