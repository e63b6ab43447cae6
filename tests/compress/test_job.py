"""What a compressed student is asked to match: the float student's answers, on views that an epoch does not repeat."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow_model_optimization")

from compress.hidden import expose_hidden
from compress.job import Job
from compress.recipe import Recipe
from train.training_config import LossConfig

LEARNT = 36
SIZES = {"quality": 1, "attributes": 5, "category": 2, "style": 3}


@pytest.fixture
def job(small_spec: Any, natural_views: np.ndarray, tmp_path: Path) -> Job:
    """Batches of four out of 36 training views, of which nothing is known; six more are kept apart."""
    targets = {name: np.full((len(natural_views), 2 * size), np.nan, np.float32) for name, size in SIZES.items()}
    sides = np.array(["train"] * LEARNT + ["validation"] * (len(natural_views) - LEARNT))
    labels: Any = SimpleNamespace(views=natural_views, targets=targets, sides=sides)
    return Job(Recipe("test", batch_size=4), small_spec, LossConfig(), labels, tmp_path)


def find_rows(views: np.ndarray, data: Any, batches: int) -> tuple[list[int], list[dict[str, np.ndarray]]]:
    """Which of ``views`` the first batches hold, and their targets."""
    known = {view.tobytes(): row for row, view in enumerate(views)}
    rows, targets = [], []
    for images, values in data.take(batches):
        rows += [known[image.numpy().astype(np.uint8).tobytes()] for image in images]
        targets.append({name: value.numpy() for name, value in values.items()})
    return rows, targets


@pytest.mark.parametrize(
    ("epoch_samples", "epochs", "steps", "distinct"), [(12, 3, 3, 36), (12, 2, 3, 24), (24, 4, 6, 36), (0, 2, 9, 36)]
)
def test_each_epoch_has_views_of_its_own_as_far_as_there_are_any(
    job: Job, small_student: Any, epoch_samples: int, epochs: int, steps: int, distinct: int
) -> None:
    data, found, _ = job.build_data(small_student, epoch_samples, epochs)
    assert found == steps
    rows, _ = find_rows(job.labels.views, data, distinct // 4)
    assert len(set(rows)) == distinct and max(rows) < LEARNT, "all of them once, none of the validation part"


def test_the_targets_are_what_the_float_student_says_of_these_very_views(job: Job, small_student: Any) -> None:
    data, _, _ = job.build_data(small_student, 0, 1)
    rows, batches = find_rows(job.labels.views, data, 3)
    views = job.labels.views[rows].astype(np.float32)
    answers = {name: np.asarray(values) for name, values in expose_hidden(small_student)(views, training=False).items()}
    targets = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    for name in ("quality", "attributes"):
        np.testing.assert_allclose(targets[name][:, SIZES[name] :], answers[name], atol=1e-4)
        assert np.isnan(targets[name][:, : SIZES[name]]).all(), "what people say comes first, and is not known here"
    np.testing.assert_allclose(targets["hints"], answers["hints"], atol=1e-3)
    for name in ("category", "style"):
        odds = np.exp(answers[name])
        np.testing.assert_allclose(targets[name][:, SIZES[name] :], odds / odds.sum(axis=1, keepdims=True), atol=1e-4)
