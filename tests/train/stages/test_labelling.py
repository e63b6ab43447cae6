"""Labels: made again from kept answers, of clean sources, of other photos, of an older form."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.contract import ATTRIBUTE_NAMES, ViewSpec
from edge_runtime.errors import UsageError
from edge_runtime.views import make_detail_view

pytest.importorskip("tensorflow")

from train.artifact import read_provenance
from train.corrections import BELIEVED
from train.stages import label as label_stage
from train.stages.answers import load_answers
from train.stages.distil import distil
from train.stages.label import label
from train.stages.labelled_views import UNSEEN, load_labels


def test_kept_answers_make_the_same_labels_without_the_teacher(chain: Any, tmp_path: Path) -> None:
    kept = tmp_path / "answers.npz"
    shutil.copyfile(chain.labels / "answers.npz", kept)
    assert label(None, [chain.manifest], tmp_path / "labels", view_size_px=32, answers=kept) == chain.view_count
    first, again = load_labels(chain.labels), load_labels(tmp_path / "labels")
    np.testing.assert_array_equal(first.views, again.views)
    assert load_answers(kept).files == set(first.files)
    assert (first.category_labels, first.style_labels) == (again.category_labels, again.style_labels)
    for name, values in first.targets.items():
        spread = np.nanmax(np.abs(values))
        np.testing.assert_allclose(again.targets[name] / spread, values / spread, atol=0.01, err_msg=name)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The manifest of four pictures to train on, which nobody rated."""
    rng = np.random.default_rng(5)
    rows = ["file,mos,group,source,split"]
    for index in range(4):
        Image.fromarray(rng.integers(0, 256, (60, 60, 3)).astype(np.uint8)).save(tmp_path / f"shop{index}.png")
        rows.append(f"shop{index}.png,,shop{index},shop,train")
    manifest = tmp_path / "shop.csv"
    manifest.write_text("\n".join(rows), encoding="utf-8")
    return manifest


def test_photos_that_nobody_rated_are_taught_more_mildly(chain: Any, shop: Path, tmp_path: Path) -> None:
    label(chain.teacher, [shop], tmp_path / "labels", view_size_px=32)
    said = load_answers(tmp_path / "labels" / "answers.npz").outputs["attributes"]
    attributes = load_labels(tmp_path / "labels").targets["attributes"]
    known, taught = attributes[:, : len(ATTRIBUTE_NAMES)], attributes[:, len(ATTRIBUTE_NAMES) :]
    shares = np.array([BELIEVED.get(name, 1.0) for name in ATTRIBUTE_NAMES])
    np.testing.assert_allclose(taught, np.where(np.isnan(known), 1 - shares * (1 - said), known), atol=0.002)
    assert np.isnan(known).any()


def test_of_a_clean_source_every_fault_is_known_also_to_the_answers(chain: Any, shop: Path, tmp_path: Path) -> None:
    label(chain.teacher, [shop], tmp_path / "unknown", view_size_px=32)
    label(chain.teacher, [shop], tmp_path / "clean", view_size_px=32, clean_sources=["shop"])
    label(None, [shop], tmp_path / "again", view_size_px=32, answers=tmp_path / "clean" / "answers.npz")
    unknown, clean, again = (load_labels(tmp_path / name) for name in ("unknown", "clean", "again"))
    is_original = clean.degradations == ""
    technical = slice(0, 4)  # the fifth, composition, is known before white backgrounds alone
    assert np.isnan(unknown.targets["attributes"][is_original, technical]).all()
    assert (clean.targets["attributes"][is_original, technical] == 1.0).all()
    np.testing.assert_array_equal(again.views, clean.views)
    np.testing.assert_allclose(again.targets["attributes"], clean.targets["attributes"], atol=0.01)
    with pytest.raises(UsageError, match="no photo is of the source shoop;"):
        label(chain.teacher, [shop], tmp_path / "typo", view_size_px=32, clean_sources=["shoop"])
    with pytest.raises(UsageError, match="says itself whether shop was clean"):
        kept = tmp_path / "clean" / "answers.npz"
        label(None, [shop], tmp_path / "both", view_size_px=32, answers=kept, clean_sources=["shop"])


def test_answers_about_other_photos_and_broken_files_are_refused(chain: Any, tmp_path: Path) -> None:
    answers = chain.labels / "answers.npz"
    lines = chain.manifest.read_text(encoding="utf-8").splitlines()
    shutil.copyfile(chain.manifest.with_name("0.png"), chain.manifest.with_name("new.png"))
    manifest = chain.manifest.with_name("more.csv")
    manifest.write_text("\n".join([*lines, lines[1].replace("0.png", "new.png")]), encoding="utf-8")
    with pytest.raises(UsageError, match=r"lack \d+ of \d+ views \(first: new\.png"):
        label(None, [manifest], tmp_path / "a", view_size_px=32, answers=answers)
    (tmp_path / "broken.npz").write_bytes(answers.read_bytes()[:500])
    with pytest.raises(UsageError, match="no file of a teacher's answers"):
        label(None, [chain.manifest], tmp_path / "b", view_size_px=32, answers=tmp_path / "broken.npz")
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(UsageError, match="no file of a teacher's answers"):
        load_answers(tmp_path / "array.npy")
    with pytest.raises(UsageError, match="pass one of the two"):
        label(None, [chain.manifest], tmp_path / "c", view_size_px=32)


