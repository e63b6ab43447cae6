"""``photogate feedback`` from end to end: each test starts the real process."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge_runtime import PhotoScorer, Score
from edge_runtime.feedback import FeedbackStore
from edge_runtime.gate.policy import load_policy
from edge_runtime.printable import make_printable
from edge_runtime.result import ModelInfo

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def read_rows(manifest: Path) -> list[dict[str, str]]:
    with manifest.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "user data" / "f.sqlite3"


def test_add_list_remove(run_command: Run, place: Path, photo: Path, scorer: PhotoScorer) -> None:
    options = ("--store", place, "--verdict", "reject", "--quality", "35", "--note", "the handle, it is cut")
    added = run_command("feedback", "add", photo, *options, "--group", "7", "--format", "jsonl")
    record = json.loads(added.stdout)
    assert added.returncode == 0
    assert (record["id"], record["verdict"], record["quality"], record["path"]) == (1, "reject", 35.0, str(photo))
    assert record["model_score"]["quality"] == round(scorer.score(photo).quality, 1)
    assert record["model_score"]["model"]["sha256"] == scorer.contract.sha256
    listed = run_command("feedback", "list", "--store", place, "--format", "jsonl")
    assert json.loads(listed.stdout) == record
    (row,) = csv.DictReader(io.StringIO(run_command("feedback", "list", "--store", place, "--format", "csv").stdout))
    assert (row["id"], row["note"], row["group"]) == ("1", "the handle, it is cut", "7")
    assert "the handle, it is cut" in run_command("feedback", "list", "--store", place).stdout
    refused = run_command("feedback", "remove", "1", "99", "--store", place)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "no correction 99" in refused.stderr
    removed = run_command("feedback", "remove", "1", "1", "--store", place)
    assert (removed.returncode, removed.stdout) == (0, "removed 1\n")
    again = run_command("feedback", "remove", "1", "--store", place)
    assert again.returncode == 2
    assert "no correction 1" in again.stderr
    assert run_command("feedback", "list", "--store", place, "--format", "jsonl").stdout == ""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are always text")
def test_a_name_that_is_no_text_does_not_stop_the_others(run_command: Run, place: Path, photo: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(photo.parent) + b"/caf\xe9.jpg"))
    odd.write_bytes(photo.read_bytes())
    result = run_command("feedback", "add", odd, photo, "--store", place, "--verdict", "accept")
    assert result.returncode == 1
    assert "not UTF-8 text; rename the photo" in result.stdout + result.stderr
    with FeedbackStore(place, must_exist=True) as store:
        assert [correction.photo_path for correction in store.corrections()] == [str(photo)]


def test_a_photo_that_fails_does_not_stop_the_others(run_command: Run, place: Path, photo: Path) -> None:
    broken = photo.with_name("broken.jpg")
    broken.write_bytes(photo.read_bytes()[:2000])
    result = run_command("feedback", "add", broken, photo, "none.jpg", "--store", place, "--verdict", "review")
    assert result.returncode == 1
    assert "1 added" in result.stderr
    assert "DecodeError" in result.stdout
    with FeedbackStore(place, must_exist=True) as store:
        assert [correction.photo_path for correction in store.corrections()] == [str(photo)]


def test_folders_inside_folders_can_be_asked_for(run_command: Run, place: Path, photo: Path) -> None:
    inner = photo.parent / "outer" / "inner"
    inner.mkdir(parents=True)
    photo.rename(inner / photo.name)
    command = ("feedback", "add", inner.parent, "--store", place, "--verdict", "accept")
    refused = run_command(*command)
    assert refused.returncode == 1
    assert "--recursive looks into the folders inside" in refused.stdout
    added = run_command(*command, "--recursive")
    assert (added.returncode, "1 added" in added.stderr) == (0, True)


def test_the_place_from_the_environment(
    run_command: Run, place: Path, photo: Path, package_environment: dict[str, str]
) -> None:
    environment = {**package_environment, "PHOTOGATE_FEEDBACK": str(place)}
    assert run_command("feedback", "add", photo, "--verdict", "accept", env=environment).returncode == 0
    assert place.is_file()
    assert str(photo) in run_command("feedback", "list", env=environment).stdout


def test_export(run_command: Run, place: Path, photo: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    nothing = run_command("feedback", "export", output, "--store", place)
    assert nothing.returncode == 2
    assert "no feedback yet" in nothing.stderr
    add = ("feedback", "add", "--store", place, "--verdict", "accept", "--quality", "80")
    assert run_command(*add, photo, "--keep-photo").returncode == 0
    other = tmp_path / "ot\x1bher.png"
    Image.new("RGB", (64, 64), (9, 9, 9)).save(other)
    assert run_command(*add, other).returncode == 0
    photo.unlink()
    assert run_command("feedback", "export", output, "--store", place).returncode == 0
    assert [row["mos"] for row in read_rows(output)] == ["0.8", "0.8"]
    refused = run_command("feedback", "export", output, "--store", place)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    other.unlink()
    partly = run_command("feedback", "export", output, "--store", place, "--force")
    assert partly.returncode == 1
    assert f"left out: {make_printable(str(other))}" in partly.stderr
    assert "\x1b" not in partly.stderr
    assert len(read_rows(output)) == 1


def test_recalibrate_writes_a_policy_that_the_gate_takes(
    run_command: Run, place: Path, photo: Path, tmp_path: Path, build_score: Callable[..., Score], scorer: PhotoScorer
) -> None:
    sha256 = scorer.contract.sha256
    with FeedbackStore(place) as store:
        for number in range(60):
            data = photo.read_bytes() + number.to_bytes(2, "big")  # what follows the end of a JPEG is not its picture
            quality = 30.0 + number
            score = build_score(quality, model=ModelInfo("built", "1", sha256, "none"))
            if number == 7:
                store.add(data, score, "accept")  # what a seller thought at first
            store.add(data, score, "accept" if quality >= 75 else "review" if quality >= 50 else "reject")
    output = tmp_path / "policy.toml"
    few = run_command("feedback", "recalibrate", "--store", place, "-o", output, "--min-count", "61")
    assert few.returncode == 2
    assert "60 photos have corrections, 61 are needed" in few.stderr
    assert not output.exists()
    result = run_command("feedback", "recalibrate", "--store", place, "-o", output)
    assert result.returncode == 0, result.stderr
    assert "1 correction does not count: the latest verdict on the photo is another" in result.stdout
    assert "accept_from 60 -> " in result.stdout
    assert "wrong accepts" in result.stdout
    policy = load_policy(output)
    assert policy.accept_from == pytest.approx(75, abs=1)
    assert policy.reject_below == pytest.approx(50, abs=1)
    assert output.read_text(encoding="utf-8").startswith("# 20")
    gate = run_command("gate", photo, "--policy", output, "--format", "jsonl")
    record = json.loads(gate.stdout)
    assert gate.returncode in (0, 3)
    assert record["policy"] == "default, recalibrated"
    refused = run_command("feedback", "recalibrate", "--store", place, "-o", output)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    again = run_command(
        *("feedback", "recalibrate", "--store", place, "-o", output, "--force", "--policy", output, "--format", "jsonl")
    )
    document = json.loads(again.stdout)
    assert again.returncode == 0, again.stderr
    assert document["superseded"] == 1
    assert document["is_kept"], "the limits fit already"
    assert document["new"] == document["old"]
    assert load_policy(output) == policy
    told = run_command("feedback", "recalibrate", "--store", place, "-o", output, "--force", "--policy", output)
    assert "\nfitted, not used  " in told.stdout and "\nafter" not in told.stdout


def test_outputs_replace_no_photo_and_no_store(run_command: Run, place: Path, photo: Path, tmp_path: Path) -> None:
    add = ("feedback", "add", photo, "--store", place, "--verdict", "accept", "--keep-photo")
    assert run_command(*add).returncode == 0
    (copy,) = (path for path in place.parent.glob("f-photos/*/*"))
    (tmp_path / "link").symlink_to(photo)
    contents = {path: path.read_bytes() for path in (place, photo, copy)}
    for output in (*contents, tmp_path / "link"):
        for words in (("export", output), ("recalibrate", "-o", output)):
            result = run_command("feedback", *words, "--store", place, "--force")
            assert result.returncode == 2, words
            assert "which is never overwritten" in result.stderr
    assert {path: path.read_bytes() for path in contents} == contents


def test_wrong_usage(run_command: Run, place: Path, photo: Path, tmp_path: Path) -> None:
    for arguments in (
        ("add", photo),
        ("add", photo, "--verdict", "maybe"),
        ("add", photo, "--verdict", "accept", "--quality", "101", "--store", place),
        ("add", photo, "--verdict", "accept", "--store", photo / "x"),
        ("remove", "x"),
        ("recalibrate", "--store", place),
        ("list", "--store", photo),
        (),
    ):
        result = run_command("feedback", *arguments)
        assert result.returncode == 2, arguments
        assert "Traceback" not in result.stderr
    for others, words in (
        (("list", "--store", ""), "is no file's name"),
        (("add", photo, "--verdict", "accept", "--note", "x" * 10_001, "--store", place), "the note has 10,001"),
        (("remove", "99999999999999999999", "--store", place), "no correction 99999999999999999999"),
    ):
        result = run_command("feedback", *others)
        assert result.returncode == 2, others
        assert "UsageError: " in result.stderr and words in result.stderr
    damaged = run_command("feedback", "list", "--store", photo)
    assert "no feedback store" in damaged.stderr


def test_nothing_heavy_is_imported(package_environment: dict[str, str]) -> None:
    code = "import edge_runtime.cli.main, sys\nprint(*{'sqlite3', 'imagehash', 'scipy'} & set(sys.modules))"
    output = subprocess.check_output([sys.executable, "-c", code], env=package_environment, text=True, timeout=120)
    assert output.strip() == ""
