"""Events get to an MQTT broker, also after it was away. The broker is a few lines that speak MQTT 3.1.1."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.camera.monitor import Event
from edge_runtime.camera.monitor.config import MqttConfig
from edge_runtime.camera.monitor.sinks import EventQueue, QueuedSink
from edge_runtime.camera.monitor.sinks.mqtt import MqttPublisher
from edge_runtime.camera.monitor.sinks.queued import DeliveryError

pytest.importorskip("paho.mqtt.client", reason="needs paho-mqtt: pip install 'photogate[mqtt]'")

CONNECT, PUBLISH, DISCONNECT = 1, 3, 14


class Broker:
    """Accepts anybody, or nobody; confirms what is published, and keeps it as (topic, payload)."""

    def __init__(self, port: int = 0, answer: int = 0) -> None:
        self.published: list[tuple[str, str]] = []
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", port))
        self.port = self._server.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):  # the client was faster
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        try:
            while head := stream.read(1):
                length = shift = 0
                while True:
                    byte = stream.read(1)[0]
                    length |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
                body = stream.read(length)
                if head[0] >> 4 == CONNECT:
                    connection.sendall(bytes([0x20, 2, 0, self._answer]))
                elif head[0] >> 4 == PUBLISH:
                    topic_bytes = int.from_bytes(body[:2], "big")
                    rest = body[2 + topic_bytes :]
                    self.published.append((body[2 : 2 + topic_bytes].decode(), rest[2:].decode()))
                    connection.sendall(bytes([0x40, 2]) + rest[:2])
                elif head[0] >> 4 == DISCONNECT:
                    return
        except (OSError, IndexError):
            return


def make_event(number: int) -> Event:
    return Event(f"{number:016x}", "aisle", "", "frozen", "opened", 5, 1, 0, 4, 0.1, 0.4, "u", "a")


def make_line(number: int) -> str:
    return make_event(number).to_line()


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.stop()


def test_an_event_is_published_under_the_topic(broker: Broker) -> None:
    publisher = MqttPublisher(MqttConfig("127.0.0.1", broker.port, "shop/7"))
    for number in range(3):
        publisher.deliver(make_line(number))
    publisher.hang_up()
    assert [topic for topic, _ in broker.published] == ["shop/7"] * 3
    assert [json.loads(payload) for _, payload in broker.published] == [json.loads(make_line(n)) for n in range(3)]


def test_a_broker_that_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_runtime.camera.monitor.sinks.mqtt.TIMEOUT_S", 0.5)
    broker = Broker(answer=5)
    try:
        with pytest.raises(DeliveryError, match="password"):
            MqttPublisher(MqttConfig("127.0.0.1", broker.port)).deliver(make_line(0))
    finally:
        broker.stop()


def test_events_wait_while_the_broker_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_runtime.camera.monitor.sinks.mqtt.TIMEOUT_S", 2.0)
    broker = Broker()
    publisher = MqttPublisher(MqttConfig("127.0.0.1", broker.port))
    queue = EventQueue(tmp_path / "queue", 10)
    sink = QueuedSink("mqtt", queue, publisher.deliver, publisher.hang_up, first_wait_s=0.05)
    sink.send(make_event(0))
    again: Broker | None = None
    try:
        _wait_for(broker, 1)
        broker.stop()
        time.sleep(0.1)
        sink.send(make_event(1))
        sink.send(make_event(2))
        deadline = time.monotonic() + 30
        while not sink.counts["failures"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        again = Broker(broker.port)
        _wait_for(again, 2)
        assert [int(json.loads(payload)["id"], 16) for _, payload in again.published] == [1, 2]
    finally:
        sink.close()
        if again is not None:
            again.stop()


def _wait_for(broker: Broker, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(broker.published) < count:
        assert time.monotonic() < deadline, f"{len(broker.published)} of {count} events came"
        time.sleep(0.01)
