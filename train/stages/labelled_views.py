"""What ``label`` made, read again: the views that a student learns from, and what is known and taught of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from train.artifact import NPZ_ERRORS, read_provenance
from train.data.manifest import Photo, load_manifests
from train.loop import Validation

__all__ = ["CROPPED", "STAGE", "UNSEEN", "LabelledViews", "load_labels"]

STAGE = "labels"
UNSEEN = "unseen"  # in ``LabelledViews.sides``: the photo has too few pixels for the view, which is black
CROPPED = "cropped"  # in ``LabelledViews.degradations``: a part of the photo, otherwise as it is


@dataclass(frozen=True)
class LabelledViews:
    """What ``label`` made.

    Attributes:
        views: uint8 (n, size, size, 3), mapped from disk.
        targets: by head, packed as ``train.targets`` does; ``hints`` (n, count) are the teacher's alone.
        sides, files, groups, collections, degradations: (n,) text; the last says what was done to the
            photo, "" for originals.
        category_labels, style_labels: of the two label heads.
        split_seed: of the split that ``sides`` tells.
        manifests: the photographs' manifests.
        detail_share: of each side of the photos, that the views show: their middle; 0: the whole.
    """

    views: NDArray[np.uint8]
    targets: dict[str, NDArray[np.float32]]
    sides: NDArray[Any]
    files: NDArray[Any]
    groups: NDArray[Any]
    collections: NDArray[Any]
    degradations: NDArray[Any]
    category_labels: tuple[str, ...]
    style_labels: tuple[str, ...]
    split_seed: int
    manifests: tuple[str, ...]
    detail_share: float = 0.0

    def build_validation(self) -> Validation:
        """The rated photos of the validation part."""
        rows = self.select_rated("validation")
        return Validation(self.views[rows], self.targets["quality"][rows, 0], self.collections[rows])

    def check_whole(self) -> None:
        """Makes sure that the views show whole photos, which a second look could be added to.

        Raises:
            UsageError: they show the middle.
        """
        if self.detail_share:
            raise UsageError(
                "the labels show the middle of photos, for a network of second looks alone: set detail_share = 0 in "
                "the recipe's [contract], or pass labels of whole photos"
            )

    def load_photos(self) -> dict[str, Photo]:
        """The photographs by their ``file``, from their manifests as they are now.

        Raises:
            ManifestError: a manifest is gone or faulty.
            UsageError: the photo of a view stands in none of them any more.
        """
        photos = {photo.file: photo for photo in load_manifests(self.manifests)}
        if missing := sorted(set(self.files.tolist()) - photos.keys()):
            raise UsageError(
                f"{len(missing)} photos of the labels stand no longer in {', '.join(self.manifests)} (first: "
                f"{missing[0]}): put them back, or run label again"
            )
        return photos

    def find_partners(self, rows: NDArray[np.intp]) -> dict[int, NDArray[np.intp]]:
        """Of ``rows``, each original's and each crop's with the rows of the same photo's degraded views."""
        is_degraded = ~np.isin(self.degradations[rows], ("", CROPPED))
        partners: dict[str, list[int]] = {}
        for row in rows[is_degraded]:
            partners.setdefault(self.files[row], []).append(int(row))
        return {int(row): np.array(partners.get(self.files[row], []), dtype=np.intp) for row in rows[~is_degraded]}

    def select_training(self, crop_share: float, seed: int) -> NDArray[np.intp]:
        """Rows of the training part, with only a share of its crops, drawn by the seed."""
        rows = np.flatnonzero(self.sides == "train")
        is_crop = self.degradations[rows] == CROPPED
        crops = np.random.default_rng(seed).permutation(rows[is_crop])
        return np.sort(np.concatenate([rows[~is_crop], crops[: round(crop_share * len(crops))]]))

    def repeat(self, rows: NDArray[np.intp], repeats: Mapping[str, int]) -> NDArray[np.intp]:
        """``rows``, those of the collections in ``repeats`` so many times.

        Raises:
            UsageError: there is no such collection.
        """
        unknown = sorted(set(repeats) - set(self.collections.tolist()))
        if unknown:
            known = ", ".join(np.unique(self.collections).tolist())
            raise UsageError(f"repeats: no collection {', '.join(unknown)} among the labels; there are {known}")
        return np.repeat(rows, [repeats.get(str(name), 1) for name in self.collections[rows]])

    def select_rated(self, side: str) -> NDArray[np.intp]:
        """Rows of the undegraded photos of ``side`` that people rated."""
        return np.flatnonzero((self.sides == side) & ~np.isnan(self.targets["quality"][:, 0]))


def load_labels(folder: Path) -> LabelledViews:
    """Opens an artifact of ``label``.

    Raises:
        UsageError: the folder is no such artifact, or incomplete.
    """
    provenance = read_provenance(folder, STAGE)
    try:
        views = np.load(folder / "views.npy", mmap_mode="r")
        with np.load(folder / "labels.npz") as archive:
            arrays = dict(archive)
        sides, files, groups = (arrays[name] for name in ("sides", "files", "groups"))
        collections, degradations = arrays["collections"], arrays["degradations"]
    except NPZ_ERRORS as error:
        raise UsageError(f"{folder}: the labels cannot be read: {error}; run label again") from error
    prefix = "target_"
    return LabelledViews(
        views,
        {name[len(prefix) :]: values for name, values in arrays.items() if name.startswith(prefix)},
        sides,
        files,
        groups,
        collections,
        degradations,
        tuple(provenance["category_labels"]),
        tuple(provenance["style_labels"]),
        int(provenance["split_seed"]),
        tuple(provenance["manifests"]),
        float(provenance["config"].get("detail_share", 0.0)),
    )
