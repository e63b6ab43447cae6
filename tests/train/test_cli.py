"""``python -m train``: help at once, faults as one line and exit code 2, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import train.__main__ as cli
from train.config import TeacherConfig
from train.data.manifest import load_manifest
from train.data.public_sets import ADAPTERS

STAGES = ("adapt", "fit-teacher", "classify", "label", "distill")
HEAVY = ("tensorflow", "keras", "tf_keras", "cv2", "scipy")


def run_python(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=checkout, env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("stage", [None, *STAGES])
def test_help_comes_without_loading_what_training_needs(checkout: Path, stage: str | None) -> None:
    result = run_python(checkout, "-X", "importtime", "-m", "train", *([stage] if stage else []), "--help")
    assert result.returncode == 0 and result.stdout.startswith("usage: python -m train")
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in result.stderr.splitlines()}
    assert "argparse" in loaded
    assert loaded.isdisjoint(HEAVY)
    for expected in STAGES if stage is None else ["--out", "--force"]:
        assert expected in result.stdout


def test_help_of_adapt_says_what_each_set_needs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["adapt", "--help"])
    text = capsys.readouterr().out
    for name, adapter in ADAPTERS.items():
        assert name in text and adapter.description in text


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["train"],
        ["label", "--teacher", "t", "--data", "m.csv"],
        ["label", "--teacher", "t", "--data", "m.csv", "--out", "o", "--view-size", "100"],
        ["label", "--teacher", "t", "--data", "m.csv", "--out", "o", "--view-size", "0"],
        ["adapt", "imagenet", "--images", "i", "--scores", "s", "--out", "o"],
    ],
)
def test_wrong_usage_exits_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    assert "usage: python -m train" in capsys.readouterr().err


@pytest.fixture
def rated_set(tmp_path: Path) -> list[str]:
    """Arguments of adapt for a set of two photos whose table names three."""
    (tmp_path / "Images").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "Images" / name).write_bytes(b"x")
    scores = tmp_path / "s.csv"
    scores.write_text("file,mos,group\na.jpg,0.5,g\nb.jpg,0.25,g\nlost.jpg,0.1,h\n", encoding="utf-8")
    out = tmp_path / "set" / "manifest.csv"
    return ["biq2021_more", "--images", str(tmp_path / "Images"), "--scores", str(scores), "--out", str(out)]


def test_adapt_says_what_it_wrote_and_what_it_missed(capsys: pytest.CaptureFixture[str], rated_set: list[str]) -> None:
    assert cli.main(["adapt", *rated_set]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"2 photos in {rated_set[-1]}\n"
    assert captured.err.startswith("1 photos of the table are not in ")
    assert captured.err.endswith("left out: lost.jpg\n")
    assert [photo.mos for photo in load_manifest(rated_set[-1])] == [0.5, 0.25]


def test_adapt_replaces_a_manifest_only_when_told_to(capsys: pytest.CaptureFixture[str], rated_set: list[str]) -> None:
    out = Path(rated_set[-1])
    out.parent.mkdir()
    out.write_text("mine", encoding="utf-8")
    assert cli.main(["adapt", *rated_set]) == 2
    assert out.read_text(encoding="utf-8") == "mine" and "exists already" in capsys.readouterr().err
    assert cli.main(["adapt", *rated_set, "--force"]) == 0
    assert len(load_manifest(out)) == 2


def test_a_fault_is_one_line_without_a_traceback(checkout: Path, tmp_path: Path) -> None:
    arguments = ["--images", str(tmp_path / "none"), "--scores", "s.csv", "--out", str(tmp_path / "m.csv")]
    result = run_python(checkout, "-m", "train", "adapt", "spaq", *arguments)
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.startswith(f"python -m train adapt: {tmp_path / 'none'}: not a folder")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("force", "message"), [([], "the same command resumes"), (["--force"], "the same command without --force resumes")]
)
def test_an_interruption_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, force: list[str], message: str
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run_distil", interrupt)
    assert cli.main(["distill", "--config", "c.toml", "--labels", "l", "--out", "o", *force]) == 130
    assert message in capsys.readouterr().err


def test_a_missing_library_is_named_with_the_way_to_get_it(checkout: Path, tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules.update(dict.fromkeys(['tensorflow', 'keras', 'tf_keras']))\n"
        "from train.__main__ import main\n"
        "sys.exit(main(['fit-teacher', '--config', 'c.toml', '--data', 'm.csv', '--out', 'o']))"
    )
    result = run_python(checkout, "-c", script)
    assert result.returncode == 2
    assert result.stderr.strip() == "python -m train fit-teacher: keras is not installed: pip install '.[train]'"


@pytest.mark.needs_tensorflow
@pytest.mark.parametrize(
    ("stage", "files", "arguments", "message"),
    [
        ("fit-teacher", {}, ["--config", "none.toml", "--data", "m.csv"], "none.toml: cannot read the config"),
        (
            "fit-teacher",
            {"c.toml": 'name = "t"\n[fit]\nepoch = 3\n'},
            ["--config", "c.toml", "--data", "m.csv"],
            "c.toml: fit: unknown key 'epoch'; did you mean 'epochs'?",
        ),
        (
            "fit-teacher",
            {"c.toml": 'name = "t"\n'},
            ["--config", "c.toml", "--data", "m.csv"],
            "the config names no labels",
        ),
        (
            "fit-teacher",
            {"c.toml": 'name = "t"\n[labels]\ncategory = {a = "b"}\nstyle = {a = "b"}\n'},
            ["--config", "c.toml", "--data", "none.csv"],
            "none.csv",
        ),
        ("label", {}, ["--teacher", "none", "--data", "m.csv"], "none is not a finished artifact"),
        (
            "distill",
            {"c.toml": 'name = "s"\n'},
            ["--config", "c.toml", "--labels", "none"],
            "none is not a finished artifact",
        ),
    ],
)
def test_a_stage_that_cannot_begin_leaves_no_folder(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    stage: str,
    files: dict[str, str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert cli.main([stage, *arguments, "--out", "out"]) == 2
    error = capsys.readouterr().err
    assert f"python -m train {stage}: " in error and message in error and "Traceback" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.needs_tensorflow
def test_sources_can_be_left_out_without_a_config_of_their_own(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[TeacherConfig] = []

    def note(config: TeacherConfig, *_: object, **__: object) -> dict[str, object]:
        seen.append(config)
        return {}

    monkeypatch.setattr("train.stages.fit_teacher.fit_teacher", note)
    command = ["fit-teacher", "--config", str(checkout / "train/configs/teacher.toml"), "--data", "m.csv"]
    command += ["--out", str(tmp_path / "out")]
    assert cli.main(command) == cli.main([*command, "--leave-out", "*ss03*", "--leave-out", "*ss01*"]) == 0
    as_written, without = seen
    assert as_written.samples.leave_out == ()
    assert without.samples.leave_out == ("*ss03*", "*ss01*")
    assert replace(without, samples=as_written.samples) == as_written


@pytest.mark.needs_tensorflow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "pass --data to search for a teacher, or --labels to search for a student"),
        (["--labels", "l", "--data", "m.csv"], "pass --data to search for a teacher, or --labels"),
        (["--labels", "l", "--weights", "a.npz", "--weights", "b.npz"], "pass --weights once"),
        (["--labels", "l", "--features", "f"], "a student reads no features: leave out --features"),
    ],
)
def test_a_search_is_for_a_teacher_or_a_student(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert cli.main(["search", "--config", "c.toml", "--space", "s.toml", "--out", "o", *arguments]) == 2
    assert message in capsys.readouterr().err
