"""Kernel ridge regression of people's ratings on a frozen backbone's features: the teacher's second opinion.

What trained heads say of photos from a source that they have not seen is worse than what so smooth a function says,
and the other way round on photos like those that were rated; ``docs/experiments.md`` has the figures. The kernel is
exp(-width / 2 * the mean squared difference of two photos' standardised features); see Saunders, Gammerman and Vovk
1998, "Ridge Regression Learning Algorithm in Dual Variables".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from train.config import RidgeConfig
from train.models.roots import MIN_DEVIATION, take_signed_root

__all__ = ["KernelRidge"]

_BATCH_SIZE = 1024
_SLOPES = (1.0, 2.0)  # a penalty draws towards the mean, never away; more than that is a fit to too few photos


class KernelRidge:
    """One regression for each fold, which has not seen the fold's photos, on one backbone's features.

    Attributes:
        features: float16 (m, f), of the photos that it rests on.
        coefficients: float32 (m, folds), of their kernels; 0 for the photos of the fold.
        scale: (slope, intercept) from the regressions' value to a rating. So strong a penalty draws all answers towards
            the mean; the line, fitted to what is said of photos by the regression that has not seen them, draws them
            apart again.
        width: of the kernel.
    """

    def __init__(
        self,
        features: NDArray[np.float16],
        coefficients: NDArray[np.float32],
        scale: tuple[float, float],
        width: float,
    ) -> None:
        self.features, self.coefficients, self.scale, self.width = features, coefficients, scale, width
        roots = take_signed_root(features)
        self._mean = roots.mean(axis=0)
        self._deviation = np.maximum(roots.std(axis=0), MIN_DEVIATION)
        self._rows = self._standardize(features)
        self._squares = _mean_squares(self._rows)

    @classmethod
    def fit(
        cls,
        features: NDArray[np.float16],
        ratings: NDArray[np.float32],
        folds: Sequence[int],
        fold_count: int,
        config: RidgeConfig,
    ) -> KernelRidge:
        """Learns from rated photos.

        Args:
            features: (m, f), as the cache has them.
            ratings: (m,), 0-1.
            folds: (m,) of each photo, 0 to ``fold_count - 1``; two of them or more, unless there is but one.
            fold_count: regressions, also where few groups leave a fold without photos; 1: one, which sees them all.
            config: ``width`` and ``penalty``.
        """
        fold_of = np.asarray(folds)
        mean = float(ratings.mean())
        ridge = cls(features, np.zeros((len(features), fold_count), np.float32), (1.0, mean), config.width)
        kernel = ridge._compute_kernel(ridge._rows)
        for fold in range(fold_count):
            rows = np.flatnonzero(fold_of != fold) if fold_count > 1 else np.arange(len(features))
            system = kernel[np.ix_(rows, rows)]
            system[np.diag_indices_from(system)] += config.penalty
            factor = cho_factor(system, lower=True, overwrite_a=True)
            ridge.coefficients[rows, fold] = cho_solve(factor, ratings[rows] - mean)
        unseen = (kernel @ ridge.coefficients)[np.arange(len(features)), fold_of]
        if fold_count > 1 and np.ptp(unseen) > 0.0:  # photos that are all rated alike have no line
            ridge.scale = float(np.clip(np.polyfit(unseen, ratings - mean, 1)[0], *_SLOPES)), mean
        return ridge

    def predict(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Ratings (n, folds), about 0-1, of photos by their features (n, f)."""
        slope, intercept = self.scale
        starts = range(0, len(features), _BATCH_SIZE)
        parts = [
            self._compute_kernel(self._standardize(features[start : start + _BATCH_SIZE])) @ self.coefficients
            for start in starts
        ]
        return (slope * np.concatenate(parts) + intercept).astype(np.float32)

    def count_params(self) -> int:
        """How many numbers it keeps; named as Keras names it."""
        return self.features.size + self.coefficients.size + len(self.scale)

    def save(self, path: Path) -> None:
        """Writes a ``.npz``."""
        np.savez(path, features=self.features, coefficients=self.coefficients, scale=self.scale, width=self.width)

    @classmethod
    def load(cls, path: Path) -> KernelRidge:
        """Reads what :meth:`save` wrote.

        Raises:
            OSError, ValueError, KeyError: it is missing or something else.
        """
        with np.load(path) as archive:
            slope, intercept = archive["scale"].tolist()
            return cls(archive["features"], archive["coefficients"], (slope, intercept), float(archive["width"]))

    def _standardize(self, features: NDArray[Any]) -> NDArray[np.float32]:
        return (take_signed_root(features) - self._mean) / self._deviation

    def _compute_kernel(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of standardised features (n, f) with those that it rests on: (n, m)."""
        count = rows.shape[1]
        products = (2.0 / count) * (rows @ self._rows.T)
        distances = np.maximum(_mean_squares(rows)[:, np.newaxis] + self._squares - products, 0.0)
        kernel: NDArray[np.float32] = np.exp(-0.5 * self.width * distances).astype(np.float32)
        return kernel


def _mean_squares(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    squares: NDArray[np.float32] = np.einsum("nf,nf->n", rows, rows) / rows.shape[1]
    return squares
