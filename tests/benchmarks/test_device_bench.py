"""The board's benchmark: what it computes, and the packed file, alone, without what only a checkout has."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.__main__ import main as benchmarks_main
from benchmarks.device.__main__ import main
from benchmarks.device.bench import DeviceBenchOptions, compute_slowdown, judge_steadiness, run_device_bench
from benchmarks.device.fingerprint import compare_fingerprints, compute_fingerprint, make_inputs
from benchmarks.device.pack import PackOptions, list_sources, run_pack
from edge_runtime.errors import ModelError, UsageError
from edge_runtime.models import DEFAULT_MODEL, find_model

ALLOWED = {"numpy", "benchmarks", "edge_runtime"}
# Runs a packed file as `python3 FILE ...` does, without what a board need not have.
RUN_WITHOUT = """\
import runpy, sys
for name in ("PIL", "cv2", "scipy", "matplotlib", "tensorflow", "train", "compress"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print(sys.modules["edge_runtime"].__file__, file=sys.stderr)
"""


def fingerprint(**outputs: list[list[float]]) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(json.dumps(outputs).encode()).hexdigest(), "outputs": outputs}


def record(quality: float, p50_ms: float = 2.0, sha256: str = "ab") -> dict[str, Any]:
    latency = [{"threads": 1, "is_xnnpack": None, "p50_ms": p50_ms}]
    model = {"name": "m", "sha256": sha256, "latency": latency, "fingerprint": fingerprint(quality=[[quality]])}
    return {"schema": 1, "models": [model]}


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_pack(PackOptions(out=tmp_path_factory.mktemp("pack") / "photogate-device.pyz"))


def test_inputs_are_the_same_bytes_everywhere() -> None:
    noise, cells, _, patches = make_inputs((65, 70, 3))
    assert all(picture.shape == (65, 70, 3) and picture.dtype == np.uint8 for picture in (noise, cells, patches))
    expected = hashlib.shake_256(b"photogate 65x70x3 cells of 1").digest(65 * 70 * 3)
    assert noise.tobytes() == expected
    assert (cells[4:8, 8:12] == cells[4, 8]).all() and not (cells[4, 8] == cells[3, 8]).all()
    assert len(np.unique(patches.reshape(-1, 3), axis=0)) == 4


def test_differences_by_output() -> None:
    one = fingerprint(quality=[[0.5], [0.25]], style=[[1.0, 2.0], [3.0, 4.0]])
    other = fingerprint(quality=[[0.5], [0.25]], style=[[1.0, 2.5], [3.0, 4.125]])
    assert compare_fingerprints(one, other) == {"quality": 0.0, "style": 0.5}
    with pytest.raises(ModelError, match="different models"):
        compare_fingerprints(one, fingerprint(quality=[[0.5], [0.25]]))


def test_fingerprint_depends_on_the_outputs(brightness_artifact: Path) -> None:
    """The brightness model answers with the mean of the picture."""
    path = brightness_artifact / "brightness.tflite"
    found = compute_fingerprint(path)
    means = [picture.mean() / 255 for picture in make_inputs((32, 32, 3))]
    assert np.allclose([row[0] for row in found["outputs"]["quality"]], means, atol=1e-5)
    assert found == compute_fingerprint(brightness_artifact / "brightness-float.tflite")
    assert found["sha256"] != compute_fingerprint(find_model(DEFAULT_MODEL))["sha256"]


def test_a_board_that_grows_hot() -> None:
    cool, hot = [[2.0, 9.0]] * 4, [[3.0, 3.5]] * 4
    assert compute_slowdown([*cool, [2.5], *hot]) == 1.5
    assert compute_slowdown(cool) is None
    restless = [[1.0], [4.0], [2.0], [5.0]] * 3
    assert compute_slowdown(restless) < 1  # type: ignore[operator]
    assert judge_steadiness(True, 1.5) == "slowed down"
    assert judge_steadiness(True, 1.0) == judge_steadiness(True, None) == "noisy"
    assert judge_steadiness(False, 1.05) == "steady"


def test_bench_here(tmp_path: Path) -> None:
    out = tmp_path / "here.json"
    options = DeviceBenchOptions(threads=(1, 100_000), rounds=2, processes=0, out=out)
    found = run_device_bench(options, say=lambda line: None)
    document = json.loads(out.read_text())
    (model,) = document["models"]
    assert (document["schema"], document["kind"], document["options"]["threads"]) == (1, "board", [1])
    assert model["sha256"] == hashlib.sha256(find_model(DEFAULT_MODEL).read_bytes()).hexdigest()
    assert model["fingerprint"] == compute_fingerprint(find_model(DEFAULT_MODEL))
    (latency,) = model["latency"]
    assert 0 < latency["min_ms"] <= latency["p50_ms"] <= latency["p90_ms"] <= latency["p95_ms"] <= latency["p99_ms"]
    assert model["load_ms"] is None  # no processes were asked for
    assert any("left out" in note for note in found.notes)
    with pytest.raises(UsageError, match="exists already"):
        run_device_bench(options, say=lambda line: None)


@pytest.mark.parametrize("arguments", [["--threads", "0"], ["--rounds", "0"], ["--processes", "-1"], ["no.tflite"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *arguments]) == 2
    assert "photogate-device: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("other", "code", "told"),
    [
        (record(0.5, p50_ms=5.0), 0, ["second over first 2.50", "identical to the last bit"]),
        (record(0.500004), 0, ["outputs alike; largest difference by output: quality 4e-06"]),
        (record(0.5001), 1, ["outputs differ; largest difference by output: quality 0.0001"]),
        (record(0.5, sha256="cd"), 2, ["no model file with outputs is in both"]),
        ({"schema": 9, "models": []}, 2, ["no record of schema 1"]),
    ],
)
def test_compare(
    other: dict[str, Any], code: int, told: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, document in (("a.json", record(0.5)), ("b.json", other)):
        (tmp_path / name).write_text(json.dumps(document))
    assert benchmarks_main(["device", "compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == code
    printed = "".join(capsys.readouterr())
    assert all(text in printed for text in told)


def test_packed_sources_need_numpy_and_the_interpreter_only() -> None:
    sources = list_sources()
    assert {"benchmarks.latency", "benchmarks.native_model", "edge_runtime.interpreter"} <= set(sources)
    foreign = {
        (module, name)
        for module, source in sources.items()
        if module != "edge_runtime"  # a bare __init__ stands in its place
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        for name in _list_top_level(node)
        if name not in sys.stdlib_module_names | ALLOWED
    }
    assert not foreign


def test_packed_file_runs_alone_and_agrees_with_the_machine_that_packed_it(packed: Path, tmp_path: Path) -> None:
    out = tmp_path / "board.json"
    arguments = ["bench", "--threads", "1", "--rounds", "2", "--processes", "1", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUN_WITHOUT, str(packed), *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith(str(packed))
    assert "outputs identical to the last bit" in done.stdout
    (model,) = json.loads(out.read_text())["models"]
    assert model["load_ms"] > 0 and model["peak_memory_bytes"] > model["size_bytes"] / 2


def test_packed_file_tells_of_another_answer(packed: Path, tmp_path: Path) -> None:
    """A board whose kernels round otherwise: the packed answers are changed, the outputs are not."""
    import zipfile

    changed = tmp_path / "changed.pyz"
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "benchmarks/device/packed.json":
                document = json.loads(content)
                (answer,) = document["fingerprints"].values()
                answer["outputs"]["quality"][0][0] += 0.125
                answer["sha256"] = "changed"
                content = json.dumps(document).encode()
            target.writestr(name, content)
    command = [sys.executable, str(changed), "bench", "--threads", "1", "--rounds", "1", "--processes", "0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    detail = ", ".join(f"detail {name} 0" for name in ("attributes", "category", "quality", "style"))
    assert (
        f"outputs differ; largest difference by output: attributes 0, category 0, {detail}, quality 0.125, style 0"
        in done.stdout
    )


def test_pack_keeps_what_is_there(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = packed.read_bytes()
    assert benchmarks_main(["device", "pack", "--out", str(packed)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert packed.read_bytes() == before


def test_pack_wants_models_that_are_there(tmp_path: Path) -> None:
    model = find_model(DEFAULT_MODEL)
    with pytest.raises(ModelError, match="no such model"):
        run_pack(PackOptions((tmp_path / "absent.tflite",), tmp_path / "a.pyz"))
    with pytest.raises(UsageError, match="same file name"):
        run_pack(PackOptions((model, model), tmp_path / "a.pyz"))
    assert not (tmp_path / "a.pyz").exists()


def _list_top_level(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    return [node.module.split(".")[0]] if isinstance(node, ast.ImportFrom) and node.module else []
