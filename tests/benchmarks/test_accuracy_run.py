"""The whole command ``accuracy`` on photos and a model whose right answers are known."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.__main__ import main

COUNT = 24


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 grey photos rated by their brightness, a product on white that nobody rated, and one damaged file."""
    folder = tmp_path_factory.mktemp("graded")
    lines = ["file,mos,category,style,group,licence,source,content,split"]
    for index in range(COUNT):
        value = 20 + 9 * index
        name = f"ss0{1 + index % 2}_{index}.png"
        Image.fromarray(np.full((48, 64, 3), value, dtype=np.uint8)).save(folder / name)
        lines.append(
            f"{name},{value / 255:.4f},,{'a & <b>' if index % 3 else 'c'},group{index},,Rated,object,validation"
        )
    pixels = np.full((400, 400, 3), 250, dtype=np.uint8)
    pixels[80:320, 80:320] = np.random.default_rng(0).integers(20, 200, (240, 240, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "product.png")
    lines.append("product.png,,bags,studio,product,,Flipkart1050,,validation")
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a photo")
    lines.append("damaged.jpg,0.5,,,damaged,,Rated,,validation")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "manifest.csv"


def _arguments(manifest: Path, artifact: Path, out: Path, *further: str) -> list[str]:
    common = ["accuracy", "--data", str(manifest), "--artifact", str(artifact), "--out", str(out)]
    return [*common, "--resamples", "20", "--photos-per-test", "2", *further]


@pytest.mark.needs_tensorflow
def test_everything_is_measured_and_what_cannot_be_is_said(
    manifest: Path, brightness_artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    further = ("--model", f"again={brightness_artifact / 'brightness.tflite'}", "--model", "gone=absent.tflite")
    assert main(_arguments(manifest, brightness_artifact, out, *further)) == 1, "one photo is damaged"
    printed = capsys.readouterr()
    assert "left out: damaged.jpg" in printed.err
    assert "SRCC, all rated photos" in printed.out
    report = json.loads((out / "accuracy.json").read_text(encoding="utf-8"))
    assert report["schema"] == 1
    assert report["data"]["seed"] == 7, "the artifact's split seed"
    assert (report["data"]["photos"], report["data"]["rated_photos"]) == (COUNT + 1, COUNT)
    assert [entry["file"] for entry in report["data"]["undecodable"]] == ["damaged.jpg"]
    models = {row["key"]: row for row in report["models"]}
    assert models["pruned"]["note"].startswith("not found: ") and models["gone"]["note"].startswith("not found: ")
    everything = report["agreement"][0]
    assert set(everything["models"]) == {"float", "int8", "again"}
    assert everything["models"]["int8"]["srcc"]["value"] == pytest.approx(1.0)
    assert everything["models"]["int8"]["rmse"]["value"] < 0.5
    assert report["subject"] == "int8"
    assert report["fidelity"]["all"]["max_points"] == report["fidelity"]["srcc_loss"] == 0.0
    kinds = report["ladders"]["models"]["int8"]["kinds"]
    assert kinds["underexposed"]["quality_falls_share"] == 1.0, "this model measures brightness"
    assert kinds["overexposed"]["quality_rises_share"] == 1.0
    assert report["ladders"]["photos"]["composition"] == 1, "the product on white"
    assert report["false_blur"]["photos"] == 1
    assert report["false_alarms"]["models"]["int8"][0]["source"] == "all"
    assert {row["source"]: row["photos"] for row in report["verdicts"]["models"]["int8"]} == {
        "Flipkart1050": 1,
        "Rated": COUNT,
    }
    goals = {goal["name"]: goal for goal in report["goals"]}
    assert goals["sharp products on white called blurred"]["is_met"] is None, "one photo decides nothing"
    assert goals["SRCC, all rated photos"]["is_met"] is True
    assert report["calibration"]["measured_coverage"] == 1.0
    assert report["invariance"]["models"]["int8"]["encodings"]["mirrored"]["max_points"] < 1.0
    assert len(report["worst"]) == 20
    assert report["teacher_student"] is None


@pytest.mark.needs_tensorflow
def test_the_page_stands_alone(manifest: Path, brightness_artifact: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    main(_arguments(manifest, brightness_artifact, out))
    page = (out / "accuracy.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:)|url\(|@import|<script|<link', page), "nothing is fetched"
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("data:image/jpeg") >= 20, "thumbnails"
    assert "a &amp; &lt;b&gt;" in page and "<b>" not in page.split("</title>")[0]
    assert "data:image" not in (out / "accuracy.json").read_text(encoding="utf-8"), "no photo in the JSON"
    for title in (
        "Agreement",
        "Calibration",
        "int8 against float",
        "Ladders",
        "Culprits",
        "False alarms",
        "Verdicts",
        "Invariance",
        "20 worst",
    ):
        assert title in page


@pytest.mark.needs_tensorflow
def test_a_damaged_model_and_a_teacher_of_another_split_are_left_out(
    manifest: Path, brightness_artifact: Path, tmp_path: Path
) -> None:
    artifact, teacher, out = tmp_path / "artifact", tmp_path / "teacher", tmp_path / "out"
    shutil.copytree(brightness_artifact, artifact)
    content = bytearray((artifact / "brightness.tflite").read_bytes())
    content[len(content) // 3] ^= 0xFF
    (artifact / "brightness.tflite").write_bytes(content)
    teacher.mkdir()
    (teacher / "provenance.json").write_text('{"config": {"split_seed": 3}}', encoding="utf-8")
    assert main(_arguments(manifest, artifact, out, "--teacher", str(teacher), "--limit", "21")) == 1
    report = json.loads((out / "accuracy.json").read_text(encoding="utf-8"))
    models = {row["key"]: row for row in report["models"]}
    assert "damaged" in models["int8"]["note"]
    assert "split seed 3, not 7" in models["teacher"]["note"]
    assert (report["subject"], report["fidelity"]) == ("float", None)
    assert report["agreement"][0]["photos"] <= 21


def test_wrong_usage_is_exit_code_two(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(_arguments(manifest, tmp_path, out)) == 2
    assert "--seed" in capsys.readouterr().err
    (tmp_path / "provenance.json").write_text('{"split_seed": 0}', encoding="utf-8")
    assert main(_arguments(tmp_path / "absent.csv", tmp_path, out)) == 2
    assert main(_arguments(manifest, tmp_path, out)) == 2
    assert "no model opens" in capsys.readouterr().err
    assert main(_arguments(manifest, tmp_path, out, "--limit", "0")) == 2
    assert main(_arguments(manifest, tmp_path, out, "--model", "int8=x.tflite")) == 2
    assert "taken already" in capsys.readouterr().err
    assert main(_arguments(manifest, tmp_path, out, "--part", "test")) == 2
    assert "no rated photo" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(_arguments(manifest, tmp_path, out, "--model", "nameless.tflite"))
    assert not out.exists()


def test_an_earlier_page_is_not_overwritten(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "accuracy.html").write_text("earlier", encoding="utf-8")
    assert main(_arguments(manifest, tmp_path, tmp_path)) == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "accuracy.html").read_text(encoding="utf-8") == "earlier"


@pytest.mark.needs_tensorflow
def test_a_clean_source_without_a_photo_is_a_typing_error(
    manifest: Path, brightness_artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = _arguments(manifest, brightness_artifact, tmp_path / "out", "--clean-source", "Shoop")
    assert main(arguments) == 2
    assert "no photo of part 'validation' is of the source Shoop" in capsys.readouterr().err
