"""The command line from end to end: each test starts the real process."""

from __future__ import annotations

import argparse
import csv
import inspect
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

import edge_runtime
from edge_runtime import parallel
from edge_runtime.cli import rules, score
from edge_runtime.cli.inputs import expand_paths, expand_patterns
from edge_runtime.cli.parser import CommandParser
from edge_runtime.cli.work import work_through
from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.errors import InputError
from edge_runtime.models import DEFAULT_MODEL, find_model
from edge_runtime.result import ScoreFailure

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(tmp_path: Path, photo: Image.Image) -> Path:
    """Two photos, one broken photo, a text file, and a folder with one more photo."""
    root = tmp_path / "photos"
    (root / "inner").mkdir(parents=True)
    photo.save(root / "b.jpg")
    photo.save(root / "A.PNG")
    photo.save(root / "inner" / "d.webp")
    (root / "c.jpg").write_bytes((root / "b.jpg").read_bytes()[:5000])
    (root / "notes.txt").write_text("no photo")
    (root / "._b.jpg").write_bytes(b"left by another system")
    return root


def test_version_and_help(run_command: Run) -> None:
    result = run_command("--version")
    assert (result.returncode, result.stdout) == (0, f"photogate {edge_runtime.__version__}\n")
    for command in ([], ["score"], ["models"], ["bench"], ["doctor"]):
        result = run_command(*command, "--help")
        assert result.returncode == 0
        assert "Exit codes: 0" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["scores"],
        ["score"],
        ["score", "x.jpg", "--threads", "0"],
        ["score", "x.jpg", "--threads", "two"],
        ["score", "x.jpg", "--format", "xml"],
        ["score", "x.jpg", "--model", "none.tflite"],
        ["score", "x.jpg", "--model", "photogate-enormous"],
        ["score", "x.jpg", "--policy", "none.toml"],
    ],
)
def test_wrong_usage(run_command: Run, arguments: list[str], tmp_path: Path) -> None:
    result = run_command(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "photogate" in result.stderr
    assert "Traceback" not in result.stderr


def test_unusable_models(run_command: Run, tmp_path: Path) -> None:
    content = bytearray(find_model(DEFAULT_MODEL).read_bytes())
    content[len(content) // 2] ^= 0xFF
    corrupted, foreign = tmp_path / "corrupted.tflite", tmp_path / "foreign.tflite"
    corrupted.write_bytes(content)
    foreign.write_bytes(b"\x1c\0\0\0TFL3" + bytes(1000))
    for path, message in ((corrupted, "the model is damaged"), (foreign, "no photogate contract")):
        result = run_command("score", "x.jpg", "--model", path)
        assert result.returncode == 2
        assert "ModelError" in result.stderr
        assert str(path) in result.stderr
        assert message in result.stderr


def test_json_lines(run_command: Run, folder: Path) -> None:
    result = run_command("score", folder, folder / "none.jpg", folder / "b.jpg", "--format", "jsonl")
    assert result.returncode == 1
    records = [json.loads(line) for line in result.stdout.splitlines()]
    wanted = [folder / name for name in ("A.PNG", "b.jpg", "c.jpg", "none.jpg", "b.jpg")]
    assert [record["path"] for record in records] == [str(path) for path in wanted]
    assert ["error" in record for record in records] == [False, False, True, True, False]
    assert records[2]["error"]["type"] == "DecodeError"
    assert "truncated JPEG" in records[2]["error"]["message"]
    assert records[3]["error"]["type"] == "InputError"
    good = records[1]
    assert {"quality", "interval", "band", "verdict", "reasons", "category", "style", "timings_ms"} <= set(good)
    assert list(good["attributes"]) == list(ATTRIBUTE_NAMES)
    assert good["verdict"] in ("accept", "review", "reject")
    assert good["model"]["name"]
    assert {key: good[key] for key in good if key != "timings_ms"} == {
        key: records[4][key] for key in records[4] if key != "timings_ms"
    }
    assert "INFO" not in result.stderr


def test_table(run_command: Run, folder: Path) -> None:
    result = run_command("score", ".", cwd=folder)
    assert result.returncode == 1
    header, *rows = result.stdout.splitlines()
    for word in ("photo", "quality", "band", "verdict", "sharp", "noise", "expos", "color", "compo", "category", "ms"):
        assert word in header.split()
    assert len(rows) == 3
    assert "DecodeError: truncated JPEG" in rows[2]
    assert rows[0].split()[1] == rows[0][header.index("quality") :].split()[0]
    assert "2 scored, 1 failed" in result.stderr


def test_csv(run_command: Run, folder: Path) -> None:
    result = run_command("score", folder, "--recursive", "--format", "csv")
    assert result.returncode == 1
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [Path(row["path"]).name for row in rows] == ["A.PNG", "b.jpg", "c.jpg", "d.webp"]
    assert 0 <= float(rows[0]["quality"]) <= 100
    assert rows[0]["error_type"] == ""
    assert rows[2]["quality"] == ""
    assert rows[2]["error_type"] == "DecodeError"
    assert str(folder / "c.jpg") in rows[2]["error_message"]


def test_all_fine_is_exit_code_0(run_command: Run, folder: Path) -> None:
    result = run_command("score", folder / "b.jpg", "--threads", "2", "--model", find_model(DEFAULT_MODEL))
    assert result.returncode == 0


def test_folder_without_photos(run_command: Run, folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result = run_command("score", empty, folder / "b.jpg", "--format", "jsonl")
    assert result.returncode == 1
    failed, scored = map(json.loads, result.stdout.splitlines())
    assert "no photos in this folder" in failed["error"]["message"]
    assert ".jpeg" in failed["error"]["message"]
    assert "quality" in scored


def test_links(run_command: Run, folder: Path) -> None:
    (folder / "e.jpg").symlink_to(folder / "gone.jpg")
    (folder / "inner" / "circle").symlink_to(folder, target_is_directory=True)
    result = run_command("score", folder, "--recursive", "--format", "jsonl")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(record["path"]).name for record in records] == ["A.PNG", "b.jpg", "c.jpg", "e.jpg", "d.webp"]
    assert "broken link" in records[3]["error"]["message"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system that takes any bytes as a name")
@pytest.mark.parametrize("form", ["table", "jsonl", "csv"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_odd_file_names(
    run_command: Run, package_environment: dict[str, str], photo: Image.Image, tmp_path: Path, form: str, encoding: str
) -> None:
    names = [b"line\nbreak.jpg", b"bytes \xff\xfe.jpg", "日本 é.jpg".encode(), b'quo"te, comma.jpg', b"-dash.jpg",
             b"car\rriage.jpg", b"\x1b[31mred.jpg", b" .jpg"]  # fmt: skip
    stream = io.BytesIO()
    photo.resize((64, 64)).save(stream, "JPEG")
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(stream.getvalue())
    environment = {**package_environment, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LC_ALL": "C.UTF-8"}
    result = run_command("score", tmp_path, "--format", form, env=environment, encoding=encoding)
    assert result.returncode == 0, result.stderr
    if form == "jsonl":
        paths = [os.fsencode(json.loads(line)["path"]) for line in result.stdout.splitlines()]
        assert sorted(os.path.basename(path) for path in paths) == sorted(names)  # noqa: PTH119
    elif form == "csv":
        assert len(list(csv.reader(io.StringIO(result.stdout)))) == len(names) + 1
    else:
        assert len(result.stdout.splitlines()) == len(names) + 1
        assert "\x1b" not in result.stdout


def test_folders_may_be_deeper_than_calls(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["a"] * 200)
    folder.mkdir(parents=True)
    photos = [folder / "b.jpg", tmp_path / "z.jpg"]
    for path in photos:
        path.touch()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 50)
    try:
        assert list(expand_paths([str(tmp_path)], is_recursive=True)) == list(map(str, photos))
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("name", ["a.HIF", "b.MPO"])
def test_names_that_cameras_give_to_photos_are_known(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert list(expand_paths([str(tmp_path)], is_recursive=False)) == [str(tmp_path / name)]


@pytest.mark.parametrize(
    ("arguments", "usage"),
    [
        (["score", "a.jpg", "--jsonl"], "usage: photogate score [-h]"),
        (["rules", "list", "--x"], "photogate rules list"),
    ],
)
def test_unknown_arguments_show_the_usage_of_their_command(
    arguments: list[str], usage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = argparse.ArgumentParser("photogate").add_subparsers(parser_class=CommandParser)
    score.add_command(commands)
    rules.add_command(commands)
    with pytest.raises(SystemExit, match="2"):
        commands.choices[arguments[0]].parse_args(arguments[1:])
    told = capsys.readouterr().err
    assert usage in told and f"unrecognized arguments: {arguments[-1]}" in told


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_nothing_can_be_piped_in(run_command: Run, folder: Path, name: str) -> None:
    result = run_command("score", name, folder / "b.jpg", "--format", "jsonl", input=None)
    failure, score = map(json.loads, result.stdout.splitlines())
    assert (result.returncode, failure["path"], failure["error"]["type"]) == (1, name, "InputError")
    assert "photos cannot be piped in; save it as a file" in failure["error"]["message"]
    assert "quality" in score


def test_patterns_are_expanded_where_no_shell_does_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "[b].jpg").touch()
    patterns = [str(folder / "?.jpg"), str(folder / "[b].jpg"), str(folder / "*.gif")]
    assert expand_patterns(patterns) == patterns
    monkeypatch.setattr(sys, "platform", "win32")
    assert expand_patterns(patterns) == [str(folder / "b.jpg"), str(folder / "c.jpg"), *patterns[1:]]


def test_own_policy(run_command: Run, folder: Path, tmp_path: Path) -> None:
    policy = tmp_path / "strict.toml"
    policy.write_text("[quality]\naccept_from = 100\nreject_below = 100\nmessage = 'Not perfect.'\n")
    result = run_command("score", folder / "b.jpg", "--policy", policy, "--format", "jsonl")
    record = json.loads(result.stdout)
    assert (result.returncode, record["verdict"]) == (0, "reject")
    assert record["reasons"][0]["message"] == "Not perfect."
    policy.write_text("[quality]\naccept_form = 100\n")
    result = run_command("score", folder / "b.jpg", "--policy", policy)
    assert result.returncode == 2
    assert "did you mean 'accept_from'" in result.stderr


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


def test_models(run_command: Run) -> None:
    table = run_command("models")
    assert table.returncode == 0
    assert DEFAULT_MODEL in table.stdout
    records = [json.loads(line) for line in run_command("models", "--format", "jsonl").stdout.splitlines()]
    (record,) = [record for record in records if record["name"] == DEFAULT_MODEL]
    assert Path(record["path"]) == find_model(DEFAULT_MODEL)
    assert record["size_bytes"] == find_model(DEFAULT_MODEL).stat().st_size
    assert len(record["sha256"]) == 64
    rows = list(csv.DictReader(io.StringIO(run_command("models", "--format", "csv").stdout)))
    assert [row["sha256"] for row in rows] == [record["sha256"] for record in records]


def test_doctor(run_command: Run) -> None:
    result = run_command("doctor")
    assert result.returncode == 0, result.stdout
    for subject in ("python", "numpy", "pillow", "heic", "interpreter", "model", "xnnpack", "scoring"):
        assert subject in result.stdout
    assert "photos can be scored" in result.stderr


def test_doctor_without_interpreter(package_environment: dict[str, str]) -> None:
    code = (
        "import sys; sys.modules['ai_edge_litert'] = sys.modules['tflite_runtime'] = None\n"
        "from edge_runtime.cli.main import main; sys.exit(main(['doctor']))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], env=package_environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 1
    assert "pip install ai-edge-litert" in result.stdout
    assert "photos cannot be scored" in result.stderr


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


def test_an_empty_name_is_no_folder(run_command: Run) -> None:
    result = run_command("score", "")
    assert result.returncode == 1
    assert "no such file" in result.stdout


def test_what_a_subcommand_does_not_know_is_told_with_its_own_usage(run_command: Run) -> None:
    for command in (["explain", "x.jpg"], ["rules", "list"]):
        result = run_command(*command, "--nonsense")
        assert result.returncode == 2
        assert f"usage: photogate {command[0]}" in result.stderr
        assert "unrecognized arguments: --nonsense" in result.stderr
