"""What is wrong usage, and what the help says."""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import edge_runtime
from edge_runtime.cli import rules, score
from edge_runtime.cli.parser import CommandParser
from edge_runtime.models import DEFAULT_MODEL, find_model

Run = Callable[..., "subprocess.CompletedProcess[str]"]


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


def test_what_a_subcommand_does_not_know_is_told_with_its_own_usage(run_command: Run) -> None:
    for command in (["explain", "x.jpg"], ["rules", "list"]):
        result = run_command(*command, "--nonsense")
        assert result.returncode == 2
        assert f"usage: photogate {command[0]}" in result.stderr
        assert "unrecognized arguments: --nonsense" in result.stderr
