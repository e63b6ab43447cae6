"""The heads are trained further on statistics of a backbone that stays as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
tf_keras = pytest.importorskip("tf_keras")

from train.config import DistilConfig  # noqa: E402
from train.models.student import StudentSpec, build_student, split_student  # noqa: E402
from train.stages.labelled_views import LabelledViews  # noqa: E402
from train.stages.refit import compute_statistics, refit_heads  # noqa: E402
from train.training_config import LossConfig, RefitConfig  # noqa: E402

SIDE_PX, COUNT = 32, 48
SPEC = StudentSpec("small", SIDE_PX, ("bags", "toys"), ("studio", "tabletop"), hidden_units=8, hint_count=3)


@pytest.fixture
def student() -> Any:
    tf_keras.utils.set_random_seed(3)
    return build_student(SPEC)


@pytest.fixture(scope="module")
def labels() -> LabelledViews:
    """Pictures as good as they are bright."""
    rng = np.random.default_rng(0)
    quality = np.linspace(0.1, 0.9, COUNT, dtype=np.float32)[rng.permutation(COUNT)]
    views = rng.integers(0, 40, (COUNT, SIDE_PX, SIDE_PX, 3)) + (200 * quality[:, None, None, None]).astype(int)
    known = {"quality": 1, "attributes": 5, "category": 2, "style": 2}
    targets = {name: np.full((COUNT, 2 * width), np.nan, np.float32) for name, width in known.items()}
    targets["quality"][:] = quality[:, np.newaxis]
    targets["hints"] = rng.normal(size=(COUNT, 3)).astype(np.float32)
    text = np.array([f"{index}" for index in range(COUNT)])
    sides = np.array(["validation" if index % 3 == 0 else "train" for index in range(COUNT)])
    same = np.full(COUNT, "")
    return LabelledViews(views.astype(np.uint8), targets, sides, text, text, same, same, (), (), 0, ())


def read_weights(student: Any) -> dict[str, Any]:
    return {weight.name: weight.numpy() for weight in student.weights}


def test_a_student_is_its_statistics_and_its_heads(student: Any, labels: LabelledViews) -> None:
    statistics, heads = split_student(student)
    views = labels.views[:5].astype(np.float32)
    whole = student.predict(views, verbose=0)
    parts = heads.predict(statistics.predict(views, verbose=0), verbose=0)
    assert set(parts) == set(whole) == {"quality", "attributes", "category", "style", "hints"}
    for name, values in whole.items():
        np.testing.assert_allclose(parts[name], values, rtol=1e-4, atol=1e-5)


def test_statistics_are_those_of_each_row(student: Any, labels: LabelledViews) -> None:
    statistics, _ = split_student(student)
    rows = np.array([7, 3, 40])
    expected = np.concatenate([statistics(labels.views[row : row + 1].astype(np.float32)) for row in rows])
    np.testing.assert_allclose(compute_statistics(statistics, labels, rows), expected, rtol=1e-4, atol=1e-5)


def test_held_quality_stays_while_the_rest_is_learnt(student: Any, labels: LabelledViews, tmp_path: Path) -> None:
    partners = labels.find_partners(labels.select_training(1.0, 0))
    exposure = labels.targets["quality"][:, :1]  # of these pictures exposure is what quality is
    targets = {**labels.targets, "attributes": np.tile(exposure, (1, 10))}
    refit = RefitConfig(epochs=60, batch_size=16, learning_rate=0.01, holds_quality=True)
    config = DistilConfig("s", loss=LossConfig(attributes=5.0), refit=refit)
    views = labels.views.astype(np.float32)
    before = student.predict(views, verbose=0)
    refit_heads(student, replace(labels, targets=targets), np.array(sorted(partners)), partners, config, tmp_path)
    after = student.predict(views, verbose=0)
    assert np.abs(after["quality"] - before["quality"]).max() < 0.02  # people's ratings differ by up to 0.8
    assert np.corrcoef(after["attributes"][:, 2], exposure.ravel())[0, 1] > 0.9


def test_the_heads_learn_and_the_backbone_stays(student: Any, labels: LabelledViews, tmp_path: Path) -> None:
    partners = labels.find_partners(labels.select_training(1.0, 0))
    rows = np.array(sorted(partners))
    config = DistilConfig("s", loss=LossConfig(hints=0.1), refit=RefitConfig(epochs=15, batch_size=16))
    config = replace(config, refit=replace(config.refit, learning_rate=0.01))
    before = read_weights(student)
    log = refit_heads(student, labels, rows, partners, config, tmp_path)
    after = read_weights(student)
    moved = {name for name, values in before.items() if np.abs(values - after[name]).max() > 0}
    assert {name.split("/")[0] for name in moved} >= {"hidden_last", "quality", "hints"}
    assert all(name.startswith(("hidden_", "quality", "hints")) for name in moved)
    assert max(epoch["val_srcc"] for epoch in log) > 0.9
    chosen = labels.select_rated("validation")
    predicted = student.predict(labels.views[chosen].astype(np.float32), verbose=0)["quality"].ravel()
    assert labels.build_validation().compute_agreement(predicted) == pytest.approx(
        max(epoch["val_srcc"] for epoch in log), abs=0.02
    )
