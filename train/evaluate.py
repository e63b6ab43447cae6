"""Agreement with people, side by side of the split and kind by kind of photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from train.data.manifest import Photo
from train.metrics import compute_all

__all__ = ["evaluate_quality", "is_phone_product"]

_MINIMUM = 5  # fewer photos than this say nothing about a correlation


def is_phone_product(photo: Photo) -> bool:
    """Whether the photo is a phone shot of an object or of food from BIQ2021's subset ss01: the headline slice."""
    return Path(photo.file).name.startswith("ss01") and photo.extra.get("content") in ("object", "food")


def evaluate_quality(photos: Sequence[Photo], sides: Sequence[str], predicted: ArrayLike) -> dict[str, Any]:
    """SRCC, PLCC, KRCC and RMSE with bootstrap intervals over groups, for each side: all rated photos, the phone
    shots of objects and food, and each manifest's photos. Slices with hardly a photo are left out.

    Args:
        photos: rated, undegraded.
        sides: the side of the split each stands on.
        predicted: quality (n,) or (n, 1), 0-1.
    """
    values = np.asarray(predicted, dtype=np.float64).ravel()
    mos = np.array([photo.mos for photo in photos], dtype=np.float64)
    is_product = np.array([is_phone_product(photo) for photo in photos])
    collections = np.array([photo.collection for photo in photos])
    report: dict[str, Any] = {}
    for side in ("train", "validation", "test"):
        is_side = np.array(sides) == side
        report[side] = {}
        slices = {"all": is_side, "phone_products": is_side & is_product}
        slices |= {name: is_side & (collections == name) for name in np.unique(collections)}
        for name, chosen in slices.items():
            rows = np.flatnonzero(chosen)
            if len(rows) < _MINIMUM or np.ptp(values[rows]) == 0 or np.ptp(mos[rows]) == 0:
                continue
            groups = [photos[int(row)].group for row in rows]
            resamples = 100 if side == "train" else 1000  # nobody judges by the train side's interval
            metrics = compute_all(values[rows], mos[rows], groups=groups, resamples=resamples)
            report[side][name] = {"count": len(rows), **metrics}
    return report
