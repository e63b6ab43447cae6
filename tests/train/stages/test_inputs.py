"""Inputs that have changed since the work began, or that cannot suffice."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.errors import UsageError

pytest.importorskip("tensorflow")

from train.stages.distil import distil, load_student
from train.stages.fit_teacher import fit_teacher
from train.stages.label import label
from train.stages.labelled_views import load_labels


def cut_short(*arguments: Any, **options: Any) -> Any:
    """In the place of a stage's work: some of it is done, then the machine goes down."""
    work = next(value for value in arguments if isinstance(value, Path) and value.name == "work")
    (work / "checkpoint").write_text("half", encoding="utf-8")
    raise KeyboardInterrupt


def test_work_on_other_inputs_is_not_taken_over(chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = chain.manifest.with_name("begun.csv")
    shutil.copyfile(chain.manifest, manifest)
    labels, weights = tmp_path / "labels", tmp_path / "start.weights.h5"
    shutil.copytree(chain.labels, labels)
    shutil.copyfile(chain.student / "student.weights.h5", weights)
    monkeypatch.setattr("train.stages.fit_teacher._fit_heads", cut_short)
    monkeypatch.setattr("train.stages.label._ask", cut_short)
    monkeypatch.setattr("train.stages.distil.fit", cut_short)

    def change_manifest() -> None:
        lines = manifest.read_text(encoding="utf-8").splitlines()
        manifest.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")

    def change_labels() -> None:
        with np.load(labels / "labels.npz") as archive:
            arrays = dict(archive)
        np.savez(labels / "labels.npz", **{**arrays, "target_quality": arrays["target_quality"] / 2})

    def change_weights() -> None:
        other, _ = load_student(chain.student)
        other.set_weights([values / 2 for values in other.get_weights()])
        other.save_weights(str(weights))

    stages: list[tuple[Any, Any]] = [
        (
            lambda: fit_teacher(chain.teacher_config, [manifest], tmp_path / "t", features=tmp_path / "features"),
            change_manifest,
        ),
        (lambda: label(chain.teacher, [manifest], tmp_path / "l", view_size_px=32), change_manifest),
        (lambda: distil(chain.student_config, labels, tmp_path / "s", weights=str(weights)), change_labels),
        (lambda: distil(chain.student_config, labels, tmp_path / "w", weights=str(weights)), change_weights),
    ]
    for run_stage, change in stages:
        for _ in range(2):  # the same inputs go on
            with pytest.raises(KeyboardInterrupt):
                run_stage()
        change()
        with pytest.raises(UsageError, match="was begun with another config or other inputs"):
            run_stage()


def test_labels_without_a_training_part_teach_nothing(chain: Any, tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    shutil.copytree(chain.labels, folder)
    with np.load(folder / "labels.npz") as archive:
        arrays = dict(archive)
    np.savez(
        folder / "labels.npz", **{**arrays, "sides": np.where(arrays["sides"] == "train", "test", arrays["sides"])}
    )
    for is_rated_only, kind in ((True, "rated photo"), (False, "photo")):
        with pytest.raises(UsageError, match=f"has no {kind} in the training part: label more photos"):
            distil(replace(chain.student_config, is_rated_only=is_rated_only), folder, tmp_path / "s")


def test_photos_that_have_left_their_manifest_are_found_before_the_work(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = chain.manifest.with_name("left.csv")
    lines = chain.manifest.read_text(encoding="utf-8").splitlines()
    manifest.write_text("\n".join(line for line in lines if not line.startswith("7.png")), encoding="utf-8")
    labels = replace(load_labels(chain.labels), manifests=(str(manifest),))
    monkeypatch.setattr("train.stages.distil.load_labels", lambda folder: labels)
    with pytest.raises(UsageError, match=r"1 photos of the labels stand no longer in .*left\.csv \(first: 7\.png\)"):
        distil(chain.student_config, chain.labels, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_too_few_rated_photos_are_found_before_the_work(chain: Any, tmp_path: Path) -> None:
    lines = chain.manifest.read_text(encoding="utf-8").replace(",validation", ",train").splitlines()
    manifest = chain.manifest.with_name("no-validation.csv")
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match="fewer than three rated photos"):
        fit_teacher(chain.teacher_config, [manifest], tmp_path / "t")
    manifest.write_text(chain.manifest.read_text(encoding="utf-8").replace(",train", ",validation"), encoding="utf-8")
    with pytest.raises(UsageError, match="no rated photo falls into the training part"):
        fit_teacher(chain.teacher_config, [manifest], tmp_path / "t")


def test_folds_need_rated_photos_of_more_than_one(chain: Any, tmp_path: Path) -> None:
    lines = chain.manifest.read_text(encoding="utf-8").splitlines()
    manifest = chain.manifest.with_name("one-group.csv")
    one_group = [re.sub(r",g\d+,(CC0,train)$", r",same,\1", line) for line in lines]
    manifest.write_text("\n".join(one_group) + "\n", encoding="utf-8")
    folded = replace(chain.teacher_config, heads=replace(chain.teacher_config.heads, folds=3))
    with pytest.raises(UsageError, match=r"in one of the 3 folds, .* \(groups: 1\): .* folds = 1"):
        fit_teacher(folded, [manifest], tmp_path / "t")
    assert set(fit_teacher(chain.teacher_config, [manifest], tmp_path / "alone")) >= {"train", "validation"}


def test_a_pattern_that_leaves_nothing_out_is_a_mistake(chain: Any, tmp_path: Path) -> None:
    samples = replace(chain.teacher_config.samples, leave_out=("1*.png", "*ss03*"))
    with pytest.raises(UsageError, match=r"leave_out: no photo's file matches '\*ss03\*'"):
        fit_teacher(replace(chain.teacher_config, samples=samples), [chain.manifest], tmp_path / "t")
    assert not (tmp_path / "t").exists()
