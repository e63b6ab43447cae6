"""Agreement with people for every model on every slice of the rated photos."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import SUBSETS
from benchmarks.accuracy_report.photos import ScoredPhoto
from train.metrics import METRICS, bootstrap_interval
from train.progress import track

__all__ = ["MIN_PHOTOS", "compute_agreement", "compute_slice", "find_slices"]

MIN_PHOTOS = 20  # a correlation of fewer moves by tenths with one photo
BRIGHTNESS_NAMES = ("dark", "middle", "bright")
SERIES_PATTERN = re.compile(r"ss\d+")  # BIQ2021 names its series in front: ss01 swept phone shots, ss02, ss03

Slices = dict[str, dict[str, NDArray[np.intp]]]


def find_slices(scored: Sequence[ScoredPhoto]) -> Slices:
    """Dimension → name → indices of the photos; a dimension that does not divide the photos is left out.

    "all" and "headline" (phone shots of objects and food) come first. Photos that a dimension knows nothing about
    are in none of its slices. The three slices of brightness hold a third of the photos each.
    """
    everything = np.arange(len(scored))
    headline = [SUBSETS["ss01"](entry.photo) for entry in scored]
    slices: Slices = {"all": {"all": everything}}
    if any(headline):
        slices["headline"] = {"phone shots of objects and food": np.flatnonzero(headline)}
    words = {
        "source": [entry.photo.source for entry in scored],
        "manifest": [entry.photo.collection for entry in scored],
        "series": [_find_series(entry) for entry in scored],
        "content": [entry.photo.extra.get("content", "") for entry in scored],
        "category": [entry.photo.category for entry in scored],
        "style": [entry.photo.style for entry in scored],
        "device": [entry.device for entry in scored],
    }
    for dimension, values in words.items():
        names = sorted(set(values) - {""})
        chosen = {name: np.flatnonzero(np.array(values) == name) for name in names}
        if any(len(rows) < len(scored) for rows in chosen.values()):
            slices[dimension] = chosen
    slices["brightness"] = _slice_by_brightness(np.array([entry.brightness for entry in scored]))
    return slices


def compute_agreement(
    scored: Sequence[ScoredPhoto], points: Mapping[str, NDArray[np.float64]], resamples: int = 1000
) -> list[dict[str, Any]]:
    """SRCC, PLCC, KRCC and RMSE of every model on every slice.

    Args:
        scored: rated photos.
        points: quality 0-100 of each photo (n,), by the model's key.
        resamples: of the bootstrap, which draws whole groups.

    Returns:
        One object a slice: dimension, name, photos, groups, ``reason`` (why it is not scored, or ""), and ``models``:
        key → metric → value, low, high (None where there is none); RMSE in points.
    """
    mos = np.array([100.0 * (entry.photo.mos or 0.0) for entry in scored])
    groups = np.array([entry.photo.group for entry in scored])
    found = [
        (dimension, name, rows) for dimension, names in find_slices(scored).items() for name, rows in names.items()
    ]
    report = []
    for dimension, name, rows in track(found, "agreement by slice"):
        entry: dict[str, Any] = {"dimension": dimension, "name": name, "photos": len(rows)}
        entry |= {"groups": len(set(groups[rows])), "reason": "", "models": {}}
        if len(rows) < MIN_PHOTOS:
            entry["reason"] = f"too small to score: {len(rows)} photos, {MIN_PHOTOS} are needed"
        else:
            for key, values in points.items():
                entry["models"][key] = compute_slice(values[rows], mos[rows], list(groups[rows]), resamples)
        report.append(entry)
    return report


def compute_slice(
    predicted: NDArray[np.float64], mos: NDArray[np.float64], groups: Sequence[str], resamples: int
) -> dict[str, dict[str, float | None]]:
    """Every metric of one model with its 95 % interval; None where it has no value (a constant has no correlation)."""
    metrics: dict[str, dict[str, float | None]] = {}
    for name, metric in METRICS.items():
        value: float | None = None
        low: float | None = None
        high: float | None = None
        try:
            value = metric(predicted, mos)
            interval = bootstrap_interval(metric, predicted, mos, groups=groups, resamples=resamples)
            low, high = interval or (None, None)
        except ValueError:  # stays None, and reads "-"
            pass
        metrics[name] = {"value": value, "low": low, "high": high}
    return metrics


def _find_series(entry: ScoredPhoto) -> str:
    match = SERIES_PATTERN.match(PurePosixPath(entry.photo.file).name)
    return match.group() if match else ""


def _slice_by_brightness(brightness: NDArray[np.float64]) -> dict[str, NDArray[np.intp]]:
    thirds = np.array_split(np.argsort(brightness, kind="stable"), len(BRIGHTNESS_NAMES))
    return {
        f"{name} (mean luma {brightness[rows].min():.0f}-{brightness[rows].max():.0f})": np.sort(rows)
        for name, rows in zip(BRIGHTNESS_NAMES, thirds, strict=True)
        if len(rows)
    }
