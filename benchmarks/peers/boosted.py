"""The baseline of an afternoon: gradient boosting on a dozen measurements that need no network.

Its settings were fixed before it was first judged and are not tuned: it shows what the measurements hold, and what
a model has to beat to be worth its file.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.peers.libraries import import_library
from edge_runtime.errors import UsageError

__all__ = ["MEASUREMENTS", "SETTINGS", "build_measurer", "open_boosted", "train_boosted"]

MEASUREMENTS = (
    "sharpness_laplacian",
    "sharpness_gradient",
    "noise_sigma",
    "brightness",
    "contrast",
    "tonal_range",
    "colorfulness",
    "saturation",
    "clipped_dark",
    "clipped_bright",
    "entropy_bits",
    "megapixels",
)
SETTINGS = {"max_iter": 200, "learning_rate": 0.05, "max_leaf_nodes": 15, "early_stopping": False, "random_state": 0}
CLIPPED_LEVELS = 3  # of 255: JPEG scatters clipped pixels by about as much
NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float64)
"""Difference of two Laplacians, blind to edges of constant slope (Immerkær 1996, "Fast Noise Variance Estimation")."""

Measurer = Callable[[Image.Image], NDArray[np.float64]]


def build_measurer() -> Measurer:
    """A function from an RGB picture to its :data:`MEASUREMENTS`, (12,).

    Raises:
        UsageError: OpenCV is absent.
    """
    cv2 = import_library("cv2", "opencv-python")
    cv2.setNumThreads(1)

    def measure(picture: Image.Image) -> NDArray[np.float64]:
        pixels = np.asarray(picture)
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        deep = grey.astype(np.float32)
        height, width = grey.shape
        across, down = cv2.Sobel(deep, cv2.CV_32F, 1, 0), cv2.Sobel(deep, cv2.CV_32F, 0, 1)
        shares = np.bincount(grey.ravel(), minlength=256) / grey.size
        used = shares[shares > 0]
        low, high = np.searchsorted(np.cumsum(shares), (0.01, 0.99))
        noise = np.abs(cv2.filter2D(deep, cv2.CV_32F, NOISE_KERNEL)[1:-1, 1:-1]).mean()
        return np.array(
            [
                np.log1p(float(cv2.Laplacian(deep, cv2.CV_32F).var())),
                np.log1p(float(cv2.magnitude(across, down).mean())),
                np.sqrt(np.pi / 2) * float(noise) / 6,
                deep.mean(),
                deep.std(),
                high - low,
                _compute_colorfulness(pixels),
                cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)[..., 1].mean(),
                shares[: CLIPPED_LEVELS + 1].sum(),
                shares[255 - CLIPPED_LEVELS :].sum(),
                -(used * np.log2(used)).sum(),
                width * height / 1e6,
            ],
            dtype=np.float64,
        )

    return measure


def train_boosted(measured: NDArray[np.float64], ratings: Sequence[float], path: Path) -> None:
    """Learns ratings from measurements and writes the model.

    Args:
        measured: (n, 12), rows as :func:`build_measurer` makes them.
        ratings: (n,), 0-1.
        path: of the pickle; it is read again by this program alone.

    Raises:
        UsageError: scikit-learn is absent.
    """
    ensemble: Any = import_library("sklearn.ensemble", "scikit-learn")
    model = ensemble.HistGradientBoostingRegressor(**SETTINGS).fit(measured, np.asarray(ratings))
    path.write_bytes(pickle.dumps(model))


def open_boosted(path: Path | None) -> Callable[[Image.Image], float]:
    """Loads what :func:`train_boosted` wrote.

    Raises:
        UsageError: it has not been trained, or a library is absent.
    """
    measure = build_measurer()
    import_library("sklearn.ensemble", "scikit-learn")
    import_library("threadpoolctl", "scikit-learn").threadpool_limits(1)  # one thread, as all that is measured beside
    if path is None:
        raise UsageError("not judged on the part that it learns from; pass another --part")
    model: Any = pickle.loads(path.read_bytes())
    return lambda picture: float(model.predict(measure(picture)[np.newaxis])[0])


def _compute_colorfulness(pixels: NDArray[np.uint8]) -> float:
    """Hasler and Süsstrunk 2003, "Measuring colourfulness in natural images", the measure M3 of opponent channels."""
    red, green, blue = np.moveaxis(pixels.astype(np.float32), -1, 0)
    red_green, yellow_blue = red - green, 0.5 * (red + green) - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    return float(spread + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean()))
