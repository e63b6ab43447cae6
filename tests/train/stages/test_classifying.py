"""A classifier is asked about the training part, and its opinion stands for the teacher's of categories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.errors import UsageError

pytest.importorskip("tensorflow")

from train.artifact import read_provenance
from train.data.manifest import load_manifest
from train.stages import classify as module
from train.stages.classes import load_classes
from train.stages.classify import STAGE, classify
from train.stages.label import label
from train.stages.labelled_views import load_labels

TEAPOT = 849


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a classifier to which all is a teapot, more or less; ImageNet's teapots are what the chain calls mugs."""

    def load(path: Path) -> Any:
        assert path == tmp_path / "lite2.pth"

        def ask(views: np.ndarray) -> np.ndarray:
            assert views.dtype == np.uint8 and views.shape[1:] == (320, 320, 3)
            seen = np.full((len(views), 1000), 1e-4, dtype=np.float32)
            seen[:, TEAPOT] = 1 + views.mean(axis=(1, 2, 3)) / 255
            return seen / seen.sum(axis=1, keepdims=True)

        return ask

    monkeypatch.setattr(module, "load_classifier", load)
    monkeypatch.setattr(module, "PRODUCT_CLASSES", {TEAPOT: "mug"})
    (tmp_path / "lite2.pth").touch()
    return tmp_path / "lite2.pth"


def test_a_classifiers_opinion_stands_for_the_teachers_of_categories(chain: Any, tmp_path: Path, weights: Path) -> None:
    lines = chain.manifest.read_text(encoding="utf-8").splitlines()
    asked = chain.manifest.with_name("asked.csv")
    asked.write_text(
        "\n".join(line for line in lines if not line.startswith("2.png")), encoding="utf-8"
    )  # an unlabelled car
    count = classify([asked], tmp_path / "classes", weights=weights, split_seed=0)
    classes = load_classes(tmp_path / "classes" / "classes.npz")
    training = [photo.file for photo in load_manifest(asked) if photo.extra.get("split") == "train"]
    assert classes.files.tolist() == training and count == len(training)
    assert read_provenance(tmp_path / "classes", STAGE)["stage"] == STAGE

    answers = chain.labels / "answers.npz"
    kept = tmp_path / "classes" / "classes.npz"
    label(None, [chain.manifest], tmp_path / "labels", view_size_px=32, answers=answers, classes=kept)
    label(None, [chain.manifest], tmp_path / "before", view_size_px=32, answers=answers)
    labels, before = load_labels(tmp_path / "labels"), load_labels(tmp_path / "before")
    known, taught = labels.targets["category"][:, :2], labels.targets["category"][:, 2:]
    is_known, is_asked = ~np.isnan(known).any(axis=1), np.isin(labels.files, training)
    assert is_known.any() and not is_asked.all() and "2.png" in labels.files
    np.testing.assert_array_equal(taught[is_known], known[is_known])
    assert np.isnan(taught[~is_known & ~is_asked]).all()
    others = taught[~is_known & is_asked]
    assert len(others) and (others[:, 0] > 0.9).all()  # kitchen, which mugs are labelled
    count = before.targets["hints"].shape[1]
    np.testing.assert_array_equal(labels.targets["hints"][:, :count], before.targets["hints"])
    np.testing.assert_array_equal(np.isnan(labels.targets["hints"][:, count:]).any(axis=1), ~is_asked)
    for name in ("quality", "attributes", "style"):
        np.testing.assert_array_equal(labels.targets[name], before.targets[name])


def test_what_cannot_be_classified_is_a_usage_error(chain: Any, tmp_path: Path, weights: Path) -> None:
    lines = chain.manifest.read_text(encoding="utf-8").splitlines()
    manifest = chain.manifest.with_name("untaught.csv")
    manifest.write_text("\n".join([lines[0], *(line for line in lines if line.endswith(",test"))]), encoding="utf-8")
    with pytest.raises(UsageError, match="no photo falls into the training part"):
        classify([manifest], tmp_path / "classes", weights=weights, split_seed=0)
    with pytest.raises(UsageError, match="no file of a classifier's answers"):
        label(chain.teacher, [chain.manifest], tmp_path / "labels", view_size_px=32, classes=weights)
