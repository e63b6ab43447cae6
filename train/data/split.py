"""Which photos train, which test, which validate: decided by a hash of the group, so that it never changes.

A photo's side depends on the seed and its group alone. Adding, removing or reordering photos moves no other photo, and
manifests that share groups agree without knowing of each other. A manifest's own ``split`` column wins where it is
filled; the rest of that group follows it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Literal

from edge_runtime.errors import ManifestError, UsageError
from train.data.manifest import Photo

__all__ = ["SPLIT_NAMES", "SplitName", "assign_fold", "assign_split", "check_no_leak"]

SplitName = Literal["train", "test", "validation"]
SPLIT_NAMES: tuple[SplitName, ...] = ("train", "test", "validation")
REPORTED_GROUPS = 5


def assign_split(
    photos: Sequence[Photo], seed: int, shares: tuple[float, float, float] = (0.7, 0.2, 0.1)
) -> dict[str, SplitName]:
    """Gives every photo a side, whole groups together.

    Args:
        photos: from one manifest or several.
        seed: another seed is another, independent split.
        shares: of the groups for train, test and validation; they sum to 1. Shares of photos come close when groups
            are many and of similar size.

    Returns:
        ``Photo.file`` → "train", "test" or "validation".

    Raises:
        UsageError: the shares are negative or do not sum to 1.
        ManifestError: a ``split`` cell is none of the three names, or puts one group on two sides.
    """
    if any(share < 0 for share in shares) or not math.isclose(sum(shares), 1.0, abs_tol=1e-9):
        raise UsageError(f"the shares of a split must be positive and sum to 1, not {shares}")
    stated: dict[str, SplitName] = {}
    explicit: dict[str, SplitName] = {}
    for photo in photos:
        side = _stated_side(photo)
        if side is not None:
            explicit[photo.file] = side
            stated[photo.group] = side
    # Before the rest of a group follows its stated side: the rows at fault are among the stated ones.
    check_no_leak([photo for photo in photos if photo.file in explicit], explicit)
    return {photo.file: stated.get(photo.group) or _side_of(_uniform_of(seed, photo.group), shares) for photo in photos}


def assign_fold(group: str, folds: int, seed: int) -> int:
    """Which of ``folds`` shares a group belongs to, 0 to ``folds - 1``; independent of its side of the split."""
    return int(folds * _uniform_of(seed, f"fold of {group}"))


def check_no_leak(photos: Sequence[Photo], split: Mapping[str, str]) -> None:
    """Makes sure that no group stands on two sides.

    Raises:
        ManifestError: a group does, naming its rows, or a photo has no side.
    """
    first_of: dict[str, Photo] = {}
    leaks: dict[str, str] = {}
    for photo in photos:
        if photo.file not in split:
            raise ManifestError(f"{photo.place}, column file: {photo.file!r} has no side in the split")
        first = first_of.setdefault(photo.group, photo)
        if split[first.file] != split[photo.file]:
            leaks.setdefault(
                photo.group,
                f"  group {photo.group!r}: {first.file!r} ({first.place}) in {split[first.file]}, "
                f"{photo.file!r} ({photo.place}) in {split[photo.file]}",
            )
    if leaks:
        lines = list(leaks.values())[:REPORTED_GROUPS]
        if len(leaks) > REPORTED_GROUPS:
            lines.append(f"  and {len(leaks) - REPORTED_GROUPS} more")
        count = "1 group stands" if len(leaks) == 1 else f"{len(leaks)} groups stand"
        raise ManifestError(
            "\n".join([f"{count} on two sides of the split; correct the columns group or split:", *lines])
        )


def _stated_side(photo: Photo) -> SplitName | None:
    text = photo.extra.get("split", "")
    if not text:
        return None
    for name in SPLIT_NAMES:
        if text == name:
            return name
    raise ManifestError(f"{photo.place}, column split: {text!r} is none of {', '.join(SPLIT_NAMES)}")


def _uniform_of(seed: int, group: str) -> float:
    """A number on [0, 1) that looks random and is the same on every machine: 53 bits of a SHA-256."""
    digest = hashlib.sha256(f"{seed}:{group}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2.0**53


def _side_of(position: float, shares: tuple[float, float, float]) -> SplitName:
    train, test, _ = shares
    if position < train:
        return "train"
    return "test" if position < train + test else "validation"
