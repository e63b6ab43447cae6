"""The whole way, as a user goes it: a rated set is written, then each stage runs as the README spells its command."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomllib
from PIL import Image

from edge_runtime import PhotoScorer
from edge_runtime.interpreter import Interpreter
from edge_runtime.model_file import unpack_model
from edge_runtime.models import list_models

pytestmark = [pytest.mark.slow, pytest.mark.needs_tensorflow]

GROUPS = 36
TEACHER_CONFIG, STUDENT_CONFIG = "train/configs/teacher-smoke.toml", "train/configs/student-smoke.toml"
RECIPE = "compress/recipes/smoke.toml"
STAGES = ("fit-teacher", "label", "distill", "compress")
SUFFIXES = {"int8": "", "float": "-float", "pruned": "-pruned"}


def load_toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def digest_files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@dataclass
class Chain:
    """What the six commands made."""

    checkout: Path
    folder: Path
    manifest: Path
    durations_s: dict[str, float] = field(default_factory=dict)

    def build_command(self, stage: str) -> list[str]:
        """The README's command of a stage, with the smoke configs and folders below ``folder``."""
        out, data = str(self.folder / stage), ["--data", str(self.manifest)]
        before = {name: str(self.folder / name) for name in STAGES}
        view, start = ["--view-size", str(self.view_size_px)], ["--weights", str(self.folder / "start.npz")]
        models = ["--artifact", before["compress"], "--teacher", before["fit-teacher"]]
        commands = {
            "fit-teacher": ["train", "fit-teacher", "--config", TEACHER_CONFIG, *data, "--out", out],
            "label": ["train", "label", "--teacher", before["fit-teacher"], *data, "--out", out, *view],
            "distill": [
                *f"train distill --config {STUDENT_CONFIG} --labels".split(),
                before["label"],
                "--out",
                out,
                *start,
            ],
            "compress": ["compress", "run", "--recipe", RECIPE, "--student", before["distill"], "--out", out],
            "validate": ["compress", "validate", before["compress"]],
            "bench": ["benchmarks", "run", *data, "--out", out, *models, "--smoke", "--rows", "teacher", *SUFFIXES],
        }
        return commands[stage]

    @property
    def view_size_px(self) -> int:
        return int(load_toml(self.checkout / STUDENT_CONFIG)["student"]["input_size_px"])

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *command], cwd=self.checkout, capture_output=True, text=True, timeout=900
        )

    def load(self, *parts: str) -> Any:
        return json.loads(self.folder.joinpath(*parts).read_text(encoding="utf-8"))

    def find_model(self, kind: str) -> Path:
        name = load_toml(self.checkout / STUDENT_CONFIG)["name"]
        return self.folder / "compress" / f"{name}{SUFFIXES[kind]}.tflite"

    def select_test_photos(self) -> list[Any]:
        """The rated photos that nothing was trained on, by the seed that the teacher's config names."""
        from train.data.manifest import load_manifest
        from train.data.split import assign_split

        photos = load_manifest(self.manifest)
        split = assign_split(photos, load_toml(self.checkout / TEACHER_CONFIG)["split_seed"])
        return [photo for photo in photos if photo.mos is not None and split[photo.file] == "test"]


