"""Events get where they shall, in order, over full disks, lost connections and restarts; nowhere by themselves."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.camera.monitor import Event, Monitor, MonitorConfig
from edge_runtime.camera.monitor.config import MqttConfig, WebhookConfig
from edge_runtime.camera.monitor.sinks import EventQueue, JsonlLog, QueuedSink, open_sinks
from edge_runtime.camera.monitor.sinks.webhook import Webhook
from edge_runtime.errors import SourceError, UsageError


def make_event(number: int = 0) -> Event:
    return Event(f"{number:016x}", "aisle", "all", "dark", "opened", 5, 1, 0, 4, 0.1, 0.4, "share", "Look.")


def wait_until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it has not come to pass"
        time.sleep(0.01)


def read_ids(lines: list[str]) -> list[int]:
    return [int(json.loads(line)["id"], 16) for line in lines]


class Receiver(HTTPServer):
    """Answers with ``status``, and keeps what is posted."""

    def __init__(self, port: int = 0) -> None:
        self.status = 204
        self.posts: list[tuple[str, dict[str, str]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                receiver.posts.append((body, dict(self.headers)))
                self.send_response(receiver.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


def test_what_fails_is_tried_again_in_order_until_it_is_through(tmp_path: Path) -> None:
    delivered: list[str] = []
    faults = [OSError("down"), ValueError("whatever"), OSError("down")]

    def deliver(line: str) -> None:
        if faults:
            raise faults.pop()
        delivered.append(line)

    sink = QueuedSink("test", EventQueue(tmp_path / "queue", 100), deliver, first_wait_s=0.01)
    for number in range(5):
        sink.send(make_event(number))
    wait_until(lambda: len(delivered) == 5)
    sink.close()
    assert read_ids(delivered) == [0, 1, 2, 3, 4]
    assert sink.counts["delivered"] == 5


def test_what_was_not_delivered_is_delivered_by_the_next_run(tmp_path: Path) -> None:
    def fail(_: str) -> None:
        raise OSError("down")

    sink = QueuedSink("test", EventQueue(tmp_path / "queue", 100), fail, first_wait_s=60)
    for number in range(3):
        sink.send(make_event(number))
    wait_until(lambda: sink.counts["failures"] == 1)
    started = time.monotonic()
    sink.close(timeout_s=30)
    assert time.monotonic() - started < 20, "closing does not wait for the next attempt"
    delivered: list[str] = []
    again = QueuedSink("test", EventQueue(tmp_path / "queue", 100), delivered.append)
    wait_until(lambda: len(delivered) == 3)
    again.close()
    assert read_ids(delivered) == [0, 1, 2]


def test_a_webhook_posts_the_event(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELF_TOKEN", "secret")
    monkeypatch.setenv("no_proxy", "*")
    webhook = Webhook(WebhookConfig(f"http://127.0.0.1:{receiver.server_port}/hook", token_env="SHELF_TOKEN"))
    webhook.deliver(make_event(7).to_line())
    ((body, headers),) = receiver.posts
    assert json.loads(body) == make_event(7).to_dict()
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == f"{7:016x}-opened"


@pytest.mark.parametrize("status", [302, 400, 500])
def test_a_webhook_that_answers_otherwise_is_tried_again(
    receiver: Receiver, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    receiver.status = status
    with pytest.raises(Exception, match=str(status)):
        Webhook(WebhookConfig(f"http://127.0.0.1:{receiver.server_port}/secret-path")).deliver(make_event().to_line())


def test_events_survive_a_receiver_that_is_down_and_a_restart_of_the_monitor(
    tmp_path: Path, config: MonitorConfig, stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("edge_runtime.camera.monitor.sinks.queued.FIRST_WAIT_S", 0.01)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    hooked = MonitorConfig(folder=tmp_path, webhook=WebhookConfig(f"http://127.0.0.1:{port}/"))
    with Monitor(hooked, stub) as monitor:
        for event in (make_event(1), make_event(2)):
            monitor._send(event)
        wait_until(lambda: monitor.summary()["sinks"]["webhook"]["failures"] > 0)
    receiver = Receiver(port)
    try:
        with Monitor(hooked, stub):
            wait_until(lambda: len(receiver.posts) == 2)
    finally:
        receiver.stop()
    assert read_ids([body for body, _ in receiver.posts]) == [1, 2]


def test_secrets_that_are_not_set_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(SourceError, match="NOT_SET"):
        Webhook(WebhookConfig("http://x/", token_env="NOT_SET"))


def test_a_queue_needs_a_folder() -> None:
    with pytest.raises(SourceError, match="folder"):
        open_sinks(MonitorConfig(webhook=WebhookConfig("http://x/")))


def test_a_sink_that_cannot_be_opened_leaves_none_running(tmp_path: Path) -> None:
    pytest.importorskip("paho.mqtt.client", reason="needs paho-mqtt: pip install 'photogate[mqtt]'")
    config = MonitorConfig(folder=tmp_path, mqtt=MqttConfig("127.0.0.1"), webhook=WebhookConfig("http://x/"))
    (tmp_path / "webhook.queue").mkdir()
    with pytest.raises(UsageError, match="queue of events"):
        open_sinks(config)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("photogate-")]


def test_by_default_no_socket_is_opened_and_no_thread_started(
    tmp_path: Path, camera: Any, stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket is opened")

    monkeypatch.setattr(socket, "socket", refuse)
    threads = threading.active_count()
    with Monitor(MonitorConfig(folder=tmp_path), stub) as monitor:
        camera.monitor = monitor
        camera.watch(5, lambda picture: picture * 0)
        assert threading.active_count() == threads
    assert [json.loads(line)["kind"] for line in (tmp_path / "events.jsonl").read_text().splitlines()] == ["dark"]


def test_the_log_is_put_aside_when_it_has_grown(tmp_path: Path) -> None:
    line_bytes = len(make_event().to_line()) + 1
    log = JsonlLog(tmp_path / "events.jsonl", 2.5 * line_bytes / 1e6)
    for number in range(20):
        log.send(make_event(number))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["events.1.jsonl", "events.2.jsonl", "events.3.jsonl", "events.jsonl"]
    assert read_ids((tmp_path / "events.jsonl").read_text().splitlines()) == [18, 19]
    assert read_ids((tmp_path / "events.1.jsonl").read_text().splitlines()) == [16, 17]


def test_the_log_keeps_what_does_not_fit_on_the_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "shelf").touch()  # a file where the folder should be
    log = JsonlLog(tmp_path / "shelf" / "events.jsonl", 1)
    for number in range(3):
        log.send(make_event(number))
    assert log.counts == {"waiting": 3, "dropped": 0}
    assert caplog.text.count("make room") == 1
    (tmp_path / "shelf").unlink()
    log.send(make_event(3))
    assert read_ids((tmp_path / "shelf" / "events.jsonl").read_text().splitlines()) == [0, 1, 2, 3]
    assert log.counts["waiting"] == 0


def test_a_line_that_a_power_cut_has_torn_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"torn')
    JsonlLog(path, 1).send(make_event(4))
    torn, whole = path.read_text().splitlines()
    assert torn == '{"torn'
    assert read_ids([whole]) == [4]


def test_without_paho_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "paho.mqtt.client", None)
    with pytest.raises(UsageError, match=r"photogate\[mqtt\]"):
        open_sinks(MonitorConfig(folder=tmp_path, mqtt=MqttConfig("broker")))
