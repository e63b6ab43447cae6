"""What model files, the package and scoring take up: known files, a real process, and one smoke run."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.footprint_report import run as footprint_run
from benchmarks.footprint_report import scoring
from benchmarks.footprint_report.installed import measure_installed_sizes
from benchmarks.footprint_report.model_files import describe_model_file
from benchmarks.footprint_report.run import FootprintOptions, run_footprint
from benchmarks.footprint_report.scoring import measure_scoring, measure_two_processes
from benchmarks.rows import REFERENCE
from edge_runtime.errors import ModelError, UsageError
from edge_runtime.models import DEFAULT_MODEL, find_model


def test_the_two_forms_of_a_model_have_the_same_parameters_but_not_the_same_size() -> None:
    int8 = describe_model_file(find_model(DEFAULT_MODEL), processes=1)
    float32 = describe_model_file(next(REFERENCE.glob("*-float.tflite")), processes=1)
    assert int8["parameters"] == pytest.approx(float32["parameters"], rel=0.02)
    assert float32["size_bytes"] > 2.5 * int8["size_bytes"]
    assert 3.5 * float32["parameters"] < float32["size_bytes"] < 4.5 * float32["parameters"]
    assert int8["deflate_bytes"] == len(zlib.compress(find_model(DEFAULT_MODEL).read_bytes(), 9))
    # The shipped model's pointwise kernels are pruned, which are two fifths of all; its float twin's are not.
    assert int8["zero_share"] > 0.05 > float32["zero_share"]
    assert int8["operations"]["CONV_2D"] > 10
    assert int8["load_ms"] > 0


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rubbish.tflite"
    path.write_bytes(b"rubbish" * 100)
    with pytest.raises(ModelError, match=r"rubbish\.tflite"):
        describe_model_file(path)


def test_a_damaged_model_without_a_contract_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "damaged.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(200))
    with pytest.raises(ModelError, match=r"damaged\.tflite: .* refuses the model"):
        describe_model_file(path)


@pytest.mark.parametrize("names", [("int8",), ("mine", "mine")])
def test_no_row_takes_anothers_name(tmp_path: Path, names: tuple[str, ...]) -> None:
    models = tuple((name, find_model(DEFAULT_MODEL)) for name in names)
    with pytest.raises(UsageError, match=f"--model: {names[0]} is taken already"):
        run_footprint(FootprintOptions(tmp_path / "out", models=models))


def test_installed_sizes_follow_requirements_and_leave_out_what_is_not_there() -> None:
    sizes = measure_installed_sizes()
    assert {"photogate", "numpy", "pillow"} <= set(sizes)
    assert sizes["numpy"] > 5e6
    assert sizes["photogate"] > find_model(DEFAULT_MODEL).stat().st_size
    assert set(measure_installed_sizes(("no-such-distribution",))) == {"photogate"}


def test_scoring_in_a_process_tells_its_memory_and_whether_it_grows(examples_dir: Path) -> None:
    model, photos = find_model(DEFAULT_MODEL), sorted(examples_dir.glob("*.jpg"))
    found = measure_scoring(model, photos, 3)
    assert found["photos"] == 3
    assert 30e6 < found["peak_bytes"] < 500e6
    assert found["growth_bytes"] is None, "three photos are too few to tell"
    with pytest.raises(UsageError, match="ended with 1"):
        measure_scoring(model, [examples_dir / "absent.jpg"], 1)


def test_growth_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    log = scoring._MemoryLog()
    log._readings.extend(range(1_000_000, 101_000_000, 1_000_000))
    assert log.summarize()["growth_bytes"] == pytest.approx(81_000_000, abs=1_500_000)


def test_what_a_second_process_brings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def measure(model: Path, photos: Sequence[Path], count: int, jobs: int) -> dict[str, Any]:
        return {"seconds": {1: 10.0, 2: 6.0}[jobs]}

    monkeypatch.setattr(scoring, "measure_scoring", measure)
    found = measure_two_processes(tmp_path, [], 20)
    assert found == {"photos": 20, "one_per_s": 2.0, "two_per_s": pytest.approx(20 / 6), "gain": pytest.approx(10 / 6)}
    with pytest.raises(UsageError, match="2 photos or more"):
        measure_two_processes(tmp_path, [], 1)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[tuple[int, int]] = []

    def measure(model: Path, photos: Sequence[Path], count: int, jobs: int = 1) -> dict[str, Any]:
        counts.append((count, jobs))
        return {"photos": count, "seconds": 2.0, "peak_bytes": 131_000_000, "growth_bytes": 50_000, "readings": 100}

    monkeypatch.setattr(footprint_run, "measure_scoring", measure)
    monkeypatch.setattr(scoring, "measure_scoring", measure)
    monkeypatch.setattr(footprint_run, "build_import_measure", lambda name: lambda: 20.0 if name == "numpy" else 50.0)
    monkeypatch.setattr(footprint_run, "LARGE_SIZE_PX", (64, 48))
    monkeypatch.setattr(footprint_run, "describe_model_file", lambda path, processes: describe_model_file(path, 1))
    arguments = ["footprint", "--artifact", str(find_model(DEFAULT_MODEL)), "--out", str(tmp_path / "out"), "--smoke"]
    assert main([*arguments, "--model", f"gone={tmp_path / 'gone.tflite'}"]) == 0
    table = capsys.readouterr().out
    assert counts == [(1, 1), (200, 1), (20, 1), (20, 2)]
    assert "131.00 MB (at most 130 MB: MISSED)" in table
    assert "not found" in table
    report = json.loads((tmp_path / "out" / "footprint.json").read_text(encoding="utf-8"))
    assert report["schema"] == 1
    assert report["import"]["over_numpy"]["ratio"] == pytest.approx(2.5)
    int8 = report["models"]["int8"]
    assert f"- int8: {DEFAULT_MODEL} {int8['version']}, sha256 {int8['sha256'][:12]}" in table
    assert report["created"] in table
    assert "size_bytes" not in report["models"]["gone"]
    assert main(arguments) == 2, "results are not overwritten"
