"""An exported model that judges the views a teacher was not asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tensorflow")
pytest.importorskip("keras")

from edge_runtime.errors import UsageError
from edge_runtime.interpreter import Interpreter
from edge_runtime.model_file import unpack_model
from edge_runtime.models import find_model
from train.config import LabelsConfig, SamplesConfig, TeacherConfig
from train.data.manifest import load_manifests
from train.data.samples import plan_samples
from train.stages.answers import Answers, load_answers
from train.stages.label import label
from train.stages.labelled_views import load_labels

MODEL = find_model("photogate-small")
FLATBUFFER, CONTRACT = unpack_model(MODEL)
CONFIG = TeacherConfig(
    "t",
    samples=SamplesConfig(degraded_per_clean=1, degraded_per_photo=0),
    labels=LabelsConfig(
        {name: name for name in CONTRACT.category_labels}, {name: name for name in CONTRACT.style_labels}
    ),
)
HINTS = 3


def write_photos(folder: Path, name: str, count: int) -> Path:
    """A manifest of unrated toys before white, all to train on."""
    rng = np.random.default_rng(len(name))
    rows = ["file,mos,category,style,group,source,split"]
    for index in range(count):
        picture = np.kron(rng.integers(0, 256, (24, 24, 3)), np.ones((15, 15, 1))).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"{name}{index}.png")
        rows.append(f"{name}{index}.png,,toys,tabletop,{name}{index},{name},train")
    manifest = folder / f"{name}.csv"
    manifest.write_text("\n".join(rows), encoding="utf-8")
    return manifest


def keep_answers(manifests: Sequence[Path], config: TeacherConfig, path: Path) -> Answers:
    photos = load_manifests(manifests)
    samples = plan_samples(photos, {photo.file: "train" for photo in photos}, config.samples, config.seed)
    rng, count = np.random.default_rng(0), len(samples)
    outputs = {"quality": rng.uniform(size=count), "attributes": rng.uniform(size=(count, 5))}
    for name, labels in (("category", CONTRACT.category_labels), ("style", CONTRACT.style_labels)):
        outputs[name] = rng.dirichlet(np.ones(len(labels)), count)
    answers = Answers(
        config,
        np.array([sample.key for sample in samples]),
        {name: values.astype(np.float32) for name, values in outputs.items()},
        np.full((count, 5), np.nan, dtype=np.float32),
        rng.normal(size=(count, HINTS)).astype(np.float32),
    )
    answers.save(path)
    return answers


@pytest.fixture
def manifests(tmp_path: Path) -> list[Path]:
    return [write_photos(tmp_path, "old", 3), write_photos(tmp_path, "shop", 2)]


def test_what_the_teacher_said_stays_and_the_model_says_the_rest(manifests: list[Path], tmp_path: Path) -> None:
    kept = tmp_path / "answers.npz"
    said = keep_answers(manifests[:1], CONFIG, kept)
    out = tmp_path / "labels"
    count = label(None, manifests, out, view_size_px=320, answers=kept, otherwise=MODEL, clean_sources=["shop"])
    labels = load_labels(out)
    is_new = np.char.startswith(labels.files.astype(str), "shop")
    assert count == len(is_new) == 3 + 2 + 2  # of a clean source there is a degraded view of each photo
    quality = labels.targets["quality"][:, 1]
    np.testing.assert_allclose(quality[~is_new], said.outputs["quality"], atol=1e-3)
    interpreter = Interpreter(FLATBUFFER)
    own = [interpreter.invoke(view) for view in labels.views]
    is_original = labels.degradations == ""
    for row in np.flatnonzero(is_new & is_original):
        assert quality[row] == pytest.approx(float(own[row]["quality"][0, 0]), abs=1e-6)
        logits = own[row]["category"][0].astype(np.float64)
        expected = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose(labels.targets["category"][row, len(expected) :], expected, atol=1e-5)
        assert (labels.targets["attributes"][row, :4] == 1.0).all()  # no fault but what is added
    assert np.isnan(labels.targets["hints"][is_new]).all()
    assert np.isfinite(labels.targets["hints"][~is_new]).all()


def test_the_answers_of_both_make_the_same_labels_again(manifests: list[Path], tmp_path: Path) -> None:
    kept, first, again = tmp_path / "answers.npz", tmp_path / "first", tmp_path / "again"
    keep_answers(manifests[:1], CONFIG, kept)
    label(None, manifests, first, view_size_px=64, answers=kept, otherwise=MODEL, clean_sources=["shop"])
    label(None, manifests, again, view_size_px=64, answers=first / "answers.npz")
    expected, found = load_labels(first), load_labels(again)
    np.testing.assert_array_equal(found.views, expected.views)
    assert np.isnan(found.targets["hints"]).any()
    for name, values in expected.targets.items():
        np.testing.assert_allclose(found.targets[name], values, atol=0.02, err_msg=name)


def test_answers_without_any_hint_are_kept_too(manifests: list[Path], tmp_path: Path) -> None:
    kept, first, again = tmp_path / "answers.npz", tmp_path / "first", tmp_path / "again"
    keep_answers(manifests[:1], CONFIG, kept)
    label(None, manifests[1:], first, view_size_px=64, answers=kept, otherwise=MODEL)
    assert label(None, manifests[1:], again, view_size_px=64, answers=first / "answers.npz") == 2
    assert np.isnan(load_labels(again).targets["hints"]).all()


def test_without_further_views_the_model_is_not_asked(manifests: list[Path], tmp_path: Path) -> None:
    kept = tmp_path / "answers.npz"
    keep_answers(manifests, CONFIG, kept)
    out = tmp_path / "labels"
    assert label(None, manifests, out, view_size_px=64, answers=kept, otherwise=tmp_path / "none.tflite") == 5
    assert len(load_answers(out / "answers.npz").keys) == 5


def test_a_model_with_other_labels_is_refused(manifests: list[Path], tmp_path: Path) -> None:
    kept = tmp_path / "answers.npz"
    styles = LabelsConfig(CONFIG.labels.category, {"tabletop": "tabletop"})
    keep_answers(manifests[:1], replace(CONFIG, labels=styles), kept)
    with pytest.raises(UsageError, match=r"photogate-small\.tflite: its labels are not those"):
        label(None, manifests, tmp_path / "labels", view_size_px=64, answers=kept, otherwise=MODEL)


def test_a_model_alone_and_answered_clean_sources_are_refused(manifests: list[Path], tmp_path: Path) -> None:
    kept = tmp_path / "answers.npz"
    keep_answers(manifests[:1], CONFIG, kept)
    with pytest.raises(UsageError, match="pass both"):
        label(tmp_path, manifests, tmp_path / "a", view_size_px=64, otherwise=MODEL)
    with pytest.raises(UsageError, match="says itself whether old was clean"):
        label(None, manifests, tmp_path / "b", view_size_px=64, answers=kept, otherwise=MODEL, clean_sources=["old"])
