"""Students against a teacher: with one that knows brightness, as the models here do, and one that turns it round."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from benchmarks import fidelity
from benchmarks.__main__ import main
from benchmarks.fidelity import OUTPUT_NAME, FidelityOptions, format_fidelity, run_fidelity
from edge_runtime.errors import UsageError

pytestmark = pytest.mark.needs_tensorflow
FEW, MANY = 6, 24


class _BrightnessTeacher:
    """In the place of the worker process."""

    asked: ClassVar[list[tuple[Path, tuple[str, ...]]]] = []

    def __init__(self, folder: Path, weights: tuple[str, ...] = ()) -> None:
        self.asked.append((folder, weights))
        self._sign = -1.0 if folder.name == "contrary" else 1.0

    def predict(self, photo: Path) -> float:
        return self._sign * float(np.asarray(Image.open(photo)).mean())

    def __enter__(self) -> _BrightnessTeacher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to end."""


@pytest.fixture(autouse=True)
def teachers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Two folders with teachers trained on split 7: ``plain`` and ``contrary``."""
    monkeypatch.setattr(fidelity, "TeacherProcess", _BrightnessTeacher)
    monkeypatch.setattr(_BrightnessTeacher, "asked", [])
    for name in ("plain", "contrary"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "provenance.json").write_text('{"config": {"split_seed": 7}}', encoding="utf-8")
    return tmp_path


def _write_photos(folder: Path, count: int, split: str = "") -> Path:
    folder.mkdir()
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "mos", "category", "style", "group", "licence", "split"])
        for index in range(count):
            name = f"{folder.name}-{index}.png"
            value = 10 + 230 * index // count
            Image.fromarray(np.full((40, 40, 3), value, dtype=np.uint8)).save(folder / name)
            writer.writerow([name, "", "", "", f"{folder.name}{index}", "CC0", split])
    return folder / "manifest.csv"


def _options(artifact: Path, tmp_path: Path, *data: Path, teacher: str = "plain", **further: Any) -> FidelityOptions:
    models = (("int8", artifact / "brightness.tflite"),)
    values: dict[str, Any] = {"models": models, "resamples": 20, "part": "all", **further}
    return FidelityOptions(data, tmp_path / "out", tmp_path / teacher, **values)


def test_unrated_photos_of_two_sources(brightness_artifact: Path, tmp_path: Path) -> None:
    many, few = _write_photos(tmp_path / "many", MANY), _write_photos(tmp_path / "few", FEW)
    (tmp_path / "many" / "many-3.png").write_bytes(b"no photo")
    lines: list[str] = []
    report = run_fidelity(_options(brightness_artifact, tmp_path, many, few, teacher_weights=("w.h5",)), lines.append)
    assert json.loads((tmp_path / "out" / OUTPUT_NAME).read_text(encoding="utf-8")) == report
    assert _BrightnessTeacher.asked == [(tmp_path / "plain", ("w.h5",))]
    slices = {entry["name"]: entry for entry in report["slices"]}
    assert {name: entry["photos"] for name, entry in slices.items()} == {"all": 29, "few": FEW, "many": MANY - 1}
    assert slices["many"]["models"]["int8"]["srcc"]["value"] == pytest.approx(1.0)
    assert slices["few"]["models"] == {}, "six photos tell nothing"
    assert [entry["file"] for entry in report["data"]["undecodable"]] == ["many-3.png"]
    assert any("left out: many-3.png" in line for line in lines)
    assert report["data"]["seed"] is None
    table = format_fidelity(report).splitlines()
    assert table[0].startswith("| SRCC with the teacher") and "| 1.000 [1.000, 1.000] |" in table[2]
    assert table[3].rstrip(" |").endswith("-")


def test_a_student_that_contradicts_its_teacher(brightness_artifact: Path, tmp_path: Path) -> None:
    data = _write_photos(tmp_path / "many", MANY)
    report = run_fidelity(_options(brightness_artifact, tmp_path, data, teacher="contrary"), lambda line: None)
    (everything,) = report["slices"]
    assert everything["models"]["int8"]["srcc"]["value"] == pytest.approx(-1.0)


def test_a_part_is_taken_by_the_teachers_own_split(brightness_artifact: Path, tmp_path: Path) -> None:
    seen, held_out = _write_photos(tmp_path / "seen", MANY, "train"), _write_photos(tmp_path / "held", MANY, "test")
    options = _options(brightness_artifact, tmp_path, seen, held_out, part="test", seed=7, limit=20)
    report = run_fidelity(options, lambda line: None)
    assert (report["data"]["photos"], report["data"]["seed"]) == (20, 7)
    with pytest.raises(UsageError, match="split seed 7, not 6"):
        run_fidelity(
            _options(brightness_artifact, tmp_path, held_out, part="test", seed=6, is_forced=True), lambda line: None
        )


def test_a_model_that_does_not_open_is_said_and_the_others_go_on(
    brightness_artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = _write_photos(tmp_path / "many", MANY)
    arguments = ["fidelity", "--data", str(data), "--part", "all", "--out", str(tmp_path / "out")]
    arguments += ["--teacher", str(tmp_path / "plain"), "--resamples", "20"]
    good = ["--model", f"int8={brightness_artifact / 'brightness.tflite'}"]
    assert main([*arguments, "--model", "gone=gone.tflite", *good]) == 1
    printed = capsys.readouterr()
    assert "gone: not found: gone.tflite" in printed.err
    assert "| int8" in printed.out and "| gone" not in printed.out
    assert main([*arguments, *good]) == 2
    assert "fidelity.json already" in capsys.readouterr().err
    assert main([*arguments, *good, "--force"]) == 0
    assert main([*arguments, *good, *good, "--force"]) == 2
    assert "int8 is taken already" in capsys.readouterr().err
    assert main([*arguments, "--model", "gone=gone.tflite", "--force"]) == 2
    assert "no model opens" in capsys.readouterr().err


def test_too_few_photos(brightness_artifact: Path, tmp_path: Path) -> None:
    data = _write_photos(tmp_path / "few", FEW)
    with pytest.raises(UsageError, match="6 photos could be decoded; at least 20"):
        run_fidelity(_options(brightness_artifact, tmp_path, data), lambda line: None)
