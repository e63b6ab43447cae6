"""Which of the labelled views are partners, and which are trained on."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("keras")

from edge_runtime.errors import UsageError
from train.stages.labelled_views import CROPPED, LabelledViews


def test_originals_and_crops_have_the_degraded_views_of_their_photo_as_partners() -> None:
    files = np.array(["a", "b", "a", "a", "b", "c", "a"])
    degradations = np.array(["", "", "defocus", CROPPED, CROPPED, "", "reframed"])
    count = len(files)
    text = np.full(count, "x")
    views = np.zeros((count, 8, 8, 3), np.uint8)
    labels = LabelledViews(views, {}, text, files, text, text, degradations, (), (), 0, ())
    partners = labels.find_partners(np.arange(count))
    assert {row: found.tolist() for row, found in partners.items()} == {0: [2, 6], 3: [2, 6], 1: [], 4: [], 5: []}
    assert {row: found.tolist() for row, found in labels.find_partners(np.arange(3)).items()} == {0: [2], 1: []}


def test_a_share_of_the_crops_is_trained_on() -> None:
    degradations = np.array(["", *[CROPPED] * 100, "defocus", CROPPED])
    sides = np.array(["train"] * 102 + ["test"])
    text = np.full(len(sides), "x")
    views = np.zeros((len(sides), 8, 8, 3), np.uint8)
    labels = LabelledViews(views, {}, sides, text, text, text, degradations, (), (), 0, ())
    assert labels.select_training(1.0, 0).tolist() == list(range(102))
    assert labels.select_training(0.0, 0).tolist() == [0, 101]
    quarter = labels.select_training(0.25, 0)
    assert len(quarter) == 27 and {0, 101} < set(quarter.tolist()) and (np.diff(quarter) > 0).all()
    assert quarter.tolist() == labels.select_training(0.25, 0).tolist() != labels.select_training(0.25, 1).tolist()


def test_photos_of_a_collection_are_taken_more_often() -> None:
    collections = np.array(["a", "b", "a", "c", "b"])
    text = np.full(5, "x")
    views = np.zeros((5, 8, 8, 3), np.uint8)
    labels = LabelledViews(views, {}, text, text, text, collections, text, (), (), 0, ())
    rows = np.array([0, 1, 3], dtype=np.intp)
    assert labels.repeat(rows, {}).tolist() == [0, 1, 3]
    assert labels.repeat(rows, {"b": 3, "c": 1}).tolist() == [0, 1, 1, 1, 3]
    with pytest.raises(UsageError, match="no collection d, e among the labels; there are a, b, c"):
        labels.repeat(rows, {"e": 2, "d": 2})
