"""Whether the points mean what people rate, whether the stated interval holds, and what compressing changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy_report.photos import ScoredPhoto
from benchmarks.accuracy_report.slices import MIN_PHOTOS, compute_slice
from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.gate import Policy, evaluate

__all__ = ["compare_models", "compare_with_teacher", "measure_calibration"]

BINS = 10
BIN_PHOTOS = 10  # a bin holds at least this many


def measure_calibration(scored: Sequence[ScoredPhoto], key: str) -> dict[str, Any]:
    """Bins of equally many photos by predicted quality, and the interval's coverage in each.

    Args:
        scored: rated photos.
        key: of the model.

    Returns:
        ``bins``, from low to high predictions; the mean distance of their means, weighted by photos
        (expected calibration error, in points); stated and measured coverage.
    """
    scores = [entry.scores[key] for entry in scored]
    predicted = np.array([score.quality for score in scores])
    mos = np.array([100.0 * (entry.photo.mos or 0.0) for entry in scored])
    low, high = np.array([score.interval for score in scores]).T
    is_inside = (low <= mos) & (mos <= high)
    bins = []
    for rows in np.array_split(np.argsort(predicted, kind="stable"), max(1, min(BINS, len(scored) // BIN_PHOTOS))):
        bins.append(
            {
                "photos": len(rows),
                "predicted_from_points": float(predicted[rows].min()),
                "predicted_to_points": float(predicted[rows].max()),
                "mean_predicted_points": float(predicted[rows].mean()),
                "mean_rated_points": float(mos[rows].mean()),
                "coverage": float(is_inside[rows].mean()),
                "mean_width_points": float((high - low)[rows].mean()),
            }
        )
    gaps = [part["photos"] * abs(part["mean_predicted_points"] - part["mean_rated_points"]) for part in bins]
    return {
        "bins": bins,
        "calibration_error_points": sum(gaps) / len(scored),
        "stated_coverage": scores[0].interval_coverage,
        "measured_coverage": float(is_inside.mean()),
        "mean_width_points": float((high - low).mean()),
    }


def compare_models(scored: Sequence[ScoredPhoto], reference: str, other: str, policy: Policy) -> dict[str, Any]:
    """How far two models are apart on the same photos, rated or not.

    Args:
        scored: the photos.
        reference, other: the models' keys.
        policy: that decides.

    Returns:
        Absolute differences of quality in points, the 99th percentile of each attribute's, and the share of photos
        whose decision under ``policy`` differs.
    """
    pairs = [(entry.scores[reference], entry.scores[other]) for entry in scored]
    quality = np.abs([a.quality - b.quality for a, b in pairs])
    attributes = {
        name: np.abs([getattr(a.attributes, name) - getattr(b.attributes, name) for a, b in pairs])
        for name in ATTRIBUTE_NAMES
    }
    is_flip = [evaluate(a, policy).decision != evaluate(b, policy).decision for a, b in pairs]
    return {
        "photos": len(pairs),
        "p50_points": float(np.quantile(quality, 0.5)),
        "p99_points": float(np.quantile(quality, 0.99)),
        "max_points": float(quality.max()),
        "attribute_p99_points": {name: float(np.quantile(values, 0.99)) for name, values in attributes.items()},
        "policy": policy.name,
        "verdict_flip_share": float(np.mean(is_flip)),
    }


def compare_with_teacher(
    scored: Sequence[ScoredPhoto], teacher: NDArray[np.float64], keys: Sequence[str], resamples: int
) -> dict[str, Any]:
    """Agreement of every student with the teacher on photos of a part that neither was trained on, rated or not.

    Args:
        scored: the part's photos.
        teacher: its quality 0-100 of each (n,).
        keys: of the students.
        resamples: of the bootstrap.

    Returns:
        Photos and, for every student, the metrics of :func:`compute_slice` with the teacher in people's place.
    """
    groups = [entry.photo.group for entry in scored]
    models: Mapping[str, Any] = {}
    if len(scored) >= MIN_PHOTOS:
        models = {
            key: compute_slice(np.array([entry.scores[key].quality for entry in scored]), teacher, groups, resamples)
            for key in keys
        }
    return {"photos": len(scored), "groups": len(set(groups)), "models": models}
