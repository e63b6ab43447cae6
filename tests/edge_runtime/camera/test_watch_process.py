"""``photogate watch`` from end to end: each test starts the real process, with the shipped model."""

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

import numpy as np
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


@pytest.fixture
def folder(tmp_path: Path, photo: Image.Image) -> Path:
    """Three photos that differ, and one that is broken."""
    root = tmp_path / "photos"
    root.mkdir()
    for number, brightness in enumerate((0.2, 1.0, 0.5)):
        photo.point(lambda level, brightness=brightness: round(brightness * level)).save(root / f"{number}.png")
    (root / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    return root


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


def test_folder_is_scored_in_order_to_its_end(run_command: Run, folder: Path) -> None:
    result = run_command("watch", f"shelf={folder}", "--fps", "2")
    assert (result.returncode, result.stderr) == (0, "")
    *lines, summary = read_lines(result.stdout)
    assert [(line["type"], line["source"], line["timestamp_ms"]) for line in lines] == [
        ("result", "shelf", 0),
        ("result", "shelf", 500),
        ("result", "shelf", 1000),
    ]
    assert all(0 <= line["quality"] <= 100 and len(line["attributes"]) == 5 for line in lines)
    assert {line["verdict"] for line in lines} <= {"accept", "review", "reject"}
    assert summary["type"] == "summary"
    assert (summary["frames"], summary["scored"], summary["corrupt"], summary["dropped"]) == (3, 3, 1, 0)
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p95"]
    assert not summary["is_interrupted"]


def test_score_is_that_of_the_photo(run_command: Run, folder: Path) -> None:
    """The view of a frame may be made by a short cut, so not to the last digit."""
    (folder / "broken.jpg").unlink()
    watched = read_lines(run_command("watch", folder).stdout)[:-1]
    scored = read_lines(run_command("score", folder, "--format", "jsonl").stdout)
    assert [line["quality"] for line in watched] == pytest.approx([line["quality"] for line in scored], abs=3)


def test_output_for_people(run_command: Run, folder: Path) -> None:
    result = run_command("watch", folder, "--format", "text", "--every", "2")
    assert result.returncode == 0
    first, second, summary = result.stdout.splitlines()
    assert first.split()[0] == "0.000"
    assert second.split()[0] == "2.000"
    assert "3 scored, 0 unchanged, 0 failed, 0 dropped, 1 corrupt" in summary


def test_unchanged_frames_are_scored_again_only_if_asked_to(
    run_command: Run, tmp_path: Path, photo: Image.Image
) -> None:
    raw = photo.resize((64, 48)).tobytes() * 5
    (tmp_path / "raw").write_bytes(raw)
    counts = []
    for arguments in ((), ("--no-skip-unchanged",)):
        with (tmp_path / "raw").open("rb") as stream:
            result = run_command(
                "watch", "-", "--size", "64x48", "--pixel-format", "rgb", "--fps", "10", *arguments, stdin=stream
            )
        assert result.returncode == 0, result.stderr
        summary = read_lines(result.stdout)[-1]
        counts.append((summary["scored"], summary["unchanged"]))
    assert counts == [(1, 4), (5, 0)]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing.mp4"],
        ["ftp://a/b"],
        ["http://127.0.0.1:1/video"],
        [".", "--policy", "none.toml"],
        [".", "--size", "wide"],
        [".", "--every", "-1"],
        [".", "--fps", "0"],
        [".", "--duration", "0"],
        [".", "--best-shot", "x.png"],
        ["a=.", "a=.."],
        ["a=.", "b=..", "--best-shot", "x.jpg"],
        [".", "--monitor", "none.toml"],
        [".", "--relearn"],
        ["-", "--pixel-format", "nv12"],
    ],
)
def test_wrong_usage(run_command: Run, folder: Path, arguments: list[str]) -> None:
    result = run_command("watch", *arguments, cwd=folder, stdin=subprocess.DEVNULL)
    assert (result.returncode, result.stdout) == (2, "")
    assert "photogate watch:" in result.stderr
    assert "Traceback" not in result.stderr


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