@pytest.fixture(scope="module")
def chain(
    request: pytest.FixtureRequest,
    checkout: Path,
    write_rated_set: Callable[..., Path],
    write_start_weights: Callable[[Path, Path, int], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Chain:
    folder = tmp_path_factory.mktemp("chain")
    labels = load_toml(checkout / TEACHER_CONFIG)["labels"]
    made = Chain(checkout, folder, write_rated_set(folder / "rated photos", labels, GROUPS))
    write_start_weights(folder / "start.npz", made.manifest.parent, made.view_size_px)
    for stage in (*STAGES, "validate", "bench"):
        started = time.perf_counter()
        result = made.run(made.build_command(stage))
        made.durations_s[stage] = time.perf_counter() - started
        assert result.returncode == 0, f"{stage}:\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
        assert "Traceback" not in result.stderr
    shown = ", ".join(f"{stage} {duration:.0f} s" for stage, duration in made.durations_s.items())
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\nsmoke chain: {shown}, together {sum(made.durations_s.values()):.0f} s")
    return made


@pytest.fixture(scope="module")
def points_of(chain: Chain) -> dict[str, np.ndarray]:
    """Scores of the test photos by each of the three files, through the public interface."""
    points = {}
    for kind in SUFFIXES:
        with PhotoScorer.from_file(chain.find_model(kind)) as scorer:
            points[kind] = np.array([scorer.score(photo.path).quality for photo in chain.select_test_photos()])
    return points


@pytest.mark.parametrize(
    ("folder", "stage"),
    [("fit-teacher", "teacher"), ("label", "labels"), ("distill", "student"), ("compress", "compressed")],
)
def test_every_stage_says_where_its_artifact_came_from(chain: Chain, folder: str, stage: str) -> None:
    provenance = chain.load(folder, "provenance.json")
    assert provenance["stage"] == stage
    assert 0 < provenance["duration_s"] <= chain.durations_s[folder]
    assert provenance["inputs"] and all(len(digest) == 64 for digest in provenance["inputs"].values())
    assert provenance["libraries"]["tensorflow"] and provenance["config"]
    assert chain.load(folder, "metrics.json")


def test_teacher_and_student_were_judged_on_all_three_sides(chain: Chain) -> None:
    test_count = len(chain.select_test_photos())
    for folder in ("fit-teacher", "distill"):
        metrics = chain.load(folder, "metrics.json")
        sides = {side: slices["all"]["count"] for side, slices in metrics["sides"].items()}
        assert sides["test"] == test_count and sides["validation"] >= 5
        assert sum(sides.values()) == 2 * GROUPS - 2 * (GROUPS // 9)
        epochs = [epoch["loss"] for epoch in metrics["log"]]
        assert epochs[-1] < epochs[0], f"{folder} learnt nothing: {epochs}"


@pytest.mark.parametrize("stage", [*STAGES, "bench"])
def test_what_is_finished_is_not_overwritten(chain: Chain, stage: str) -> None:
    before = digest_files(chain.folder / stage)
    result = chain.run(chain.build_command(stage))
    assert result.returncode == 2
    assert "--force" in result.stderr and "Traceback" not in result.stderr
    assert digest_files(chain.folder / stage) == before


@pytest.mark.parametrize("kind", SUFFIXES)
def test_each_model_tells_photos_apart(points_of: dict[str, np.ndarray], kind: str) -> None:
    points = points_of[kind]
    assert np.all((points >= 0) & (points <= 100))
    # The int8 output of so little training has few steps; a model that has learnt nothing has one.
    assert len(np.unique(points)) >= 4, f"hardly two photos differ: {np.sort(points)}"


def test_the_contract_is_this_chains(chain: Chain) -> None:
    labels = load_toml(chain.checkout / TEACHER_CONFIG)["labels"]
    student = load_toml(chain.checkout / STUDENT_CONFIG)
    recipe = load_toml(chain.checkout / RECIPE)
    contracts = {kind: unpack_model(chain.find_model(kind))[1] for kind in SUFFIXES}
    for kind, contract in contracts.items():
        assert contract.name == student["name"]
        assert contract.version == recipe["contract"]["version"]
        assert contract.precision == ("int8" if kind == "int8" else "float32")
        assert contract.category_labels == tuple(sorted(set(labels["category"].values())))
        assert contract.style_labels == tuple(sorted(set(labels["style"].values())))
        assert (contract.view.width_px, contract.view.height_px) == (chain.view_size_px,) * 2
        assert contract.detail is not None and contract.detail.share == recipe["contract"]["detail_share"]
        assert list(contract.detail.attributes) == recipe["contract"]["detail_attributes"] != []
        assert contract.attribute_stretch == recipe["contract"]["attribute_stretch"] != {}
        manifest_digest = hashlib.sha256(chain.manifest.read_bytes()).hexdigest()
        assert contract.provenance["manifests"] == {"manifest.csv": manifest_digest}
    digests = {contract.tflite_sha256 for contract in contracts.values()}
    assert len(digests) == 3
    shipped = {unpack_model(path)[1].tflite_sha256 for path in list_models()}
    assert shipped and digests.isdisjoint(shipped), "that is the model that ships"


def test_the_parity_report_is_what_the_files_score(chain: Chain, points_of: dict[str, np.ndarray]) -> None:
    from train.metrics import compute_srcc

    photos, parity = chain.select_test_photos(), chain.load("compress", "parity.json")
    assert parity["photos"] == len(photos) >= 5
    mos = [photo.mos for photo in photos]
    for kind, points in points_of.items():
        expected = compute_srcc(points, mos)
        assert parity["agreement"][kind]["all"]["srcc"]["value"] == pytest.approx(expected, abs=1e-9), kind
    for other in ("float", "pruned"):
        difference = np.abs(points_of["int8"] - points_of[other])
        assert parity[f"int8_against_{other}"]["max_points"] == pytest.approx(difference.max(), abs=1e-6)
        assert parity[f"int8_against_{other}"]["p50_points"] == pytest.approx(np.median(difference), abs=1e-6)
    for kind in SUFFIXES:
        described = parity["files"][kind]
        assert described["delegate_partitions"] == 1
        assert described["size_bytes"] == chain.find_model(kind).stat().st_size
        assert described["sha256"] == unpack_model(chain.find_model(kind))[1].sha256


def count_kernels(path: Path, matches: Callable[[float], bool]) -> int:
    """How many pointwise kernels of a file have a share of zeros that ``matches``."""
    native = Interpreter(unpack_model(path)[0])._native
    count = 0
    for entry in native.get_tensor_details():
        shape = tuple(entry["shape"])
        if len(shape) != 4 or shape[1:3] != (1, 1) or shape[0] == 1:
            continue
        count += matches(float(np.mean(native.get_tensor(entry["index"]) == 0)))
    return count


def test_the_pruned_files_really_hold_zeros(chain: Chain) -> None:
    wanted = load_toml(chain.checkout / RECIPE)["prune"]["final_sparsity"]
    assert chain.load("compress", "metrics.json")["sparsity"] == pytest.approx(wanted, abs=0.02)
    contract = unpack_model(chain.find_model("int8"))[1]
    assert contract.provenance["sparsity"] == pytest.approx(wanted, abs=0.02)
    pruned = count_kernels(chain.find_model("pruned"), lambda zeros: abs(zeros - wanted) < 0.02)
    assert pruned >= 10
    assert count_kernels(chain.find_model("float"), lambda zeros: zeros > 0.02) == 0
    # Rounding to int8 adds zeros to those of pruning.
    assert count_kernels(chain.find_model("int8"), lambda zeros: zeros >= wanted - 0.02) >= pruned


def test_the_benchmark_measured_every_step(chain: Chain) -> None:
    rows = {row["key"]: row for row in chain.load("bench", "results.json")["rows"]}
    parity = chain.load("compress", "parity.json")
    assert set(rows) == {"teacher", *SUFFIXES}
    for row in rows.values():
        assert not row["is_failed"], row["note"]
        assert set(row["latency_by_threads"]) == {"1", "2"}
        for summary in row["latency_by_threads"].values():
            assert 0 < summary["p50_ms"] <= summary["p95_ms"]
    for kind in SUFFIXES:
        assert rows[kind]["sha256"] == hashlib.sha256(chain.find_model(kind).read_bytes()).hexdigest()
    assert len({row["latency_by_threads"]["1"]["p50_ms"] for row in rows.values()}) == len(rows)
    # The same photos as in the other reports, so the same agreement; float16 features may swap a rank of the teacher's.
    agreement = {kind: slices["all"]["srcc"]["value"] for kind, slices in parity["agreement"].items()}
    agreement["teacher"] = chain.load("fit-teacher", "metrics.json")["sides"]["test"]["all"]["srcc"]["value"]
    for key, row in rows.items():
        assert row["accuracy"]["all"]["photos"] == parity["photos"]
        assert row["accuracy"]["all"]["srcc"] == pytest.approx(agreement[key], abs=0.05 if key == "teacher" else 1e-9)
    with Image.open(chain.folder / "bench" / "accuracy-latency.png") as plot:
        assert plot.format == "PNG" and min(plot.size) > 200
        pixels = np.asarray(plot.convert("RGB")).reshape(-1, 3)
        assert len(np.unique(pixels, axis=0)) > 10, "an empty picture"


def test_a_model_gets_another_contract_without_being_compressed_again(chain: Chain, tmp_path: Path) -> None:
    text = (chain.checkout / RECIPE).read_text(encoding="utf-8")
    recipe, out = tmp_path / "smoke.toml", tmp_path / "recalibrated"
    recipe.write_text(text.replace('"0.0.0"', '"0.0.1"') + "\n[contract.deductions]\nnoise = 0.5\n", encoding="utf-8")
    command = ["compress", "recalibrate", str(chain.folder / "compress"), "--labels", str(chain.folder / "label")]
    before = digest_files(chain.folder / "compress")
    result = chain.run([*command, "--recipe", str(recipe), "--out", str(out)])
    assert result.returncode == 0, result.stderr[-2000:]
    assert digest_files(chain.folder / "compress") == before
    for kind in SUFFIXES:
        flatbuffer, contract = unpack_model(out / chain.find_model(kind).name)
        old_flatbuffer, old = unpack_model(chain.find_model(kind))
        assert flatbuffer == old_flatbuffer and contract.precision == old.precision
        assert (contract.version, contract.deductions) == ("0.0.1", {"noise": 0.5})
        assert contract.quality_calibration != old.quality_calibration and contract.provenance == old.provenance
    assert chain.run(["compress", "validate", str(out)]).returncode == 0

    recipe.write_text(text.replace("final_sparsity = 0.5", "final_sparsity = 0.4"), encoding="utf-8")
    result = chain.run([*command, "--recipe", str(recipe), "--out", str(tmp_path / "other")])
    assert result.returncode == 2 and "smoke.toml: prune is not what" in result.stderr
    assert not (tmp_path / "other").exists()


def test_another_seed_makes_another_teacher(chain: Chain, tmp_path: Path) -> None:
    text = (chain.checkout / TEACHER_CONFIG).read_text(encoding="utf-8")
    config = tmp_path / "teacher.toml"
    config.write_text(text.replace("\nseed = 0\n", "\nseed = 1\n"), encoding="utf-8")
    assert load_toml(config)["seed"] == 1
    arguments = ["--config", str(config), "--data", str(chain.manifest), "--out", str(tmp_path / "teacher")]
    result = chain.run(["train", "fit-teacher", *arguments])
    assert result.returncode == 0, result.stderr[-2000:]
    weights = [folder / "heads.weights.h5" for folder in (chain.folder / "fit-teacher", tmp_path / "teacher")]
    assert weights[0].read_bytes() != weights[1].read_bytes()
    other = json.loads((tmp_path / "teacher" / "metrics.json").read_text(encoding="utf-8"))
    assert other["log"] != chain.load("fit-teacher", "metrics.json")["log"]
