"""The manifest that corrections become: read back with the reader that the training uses."""

from __future__ import annotations

import ntpath
import os
from collections.abc import Callable
from pathlib import Path, PureWindowsPath

import pytest
from PIL import Image

from edge_runtime import Score
from edge_runtime.errors import UsageError
from edge_runtime.feedback import FeedbackStore, export, export_manifest
from edge_runtime.feedback.correction import LONGEST_TEXT

pytest.importorskip("train", reason="needs a checkout: the reader that the training uses is not installed")

from train.data.manifest import load_manifest, load_manifests
from train.data.split import assign_split

BuildScore = Callable[..., Score]


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Three photos, in folders with names that ask for care."""
    folder = tmp_path / "phöto, s"
    folder.mkdir()
    paths = []
    for index in range(3):
        path = folder / f"{index}.png"
        Image.new("RGB", (40, 30), (50 * index, 90, 120)).save(path)
        paths.append(path)
    return paths


def test_a_manifest_that_the_training_reads(
    store: FeedbackStore, photos: list[Path], tmp_path: Path, build_score: BuildScore
) -> None:
    store.add(photos[0], build_score(61.5), "accept", quality=70, note='fine, "really"\nyes\rindeed', group="listing 7")
    store.add(photos[1], build_score(31.5), "reject", group="listing 7")
    store.add(photos[2], build_score(50.0), "review")
    output = tmp_path / "out.csv"
    assert export_manifest(store, output) == (3, [])
    found = load_manifest(output)
    assert [photo.path for photo in found] == [path.resolve() for path in photos]
    assert [photo.mos for photo in found] == [0.7, None, None]
    assert [photo.extra["verdict"] for photo in found] == ["accept", "reject", "review"]
    assert found[0].extra["note"] == 'fine, "really"\nyes\rindeed'
    assert [photo.extra["model_quality"] for photo in found] == ["61.5", "31.5", "50.0"]
    assert found[0].group == found[1].group == "listing 7" != found[2].group
    assert {(photo.category, photo.style, photo.source) for photo in found} == {("", "", "feedback")}
    assert not Path(found[0].file).is_absolute()
    split = assign_split(found, seed=6)
    assert split[found[0].file] == split[found[1].file]


def test_corrections_of_one_photo_are_one_row(
    store: FeedbackStore, photos: list[Path], tmp_path: Path, build_score: BuildScore
) -> None:
    copy = tmp_path / "copy.png"
    copy.write_bytes(photos[0].read_bytes())
    store.add(photos[0], build_score(61.5), "accept", quality=70, note="fine", group="g")
    store.add(copy, build_score(61.5), "review", quality=60, note="fine")
    store.add(photos[0], build_score(61.5), "reject", note="no")
    assert export_manifest(store, tmp_path / "out.csv") == (1, [])
    (photo,) = load_manifest(tmp_path / "out.csv")
    assert (photo.mos, photo.group) == (0.65, "g")
    assert (photo.extra["verdict"], photo.extra["note"]) == ("reject", "fine | no")
    assert photo.extra["corrections"] == "1 2 3"


def test_notes_that_no_reader_of_manifests_takes(
    store: FeedbackStore, photos: list[Path], tmp_path: Path, build_score: BuildScore
) -> None:
    store.add(photos[0], build_score(50.0), "review", note="x" * LONGEST_TEXT, group="g" * LONGEST_TEXT)
    output = tmp_path / "out.csv"
    assert export_manifest(store, output) == (1, [])
    assert len(load_manifest(output)[0].extra["note"]) == LONGEST_TEXT
    for number in range(13):
        store.add(photos[0], build_score(50.0), "review", note=f"{number:02d}" + "x" * (LONGEST_TEXT - 2))
    with pytest.raises(UsageError, match=r"0\.png: its notes.* more than 131,072 .*\(1 2 3 .* 14\)"):
        export_manifest(store, tmp_path / "again.csv")
    assert not (tmp_path / "again.csv").exists()
    store.remove(1)
    assert export_manifest(store, output, force=True) == (1, [])
    assert len(load_manifest(output)[0].extra["note"]) == 13 * LONGEST_TEXT + 12 * len(" | ")


def test_photos_that_are_gone_or_changed_are_left_out_aloud(
    store: FeedbackStore, photos: list[Path], tmp_path: Path, build_score: BuildScore
) -> None:
    for path in photos:
        store.add(path, build_score(50.0), "review")
    photos[0].unlink()
    Image.new("RGB", (40, 30)).save(photos[1])
    count, left_out = export_manifest(store, tmp_path / "out.csv")
    assert count == 1
    assert [entry.path for entry in left_out] == [str(photos[0]), str(photos[1])]
    assert [photo.path for photo in load_manifest(tmp_path / "out.csv")] == [photos[2].resolve()]
    photos[2].unlink()
    with pytest.raises(UsageError, match="none of the 3 photos"):
        export_manifest(store, tmp_path / "again.csv")
    assert not (tmp_path / "again.csv").exists()


def test_a_kept_photo_outlives_the_original(
    store: FeedbackStore, photos: list[Path], tmp_path: Path, build_score: BuildScore
) -> None:
    data = photos[0].read_bytes()
    store.add(photos[0], build_score(50.0), "review", is_kept=True)
    store.add(data[:-12] + data[-12:], build_score(50.0), "review", is_kept=True)
    photos[0].unlink()
    assert export_manifest(store, tmp_path / "out.csv") == (1, [])
    (photo,) = load_manifest(tmp_path / "out.csv")
    assert photo.path.read_bytes() == data
    assert store.photos.resolve() in photo.path.parents


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
def test_a_folder_behind_a_link(
    store: FeedbackStore, photos: list[Path], tmp_path: Path, build_score: BuildScore
) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (tmp_path / "link").symlink_to(deep, target_is_directory=True)
    store.add(photos[0], build_score(50.0), "review")
    export_manifest(store, tmp_path / "link" / "out.csv")
    assert [photo.path for photo in load_manifest(tmp_path / "link" / "out.csv")] == [photos[0].resolve()]


def test_names_that_begin_with_a_space(store: FeedbackStore, tmp_path: Path, build_score: BuildScore) -> None:
    path = tmp_path / " a.png"
    Image.new("RGB", (40, 30)).save(path)
    store.add(path, build_score(50.0), "review")
    export_manifest(store, tmp_path / "out.csv")
    assert [photo.path for photo in load_manifest(tmp_path / "out.csv")] == [path.resolve()]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_that_end_with_a_space_are_left_out(
    store: FeedbackStore, photos: list[Path], tmp_path: Path, build_score: BuildScore
) -> None:
    path = photos[0].rename(tmp_path / "trail.png ")
    store.add(path, build_score(50.0), "review")
    with pytest.raises(UsageError, match=r"none of the 1 photos can be exported, e\.g\. .*trail\.png : its name ends"):
        export_manifest(store, tmp_path / "out.csv")
    store.add(photos[1], build_score(50.0), "review")
    count, left_out = export_manifest(store, tmp_path / "out.csv")
    assert (count, [entry.path for entry in left_out]) == (1, [str(path)])
    assert "--keep-photo" in left_out[0].reason
    assert [photo.path for photo in load_manifest(tmp_path / "out.csv")] == [photos[1].resolve()]
    store.add(path, build_score(50.0), "review", is_kept=True)
    assert export_manifest(store, tmp_path / "out.csv", force=True) == (2, [])
    assert len(load_manifest(tmp_path / "out.csv")) == 2


def test_two_exports_stand_together(
    store: FeedbackStore, photos: list[Path], tmp_path: Path, build_score: BuildScore
) -> None:
    for path in photos[:2]:
        store.add(path, build_score(50.0), "review")
    export_manifest(store, tmp_path / "one.csv")
    for correction in store.corrections():
        store.remove(correction.id)
    store.add(photos[2], build_score(50.0), "review")
    export_manifest(store, tmp_path / "two.csv")
    assert len(load_manifests([tmp_path / "one.csv", tmp_path / "two.csv"])) == 3


def test_nothing_is_overwritten(
    store: FeedbackStore, photos: list[Path], tmp_path: Path, build_score: BuildScore
) -> None:
    output = tmp_path / "out.csv"
    with pytest.raises(UsageError, match="no corrections to export"):
        export_manifest(store, output)
    store.add(photos[0], build_score(50.0), "review")
    output.write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        export_manifest(store, output)
    assert output.read_text() == "mine"
    export_manifest(store, output, force=True)
    assert len(load_manifest(output)) == 1
    with pytest.raises(UsageError, match="is not a file"):
        export_manifest(store, tmp_path, force=True)
    with pytest.raises(UsageError, match="there is no folder"):
        export_manifest(store, tmp_path / "none" / "out.csv")
    assert not list(tmp_path.glob(".*"))


def test_ways_have_slashes_on_windows_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "Path", PureWindowsPath)
    with monkeypatch.context() as windows:
        windows.setattr(os, "path", ntpath)
        ways = [
            export._describe_way(PureWindowsPath(place), PureWindowsPath(r"C:\shop\manifests"))  # type: ignore[arg-type]
            for place in (r"C:\shop\photos\mug.jpg", r"D:\mug.jpg")
        ]
    assert ways == ["../photos/mug.jpg", "D:/mug.jpg"]
