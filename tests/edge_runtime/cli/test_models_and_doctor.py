"""``photogate models`` and ``photogate doctor``: what is here, and what is wrong with it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.cli.main import main
from edge_runtime.models import DEFAULT_MODEL, find_model

Run = Callable[..., "subprocess.CompletedProcess[str]"]


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


def test_doctor_tells_what_pillow_lacks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import features

    has = features.check
    for lacking, told in (("libjpeg_turbo", "JPEGs decode several times slower"), ("littlecms2", "not sRGB")):
        monkeypatch.setattr(features, "check", lambda name, lacking=lacking: name != lacking and has(name))
        assert main(["doctor"]) == 0  # a note is no fault
        (line,) = [line for line in capsys.readouterr().out.splitlines() if " pillow " in line]
        assert line.startswith("note") and told in line
