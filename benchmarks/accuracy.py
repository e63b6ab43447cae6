"""Agreement of a model's scores with people's on the test split, overall and on subsets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from edge_runtime.errors import UsageError
from train.data.manifest import Photo, load_manifests
from train.data.split import assign_split
from train.metrics import bootstrap_interval, compute_plcc, compute_srcc

__all__ = [
    "EVERY_PHOTO",
    "PARTS",
    "SUBSETS",
    "Accuracy",
    "PredictQuality",
    "compute_accuracies",
    "compute_accuracy",
    "load_part",
    "load_rated_photos",
    "predict_all",
    "thin_out",
]

PredictQuality = Callable[[Path], float]
"""A photo's file → the model's score, on any scale that rises with quality."""

EVERY_PHOTO = "all"
"""In a part's place: no part of the split, for sources that nothing was learnt from."""
PARTS = ("test", "validation", EVERY_PHOTO)

Entry = TypeVar("Entry")
MIN_PHOTOS = 3  # a correlation of two points is always 1 or -1 and says nothing


@dataclass(frozen=True)
class Accuracy:
    """Rank and linear correlation with the mean opinion scores of ``photos`` photos; None where they have no value.

    Attributes:
        srcc_interval: 95 % bootstrap interval of ``srcc``, whole groups drawn; None where there are too few.
        plcc: of the plain scores, without a fitted logistic in between.
        reason: why there is no value, else "".
    """

    photos: int
    groups: int
    srcc: float | None = None
    srcc_interval: tuple[float, float] | None = None
    plcc: float | None = None
    reason: str = ""


def _is_ss01_object_or_food(photo: Photo) -> bool:
    """BIQ2021's phone shots of one object or dish under swept exposure, focus, motion, ISO and white balance."""
    return photo.path.name.startswith("ss01") and photo.extra.get("content") in ("object", "food")


SUBSETS: Mapping[str, Callable[[Photo], bool]] = {
    "all": lambda photo: True,
    "ss01": _is_ss01_object_or_food,
}


def load_part(manifests: Sequence[Path], part: str, seed: int | None) -> list[Photo]:
    """All photos of one part of the split, rated or not.

    Args:
        manifests: read as one list.
        part: "test", "validation" or "train"; or :data:`EVERY_PHOTO`.
        seed: of the split; must be the one the models were trained with, or test photos were trained on. None will do
            for :data:`EVERY_PHOTO`.

    Raises:
        ManifestError: a manifest is faulty.
        ValueError: a part is asked for without a seed.
    """
    photos = load_manifests(manifests)
    if part == EVERY_PHOTO:
        return photos
    if seed is None:
        raise ValueError(f"the {part} part depends on the split's seed: pass it")
    side_of = assign_split(photos, seed)
    return [photo for photo in photos if side_of[photo.file] == part]


def thin_out(photos: Sequence[Entry], limit: int | None) -> list[Entry]:
    """At most ``limit`` photos, evenly spaced over the list; None: all."""
    if limit is None or limit >= len(photos):
        return list(photos)
    return [photos[index] for index in np.linspace(0, len(photos) - 1, limit).round().astype(int)]


def load_rated_photos(manifests: Sequence[Path], part: str, seed: int, limit: int | None = None) -> list[Photo]:
    """The rated photos of one part of the split.

    Args:
        manifests, part, seed: as for :func:`load_part`.
        limit: keep this many at most, evenly spaced over the list.

    Raises:
        ManifestError: a manifest is faulty.
        UsageError: no rated photo is left.
    """
    rated = [photo for photo in load_part(manifests, part, seed) if photo.mos is not None]
    if not rated:
        names = ", ".join(str(path) for path in manifests)
        raise UsageError(f"{names}: no rated photo in part {part!r} (split seed {seed}); fill the column mos")
    return thin_out(rated, limit)


def predict_all(photos: Sequence[Photo], predict: PredictQuality, label: str) -> list[float]:
    """Scores of ``photos`` in their order, with a progress bar named ``label`` on a terminal."""
    return [predict(photo.path) for photo in tqdm(photos, desc=label, unit="photo", leave=False, disable=None)]


def compute_accuracies(photos: Sequence[Photo], scores: Sequence[float], resamples: int = 1000) -> dict[str, Accuracy]:
    """:func:`compute_accuracy` on each of :data:`SUBSETS`."""
    found = {}
    for name, belongs in SUBSETS.items():
        chosen = [(photo, score) for photo, score in zip(photos, scores, strict=True) if belongs(photo)]
        found[name] = compute_accuracy([photo for photo, _ in chosen], [score for _, score in chosen], resamples)
    return found


def compute_accuracy(photos: Sequence[Photo], scores: Sequence[float], resamples: int = 1000) -> Accuracy:
    """Correlation of ``scores`` with the photos' ``mos``; all photos must be rated."""
    groups = [photo.group for photo in photos]
    empty = Accuracy(photos=len(photos), groups=len(set(groups)))
    if len(photos) < MIN_PHOTOS:
        return replace(empty, reason=f"{len(photos)} photos are too few")
    target = [photo.mos for photo in photos if photo.mos is not None]
    try:
        srcc, plcc = compute_srcc(scores, target), compute_plcc(scores, target)
        interval = bootstrap_interval(compute_srcc, scores, target, groups=groups, resamples=resamples)
    except ValueError as error:
        return replace(empty, reason=str(error))
    return replace(empty, srcc=srcc, srcc_interval=interval, plcc=plcc)
