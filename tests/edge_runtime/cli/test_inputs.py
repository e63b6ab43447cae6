"""Which photos are meant: folders, links, patterns, odd names, and what no photo comes from."""

from __future__ import annotations

import csv
import inspect
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge_runtime.cli.inputs import expand_paths, expand_patterns

Run = Callable[..., "subprocess.CompletedProcess[str]"]


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


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_nothing_can_be_piped_in(run_command: Run, folder: Path, name: str) -> None:
    result = run_command("score", name, folder / "b.jpg", "--format", "jsonl", input=None)
    failure, score = map(json.loads, result.stdout.splitlines())
    assert (result.returncode, failure["path"], failure["error"]["type"]) == (1, name, "InputError")
    assert "photos cannot be piped in; save it as a file" in failure["error"]["message"]
    assert "quality" in score


def test_an_empty_name_is_no_folder(run_command: Run) -> None:
    result = run_command("score", "")
    assert result.returncode == 1
    assert "no such file" in result.stdout


def test_patterns_are_expanded_where_no_shell_does_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "[b].jpg").touch()
    patterns = [str(folder / "?.jpg"), str(folder / "[b].jpg"), str(folder / "*.gif")]
    assert expand_patterns(patterns) == patterns
    monkeypatch.setattr(sys, "platform", "win32")
    assert expand_patterns(patterns) == [str(folder / "b.jpg"), str(folder / "c.jpg"), *patterns[1:]]
