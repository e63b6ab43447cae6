"""The three stages in a row: each reads what the one before wrote, and leaves a finished artifact."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from edge_runtime.errors import UsageError

pytest.importorskip("tensorflow")

from train.artifact import read_provenance
from train.stages.distil import compare_with_teacher, distil, load_student
from train.stages.fit_teacher import fit_teacher
from train.stages.label import label
from train.stages.labelled_views import load_labels


def test_each_stage_leaves_a_finished_artifact(chain: Any) -> None:
    for folder, stage in ((chain.teacher, "teacher"), (chain.labels, "labels"), (chain.student, "student")):
        provenance = read_provenance(folder, stage)
        assert provenance["inputs"] and provenance["libraries"]["numpy"]
        assert json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert not list(chain.teacher.parent.rglob("*part*"))


def test_a_student_says_how_far_it_is_from_its_teacher(chain: Any) -> None:
    metrics = json.loads((chain.student / "metrics.json").read_text(encoding="utf-8"))
    labels = load_labels(chain.labels)
    rows = labels.select_rated("test")
    taught = labels.targets["quality"][rows, 1]
    name = str(labels.collections[rows[0]])
    assert set(metrics["srcc_with_teacher"]) == {"train", "validation", "test"}
    for predicted, expected in ((taught, 1.0), (-taught, -1.0)):
        assert compare_with_teacher(labels, rows, predicted) == {"test": {name: pytest.approx(expected)}}
    assert compare_with_teacher(labels, rows, np.ones_like(taught)) == {"test": {}}


def test_the_teacher_learns_what_brightness_is_worth(chain: Any) -> None:
    assert chain.teacher_metrics["train"]["all"]["count"] == 32
    assert chain.teacher_metrics["train"]["all"]["srcc"]["value"] > 0.8


def test_labelling_uses_the_features_that_training_cached(chain: Any) -> None:
    assert chain.batches[0] > 0 and chain.batches[1] == 0


def test_labels_hold_every_view_with_what_is_known_and_taught(chain: Any) -> None:
    labels = load_labels(chain.labels)
    unrated_count = chain.photo_count // 12  # all of them on the test side, where nothing would be learnt from them
    originals_count = chain.photo_count - unrated_count
    degraded_count = chain.photo_count * chain.sides.count("train") // len(chain.sides)
    assert len(labels.views) == chain.view_count == originals_count + degraded_count
    assert labels.views.shape[1:] == (32, 32, 3)
    assert labels.category_labels == ("kitchen", "toys") and labels.style_labels == ("tabletop",)
    is_original = labels.degradations == ""
    assert is_original[:originals_count].all() and not is_original[originals_count:].any()
    known, taught = labels.targets["quality"].T
    assert np.isnan(known[~is_original]).all() and np.isfinite(taught).all()
    known_attributes, taught_attributes = np.split(labels.targets["attributes"], 2, axis=1)
    is_known = np.isfinite(known_attributes)
    assert is_known[~is_original].any() and not is_known.all() and np.isfinite(taught_attributes).all()
    np.testing.assert_array_equal(taught_attributes[is_known], known_attributes[is_known])
    rows = labels.select_rated("validation")
    assert set(labels.sides[rows]) == {"validation"} and is_original[rows].all() and len(rows) == 8
    for row in rows:
        index = int(labels.files[row].removesuffix(".png"))
        assert known[row] == pytest.approx(index / chain.photo_count, abs=1e-3)
        assert labels.views[row].mean() == pytest.approx(4 * index + 29.5, abs=3)
    validation = labels.build_validation()
    np.testing.assert_array_equal(validation.mos, known[rows])
    assert set(validation.collections) == {chain.manifest.parent.name}


def test_the_student_comes_back_from_its_folder(chain: Any) -> None:
    student, spec = load_student(chain.student)
    assert spec.category_labels == ("kitchen", "toys") and spec.input_size_px == 32
    outputs = student(np.zeros((1, 32, 32, 3), dtype=np.float32))
    assert outputs["category"].shape == (1, 2) and outputs["style"].shape == (1, 1)
    assert set(chain.student_metrics) == {"train", "validation", "test"}


def test_finished_artifacts_are_not_overwritten(chain: Any) -> None:
    with pytest.raises(UsageError, match="finished artifact"):
        fit_teacher(chain.teacher_config, [chain.manifest], chain.teacher)
    with pytest.raises(UsageError, match="finished artifact"):
        label(chain.teacher, [chain.manifest], chain.labels, view_size_px=32)
    with pytest.raises(UsageError, match="finished artifact"):
        distil(chain.student_config, chain.labels, chain.student)
