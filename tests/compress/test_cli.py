"""``python -m compress``: help at once, faults as one line and exit code 2, never a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import compress.__main__ as cli

STAGES = ("run", "recalibrate", "validate")
HEAVY = ("tensorflow", "keras", "tf_keras", "tensorflow_model_optimization", "cv2", "scipy")
RECIPE = 'name = "r"\n'


def run_python(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=checkout, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("stage", [None, *STAGES])
def test_help_comes_without_loading_what_compressing_needs(checkout: Path, stage: str | None) -> None:
    result = run_python(checkout, "-X", "importtime", "-m", "compress", *([stage] if stage else []), "--help")
    assert result.returncode == 0 and result.stdout.startswith("usage: python -m compress")
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in result.stderr.splitlines()}
    assert "argparse" in loaded
    assert loaded.isdisjoint(HEAVY)
    expected = {
        None: STAGES,
        "run": ("--recipe", "--student", "--out", "--force"),
        "recalibrate": ("--recipe", "--labels", "--out", "--force"),
        "validate": ("--data", "--part"),
    }
    for word in expected[stage]:
        assert word in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["compress"],
        ["run", "--recipe", "r.toml", "--student", "s"],
        ["recalibrate", "a", "--recipe", "r.toml", "--out", "o"],
        ["validate"],
        ["validate", "a", "--part", "train"],
        ["validate", "a", "--limit", "few"],
        ["validate", "a", "--limit", "-1"],
    ],
)
def test_wrong_usage_exits_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    assert "usage: python -m compress" in capsys.readouterr().err


@pytest.fixture
def labels_artifact(tmp_path: Path) -> Path:
    """A finished artifact of another stage."""
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "provenance.json").write_text(json.dumps({"stage": "labels"}), encoding="utf-8")
    return folder


@pytest.mark.needs_tensorflow
@pytest.mark.parametrize(
    ("recipe", "student", "message"),
    [
        (None, "labels", "recipe.toml: cannot read the config"),
        (RECIPE + "colour = 1", "labels", "recipe.toml: unknown key 'colour'"),
        (RECIPE, "none", "none is not a finished artifact"),
        (RECIPE, "labels", "labels is an artifact of stage 'labels'; one of 'student' is needed"),
    ],
)
def test_a_run_that_cannot_begin_leaves_no_folder(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    labels_artifact: Path,
    recipe: str | None,
    student: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if recipe is not None:
        (tmp_path / "recipe.toml").write_text(recipe, encoding="utf-8")
    assert cli.main(["run", "--recipe", "recipe.toml", "--student", student, "--out", "out"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("python -m compress run: ") and message in error
    assert not (tmp_path / "out").exists()


@pytest.mark.needs_tensorflow
def test_validating_what_is_no_model_is_one_line_without_a_traceback(checkout: Path, labels_artifact: Path) -> None:
    result = run_python(checkout, "-m", "compress", "validate", str(labels_artifact))
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr == (
        f"python -m compress validate: {labels_artifact} is an artifact of stage 'labels'; "
        "one of 'compressed' is needed\n"
    )
    assert not (labels_artifact / "parity.json").exists()


def test_a_missing_library_is_named_with_the_way_to_get_it(checkout: Path) -> None:
    script = (
        "import sys; sys.modules.update(dict.fromkeys(['tensorflow', 'keras', 'tf_keras']))\n"
        "from compress.__main__ import main\n"
        "sys.exit(main(['run', '--recipe', 'r.toml', '--student', 's', '--out', 'o']))"
    )
    result = run_python(checkout, "-c", script)
    assert result.returncode == 2
    pattern = r"python -m compress run: (tensorflow|tf_keras|keras) is not installed: pip install '\.\[compress\]'"
    assert re.fullmatch(pattern, result.stderr.strip())


def test_an_interruption_says_how_to_go_on(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(arguments: object) -> None:
        raise KeyboardInterrupt

    for stage in ("_validate", "_run"):
        monkeypatch.setattr(cli, stage, interrupt)
    assert cli.main(["validate", "a"]) == 130
    assert "the same command begins anew" in capsys.readouterr().err
    assert cli.main(["run", "--recipe", "r.toml", "--student", "s", "--out", "o"]) == 130
    assert "the same command resumes" in capsys.readouterr().err
