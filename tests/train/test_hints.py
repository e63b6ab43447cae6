"""Hints are the principal components of the hidden layer, fitted on the training rows alone."""

from __future__ import annotations

import numpy as np
import pytest

from train.hints import summarize_hidden


def test_components_are_uncorrelated_ordered_and_scaled_together() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(400, 6)) @ rng.normal(size=(6, 12)) + 3
    hints = summarize_hidden(hidden, np.ones(400, bool), 4)
    assert hints.shape == (400, 4) and hints.dtype == np.float32
    covariance = np.cov(hints.T, bias=True)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-4)
    assert np.all(np.diff(np.diag(covariance)) <= 0)
    assert np.mean(np.diag(covariance)) == pytest.approx(1.0, abs=1e-4)


def test_few_components_tell_nearly_all_of_a_layer_of_low_rank() -> None:
    rng = np.random.default_rng(1)
    hidden = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 30))
    hints = summarize_hidden(hidden, np.ones(200, bool), 3)
    design = np.column_stack([hints, np.ones(200)])
    residual = hidden - design @ np.linalg.lstsq(design, hidden, rcond=None)[0]
    assert np.abs(residual).max() < 1e-3


def test_other_rows_do_not_move_the_components() -> None:
    rng = np.random.default_rng(2)
    hidden = rng.normal(size=(60, 5))
    is_training = np.arange(60) < 40
    moved = hidden.copy()
    moved[~is_training] += 100
    before, after = (summarize_hidden(values, is_training, 2) for values in (hidden, moved))
    np.testing.assert_allclose(np.abs(before[is_training]), np.abs(after[is_training]), atol=1e-5)
    assert summarize_hidden(hidden, is_training, 99).shape == (60, 5)


def test_many_rows_are_told_as_all_at_once() -> None:
    """Blocks of rows are a matter of memory alone."""
    rng = np.random.default_rng(3)
    hidden = (rng.normal(size=(9000, 4)) @ rng.normal(size=(4, 6)) + 1).astype(np.float32)
    is_training = rng.uniform(size=9000) < 0.7
    hints = summarize_hidden(hidden, is_training, 3)
    centred = hidden.astype(np.float64) - hidden[is_training].astype(np.float64).mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred[is_training], full_matrices=False)
    expected = centred @ axes[:3].T / np.sqrt(np.mean(sizes[:3] ** 2) / is_training.sum())
    np.testing.assert_allclose(np.abs(hints), np.abs(expected), atol=2e-4)
