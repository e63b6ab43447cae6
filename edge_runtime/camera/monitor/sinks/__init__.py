"""Where events go. Only the log is on by itself; nothing else opens a socket unless the configuration asks for it."""

from __future__ import annotations

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
    sinks: list[Sink] = [JsonlLog(config.folder / "events.jsonl", config.log_mb)]
    if config.mqtt is not None:
        from edge_runtime.camera.monitor.sinks.mqtt import MqttPublisher

        publisher = MqttPublisher(config.mqtt)
        queue = EventQueue(config.folder / "mqtt.queue", config.mqtt.max_waiting)
        sinks.append(QueuedSink("mqtt", queue, publisher.deliver, publisher.hang_up))
    if config.webhook is not None:
        from edge_runtime.camera.monitor.sinks.webhook import Webhook

        webhook = Webhook(config.webhook)
        queue = EventQueue(config.folder / "webhook.queue", config.webhook.max_waiting)
        sinks.append(QueuedSink("webhook", queue, webhook.deliver))
    return sinks
