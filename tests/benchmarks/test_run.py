"""The whole command on models and photos whose right answers are known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.memory import measure_footprint
from edge_runtime.errors import ModelError
from edge_runtime.models import list_models


def _arguments(manifest: Path, artifact: Path, out: Path, *further: str) -> list[str]:
    absent = str(out.parent / "absent")
    common = ["run", "--data", str(manifest), "--artifact", str(artifact), "--out", str(out)]
    return [*common, "--teacher", absent, "--peers", absent, "--smoke", *further]


@pytest.mark.needs_tensorflow
def test_run_measures_what_is_there_and_says_what_is_not(
    brightness_manifest: Path, brightness_artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bench"
    assert main(_arguments(brightness_manifest, brightness_artifact, out)) == 0
    printed = capsys.readouterr().out
    assert printed.strip() == (out / "table.md").read_text(encoding="utf-8").strip()
    document = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert document["data"]["seed"] == 7, "the artifact's split seed"
    assert (document["data"]["rated_photos"], document["data"]["ss01_photos"]) == (8, 4)
    rows = {row["key"]: row for row in document["rows"]}
    for key in ("int8", "float"):
        row = rows[key]
        assert row["accuracy"]["all"]["srcc"] == pytest.approx(1.0), "the model measures what the ratings are"
        assert row["accuracy"]["all"]["plcc"] == pytest.approx(1.0)
        assert row["accuracy"]["ss01"]["photos"] == 4
        assert set(row["latency_by_threads"]) == {"1", "2"}
        assert row["footprint"]["load_ms"] > 0
        assert row["footprint"]["peak_memory_bytes"] is None or row["footprint"]["peak_memory_bytes"] > 0
        assert row["size_bytes"] == Path(row["path"]).stat().st_size
        assert len(row["sha256"]) == 64
    for key in ("teacher", "pruned", "nima-technical", "nima-aesthetic"):
        assert rows[key]["note"].startswith("not found: ")
        assert rows[key]["note"].split(": ", 1)[1] in printed
    for key in ("vgg16", "resnet50"):
        assert "latency only, untrained" in rows[key]["note"] and "smoke" in rows[key]["note"]
    end_to_end = document["end_to_end"]
    assert end_to_end["photo_total"]["p50_ms"] > end_to_end["stages"]["decode"]["p50_ms"] > 0
    assert end_to_end["frame_total"]["p50_ms"] > end_to_end["frame_stages"]["inference"]["p50_ms"] > 0
    with Image.open(out / "accuracy-latency.png") as image:
        image.load()
        assert image.format == "PNG"


@pytest.mark.needs_tensorflow
def test_results_are_overwritten_only_by_force(
    brightness_manifest: Path, brightness_artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bench"
    out.mkdir()
    (out / "table.md").write_text("earlier", encoding="utf-8")
    arguments = _arguments(brightness_manifest, brightness_artifact, out, "--rows", "nima-technical")
    assert main(arguments) == 2
    assert "--force" in capsys.readouterr().err
    assert (out / "table.md").read_text(encoding="utf-8") == "earlier"
    assert main([*arguments, "--force"]) == 0
    assert "not found" in (out / "table.md").read_text(encoding="utf-8")


@pytest.mark.needs_tensorflow
def test_a_damaged_model_fails_its_row_and_no_other(
    brightness_manifest: Path, brightness_artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = tmp_path / "artifact"
    shutil.copytree(brightness_artifact, artifact)
    model = artifact / "brightness-float.tflite"
    content = bytearray(model.read_bytes())
    content[len(content) // 3] ^= 0xFF
    model.write_bytes(content)
    out = tmp_path / "bench"
    assert main(_arguments(brightness_manifest, artifact, out, "--rows", "int8", "float")) == 1
    rows = {row["key"]: row for row in json.loads((out / "results.json").read_text(encoding="utf-8"))["rows"]}
    assert rows["float"]["is_failed"] and "damaged" in rows["float"]["note"]
    assert rows["int8"]["accuracy"]["all"]["srcc"] == pytest.approx(1.0)
    assert "failed: " in capsys.readouterr().out


def test_wrong_usage_is_exit_code_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    absent = tmp_path / "absent.csv"
    assert main(_arguments(absent, tmp_path, tmp_path / "bench", "--seed", "0")) == 2
    assert str(absent) in capsys.readouterr().err
    assert not (tmp_path / "bench").exists()
    with pytest.raises(SystemExit) as caught:
        main(["run", "--out", str(tmp_path)])
    assert caught.value.code == 2


def test_limit_below_one_is_wrong_usage(brightness_manifest: Path, tmp_path: Path) -> None:
    assert main(_arguments(brightness_manifest, tmp_path, tmp_path / "bench", "--seed", "0", "--limit", "0")) == 2


def test_footprint_of_a_peer_is_at_least_its_file(peers_dir: Path) -> None:
    model = peers_dir / "technical_model.tflite"
    footprint = measure_footprint(model, processes=1)
    assert footprint.load_ms > 0 and footprint.first_invoke_ms > 0
    # Its file is read and its weights are packed anew: not less than the file, not ever 100 MB for 3.4.
    assert footprint.peak_memory_bytes is None or model.stat().st_size < footprint.peak_memory_bytes < 100e6


def test_footprint_of_no_model_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "text.tflite"
    path.write_text("not a model", encoding="utf-8")
    with pytest.raises(ModelError, match=r"text\.tflite.*not a TFLite model"):
        measure_footprint(path, processes=1)


def test_shipped_model_on_the_example_photos(examples_dir: Path, tmp_path: Path) -> None:
    models = list_models()
    if not models:
        pytest.skip("needs a model in edge_runtime/models")
    photos = sorted(examples_dir.glob("*.jpg"))[:8]
    lines = ["file,mos,group,split"]
    for index, photo in enumerate(photos):
        shutil.copy(photo, tmp_path / photo.name)
        lines.append(f"{photo.name},{0.9 if 'good' in photo.name else 0.2 + index / 100},g{index},test")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    out = tmp_path / "bench"
    arguments = _arguments(tmp_path / "manifest.csv", models[0], out, "--limit", "8", "--rows", "int8")
    assert main(arguments) == 0
    (row,) = json.loads((out / "results.json").read_text(encoding="utf-8"))["rows"]
    assert row["accuracy"]["all"]["photos"] == len(photos)
    assert row["accuracy"]["all"]["srcc"] is not None
    assert row["latency_by_threads"]["1"]["p50_ms"] > 0
