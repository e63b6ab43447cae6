"""Compressing by a plan: which process is started, what is taken up again, and what a student must say of itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from benchmarks.compression import build
from benchmarks.compression.build import Student, compress_variant, find_form, open_students
from benchmarks.compression.plan import Variant
from compress.recipe import Recipe
from edge_runtime.errors import UsageError
from train.config_reader import load_config

VARIANT = Variant("one", ("int8",), {}, Recipe("one"))
STUDENT = Student("mine", Path("/students/mine"), "f" * 64, {}, 6, ())


@dataclass
class Processes:
    """Stands in for what is started: notes it, and leaves what it would leave."""

    commands: list[list[str]] = field(default_factory=list)
    failing: str = ""

    def run_python(self, arguments: Sequence[str], *, timeout_s: float) -> str:
        assert timeout_s > 3600, "training takes its time"
        self.commands.append(list(arguments))
        if arguments[1] == "compress":
            artifact = Path(arguments[arguments.index("--out") + 1])
            (artifact / "work").mkdir(parents=True, exist_ok=True)
            if self.failing:
                raise UsageError(self.failing)
            (artifact / "metrics.json").write_text('{"chosen": "ptq", "sparsity": 0.0}', encoding="utf-8")
            provenance = {"stage": "compressed", "name": "model", "duration_s": 12.5}
            (artifact / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
        else:
            Path(arguments[-1]).write_text("a light model", encoding="utf-8")
        return ""


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    started = Processes()
    monkeypatch.setattr(build, "run_python", started.run_python)
    return started


def test_a_variant_is_compressed_by_the_recipe_that_lies_beside_it(tmp_path: Path, processes: Processes) -> None:
    variant = replace(VARIANT, recipe=Recipe("one", seed=3))
    done = compress_variant(STUDENT, variant, tmp_path)
    ((_, command, stage, *options),) = processes.commands
    assert (command, stage) == ("compress", "run")
    assert options == [
        *("--recipe", str(done.folder / "recipe.toml")),
        *("--student", "/students/mine"),
        *("--out", str(done.folder / "artifact")),
    ]
    assert load_config(done.folder / "recipe.toml", Recipe) == variant.recipe
    assert done.folder.name.startswith("mine-one-")
    assert (done.duration_s, done.metrics["chosen"]) == (12.5, "ptq")
    assert find_form(done, "int8") == done.folder / "artifact" / "model.tflite"
    assert find_form(done, "pruned") == done.folder / "artifact" / "model-pruned.tflite"


def test_what_is_done_is_not_done_again_unless_recipe_or_student_differ(tmp_path: Path, processes: Processes) -> None:
    first = compress_variant(STUDENT, VARIANT, tmp_path)
    assert compress_variant(STUDENT, VARIANT, tmp_path) == first
    assert len(processes.commands) == 1
    others = [
        compress_variant(STUDENT, replace(VARIANT, recipe=Recipe("one", float_share=0.5)), tmp_path),
        compress_variant(replace(STUDENT, sha256="e" * 64), VARIANT, tmp_path),
    ]
    assert len(processes.commands) == 3
    assert len({first.folder, *(one.folder for one in others)}) == 3, "neither replaces what was there"


def test_what_was_cut_short_goes_on_in_its_folder(tmp_path: Path, processes: Processes) -> None:
    processes.failing = "no memory is left"
    with pytest.raises(UsageError, match="no memory is left"):
        compress_variant(STUDENT, VARIANT, tmp_path)
    processes.failing = ""
    done = compress_variant(STUDENT, VARIANT, tmp_path)
    assert processes.commands[0] == processes.commands[1], "the same command resumes"
    assert list(tmp_path.iterdir()) == [done.folder]


def test_light_forms_are_exported_once_from_the_float_student(tmp_path: Path, processes: Processes) -> None:
    variant = replace(VARIANT, forms=("float16", "int8", "dynamic"))
    done = compress_variant(STUDENT, variant, tmp_path)
    exports = [command for command in processes.commands if command[1] == "benchmarks.compression.light_forms"]
    reference = str(done.artifact / "model-float.tflite")
    assert [command[2:] for command in exports] == [
        [form, "/students/mine", reference, str(done.folder / f"{form}.tflite")] for form in ("float16", "dynamic")
    ]
    compress_variant(STUDENT, variant, tmp_path)
    assert len(processes.commands) == 3


@pytest.fixture
def write_student(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, seed: int = 6, **further: object) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        labels = {"split_seed": seed, "manifests": ["/photos/manifest.csv"]}
        provenance = {"stage": "student", "spec": {"alpha": 1.0}, "labels_provenance": labels, **further}
        (folder / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
        (folder / "student.weights.h5").write_bytes(name.encode())
        return folder

    return write


def test_students_say_which_photos_they_learnt_from(write_student: Callable[..., Path]) -> None:
    wide, narrow = open_students([write_student("wide"), write_student("narrow")])
    assert (wide.name, wide.split_seed, wide.manifests) == ("wide", 6, (Path("/photos/manifest.csv"),))
    assert wide.spec == {"alpha": 1.0}
    assert wide.sha256 != narrow.sha256
    (wide.folder / "student.weights.h5").write_bytes(b"trained again")
    assert open_students([wide.folder])[0].sha256 != wide.sha256


def test_students_that_cannot_be_measured_together(tmp_path: Path, write_student: Callable[..., Path]) -> None:
    first = write_student("a")
    with pytest.raises(UsageError, match="two folders are named a; rename one"):
        open_students([first, write_student("elsewhere/a")])
    with pytest.raises(UsageError, match=r"different splits \(seeds: a 6, b 7\)"):
        open_students([first, write_student("b", seed=7)])
    with pytest.raises(UsageError, match="is an artifact of stage 'labels'"):
        open_students([write_student("c", stage="labels")])
    with pytest.raises(UsageError, match="its provenance lacks 'split_seed'"):
        open_students([write_student("d", labels_provenance={})])
    with pytest.raises(UsageError, match="not a finished artifact"):
        open_students([tmp_path / "absent"])
