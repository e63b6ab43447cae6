"""The teacher answers picture by picture in the order given, whatever their shapes, and comes back from its folder."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.errors import UsageError
from edge_runtime.views import make_view

pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

from train.artifact import finish_artifact  # noqa: E402
from train.config import BackboneConfig, HeadsConfig, LabelsConfig, RidgeConfig, TeacherConfig  # noqa: E402
from train.data.split import assign_fold  # noqa: E402
from train.features import choose_view  # noqa: E402
from train.models import backbones  # noqa: E402
from train.models.heads import adapt_standardization, build_all_heads  # noqa: E402
from train.models.teacher import STAGE, Teacher, load_teacher  # noqa: E402
from train.training_config import FitConfig  # noqa: E402

LABELS = LabelsConfig(category={"mug": "kitchen", "doll": "toys"}, style={"a": "flat", "b": "studio", "c": "table"})
CONFIG = TeacherConfig(
    "t", backbones=(BackboneConfig("tiny", "random", 48),), labels=LABELS, heads=HeadsConfig(8), seed=1
)


def build_tiny(weights: str | None, include_top: bool, input_shape: Any) -> Any:
    image = keras.Input(input_shape)
    return keras.Model(image, keras.layers.Conv2D(4, 3, name="only")(image), name="tiny")


@pytest.fixture
def teacher(monkeypatch: pytest.MonkeyPatch) -> Teacher:
    entry = backbones._Backbone(build_tiny, ("only",), 1 / 255, (0.0, 0.0, 0.0))
    monkeypatch.setitem(backbones.BACKBONES, "tiny", entry)
    keras.utils.set_random_seed(0)
    networks = [backbones.build_feature_model("tiny", "random", "float32")]
    return Teacher(CONFIG, networks, build_all_heads(networks, CONFIG))


def draw_pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    shapes = [(60, 60), (60, 90), (90, 60), (61, 60), (60, 90)]
    return [rng.integers(i * 20, i * 20 + 100, (*shape, 3)).astype(np.uint8) for i, shape in enumerate(shapes)]


def test_pictures_of_any_shape_are_answered_in_order(teacher: Teacher) -> None:
    pictures = draw_pictures()
    together = teacher.predict(pictures)
    for index, picture in enumerate(pictures):
        for name, values in teacher.predict([picture]).items():
            np.testing.assert_allclose(together[name][index], values[0], rtol=1e-4, atol=1e-6)
    assert len(np.unique(together["attributes"][:, 0])) == 5  # untrained, quality is 0.5 throughout


def test_answers_have_the_agreed_shapes_and_ranges(teacher: Teacher) -> None:
    answers = teacher.predict(draw_pictures())
    assert {name: values.shape for name, values in answers.items()} == {
        "quality": (5,),
        "attributes": (5, 5),
        "category": (5, 2),
        "style": (5, 3),
    }
    for values in answers.values():
        assert values.min() >= 0 and values.max() <= 1
    for name in ("category", "style"):
        np.testing.assert_allclose(answers[name].sum(axis=1), 1.0, rtol=1e-5)
    assert teacher.category_labels == ("kitchen", "toys") and teacher.style_labels == ("flat", "studio", "table")


@pytest.mark.parametrize("is_trainable", [True, False])
def test_a_saved_teacher_comes_back(teacher: Teacher, tmp_path: Path, is_trainable: bool) -> None:
    """A frozen backbone comes from its weights file, a fine-tuned one from the artifact."""
    weights = tmp_path / "w.npz"
    np.savez(weights, **{f"{i:03d}": array for i, array in enumerate(teacher.backbones[0].get_weights())})
    entry = replace(CONFIG.backbones[0], weights=str(weights), is_trainable=is_trainable)
    tune = FitConfig(epochs=int(is_trainable))
    teacher.config = replace(CONFIG, backbones=(entry,), tune=tune)
    adapt_standardization(teacher.heads[0], teacher.backbones[0].predict(np.ones((4, 48, 48, 3)), verbose=0))
    expected = teacher.predict(draw_pictures())
    teacher.save(tmp_path)
    assert (tmp_path / "tiny.weights.h5").exists() is is_trainable
    finish_artifact(tmp_path, STAGE, asdict(teacher.config), [weights], time.time())
    if is_trainable:
        weights.unlink()
    loaded = load_teacher(tmp_path)
    assert loaded.config == teacher.config
    for name, values in loaded.predict(draw_pictures()).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-4, atol=1e-6)


def test_weights_that_lie_elsewhere_now(teacher: Teacher, tmp_path: Path) -> None:
    teacher.config = replace(CONFIG, backbones=(replace(CONFIG.backbones[0], weights=str(tmp_path / "gone.npz")),))
    teacher.save(tmp_path)
    np.savez(tmp_path / "here.npz", **{f"{i:03d}": array for i, array in enumerate(teacher.backbones[0].get_weights())})
    finish_artifact(tmp_path, STAGE, asdict(teacher.config), [tmp_path / "here.npz"], time.time())
    with pytest.raises(UsageError, match=r"gone\.npz: there is no such weights file"):
        load_teacher(tmp_path)
    np.savez(tmp_path / "other.npz", np.zeros(3))
    with pytest.raises(UsageError, match=r"other\.npz is not the file"):
        load_teacher(tmp_path, [str(tmp_path / "other.npz")])
    loaded = load_teacher(tmp_path, [f"tiny={tmp_path / 'here.npz'}"])
    np.testing.assert_array_equal(loaded.backbones[0].get_weights()[0], teacher.backbones[0].get_weights()[0])
    (tmp_path / "here.npz").rename(tmp_path / "there.npz")
    moved = load_teacher(tmp_path, [str(tmp_path / "there.npz")])
    (tmp_path / "there.npz").rename(tmp_path / "gone.npz")
    load_teacher(tmp_path).open_features(tmp_path / "features")
    (tmp_path / "gone.npz").rename(tmp_path / "there.npz")
    moved.open_features(tmp_path / "features")  # the features that were cached then are not refused


def test_damaged_heads_are_a_usage_error(teacher: Teacher, tmp_path: Path) -> None:
    finish_artifact(tmp_path, STAGE, asdict(CONFIG), [], time.time())
    with pytest.raises(UsageError, match="weights cannot be loaded"):
        load_teacher(tmp_path)
    (tmp_path / "heads.weights.h5").write_bytes(b"half a file")
    with pytest.raises(UsageError, match="weights cannot be loaded"):
        load_teacher(tmp_path)


def test_features_are_standardised_but_those_that_hardly_vary_stay_small(teacher: Teacher) -> None:
    rng = np.random.default_rng(6)
    features = rng.normal(3.0, 1.0, (200, 8)).astype(np.float32) ** 2
    features[:, 0] = 2.0 + 1e-6 * rng.normal(size=200)
    features[:, 1] *= -1.0
    adapt_standardization(teacher.heads[0], features)
    probe = keras.Model(teacher.heads[0].input, teacher.heads[0].get_layer("standardize").output)
    values = np.asarray(probe(features))
    np.testing.assert_allclose(values[:, 1:].mean(axis=0), 0.0, atol=1e-3)
    np.testing.assert_allclose(values[:, 1:].std(axis=0), 1.0, atol=1e-3)
    assert np.abs(values[:, 0]).max() < 0.01


def test_folds_are_averaged_and_a_photo_trained_on_is_judged_by_heads_that_did_not_see_it(
    teacher: Teacher, tmp_path: Path
) -> None:
    config = replace(CONFIG, heads=replace(CONFIG.heads, folds=3), split_seed=5)
    folded = Teacher(config, teacher.backbones, build_all_heads(teacher.backbones, config))
    features = np.abs(np.random.default_rng(0).normal(size=(6, 8))).astype(np.float32)
    for seed, heads in enumerate(folded.heads):
        adapt_standardization(heads, features)
        kernel = np.random.default_rng(seed).normal(size=(8, 1))
        heads.get_layer("quality").set_weights([kernel, np.zeros(1)])
    single = [Teacher(CONFIG, teacher.backbones, [heads]).predict_features(features) for heads in folded.heads]
    mean = folded.predict_features(features)
    groups = ["a", None, "b", "c", "d", "e"]
    unseen = folded.predict_features(features, groups)
    for name, values in mean.items():
        np.testing.assert_allclose(values, np.mean([each[name] for each in single], axis=0), rtol=1e-5)
        for row, group in enumerate(groups):
            expected = values[row] if group is None else single[assign_fold(group, 3, 5)][name][row]
            np.testing.assert_allclose(unseen[name][row], expected, rtol=1e-5)
    assert folded.compute_hidden(features).shape == (6, 3 * CONFIG.heads.hidden_units)
    folded.save(tmp_path)
    finish_artifact(tmp_path, STAGE, asdict(config), [], time.time())
    loaded = load_teacher(tmp_path).predict_features(features)
    np.testing.assert_allclose(loaded["quality"], mean["quality"], rtol=1e-5)


def test_heads_of_their_own_read_their_backbone_alone(teacher: Teacher, tmp_path: Path) -> None:
    entry = backbones._Backbone(build_tiny, ("only",), 1 / 127.5, (-1.0, -1.0, -1.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(backbones.BACKBONES, "other", entry)
        heads = replace(CONFIG.heads, folds=2, per_backbone=True)
        config = replace(
            CONFIG, backbones=(*CONFIG.backbones, BackboneConfig("other", "random", 64)), heads=heads, split_seed=5
        )
        networks = [*teacher.backbones, backbones.build_feature_model("other", "random", "float32")]
        both = Teacher(config, networks, build_all_heads(networks, config))
        for seed, each in enumerate(both.heads):
            each.get_layer("quality").set_weights([np.random.default_rng(seed).normal(size=(8, 1)), np.zeros(1)])
        features = np.abs(np.random.default_rng(0).normal(size=(4, 16))).astype(np.float32)
        columns = [slice(0, 8), slice(0, 8), slice(8, 16), slice(8, 16)]
        single = np.array(
            [
                np.asarray(each.predict_on_batch(features[:, own])["quality"])[:, 0]
                for each, own in zip(both.heads, columns, strict=True)
            ]
        )
        np.testing.assert_allclose(both.predict_features(features)["quality"], single.mean(axis=0), rtol=1e-5)
        groups = ["a", None, "b", "c"]
        found = both.predict_features(features, groups)["quality"]
        for row, group in enumerate(groups):
            of = [0, 1] if group is None else [assign_fold(group, 2, 5)]
            expected = np.mean([single[fold + start, row] for fold in of for start in (0, 2)])
            np.testing.assert_allclose(found[row], expected, rtol=1e-5)
        assert both.compute_hidden(features).shape == (4, 4 * CONFIG.heads.hidden_units)
        both.save(tmp_path)
        finish_artifact(tmp_path, STAGE, asdict(config), [], time.time())
        loaded = load_teacher(tmp_path).predict_features(features)
        np.testing.assert_allclose(loaded["quality"], both.predict_features(features)["quality"], rtol=1e-5)


def test_regressions_have_their_share_of_quality_and_less_of_it_where_heads_know_more(
    teacher: Teacher, tmp_path: Path
) -> None:
    ridge = RidgeConfig(width=0.5, penalty=0.1, share=0.6, rated_share=0.2)
    config = replace(CONFIG, heads=replace(CONFIG.heads, folds=2), ridge=ridge, split_seed=5)
    both = Teacher(config, teacher.backbones, build_all_heads(teacher.backbones, config))
    rng = np.random.default_rng(0)
    features = rng.uniform(0.0, 4.0, (80, 8)).astype(np.float16)
    ratings = (features[:, 0] / 4).astype(np.float32)
    groups = [f"g{row}" for row in range(80)]
    heads_alone = both.predict_features(features)  # untrained: quality is .5
    both.fit_ridges(features, ratings, groups)
    answers = both.predict_features(features)
    own = both.ridges[0].predict(features)
    np.testing.assert_allclose(answers["quality"], 0.4 * 0.5 + 0.6 * own.mean(axis=1), rtol=1e-4)
    np.testing.assert_array_equal(answers["attributes"], heads_alone["attributes"])
    is_rated = np.arange(80) % 2 == 0
    seen = both.predict_features(features, [*groups[:40], *[None] * 40], is_rated)["quality"]
    for row, group in enumerate(groups):
        if row < 40 and is_rated[row]:
            expected = 0.8 * 0.5 + 0.2 * own[row, assign_fold(group, 2, 5)]
        else:
            expected = 0.4 * 0.5 + 0.6 * own[row].mean()
        assert seen[row] == pytest.approx(expected, rel=1e-4)
    both.save(tmp_path)
    finish_artifact(tmp_path, STAGE, asdict(config), [], time.time())
    np.testing.assert_array_equal(load_teacher(tmp_path).predict_features(features)["quality"], answers["quality"])
    (tmp_path / "ridge-tiny.npz").unlink()
    with pytest.raises(UsageError, match="the teacher's weights cannot be loaded"):
        load_teacher(tmp_path)


def test_two_backbones_are_read_side_by_side_each_at_its_size(teacher: Teacher, tmp_path: Path) -> None:
    entry = backbones._Backbone(build_tiny, ("only",), 1 / 127.5, (-1.0, -1.0, -1.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(backbones.BACKBONES, "other", entry)
        config = replace(CONFIG, backbones=(*CONFIG.backbones, BackboneConfig("other", "random", 64)))
        networks = [*teacher.backbones, backbones.build_feature_model("other", "random", "float32")]
        both = Teacher(config, networks, build_all_heads(networks, config))
        for heads in both.heads:
            heads.get_layer("quality").set_weights([np.random.default_rng(0).normal(size=(8, 1)), np.zeros(1)])
        pictures = draw_pictures()
        answers = both.predict(pictures)
        for index, picture in enumerate(pictures):
            views = [make_view(picture, choose_view(picture.shape[1], picture.shape[0], px)) for px in (48, 64)]
            seen = [
                np.asarray(network(view[np.newaxis].astype(np.float32)))
                for network, view in zip(networks, views, strict=True)
            ]
            expected = both.predict_features(np.concatenate(seen, axis=1))
            np.testing.assert_allclose(answers["quality"][index], expected["quality"][0], rtol=1e-4)
        assert np.ptp(answers["quality"]) > 1e-3
        both.save(tmp_path)
        finish_artifact(tmp_path, STAGE, asdict(config), [], time.time())
        loaded = load_teacher(tmp_path)
        for name, values in loaded.predict(pictures).items():
            np.testing.assert_allclose(values, answers[name], rtol=1e-4, atol=1e-6)
