"""Photos shared among processes: the same outcomes in the same order, whatever happens to a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from PIL import Image

from edge_runtime import parallel

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SCRIPT = """
import os, sys, time
from functools import partial
from pathlib import Path
from edge_runtime.errors import InputError, ModelError
from edge_runtime.parallel import each_in_processes
from edge_runtime.result import ScoreFailure

def act(path):
    if path.startswith("bad"):
        raise InputError(f"{path}: bad")
    if path.startswith("deadly"):
        os._exit(9)
    if path.startswith("defect"):
        raise ZeroDivisionError(path)
    if path.startswith("slow"):
        time.sleep(60)
    if path.startswith("meet"):  # waits for another process that does the same
        folder = Path(path).with_suffix(".met")
        folder.mkdir(exist_ok=True)
        (folder / str(os.getpid())).touch()
        while len(list(folder.iterdir())) < 2:
            time.sleep(0.01)
    return f"{path} by {os.getpid()}"

def build(how):
    if how == "deadly":
        os._exit(9)
    if how == "broken":
        raise ModelError("no such model")
    return act

def show(outcome):
    return f"{outcome.path} failed: {outcome.error}" if isinstance(outcome, ScoreFailure) else outcome

if __name__ == "__main__":
    how, jobs, *paths = sys.argv[1:]
    try:
        for outcome in each_in_processes(partial(build, how), paths, int(jobs)):
            print(show(outcome), flush=True)
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.fixture
def start(tmp_path: Path, package_environment: dict[str, str]) -> Callable[..., subprocess.Popen[str]]:
    """Starts the script: how to build, processes, paths."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(script), *arguments]
        return subprocess.Popen(command, env=package_environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True)

    return start


@pytest.fixture
def run(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., list[str]]:
    """Runs the script and returns its lines."""

    def run(*arguments: str) -> list[str]:
        output, _ = start(*arguments).communicate(timeout=100)
        return output.splitlines()

    return run


def test_outcomes_keep_their_order_and_failures_their_place(run: Callable[..., list[str]]) -> None:
    paths = ["meet", "meet", *map(str, range(20)), "bad", "last"]
    lines = run("fine", "2", *paths)
    assert [line.split(" by ")[0] for line in lines] == ["bad failed: bad: bad" if p == "bad" else p for p in paths]
    assert len({line.split(" by ")[1] for line in lines[:2]}) == 2


def test_a_photo_that_ends_its_process_fails_alone(run: Callable[..., list[str]]) -> None:
    lines = run("fine", "2", "a", "deadly 1", "b", "deadly 2", *"cdefghijkl")
    assert [line.split(" by ")[0].split(":")[0] for line in lines] == [
        *("a", "deadly 1 failed", "b", "deadly 2 failed", *"cdefghijkl")
    ]
    assert "ended, perhaps for want of memory" in lines[1]


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        (("broken", "2", "a"), "ModelError no such model"),
        (("deadly", "2", "a"), "UsageError a process to score in ended as it started"),
        (("fine", "0", "a"), "UsageError 0 processes"),
        (("fine", "2", "a", "defect"), "ZeroDivisionError defect"),
        (("fine", "2"), ""),
    ],
)
def test_what_no_photo_can_help_is_raised(run: Callable[..., list[str]], arguments: list[str], last: str) -> None:
    assert "".join(run(*arguments)[-1:]).startswith(last)


@pytest.mark.parametrize(("platform", "started"), [("win32", 61), ("linux", 200)])
def test_no_more_processes_are_started_than_windows_can_wait_for(
    monkeypatch: pytest.MonkeyPatch, platform: str, started: int
) -> None:
    counts = []

    def count(_: object, jobs: int) -> MagicMock:
        counts.append(jobs)
        return MagicMock()

    monkeypatch.setattr(parallel, "_start", count)
    monkeypatch.setattr(sys, "platform", platform)
    assert list(parallel.each_in_processes(lambda: str.upper, [], 200)) == []
    assert counts == [started]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_one_that_started_it(
    start: Callable[..., subprocess.Popen[str]], how: signal.Signals
) -> None:
    process = start("fine", "2", "a", "slow 1", "slow 2")
    assert process.stdout is not None
    process.stdout.readline()
    children = find_children(process.pid)
    assert len(children) >= 2
    if how == signal.SIGINT:  # as a terminal sends it: to all of them
        for pid in children:
            os.kill(pid, how)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 20
    while any(map(is_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_alive, children))


def find_children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_commands_print_the_same_with_any_number_of_processes(
    run_command: Run, photo: Image.Image, tmp_path: Path
) -> None:
    for index in range(3):
        photo.resize((200 + 100 * index, 300)).save(tmp_path / f"{index}.jpg")
    exif = Image.Exif()
    exif[271] = "camera" * 9
    # A text that is said to be longer than the data: Pillow warns.
    photo.save(tmp_path / "0b.jpg", exif=exif.tobytes().replace(b"\0\0\0\x37", b"\x09\0\0\x37"))
    (tmp_path / "1b.jpg").write_bytes(b"no photo")
    (tmp_path / "9.jpg").symlink_to("nowhere")
    for command in (["score"], ["gate", "--rules", "ebay"]):
        one, two = (
            run_command(*command, "--format", "jsonl", "--jobs", jobs, tmp_path, tmp_path / "none.jpg")
            for jobs in ("1", "2")
        )
        assert one.returncode == two.returncode != 0
        assert one.stderr == two.stderr
        first, second = ([without_times(line) for line in run.stdout.splitlines()] for run in (one, two))
        assert len(first) == 7
        assert first == second


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of POSIX")
def test_a_policy_and_a_pack_from_pipes_are_read_once_for_all_processes(
    run_command: Run, photo: Image.Image, tmp_path: Path
) -> None:
    texts = {
        "policy.toml": 'name = "strict"\n[quality]\naccept_from = 100\nreject_below = 99\n',
        "pack.toml": "schema = 1\nname = 'own'\ntitle = 'Own'\nsource = 'here'\nas_of = 2026-11-29\n"
        "[[rules]]\nname = 'size'\ncheck = 'longest_side'\nlevel = 'must'\nminimum = 9000\n",
    }
    for name in texts:
        os.mkfifo(tmp_path / name)
    writers = [
        threading.Thread(target=(tmp_path / name).write_text, args=(text,), daemon=True) for name, text in texts.items()
    ]
    for writer in writers:
        writer.start()
    for index in range(3):
        photo.save(tmp_path / f"{index}.jpg")
    options = ("--policy", tmp_path / "policy.toml", "--rules", tmp_path / "pack.toml", "--format", "jsonl")
    result = run_command("gate", tmp_path, *options, "--jobs", "2", timeout=60)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 3, result.stderr
    assert [record["policy"] for record in records] == ["strict"] * 3
    outcomes = [[(rule["rule"], rule["state"]) for rule in record["rules"]] for record in records]
    assert outcomes == [[("own/size", "failed")]] * 3


def without_times(line: str) -> dict[str, object]:
    record = json.loads(line)
    record.pop("timings_ms", None)
    return record