def test_best_shot_is_the_best_frame_whole(run_command: Run, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "best.jpg"
    result = run_command("watch", folder, "--best-shot", out)
    assert result.returncode == 0, result.stderr
    *lines, summary = read_lines(result.stdout)
    best = max(lines, key=lambda line: line["quality"])
    assert summary["best_shot"]["timestamp_ms"] == best["timestamp_ms"]
    assert summary["best_shot"]["quality"] == best["quality"]
    names = sorted(path for path in folder.iterdir() if path.suffix == ".png")
    original = np.asarray(Image.open(names[best["timestamp_ms"] // 1000])).astype(float)
    kept = np.asarray(Image.open(out)).astype(float)
    assert kept.shape == original.shape
    assert np.abs(kept - original).mean() < 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.jpg", "photos"]
    before = out.read_bytes()
    refused = run_command("watch", folder, "--best-shot", out)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert out.read_bytes() == before
    assert run_command("watch", folder, "--best-shot", out, "--force").returncode == 0


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


def test_missing_folder_is_refused_before_the_camera_is_opened(run_command: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/video"
        result = run_command("watch", address, "--best-shot", tmp_path / "none" / "best.jpg")
        assert result.returncode == 2
        assert "there is no folder" in result.stderr
        with pytest.raises(TimeoutError):
            server.accept()


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


def test_view_without_a_display_is_a_line_of_text(
    run_command: Run, folder: Path, package_environment: dict[str, str]
) -> None:
    environment = {key: value for key, value in package_environment.items() if "DISPLAY" not in key}
    result = run_command("watch", folder, "--view", "--realtime", "--fps", "10", "--language", "zh", env=environment)
    assert result.returncode == 0
    assert len(read_lines(result.stdout)) >= 2  # still for programs, as this is no terminal
    if sys.platform.startswith("linux"):
        assert "no window, this machine has no display" in result.stderr
        assert f"{folder} [#" in result.stderr


def test_monitor_prints_events(run_command: Run, tmp_path: Path, photo: Image.Image) -> None:
    """A shelf in good light, then in the dark."""
    (tmp_path / "monitor.toml").write_text(
        'schema = 1\n[monitor]\nfolder = "kept"\n[baseline]\nlearn_s = 10\n'
        '[[region]]\nname = "left"\ncamera = "shelf"\n'
    )
    scene = np.asarray(photo.resize((160, 120)))[..., 1].astype(float)
    noise = np.random.default_rng(0)
    with (tmp_path / "raw").open("wb") as stream:
        for number in range(200):
            light = 1.0 if number < 120 else 0.1
            stream.write((light * scene + noise.normal(0, 2, scene.shape)).clip(0, 255).astype(np.uint8).tobytes())
    arguments = ["--size", "160x120", "--pixel-format", "gray", "--fps", "4", "--monitor", tmp_path / "monitor.toml"]
    with (tmp_path / "raw").open("rb") as stream:
        result = run_command("watch", "shelf=-", *arguments, stdin=stream)
    assert result.returncode == 0, result.stderr
    *events, summary = read_lines(result.stdout)
    assert {event["type"] for event in events} == {"event"}
    dark = [event for event in events if event["kind"] == "dark"]
    assert [(event["camera"], event["region"], event["state"]) for event in dark] == [("shelf", "left", "opened")]
    assert summary["events"] == sum(event["state"] == "opened" for event in events)
    assert summary["monitor"]["cameras"]["shelf"]["frames"] == 200
    with (tmp_path / "raw").open("rb") as stream:
        result = run_command("watch", "door=-", *arguments, stdin=stream)
    assert result.returncode == 2
    assert "'door'" in result.stderr
    for option in ("--view", "--best-shot=x.jpg"):
        refused = run_command("watch", "shelf=-", *arguments, option, stdin=subprocess.DEVNULL, cwd=tmp_path)
        assert refused.returncode == 2
        assert "leave one of the two out" in refused.stderr
