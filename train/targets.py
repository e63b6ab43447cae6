"""What is known of samples, packed as the losses read it: people and known degradations first, the teacher behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from train.config import LabelsConfig
from train.data.samples import Sample, collect_labels

__all__ = ["collect_known", "pack_targets"]

Arrays = dict[str, NDArray[np.float32]]


def collect_known(samples: Sequence[Sample], attributes: NDArray[np.float32], labels: LabelsConfig) -> Arrays:
    """What people or known degradations say, NaN where nobody does.

    Returns:
        ``quality`` (n, 1), only of undegraded photos, for a rating belongs to the very pixels; ``attributes`` (n, 5);
        ``category`` and ``style`` one-hot, which a degradation leaves as they are.
    """
    quality = [np.nan if not sample.is_original or sample.photo.mos is None else sample.photo.mos for sample in samples]
    categories, styles = collect_labels(labels)
    return {
        "quality": np.array(quality, dtype=np.float32)[:, np.newaxis],
        "attributes": attributes.astype(np.float32),
        "category": _encode([labels.category.get(sample.photo.category) for sample in samples], categories),
        "style": _encode([labels.style.get(sample.photo.style) for sample in samples], styles),
    }


def pack_targets(known: Mapping[str, NDArray[np.float32]], taught: Mapping[str, NDArray[np.float32]] | None) -> Arrays:
    """Puts the teacher's targets, or NaN where there is none, beside what is known, head by head."""
    return {
        name: np.concatenate([values, np.full_like(values, np.nan) if taught is None else taught[name]], axis=1)
        for name, values in known.items()
    }


def _encode(labels: Sequence[str | None], names: Sequence[str]) -> NDArray[np.float32]:
    encoded = np.full((len(labels), len(names)), np.nan, dtype=np.float32)
    for row, label in enumerate(labels):
        if label is not None:
            encoded[row] = 0.0
            encoded[row, names.index(label)] = 1.0
    return encoded