def test_nothing_to_label_is_a_usage_error(chain: Any, tmp_path: Path) -> None:
    lines = chain.manifest.read_text(encoding="utf-8").splitlines()
    manifest = chain.manifest.with_name("nothing.csv")
    unrated = [line for line in lines[1:] if line.split(",")[1] == "" and line.endswith(",test")]
    manifest.write_text("\n".join([lines[0], *unrated]), encoding="utf-8")
    for source, answers in ((chain.teacher, None), (None, chain.labels / "answers.npz")):
        with pytest.raises(UsageError, match="no photo falls into the training part, and none that does not is rated"):
            label(source, [manifest], tmp_path / "labels", view_size_px=32, answers=answers)


@pytest.mark.parametrize("name", ["labels.npz", "views.npy"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_labels_that_were_cut_short_are_a_usage_error(chain: Any, tmp_path: Path, name: str, share: float) -> None:
    folder = tmp_path / "labels"
    shutil.copytree(chain.labels, folder)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(UsageError, match=r"labels cannot be read: .*; run label again"):
        load_labels(folder)


def test_labels_of_an_older_form_are_a_usage_error(chain: Any, tmp_path: Path) -> None:
    for name in ("provenance.json", "views.npy"):
        (tmp_path / name).write_bytes((chain.labels / name).read_bytes())
    with np.load(chain.labels / "labels.npz") as archive:
        np.savez(tmp_path / "labels.npz", **{name: archive[name] for name in archive.files if name != "collections"})
    with pytest.raises(UsageError, match="labels cannot be read: 'collections'"):
        load_labels(tmp_path)


def test_the_feature_cache_is_found_beside_a_moved_teacher(chain: Any, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    provenance = {**read_provenance(chain.teacher, "teacher"), "features": str(tmp_path / "gone")}
    (moved / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    assert label_stage._find_features(moved, tmp_path / "work", False) == tmp_path / "work" / "features"
    (moved / "features").mkdir()
    assert label_stage._find_features(moved, tmp_path / "work", False) == moved / "features"
    assert label_stage._find_features(chain.teacher, tmp_path / "work", False) == chain.teacher / "features"
    assert label_stage._find_features(chain.teacher, tmp_path / "work", True) == tmp_path / "work" / "features"


def test_views_of_the_middle_are_those_of_a_second_look(chain: Any, tmp_path: Path) -> None:
    """Of photos with enough pixels; the others are no lessons, and the distilling goes by without them."""
    shutil.copytree(chain.manifest.parent, tmp_path / "photos", ignore=shutil.ignore_patterns("out"))
    manifest = tmp_path / "photos" / chain.manifest.name
    small = {"3.png", "4.png", "5.png"}  # one of each side
    for name in small:
        with Image.open(manifest.parent / name) as picture:
            picture.resize((40, 40)).save(manifest.parent / name)
    out = tmp_path / "labels"
    count = label(chain.teacher, [manifest], out, view_size_px=32, detail_share=0.8)
    labels = load_labels(out)
    is_unseen = np.isin(labels.files, list(small))
    assert count == (~is_unseen).sum() < len(is_unseen)
    np.testing.assert_array_equal(labels.sides == UNSEEN, is_unseen)
    assert not labels.views[is_unseen].any()
    assert labels.detail_share == 0.8
    with pytest.raises(UsageError, match="the labels show the middle of photos"):
        labels.check_whole()
    for row in np.flatnonzero((labels.degradations == "") & ~is_unseen):
        with Image.open(manifest.parent / labels.files[row]) as picture:
            middle = make_detail_view(np.asarray(picture), ViewSpec(32, 32), 0.8)
        assert middle is not None
        np.testing.assert_array_equal(labels.views[row], middle)
    metrics = distil(chain.student_config, out, tmp_path / "student")
    assert set(metrics) == {"train", "validation", "test"}
    whole = load_labels(chain.labels)
    whole.check_whole()
    np.testing.assert_array_equal(labels.targets["category"][~is_unseen], whole.targets["category"][~is_unseen])


def test_a_share_of_the_whole_or_more_is_refused(chain: Any, tmp_path: Path) -> None:
    for share in (-0.1, 1.0):
        with pytest.raises(UsageError, match="it must be 0 or more, and less than 1"):
            label(chain.teacher, [chain.manifest], tmp_path / "labels", view_size_px=32, detail_share=share)
