"""``photogate explain`` from end to end: each test starts the real process."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge_runtime.errors import UsageError
from edge_runtime.explain.output import plan_outputs, write_picture
from edge_runtime.originals import Originals

Run = Callable[..., "subprocess.CompletedProcess[str]"]
QUICK = ("--budget-ms", "1")


@pytest.fixture
def folder(tmp_path: Path, photo: Image.Image) -> Path:
    """Two photos and a broken one."""
    root = tmp_path / "photos"
    root.mkdir()
    photo.save(root / "a.jpg")
    photo.save(root / "b.png")
    (root / "c.jpg").write_bytes((root / "a.jpg").read_bytes()[:3000])
    return root


def test_one_photo_to_a_picture_and_a_json_line(run_command: Run, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "heat.png"
    result = run_command(
        "explain", folder / "a.jpg", "-o", out, "--attribute", "exposure", "--grid", "4", "--json", *QUICK
    )
    assert result.returncode == 0, result.stderr
    record = json.loads(result.stdout)
    assert record["path"] == str(folder / "a.jpg")
    assert record["attribute"] == "exposure"
    assert [len(row) for row in record["grid"]] == [4] * 4
    assert record["output"] == str(out)
    box = record["hottest"]
    assert 0 <= box["left"] < box["right"] <= 640 and 0 <= box["top"] < box["bottom"] <= 480
    with Image.open(out) as picture:
        assert picture.width == 640 and picture.height > 480

    again = run_command("explain", folder / "a.jpg", "-o", out, *QUICK)
    assert again.returncode == 2
    assert "--force" in again.stderr and "Traceback" not in again.stderr
    forced = run_command("explain", folder / "a.jpg", "-o", out, "--force", *QUICK)
    assert forced.returncode == 0, forced.stderr


def test_unfinished_work_is_told(run_command: Run, folder: Path) -> None:
    unfinished = run_command("explain", folder / "a.jpg", "--budget-ms", "1")
    assert unfinished.stdout.splitlines()[0].endswith("note")
    assert re.search(r"unfinished: time was up; try --budget-ms \d+00\n", unfinished.stdout)
    chinese = run_command("explain", folder / "a.jpg", "--budget-ms", "1", "--language", "zh")
    assert re.search(r" \d+,\d+ 至 \d+,\d+ ", chinese.stdout) and " to " not in chinese.stdout
    assert "未完成：时间已到" in chinese.stdout and "已分析 1 张" in chinese.stderr
    finished = run_command("explain", folder / "a.jpg", "--budget-ms", "60000")
    assert "unfinished: " not in finished.stdout


def test_a_folder_to_a_folder_and_a_failure_stops_nothing(run_command: Run, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "heat"
    result = run_command("explain", folder, "-o", out, "--format", "jsonl", *QUICK)
    assert result.returncode == 1
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(record["path"]).name for record in records] == ["a.jpg", "b.png", "c.jpg"]
    assert records[2]["error"]["type"] == "DecodeError"
    assert sorted(path.name for path in out.iterdir()) == ["a.jpg-heat.png", "b.png-heat.png"]


def test_a_photo_that_is_named_twice_stops_nothing(run_command: Run, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "heat"
    arguments = ("-o", out, "--format", "csv", "--language", "zh", *QUICK)
    result = run_command("explain", folder / "a.jpg", folder, *arguments)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [Path(row["path"]).name for row in rows] == ["a.jpg", "a.jpg", "b.png", "c.jpg"]
    assert {row["stands_out"] for row in rows[:3]} <= {"true", "false"}
    assert all(re.fullmatch(r"\d+,\d+ to \d+,\d+", row["place"]) for row in rows[:3]), "a CSV speaks no language"
    assert sorted(path.name for path in out.iterdir()) == ["a.jpg-heat.png", "b.png-heat.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--attribute", "beauty"], "invalid choice"),
        (["--budget-ms", "0"], "more than 0"),
        (["--budget-ms", "nan"], "more than 0"),
        (["--grid", "7", "--budget-ms", "1"], "grid of 7"),
        (["--grid", "0"], "grid of 0"),
        (["--json", "--format", "csv"], "contradict each other"),
        (["-o", "heat.gif"], "cannot write .gif"),
        (["-o", ""], "--output is empty"),
        (["--model", "none.tflite"], "cannot read the model"),
    ],
)
def test_wrong_usage(run_command: Run, folder: Path, arguments: list[str], words: str) -> None:
    result = run_command("explain", folder / "a.jpg", *arguments, cwd=folder)
    assert result.returncode == 2
    assert result.stdout == ""
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert not (folder / "heat.gif").exists()


def test_help(run_command: Run) -> None:
    result = run_command("explain", "--help")
    assert result.returncode == 0
    assert "Exit codes: 0" in result.stdout


def test_a_photo_is_never_overwritten(folder: Path) -> None:
    photo, link = folder / "b.png", folder / "link.png"
    link.symlink_to(photo)
    for output in (photo, link):
        with pytest.raises(UsageError, match="never overwritten"):
            Originals([str(photo)]).check(output, force=True)
    with pytest.raises(UsageError, match="is not a file"):
        Originals([]).check(folder, force=True)


def test_two_photos_of_one_name_are_refused_and_the_others_are_drawn(
    run_command: Run, folder: Path, tmp_path: Path
) -> None:
    more, out = tmp_path / "more", tmp_path / "out"
    more.mkdir()
    shutil.copy(folder / "b.png", more)
    result = run_command("explain", folder / "a.jpg", folder / "b.png", more, "-o", out, "--json", *QUICK)
    assert result.returncode == 1
    drawn, *refused = (json.loads(line) for line in result.stdout.splitlines())
    assert drawn["output"] == str(out / "a.jpg-heat.png")
    assert [record["path"] for record in refused] == [str(folder / "b.png"), str(more / "b.png")]
    for record, other in zip(refused, (more, folder), strict=True):
        assert record["error"]["type"] == "InputError"
        assert f"{other / 'b.png'} would be drawn in {out / 'b.png-heat.png'}, too" in record["error"]["message"]
    assert [path.name for path in out.iterdir()] == ["a.jpg-heat.png"]


def test_several_photos_need_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UsageError, match="several photos need a folder"):
        plan_outputs(["a.jpg", "b.jpg"], [], file, is_folder=True)


def test_photos_of_folders_inside_keep_their_places(run_command: Run, folder: Path, tmp_path: Path) -> None:
    (folder / "inner").mkdir()
    shutil.copy(folder / "a.jpg", folder / "inner")
    (folder / "c.jpg").unlink()
    out = tmp_path / "heat"
    result = run_command("explain", folder, "--recursive", "-o", out, *QUICK)
    assert result.returncode == 0, result.stdout
    drawn = [path.relative_to(out).as_posix() for path in out.rglob("*.png")]
    assert sorted(drawn) == ["a.jpg-heat.png", "b.png-heat.png", "inner/a.jpg-heat.png"]


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(UsageError, match="No space left"):
        write_picture(Image.new("RGB", (9, 9)), tmp_path / "heat.png", force=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write the file"):
        write_picture(Image.new("RGB", (9, 9)), tmp_path / "file" / "heat.png", force=False)
