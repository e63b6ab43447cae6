"""How the real process of ``photogate watch`` ends: stopped from outside, left by its reader, or by its camera."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PATIENCE_S = 60.0

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals and pipes")


def read_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def make_jpeg(photo: Image.Image, brightness: float = 1.0) -> bytes:
    stream = io.BytesIO()
    photo.resize((320, 240)).point(lambda level: round(brightness * level)).save(stream, "JPEG")
    return stream.getvalue()


class Feeder:
    """``photogate watch`` with an endless camera on its standard input."""

    def __init__(self, environment: dict[str, str], photo: Image.Image, *arguments: str | Path) -> None:
        command = [sys.executable, "-m", "edge_runtime", "watch", "-", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._jpegs = [make_jpeg(photo, brightness) for brightness in (0.3, 0.6, 1.0)]
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._feed)
        self._thread.start()
        self._watchdog = threading.Timer(PATIENCE_S, self.process.kill)
        self._watchdog.start()

    def _feed(self) -> None:
        assert self.process.stdin is not None
        number = 0
        try:
            while not self._stopped.wait(0.02):
                self.process.stdin.write(self._jpegs[number % len(self._jpegs)])
                self.process.stdin.flush()
                number += 1
        except OSError:  # the process has ended
            pass

    def read_line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read().decode() if self.process.stderr else ""
        return json.loads(line)

    def finish(self) -> tuple[int, str, str]:
        """Waits for the process's end: exit code, the rest of its output, its complaints."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        output = b"" if self.process.stdout.closed else self.process.stdout.read()
        complaints = self.process.stderr.read()
        code = self.process.wait(PATIENCE_S)
        self.close()
        return code, output.decode(), complaints.decode()

    def close(self) -> None:
        self._watchdog.cancel()
        self.process.kill()
        self._stopped.set()
        self._thread.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what is buffered cannot be written any more
                    pipe.close()
        self.process.wait()


@pytest.fixture
def feed(package_environment: dict[str, str], photo: Image.Image) -> Iterator[Callable[..., Feeder]]:
    feeders: list[Feeder] = []

    def start(*arguments: str | Path) -> Feeder:
        feeders.append(Feeder(package_environment, photo, *arguments))
        return feeders[-1]

    yield start
    for feeder in feeders:
        feeder.close()


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("arguments", [(), ("--realtime",)])
def test_interrupt_writes_the_summary(feed: Callable[..., Feeder], number: int, arguments: tuple[str, ...]) -> None:
    feeder = feed(*arguments)
    first = [feeder.read_line() for _ in range(5)]
    assert {line["type"] for line in first} == {"result"}
    feeder.process.send_signal(number)
    code, output, complaints = feeder.finish()
    assert (code, complaints) == (0, "")
    *rest, summary = read_lines(output)
    assert {line["type"] for line in rest} <= {"result"}
    assert summary["type"] == "summary"
    assert summary["is_interrupted"]
    assert summary["scored"] + summary["unchanged"] == 5 + len(rest)


@posix
def test_interrupt_in_the_middle_of_a_folder_says_so(package_environment: dict[str, str], examples_dir: Path) -> None:
    command = [sys.executable, "-m", "edge_runtime", "watch", str(examples_dir), "--realtime", "--fps", "0.5"]
    with subprocess.Popen(command, env=package_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert b"quality" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        summary = read_lines(process.stdout.read().decode())[-1]
        assert process.wait(PATIENCE_S) == 130
        assert summary["is_interrupted"]
        assert b"Traceback" not in process.stderr.read()


@posix
def test_reader_that_goes_away_ends_it(feed: Callable[..., Feeder]) -> None:
    feeder = feed()
    feeder.read_line()
    assert feeder.process.stdout is not None
    feeder.process.stdout.close()
    code, _, complaints = feeder.finish()
    assert (code, complaints) == (141, "")


@posix
def test_duration_ends_it(feed: Callable[..., Feeder]) -> None:
    code, output, complaints = feed("--duration", "1").finish()
    assert (code, complaints) == (0, "")
    summary = read_lines(output)[-1]
    assert summary["duration_s"] >= 1
    assert not summary["is_interrupted"]


@posix
def test_best_shot_of_the_last_seconds_is_there_while_it_runs(feed: Callable[..., Feeder], tmp_path: Path) -> None:
    out = tmp_path / "best.jpg"
    feeder = feed("--best-shot", out, "--best-seconds", "2")
    for _ in range(5):
        feeder.read_line()
    assert Image.open(out).size == (320, 240)
    feeder.process.send_signal(signal.SIGINT)
    code, output, _ = feeder.finish()
    assert code == 0
    assert read_lines(output)[-1]["best_shot"]["path"] == str(out)


@pytest.fixture
def short_stream(photo: Image.Image) -> Iterator[str]:
    """The address of a camera that sends five pictures and is then gone for good."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=f\r\n\r\n")
            for brightness in (0.2, 0.4, 0.6, 0.8, 1.0):
                jpeg = make_jpeg(photo, brightness)
                connection.sendall(b"--f\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n")
                threading.Event().wait(0.05)
        server.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/video"
    thread.join(PATIENCE_S)


def test_source_that_breaks_off_does_not_stop_the_other(run_command: Run, folder: Path, short_stream: str) -> None:
    (folder / "broken.jpg").unlink()  # which would be named on standard error
    result = run_command("watch", f"door={short_stream}", f"shelf={folder}", "--retries", "1")
    assert result.returncode == 1
    assert result.stderr == ""
    *lines, summary = read_lines(result.stdout)
    door = [line for line in lines if line["source"] == "door"]
    assert {"result", "interruption"} <= {line["type"] for line in door}
    assert door[-1]["type"] == "error"
    assert "given up after 1 attempts" in door[-1]["error"]["message"]
    times = [line["timestamp_ms"] for line in door if line["type"] == "result"]
    assert times == sorted(set(times))
    assert sum(line["source"] == "shelf" for line in lines) == 3
    assert summary["sources"][0]["error"]["type"] == "SourceError"
    assert summary["interruptions"] == 1
