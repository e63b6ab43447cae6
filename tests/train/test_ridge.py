"""Regressions of ratings on features: what they learn, what each fold has not seen, and how they come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("scipy")

from train.config import RidgeConfig
from train.models.ridge import KernelRidge
from train.models.roots import take_signed_root

CONFIG = RidgeConfig(width=0.5, penalty=0.1, share=0.5)
COUNT, FOLDS = 150, 3


def draw(count: int, seed: int) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """Features whose roots are even, and ratings that bend with two of them."""
    roots = np.random.default_rng(seed).uniform(0.5, 2.0, (count, 6))
    ratings = 0.5 + 0.2 * np.sin(2 * roots[:, 0]) + 0.1 * roots[:, 1]
    return (roots**2).astype(np.float16), ratings.astype(np.float32)


def test_it_learns_what_bends_and_every_fold_as_well() -> None:
    features, ratings = draw(COUNT, 0)
    ridge = KernelRidge.fit(features, ratings, [row % FOLDS for row in range(COUNT)], FOLDS, CONFIG)
    unseen, expected = draw(60, 1)
    answers = ridge.predict(unseen)
    assert answers.shape == (60, FOLDS) and ridge.count_params() == COUNT * (6 + FOLDS) + 2
    for fold in range(FOLDS):
        assert np.corrcoef(answers[:, fold], expected)[0, 1] > 0.97
        assert np.abs(answers[:, fold] - expected).mean() < 0.03


def test_a_fold_has_not_seen_its_own_photos() -> None:
    features, ratings = draw(COUNT, 0)
    folds = [row % FOLDS for row in range(COUNT)]
    ridge = KernelRidge.fit(features, ratings, folds, FOLDS, CONFIG)
    strange = ratings.copy()
    strange[4] += 0.4  # of fold 1
    moved = KernelRidge.fit(features, strange, folds, FOLDS, CONFIG)
    assert (ridge.coefficients[np.arange(COUNT), folds] == 0).all()
    slope, moved_slope = ridge.scale[0], moved.scale[0]
    before, after = ((each.predict(features[4:5])[0] - each.scale[1]) for each in (ridge, moved))
    shift = np.abs(after / moved_slope - before / slope)
    # The mean rating, which all know, moves a little; the rating itself moves only those who have seen the photo.
    assert shift[1] < 0.01 < 0.1 < min(shift[0], shift[2])


def test_a_strong_penalty_is_undone_by_the_scale() -> None:
    features, ratings = draw(COUNT, 0)
    folds = [row % FOLDS for row in range(COUNT)]
    strong = KernelRidge.fit(features, ratings, folds, FOLDS, RidgeConfig(width=0.5, penalty=10.0, share=0.5))
    assert 1.1 < strong.scale[0] <= 2.0
    unseen, expected = draw(200, 2)
    assert np.std(strong.predict(unseen).mean(axis=1)) > 0.5 * np.std(expected)
    alone = KernelRidge.fit(features, ratings, [0] * COUNT, 1, CONFIG)
    assert alone.scale[0] == 1.0 and alone.predict(unseen).shape == (200, 1)


def test_a_fold_without_photos_has_a_regression_that_has_seen_all() -> None:
    features, ratings = draw(COUNT, 0)
    folds = [row % 2 for row in range(COUNT)]  # two groups, say, neither of them in the last of the folds
    ridge = KernelRidge.fit(features, ratings, folds, FOLDS, CONFIG)
    assert ridge.coefficients.shape == (COUNT, FOLDS)
    assert (ridge.coefficients[:, 2] != 0).all()
    unseen, expected = draw(60, 1)
    assert np.corrcoef(ridge.predict(unseen)[:, 2], expected)[0, 1] > 0.97


def test_photos_that_are_all_rated_alike_give_that_rating() -> None:
    features, _ = draw(20, 0)
    ratings = np.full(20, 0.4, dtype=np.float32)
    ridge = KernelRidge.fit(features, ratings, [row % FOLDS for row in range(20)], FOLDS, CONFIG)
    np.testing.assert_allclose(ridge.predict(features), 0.4, rtol=1e-5)


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    features, ratings = draw(COUNT, 0)
    ridge = KernelRidge.fit(features, ratings, [row % FOLDS for row in range(COUNT)], FOLDS, CONFIG)
    ridge.save(tmp_path / "ridge.npz")
    unseen = draw(2000, 3)[0]  # more than one batch
    np.testing.assert_array_equal(KernelRidge.load(tmp_path / "ridge.npz").predict(unseen), ridge.predict(unseen))
    with pytest.raises(OSError):
        KernelRidge.load(tmp_path / "absent.npz")


def test_roots_keep_their_sign_and_are_flat_at_zero() -> None:
    values = take_signed_root(np.array([-4.0, -1e-9, 0.0, 1e-9, 4.0], dtype=np.float16))
    np.testing.assert_allclose(values, [-2, 0, 0, 0, 2], atol=1.1e-3)
    assert values.dtype == np.float32
