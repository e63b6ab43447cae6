"""Where events go. Only the log is on by itself; nothing else opens a socket unless the configuration asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_runtime.camera.monitor.config import MonitorConfig
from edge_runtime.camera.monitor.sinks.jsonl import JsonlLog
from edge_runtime.camera.monitor.sinks.queue import EventQueue
from edge_runtime.camera.monitor.sinks.queued import DeliveryError, QueuedSink
from edge_runtime.camera.monitor.sinks.sink import Sink
from edge_runtime.errors import SourceError

__all__ = ["DeliveryError", "EventQueue", "JsonlLog", "QueuedSink", "Sink", "open_sinks"]


def open_sinks(config: MonitorConfig) -> list[Sink]:
    """The sinks that a configuration asks for.

    Raises:
        SourceError: a queue has no folder to lie in, or a secret is not in the environment.
        UsageError: a library is not installed, or a queue cannot be opened.
    """
    if config.folder is None:
        if config.mqtt is not None or config.webhook is not None:
            raise SourceError('[mqtt] and [webhook] keep what waits on disk; add folder = "..." to [monitor]')
        return []
    sinks: list[Sink] = []
    try:
        for sink in _open_each(config, config.folder):
            sinks.append(sink)
    except BaseException:  # nobody would end the threads of those that are open
        for sink in sinks:
            sink.close()
        raise
    return sinks


def _open_each(config: MonitorConfig, folder: Path) -> Iterator[Sink]:
    yield JsonlLog(folder / "events.jsonl", config.log_mb)
    if config.mqtt is not None:
        from edge_runtime.camera.monitor.sinks.mqtt import MqttPublisher

        publisher = MqttPublisher(config.mqtt)
        queue = EventQueue(folder / "mqtt.queue", config.mqtt.max_waiting)
        yield QueuedSink("mqtt", queue, publisher.deliver, publisher.hang_up)
    if config.webhook is not None:
        from edge_runtime.camera.monitor.sinks.webhook import Webhook

        webhook = Webhook(config.webhook)
        queue = EventQueue(folder / "webhook.queue", config.webhook.max_waiting)
        yield QueuedSink("webhook", queue, webhook.deliver)
