"""A split depends on seed and group alone, keeps groups whole, and refuses a leak."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from edge_runtime.errors import ManifestError, UsageError
from train.data.manifest import Photo, load_manifest
from train.data.split import SPLIT_NAMES, assign_fold, assign_split, check_no_leak


def photo(file: str, group: str, side: str = "", row: int = 0) -> Photo:
    extra = {"split": side} if side else {}
    return Photo(file, Path("/") / file, None, "", "", group, "", extra=extra, manifest=Path("m.csv"), row=row)


PHOTOS = [photo(f"{group}-{member}.jpg", f"g{group}") for group in range(2000) for member in range(1 + group % 3)]


def test_groups_stay_whole() -> None:
    split = assign_split(PHOTOS, seed=3)
    sides: dict[str, set[str]] = {}
    for entry in PHOTOS:
        sides.setdefault(entry.group, set()).add(split[entry.file])
    assert all(len(side) == 1 for side in sides.values())
    check_no_leak(PHOTOS, split)


def test_shares_come_close() -> None:
    counts = Counter(assign_split(PHOTOS, seed=0).values())
    # 2000 groups: the standard deviation of a share is at most 1.1 points of 100, 4 of them are allowed.
    for name, share in zip(SPLIT_NAMES, (0.7, 0.2, 0.1), strict=True):
        assert counts[name] / len(PHOTOS) == pytest.approx(share, abs=0.045)


def test_other_shares() -> None:
    assert set(assign_split(PHOTOS, 0, shares=(0.0, 1.0, 0.0)).values()) == {"test"}
    assert set(assign_split(PHOTOS, 0, shares=(0.5, 0.0, 0.5)).values()) == {"train", "validation"}


def test_other_photos_and_order_do_not_matter() -> None:
    whole = assign_split(PHOTOS, seed=7)
    some = random.Random(1).sample(PHOTOS, 300)
    assert assign_split(some, seed=7) == {entry.file: whole[entry.file] for entry in some}


def test_seeds_differ() -> None:
    first, second = assign_split(PHOTOS, seed=0), assign_split(PHOTOS, seed=1)
    same = sum(first[file] == second[file] for file in first) / len(first)
    # Independent splits agree on .7² + .2² + .1² = .54 of the groups.
    assert same == pytest.approx(0.54, abs=0.06)


def test_the_same_on_every_machine_and_forever() -> None:
    """Written down once: a change here would move photos between training and test under everybody's feet."""
    sides = [assign_split([photo(group, group)], seed=0)[group] for group in "abcdefghij"]
    assert " ".join(sides) == ("train test test train test train train train train train")


@pytest.mark.parametrize("shares", [(0.7, 0.2, 0.2), (1.2, -0.1, -0.1)])
def test_impossible_shares(shares: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="sum to 1"):
        assign_split(PHOTOS, 0, shares=shares)


def test_the_manifests_own_split_wins_for_the_whole_group() -> None:
    hashed = assign_split([photo("a", "g1")], 0)["a"]
    other = next(name for name in SPLIT_NAMES if name != hashed)
    split = assign_split([photo("a", "g1"), photo("b", "g1", other), photo("c", "g2")], 0)
    assert split["a"] == split["b"] == other
    assert split["c"] == assign_split([photo("c", "g2")], 0)["c"]


def test_leak_of_the_manifests_own_split_names_the_rows() -> None:
    photos = [photo("a", "g1", "train", row=2), photo("x", "g2", "test", row=3), photo("b", "g1", "test", row=4)]
    with pytest.raises(ManifestError) as caught:
        assign_split(photos, 0)
    message = str(caught.value)
    assert "group 'g1'" in message and "m.csv row 2" in message and "m.csv row 4" in message and "g2" not in message


def test_unknown_side_names_row_and_column() -> None:
    with pytest.raises(ManifestError, match=r"m\.csv row 5, column split: 'val' is none of train, test, validation"):
        assign_split([photo("a", "g1", "val", row=5)], 0)


def test_check_finds_a_leak_and_a_photo_without_a_side() -> None:
    photos = [photo("a", "g1"), photo("b", "g1"), photo("c", "g2")]
    check_no_leak(photos, {"a": "train", "b": "train", "c": "test"})
    with pytest.raises(ManifestError, match="1 group stands on two sides"):
        check_no_leak(photos, {"a": "train", "b": "test", "c": "test"})
    with pytest.raises(ManifestError, match="'c' has no side"):
        check_no_leak(photos, {"a": "train", "b": "train"})


def test_shared_photos_split_without_a_leak(shared_data: Path) -> None:
    photos = load_manifest(shared_data / "manifest.csv")
    split = assign_split(photos, seed=0)
    check_no_leak(photos, split)
    counts = Counter(split[entry.file] for entry in photos if entry.mos is not None)
    assert min(counts[name] for name in SPLIT_NAMES) > 150


def test_folds_are_even_shares_of_the_groups_whatever_their_side() -> None:
    folds = [assign_fold(f"g{i}", 5, 0) for i in range(2000)]
    assert sorted(set(folds)) == [0, 1, 2, 3, 4]
    assert all(330 < folds.count(fold) < 470 for fold in range(5))
    assert folds == [assign_fold(f"g{i}", 5, 0) for i in range(2000)]
    assert folds != [assign_fold(f"g{i}", 5, 1) for i in range(2000)]
    assert {assign_fold(f"g{i}", 1, 0) for i in range(50)} == {0}
