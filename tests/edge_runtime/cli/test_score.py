"""``photogate score`` from end to end: its three formats, and a policy of one's own."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.models import DEFAULT_MODEL, find_model

Run = Callable[..., "subprocess.CompletedProcess[str]"]


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
