"""The public NIMA models beside which photogate is measured: ten probabilities for the ratings one to ten.

Talebi and Milanfar, "NIMA: Neural Image Assessment", IEEE TIP 2018 (arXiv:1709.05424); MobileNet weights by idealo,
converted to TFLite. The mean of the predicted distribution is the score, 1-10.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import PredictQuality
from benchmarks.native_model import NativeModel
from edge_runtime.contract import ViewSpec
from edge_runtime.decode import decode_photo
from edge_runtime.errors import ModelError
from edge_runtime.views import make_view

__all__ = ["NIMA_FILES", "NIMA_VIEW", "build_nima_predictor", "compute_mean_rating", "normalize_for_nima"]

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


def build_nima_predictor(path: Path, num_threads: int = 1) -> PredictQuality:
    """Loads a NIMA file; the result maps a photo's file to its mean rating, 1-10.

    Raises:
        ModelError: the file cannot be loaded or has another shape.
    """
    model = NativeModel(path, num_threads)
    if model.input_shape != (1, NIMA_VIEW.height_px, NIMA_VIEW.width_px, 3) or model.output_size != len(RATINGS):
        raise ModelError(f"{path}: not a NIMA model: input {model.input_shape}, {model.output_size} outputs")

    def predict(photo: Path) -> float:
        view = make_view(decode_photo(photo).image, NIMA_VIEW)
        model.fill_input(normalize_for_nima(view)[np.newaxis])
        model.invoke()
        return compute_mean_rating(model.read_output())

    return predict
