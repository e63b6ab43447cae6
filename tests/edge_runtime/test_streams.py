"""The command's streams: full, closed or gone, and Ctrl-C at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from PIL import Image

from edge_runtime import PhotoScorer
from edge_runtime.interpreter import quiet_native_log

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors and signals of POSIX")


@pytest.fixture
def path(tmp_path: Path, photo: Image.Image) -> Path:
    photo.save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


def run_in_shell(line: str, path: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs "photogate" of the line for ``$1``, the photo."""
    line = line.replace("photogate", f"{sys.executable} -m edge_runtime")
    command = ["/bin/sh", "-c", line, "sh", str(path)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ['score "$1"', 'gate "$1" --format jsonl', "models"])
def test_a_full_disk_under_the_output_is_said(command: str, path: Path, package_environment: dict[str, str]) -> None:
    result = run_in_shell(f"photogate {command} > /dev/full", path, package_environment)
    assert result.returncode == 2
    assert "cannot write the output: No space left on device" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr


def test_closed_streams_change_nothing_else(path: Path, package_environment: dict[str, str]) -> None:
    result = run_in_shell('photogate score "$1" --format jsonl 2>&-', path, package_environment)
    assert result.returncode == 0
    assert result.stdout.startswith("{")
    assert result.stdout.count("\n") == 1


def test_a_result_that_nobody_gets_is_an_error(path: Path, package_environment: dict[str, str]) -> None:
    result = run_in_shell('photogate score "$1" >&-', path, package_environment)
    assert result.returncode == 2
    assert "photogate score: cannot write the output" in result.stderr
    assert "Traceback" not in result.stderr


def test_no_file_takes_the_place_of_a_closed_stream(path: Path, package_environment: dict[str, str]) -> None:
    pytest.importorskip("jinja2", reason="the page needs the extra report")
    page = path.with_name("page.html")
    # Had the page got descriptor 2, the interpreter's log would stand in it.
    result = run_in_shell(f'photogate report "$1" -o {page} <&- >&- 2>&-', path, package_environment)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    text = page.read_text(encoding="utf-8")
    assert text.lower().startswith("<!doctype html>")
    assert "INFO:" not in text


def test_errors_cannot_steer_the_terminal(path: Path, package_environment: dict[str, str]) -> None:
    result = run_in_shell('photogate score "$1" --model "$(printf "\\033[31mred")"', path, package_environment)
    assert result.returncode == 2
    assert "\\x1b[31mred: no such model" in result.stderr
    assert "\033" not in result.stderr


def test_nowhere_for_temporary_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    before = os.dup(0)
    os.close(before)
    with quiet_native_log(), PhotoScorer.default() as scorer:
        assert scorer.score(path).quality > 0
    after = os.dup(0)
    os.close(after)
    assert after == before, "a descriptor was left open"


@pytest.mark.skipif(not Path("/proc/thread-self/children").exists(), reason="the system does not tell children")
@pytest.mark.parametrize("delay_s", [0.0, 0.2, 0.5])
def test_ctrl_c_while_processes_start(delay_s: float, path: Path, package_environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "edge_runtime", "score", *[str(path)] * 300, "--jobs", "3"]
    process = subprocess.Popen(
        command,
        env=package_environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None and not children.read_text().strip():
        time.sleep(0.01)  # while Python itself starts, an interrupt ends it in ways of its own
    time.sleep(delay_s)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to all of them
    _, errors = process.communicate(timeout=60)
    assert "Process Spawn" not in errors
    assert process.returncode in (0, 130), errors  # it may have been done
