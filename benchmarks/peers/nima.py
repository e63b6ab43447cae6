"""The public NIMA models beside which photogate is measured: ten probabilities for the ratings one to ten.

Talebi and Milanfar, "NIMA: Neural Image Assessment", IEEE TIP 2018 (arXiv:1709.05424); MobileNet weights by idealo,
converted to TFLite. The mean of the predicted distribution is the score, 1-10.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.native_model import NativeModel
from edge_runtime.contract import ViewSpec
from edge_runtime.decode import decode_photo
from edge_runtime.errors import ModelError
from edge_runtime.views import make_view

if TYPE_CHECKING:
    from benchmarks.accuracy import PredictQuality  # would bring SciPy into a process whose memory is measured

__all__ = [
    "NIMA_FILES",
    "NIMA_VIEW",
    "build_nima_predictor",
    "build_nima_scorer",
    "compute_mean_rating",
    "normalize_for_nima",
]

NIMA_VIEW = ViewSpec(width_px=224, height_px=224)  # MobileNet's ImageNet size; NIMA squeezes the whole photo into it
NIMA_FILES = {"nima-technical": "technical_model.tflite", "nima-aesthetic": "aesthetic_model.tflite"}
RATINGS = np.arange(1, 11, dtype=np.float64)


def compute_mean_rating(distribution: NDArray[np.floating]) -> float:
    """Mean of a distribution over the ratings 1-10: ``sum(i * p_i)`` with the p scaled to sum to 1.

    Raises:
        ModelError: not ten finite, non-negative numbers with a positive sum.
    """
    shares = np.asarray(distribution, dtype=np.float64).reshape(-1)
    if shares.shape != RATINGS.shape or not np.isfinite(shares).all() or shares.min() < 0 or shares.sum() <= 0:
        raise ModelError(f"a NIMA model must return ten probabilities, not {shares.tolist()}")
    return float(RATINGS @ shares / shares.sum())


def normalize_for_nima(view: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RGB uint8 → float32 on -1 to 1, the scaling of MobileNet's training (RGB / 127.5 - 1)."""
    return (view.astype(np.float32) / np.float32(127.5)) - np.float32(1.0)


def build_nima_scorer(path: Path, num_threads: int = 1) -> Callable[[Image.Image], float]:
    """Loads a NIMA file; the result maps a decoded RGB picture to its mean rating, 1-10.

    Raises:
        ModelError: the file cannot be loaded or has another shape.
    """
    model = NativeModel(path, num_threads)
    if model.input_shape != (1, NIMA_VIEW.height_px, NIMA_VIEW.width_px, 3) or model.output_size != len(RATINGS):
        raise ModelError(f"{path}: not a NIMA model: input {model.input_shape}, {model.output_size} outputs")

    def score(picture: Image.Image) -> float:
        model.fill_input(normalize_for_nima(make_view(picture, NIMA_VIEW))[np.newaxis])
        model.invoke()
        return compute_mean_rating(model.read_output())

    return score


def build_nima_predictor(path: Path, num_threads: int = 1) -> PredictQuality:
    """:func:`build_nima_scorer` of a photo's file.

    Raises:
        ModelError: the file cannot be loaded or has another shape.
    """
    score = build_nima_scorer(path, num_threads)
    return lambda photo: score(decode_photo(photo).image)
