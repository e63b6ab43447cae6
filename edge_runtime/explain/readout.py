"""The readout: a ridge regression from a cell's statistics to how spoilt the cell is, fitted on one photo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["RIDGE", "Readout"]

RIDGE = 0.3  # penalty in units of a feature's variance; on validation photos 0.03 to 0.3 hit alike
LEAST_DEVIATION = 1e-3  # a statistic that never varies stays out instead of being blown up
MOST_STRETCH = 8.0  # answers fainter than this have learnt nothing, and are not blown up further
LEAST_SUM = 1e-6  # a fault that no cell of the photo shows has neither labels nor answers: its stretch is 0


class Readout:
    """Collects cells with known faults, then tells how spoilt other cells look."""

    def __init__(self) -> None:
        self._features: list[NDArray[np.float32]] = []
        self._labels: list[NDArray[np.float32]] = []

    def add(self, features: NDArray[np.float32], labels: NDArray[np.float32]) -> None:
        """Takes cells: features (rows, columns, n) and labels (rows, columns, faults), 0 where the cell is sound."""
        self._features.append(features.reshape(-1, features.shape[-1]))
        self._labels.append(labels.reshape(-1, labels.shape[-1]))

    def predict(self, features: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Fits on what was added, and reads ``features`` (rows, columns, n).

        A ridge regression answers too faintly, the more so the less sure it can be. So the answers for each fault are
        shifted and stretched until sound cells answer 0 and spoilt ones their labels, both in the mean.

        Returns:
            float32 (rows, columns, faults): 0 looks sound, 1 as spoilt as the strongest trial, not clipped; and
            float32 (faults,): the stretch of each fault, 1 or so where it is easily told, more where it is not.
        """
        known, labels = np.concatenate(self._features), np.concatenate(self._labels)
        mean, deviation = known.mean(axis=0), known.std(axis=0)
        scale = np.where(deviation > LEAST_DEVIATION, deviation, np.inf).astype(np.float32)
        known = (known - mean) / scale
        penalty = np.float32(RIDGE * len(known)) * np.eye(known.shape[1], dtype=np.float32)
        weights = np.linalg.solve(known.T @ known + penalty, known.T @ (labels - labels.mean(axis=0)))
        answers = known @ weights
        sound = answers[~labels.any(axis=1)].mean(axis=0)
        is_spoilt = labels > 0
        expected = labels.sum(axis=0)
        answered = np.where(is_spoilt, answers - sound, 0.0).sum(axis=0)
        stretch = expected / np.maximum(np.maximum(answered, expected / MOST_STRETCH), LEAST_SUM)
        found = (((features - mean) / scale) @ weights - sound) * stretch
        return found.astype(np.float32), stretch.astype(np.float32)
