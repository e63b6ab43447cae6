"""What a classifier's opinion of photos teaches about views of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import UsageError

pytest.importorskip("tensorflow")

from train.config import LabelsConfig
from train.data.manifest import Photo
from train.data.samples import Sample
from train.stages.classes import CLASS_HINT_COUNT, Classes, load_classes, teach_classes
from train.stages.classify import summarize_classes

LABELS = LabelsConfig(category={"mug": "kitchen", "doll": "toys", "home_decor": "home"})  # kitchen, home, toys sorted
HOME, KITCHEN, TOYS = 0, 1, 2


def build_samples(*files: str) -> list[Sample]:
    return [Sample(Photo(file, Path(file), None, "", "", file, ""), "train", is_clean=False) for file in files]


def build_classes(categories: list[list[float]], words: tuple[str, ...] = ("doll", "mug", "soap")) -> Classes:
    count = len(categories)
    hints = np.random.default_rng(0).normal(size=(count, CLASS_HINT_COUNT)).astype(np.float32)
    files = np.array([f"{index}.jpg" for index in range(count)])
    return Classes(files, np.array(words), np.array(categories, dtype=np.float32), hints)


def test_a_product_is_taught_as_what_the_classifier_takes_it_for() -> None:
    classes = build_classes([[0.1, 0.7, 0.1]])
    categories, hints = teach_classes(classes, build_samples("0.jpg", "0.jpg"), np.full((2, 3), np.nan), LABELS)
    # Of soap the head has no label: it counts as no product of ours.
    np.testing.assert_allclose(categories, [[0.0, 0.7 / 0.8, 0.1 / 0.8]] * 2, atol=1e-6)
    np.testing.assert_array_equal(hints, classes.hints[[0, 0]])


def test_a_known_category_stands_whatever_the_classifier_sees() -> None:
    known = np.array([[0, 0, 1], [0, 1, 0]], dtype=np.float32)
    categories, hints = teach_classes(build_classes([[0.0, 1.0, 0.0]]), build_samples("0.jpg", "9.jpg"), known, LABELS)
    np.testing.assert_array_equal(categories, known)
    assert np.isnan(hints[1]).all() and not np.isnan(hints[0]).any()


def test_photos_without_a_product_teach_a_little_to_be_unsure() -> None:
    classes = build_classes([[0.05, 0.1, 0.0], [0.0, 0.0, 1.0]])
    categories, _ = teach_classes(classes, build_samples("0.jpg", "1.jpg"), np.full((2, 3), np.nan), LABELS)
    sums = categories.sum(axis=1, keepdims=True)
    assert (sums > 0).all() and (sums < 0.05).all()  # what the rows count in a cross entropy
    rest = 0.85 / 3
    np.testing.assert_allclose(categories[0] / sums[0], (rest, 0.1 + rest, 0.05 + rest), atol=1e-6)
    np.testing.assert_allclose(categories[1] / sums[1], (1 / 3, 1 / 3, 1 / 3), atol=1e-6)


def test_photos_that_it_was_not_asked_about_are_taught_nothing() -> None:
    categories, hints = teach_classes(
        build_classes([[1.0, 0, 0]]), build_samples("new.jpg"), np.full((1, 3), np.nan), LABELS
    )
    assert np.isnan(categories).all() and np.isnan(hints).all()


def test_kept_opinions_come_back_and_broken_files_are_refused(tmp_path: Path) -> None:
    classes = build_classes([[0.1, 0.7, 0.1], [0.0, 0.2, 0.4]])
    classes.save(tmp_path / "classes.npz")
    again = load_classes(tmp_path / "classes.npz")
    np.testing.assert_array_equal(again.files, classes.files)
    np.testing.assert_array_equal(again.words, classes.words)
    np.testing.assert_allclose(again.categories, classes.categories, atol=0.002)
    np.testing.assert_allclose(again.hints, classes.hints, atol=float(np.ptp(classes.hints)) / 255)
    (tmp_path / "broken.npz").write_bytes((tmp_path / "classes.npz").read_bytes()[:200])
    for name in ("broken.npz", "absent.npz"):
        with pytest.raises(UsageError, match="no file of a classifier's answers"):
            load_classes(tmp_path / name)


def test_classes_of_one_category_are_added_up() -> None:
    seen = np.full((40, 1000), 1e-6, dtype=np.float32)
    seen[:, 849], seen[:, 504], seen[:, 0] = 0.3, 0.2, 0.5  # teapot, coffee mug, tench
    seen[7] = 1e-6
    seen[7, 770] = 1.0  # a running shoe
    said = summarize_classes(np.array([f"{row}.jpg" for row in range(40)]), seen)
    words = said.words.tolist()
    assert said.categories[0, words.index("kitchen")] == pytest.approx(0.5, abs=0.001)
    assert said.categories[0].sum() == pytest.approx(0.5, abs=0.002)
    assert said.categories[7, words.index("footwear")] == pytest.approx(1.0, abs=0.001)
    assert said.hints.shape == (40, CLASS_HINT_COUNT)
    counts = said.count_products()
    assert counts["kitchen"] == 39 and counts["footwear"] == 1 and sum(counts.values()) == 40
