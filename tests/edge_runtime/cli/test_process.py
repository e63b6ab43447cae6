"""The process around the photos: pipes that close, an interrupt, a terminal, several processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_runtime import parallel
from edge_runtime.cli.work import work_through
from edge_runtime.errors import InputError
from edge_runtime.result import ScoreFailure


def test_lines_are_flushed_one_by_one_and_a_closed_pipe_ends_quietly(
    package_environment: dict[str, str], folder: Path
) -> None:
    command = [sys.executable, "-m", "edge_runtime", "score", *[str(folder / "b.jpg")] * 400, "--format", "jsonl"]
    with subprocess.Popen(
        command, env=package_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "quality" in json.loads(process.stdout.readline())
        assert process.poll() is None, "the first line came only with the last"
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 141


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_interrupt(package_environment: dict[str, str], folder: Path) -> None:
    command = [sys.executable, "-m", "edge_runtime", "score", *[str(folder / "b.jpg")] * 2000, "--format", "jsonl"]
    with subprocess.Popen(
        command, env=package_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_progress_bar_on_a_terminal(package_environment: dict[str, str], folder: Path, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty", reason="needs a POSIX terminal")
    leader, follower = pty.openpty()
    lines = tmp_path / "lines.jsonl"
    command = [sys.executable, "-m", "edge_runtime", "score", *[str(folder / "b.jpg")] * 25, "--format", "jsonl"]
    with lines.open("w") as stdout:
        code = subprocess.run(command, env=package_environment, stdout=stdout, stderr=follower, check=False).returncode
    os.close(follower)
    shown = os.read(leader, 65_536).decode()
    os.close(leader)
    assert code == 0
    assert "25/25" in shown
    assert len(lines.read_text().splitlines()) == 25


def test_no_more_processes_than_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def each_in_processes(build: Callable[[], object], paths: list[str], jobs: int) -> Iterator[str]:
        started.append(jobs)
        return iter(paths)

    monkeypatch.setattr(parallel, "each_in_processes", each_in_processes)
    failure = ScoreFailure("c", InputError("c: gone"))
    assert list(work_through(["a", failure, "b"], str.upper, lambda: str.upper, 6)) == ["a", failure, "b"]
    assert list(work_through(["a", failure], str.upper, lambda: str.upper, 6)) == ["A", failure]
    assert started == [2]
