"""What a classifier of ImageNet's classes sees in photos, for a student that few sources tell categories.

Most of the photos that a student learns from have no category, and those that have are from a handful of sources, of
one kind each: what tells the sources apart passes for a category. A classifier that has seen a million other photos
says of each what it shows, or that it shows none of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from train.artifact import NPZ_ERRORS
from train.config import LabelsConfig
from train.data.samples import Sample, collect_labels
from train.packing import pack_hints, pack_probabilities, unpack_hints, unpack_probabilities

__all__ = ["CLASS_HINT_COUNT", "Classes", "load_classes", "teach_classes"]

CLASS_HINT_COUNT = 64
_PRODUCT_FROM = 0.5  # probability of our products together, from which a photo is taken to show one
_BLANK_WEIGHT = 0.025  # of a photo without a product, which are four in five: in full they would drown the others


@dataclass(frozen=True)
class Classes:
    """A classifier's opinion of photos.

    Attributes:
        files: (n,) as the manifests call them.
        words: (k,) categories, in the manifests' words.
        categories: (n, k) probability of each; what lacks to 1 is none of them.
        hints: (n, ``CLASS_HINT_COUNT``) the principal components of the classes' log-probabilities.
    """

    files: NDArray[np.str_]
    words: NDArray[np.str_]
    categories: NDArray[np.float32]
    hints: NDArray[np.float32]

    def count_products(self) -> dict[str, int]:
        """Of how many photos each category is the likeliest, of those that are taken to show a product."""
        is_product = self.categories.sum(axis=1) > _PRODUCT_FROM
        found = np.bincount(self.categories[is_product].argmax(axis=1), minlength=len(self.words))
        return dict(zip(self.words.tolist(), found.tolist(), strict=True))

    def save(self, path: Path) -> None:
        """Writes a compressed ``.npz``, to 8 bits."""
        np.savez_compressed(
            path,
            files=self.files,
            words=self.words,
            categories=pack_probabilities(self.categories),
            **pack_hints(self.hints),
        )


def load_classes(path: Path) -> Classes:
    """Reads what :meth:`Classes.save` wrote.

    Raises:
        UsageError: the file is missing, damaged or of another kind.
    """
    try:
        with np.load(path) as archive:
            arrays = dict(archive)
        return Classes(
            arrays["files"],
            arrays["words"],
            unpack_probabilities(arrays["categories"]),
            unpack_hints(arrays),
        )
    except NPZ_ERRORS as error:
        raise UsageError(f"{path}: this is no file of a classifier's answers that can be read: {error}") from error


def teach_classes(
    classes: Classes, samples: Sequence[Sample], known: NDArray[np.float32], labels: LabelsConfig
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the classifier teaches of views, whatever was done to the photos.

    A known category stands. Where the classifier sees a product, the target is which of ours it takes it for. Where it
    sees none, all categories are alike but for what it suspects, so that the student learns to be unsure; such a row
    sums to less than 1, and counts as much less in a cross entropy.

    Args:
        classes: of the photos; of those that it lacks, nothing is taught.
        samples: the views.
        known: categories (n, k), one-hot, NaN where unknown.
        labels: tell which label a word of the manifests is.

    Returns:
        Categories (n, k), each row times what it counts, and hints (n, ``CLASS_HINT_COUNT``); NaN where nothing is
        taught.
    """
    names = collect_labels(labels)[0]
    seen = np.zeros((len(classes.files), len(names)), dtype=np.float32)
    for word, column in zip(classes.words.tolist(), classes.categories.T, strict=True):
        if word in labels.category:
            seen[:, names.index(labels.category[word])] += column
    product = seen.sum(axis=1, keepdims=True)
    unsure = _BLANK_WEIGHT * (seen + np.maximum(0.0, 1 - product) / len(names))
    taught = np.where(product > _PRODUCT_FROM, seen / np.maximum(product, _PRODUCT_FROM), unsure)
    place = {file: row for row, file in enumerate(classes.files.tolist())}
    rows = np.array([place.get(sample.photo.file, -1) for sample in samples])
    is_absent = rows[:, np.newaxis] < 0
    categories, hints = (np.where(is_absent, np.nan, values[rows]) for values in (taught, classes.hints))
    is_told = ~np.isnan(known).any(axis=1)
    categories[is_told] = known[is_told]
    return categories.astype(np.float32), hints.astype(np.float32)
