"""What ``compress run`` makes sure of before it works."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("tensorflow_model_optimization")

from compress import run as compress_run
from edge_runtime.errors import UsageError
from train.artifact import compute_digest
from train.config import DistilConfig


@pytest.fixture
def student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student's artifact as far as a run looks at it before it works, labels beside it, and a recipe."""
    folder, labels = tmp_path / "student", tmp_path / "labels"
    folder.mkdir()
    labels.mkdir()
    (tmp_path / "recipe.toml").write_text('name = "r"\n', encoding="utf-8")
    (labels / "labels.npz").write_bytes(b"labels")
    (folder / "student.weights.h5").write_bytes(b"weights")
    provenance = {
        "stage": "student",
        "config": asdict(DistilConfig("s")),
        "labels": str(labels),
        "inputs": {"labels.npz": compute_digest(labels / "labels.npz")},
    }
    (folder / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    (folder / "metrics.json").write_text(json.dumps({"sides": {}}), encoding="utf-8")

    def cut_short(recipe: Any, spec: Any, loss: Any, labelled: Any, work: Path) -> None:
        (work / "pruned.weights.h5").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(compress_run, "load_student", lambda folder: (None, None))
    monkeypatch.setattr(compress_run, "load_labels", lambda folder: None)
    monkeypatch.setattr(compress_run, "Job", cut_short)
    return folder


@pytest.mark.parametrize("is_named", [False, True])
def test_labels_that_the_student_was_not_trained_on_are_refused(student: Path, tmp_path: Path, is_named: bool) -> None:
    """Those of a command line, and those that were made anew in the place of the student's."""
    other = tmp_path / ("other" if is_named else "labels")
    other.mkdir(exist_ok=True)
    (other / "labels.npz").write_bytes(b"other labels")
    named = other if is_named else None
    with pytest.raises(UsageError, match=f"{other.name} holds other labels than .*student was trained on: pass those"):
        compress_run.run(tmp_path / "recipe.toml", student, tmp_path / "out", labels=named)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [None, b"{", b"{}", b"[]"])
def test_metrics_that_the_artifact_will_tell_are_missed_before_the_work(
    student: Path, tmp_path: Path, content: bytes | None
) -> None:
    (student / "metrics.json").unlink()
    if content is not None:
        (student / "metrics.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"metrics\.json: the student's metrics cannot be read"):
        compress_run.run(tmp_path / "recipe.toml", student, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_photos_of_the_second_look_are_missed_before_the_work(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Labels:
        def check_whole(self) -> None: ...

        def load_photos(self) -> None:
            raise UsageError("photos are gone")

    monkeypatch.setattr(compress_run, "load_labels", lambda folder: Labels())
    (tmp_path / "recipe.toml").write_text('name = "r"\n[contract]\ndetail_share = 0.8\n', encoding="utf-8")
    with pytest.raises(UsageError, match="photos are gone"):
        compress_run.run(tmp_path / "recipe.toml", student, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_recipe_inside_the_artifact_is_not_deleted(student: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        compress_run.run(tmp_path / "recipe.toml", student, tmp_path / "out")
    recipe = (tmp_path / "recipe.toml").rename(tmp_path / "out" / "recipe.toml")
    with pytest.raises(UsageError, match=r"recipe\.toml, which --force would delete unread"):
        compress_run.run(recipe, student, tmp_path / "out", force=True)
    assert recipe.exists()


def test_work_on_another_student_is_not_taken_over(student: Path, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            compress_run.run(tmp_path / "recipe.toml", student, tmp_path / "out")
    (student / "student.weights.h5").write_bytes(b"of another training")
    with pytest.raises(UsageError, match="was begun with another config or other inputs"):
        compress_run.run(tmp_path / "recipe.toml", student, tmp_path / "out")
