"""The store: what goes in comes out, what is removed is gone, and what is no correction does not get in."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime import Score
from edge_runtime.errors import InputError, UsageError
from edge_runtime.feedback import FeedbackStore
from edge_runtime.feedback.correction import LONGEST_TEXT, pack_score, unpack_score

BuildScore = Callable[..., Score]


def test_what_goes_in_comes_out(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    score = build_score(61.4 + 1e-13, sharpness=1 / 3)
    added = store.add(photo, score, "reject", quality=35.5, note="Grüße, 像素; 'x' -- \"y\"\n", group="listing 7")
    with FeedbackStore(store.path, must_exist=True) as again:
        (found,) = again.corrections()
    assert found == added
    assert found.score == score, "to the last bit"
    assert (found.verdict, found.quality, found.group, found.id) == ("reject", 35.5, "listing 7", 1)
    assert found.photo_sha256 == hashlib.sha256(photo.read_bytes()).hexdigest()
    assert found.photo_path == str(photo)
    assert found.score.model.sha256 == "a" * 64
    assert found.created_utc.endswith("+00:00")


def test_scores_survive_packing(build_score: BuildScore) -> None:
    score = build_score(0.1 + 0.2)
    assert unpack_score(pack_score(score)) == score
    for text in ("{}", "[]", "1", '{"interval": 3}', "no JSON", "[" * 100_000):
        with pytest.raises(ValueError):
            unpack_score(text)


@pytest.mark.parametrize(
    "value",
    [None, "x", True, [], {}, float("inf"), float("nan"), 10**400],
    ids=["null", "text", "flag", "list", "table", "inf", "nan", "long"],
)
@pytest.mark.parametrize(
    "place",
    [
        *(("quality",), ("interval", 0), ("interval", 1), ("interval_coverage",), ("attributes", "noise")),
        *(("category", "probability"), ("style", "probability"), ("image", "width_px"), ("timings", "total_ms")),
    ],
)
def test_what_is_no_number_is_no_score(build_score: BuildScore, place: tuple[str | int, ...], value: object) -> None:
    document = json.loads(pack_score(build_score(50.0)))
    holder = document
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    with pytest.raises(ValueError, match=r"not a score: .* is no number"):
        unpack_score(json.dumps(document))


@pytest.mark.parametrize("value", [3, [], {}, float("inf")])
@pytest.mark.parametrize("place", [("band",), ("path",), ("category", "label"), ("model", "sha256"), ("model", "name")])
def test_what_is_no_text_is_no_score(build_score: BuildScore, place: tuple[str, ...], value: object) -> None:
    document = json.loads(pack_score(build_score(50.0)))
    holder = document[place[0]] if len(place) > 1 else document
    holder[place[-1]] = value
    with pytest.raises(ValueError, match=r"not a score: .* is no text"):
        unpack_score(json.dumps(document))


def test_a_photo_is_not_copied_unless_asked(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    store.add(photo, build_score(50.0), "review")
    assert not store.photos.exists()
    kept = store.add(photo, build_score(50.0), "review", is_kept=True)
    same = store.add(photo.read_bytes(), build_score(50.0), "review", is_kept=True)
    assert kept.kept_file == same.kept_file == f"{kept.photo_sha256[:2]}/{kept.photo_sha256}.jpg"
    assert (store.photos / str(kept.kept_file)).read_bytes() == photo.read_bytes()
    assert [path for path in store.photos.rglob("*") if path.is_file()] == [store.photos / str(kept.kept_file)]


def test_removing_takes_the_copy_with_the_last_correction(
    store: FeedbackStore, photo: Path, build_score: BuildScore
) -> None:
    first, second, third = (store.add(photo, build_score(50.0), "review", is_kept=True) for _ in range(3))
    copy = store.photos / str(first.kept_file)
    store.remove(second.id)
    store.remove(first.id)
    assert copy.exists()
    store.remove(third.id)
    assert not copy.exists()
    assert store.corrections() == []
    assert store.add(photo, build_score(50.0), "review").id == 4, "a number is never used again"
    with pytest.raises(UsageError, match="no correction 3"):
        store.remove(3)
    assert photo.exists()


@pytest.mark.parametrize(
    "number",
    [2**63, 10**30, -(10**30), 10**5000, 2**63 - 1, -1, 0],
    ids=["first too large", "large", "low", "huge", "largest", "negative", "zero"],
)
def test_numbers_that_no_correction_has(
    store: FeedbackStore, photo: Path, build_score: BuildScore, number: int
) -> None:
    store.add(photo, build_score(50.0), "review")
    with pytest.raises(UsageError, match=r"no correction .*`photogate feedback list` shows all"):
        store.remove(number)
    assert len(store.corrections()) == 1


def test_what_is_removed_is_not_left_in_the_file(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    note = "a secret that nobody shall find"
    store.remove(store.add(photo, build_score(50.0), "review", note=note).id)
    store.close()
    assert note.encode() not in store.path.read_bytes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"verdict": "maybe"}, "no verdict"),
        ({"quality": 100.1}, "0 to 100"),
        ({"quality": float("nan")}, "0 to 100"),
        ({"note": "a\0b"}, "the note"),
        ({"note": "\udcff"}, "not UTF-8"),
        ({"group": "\udcff"}, "the group"),
        ({"note": "x" * (LONGEST_TEXT + 1)}, "the note has 10,001 characters, 10,000 are possible; shorten it"),
        ({"group": "x" * 200_000}, "the group has 200,000 characters"),
    ],
)
def test_impossible_corrections(
    store: FeedbackStore, photo: Path, build_score: BuildScore, changes: dict, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        store.add(photo, build_score(50.0), **{"verdict": "accept", **changes})
    assert store.corrections() == []


def test_photos_that_are_none(store: FeedbackStore, tmp_path: Path, build_score: BuildScore) -> None:
    for path in (tmp_path / "none.jpg", tmp_path):
        with pytest.raises(InputError, match=path.name):
            store.add(path, build_score(50.0), "accept")
    with pytest.raises(InputError):
        store.add(b"no photo", build_score(50.0), "accept", is_kept=True)
    assert store.corrections() == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_does_not_block(store: FeedbackStore, tmp_path: Path, build_score: BuildScore) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="not a regular file"):
        store.add(tmp_path / "pipe.jpg", build_score(50.0), "accept")


def test_a_closed_store_says_so(store: FeedbackStore, photo: Path, build_score: BuildScore) -> None:
    store.close()
    store.close()
    with pytest.raises(UsageError, match="closed"):
        store.corrections()
    with pytest.raises(UsageError, match="closed"):
        store.add(photo, build_score(50.0), "accept")
