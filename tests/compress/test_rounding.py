"""Kernels are rounded to int8 so that outputs change least."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from compress.rounding import MAX_STEP, round_kernel


def round_to_nearest(rows: np.ndarray) -> np.ndarray:
    scale = np.abs(rows).max(axis=1, keepdims=True) / MAX_STEP
    return np.round(rows / scale) * scale


def draw_problem(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Kernels, and inputs that share an even background as pixels do."""
    rng = np.random.default_rng(seed)
    inputs = 5 + rng.normal(size=(500, 9)) * 0.5
    return rng.normal(size=(16, 9)).astype(np.float32), inputs


@pytest.mark.parametrize("seed", range(5))
def test_outputs_are_nearer_than_with_nearest_weights(seed: int) -> None:
    rows, inputs = draw_problem(seed)
    found = round_kernel(rows, inputs.T @ inputs / len(inputs))
    errors = [np.square(inputs @ (each - rows).T).mean() for each in (found, round_to_nearest(rows))]
    assert errors[0] < 0.25 * errors[1]


def test_weights_lie_on_the_grid_of_the_largest_and_zeros_stay() -> None:
    rows, inputs = draw_problem(9)
    rows[:, ::3] = 0
    found = round_kernel(rows, inputs.T @ inputs / len(inputs))
    steps = found / (np.abs(rows).max(axis=1, keepdims=True) / MAX_STEP)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    np.testing.assert_array_equal(np.abs(found).max(axis=1), np.abs(rows).max(axis=1))
    assert (found[:, ::3] == 0).all() and (np.abs(steps) <= MAX_STEP + 1e-3).all()


def test_inputs_that_are_never_seen_and_kernels_of_zeros_do_no_harm() -> None:
    rows, _ = draw_problem(3)
    rows[4] = 0
    found = round_kernel(rows, np.zeros((9, 9)))
    np.testing.assert_allclose(np.delete(found, 4, 0), round_to_nearest(np.delete(rows, 4, 0)), atol=1e-6)
    assert (found[4] == 0).all()
