"""The three stages in a row on synthetic photographs and a tiny backbone: each reads what the one before wrote."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.errors import UsageError

pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
tf_keras = pytest.importorskip("tf_keras")

from train.artifact import read_provenance  # noqa: E402
from train.config import DistilConfig, TeacherConfig  # noqa: E402
from train.config_reader import parse_config  # noqa: E402
from train.models import backbones  # noqa: E402
from train.stages import label as label_stage  # noqa: E402
from train.stages.answers import load_answers  # noqa: E402
from train.stages.distil import compare_with_teacher, distil, load_student  # noqa: E402
from train.stages.fit_teacher import fit_teacher  # noqa: E402
from train.stages.label import label, load_labels  # noqa: E402

SIDES = ("train",) * 4 + ("validation", "test")  # of each six photos
COUNT = 48
TEACHER = parse_config(
    {
        "name": "t",
        "backbones": [{"name": "tiny", "weights": "random", "input_size_px": 48}],
        "samples": {"degraded_per_clean": 1, "degraded_per_photo": 1, "clean_from_mos": 0.7},
        "labels": {"category": {"mug": "kitchen", "doll": "toys"}, "style": {"table": "tabletop"}},
        "heads": {"hidden_units": 8, "dropout": 0.0},
        "fit": {"epochs": 3, "batch_size": 16, "learning_rate": 0.02},
    },
    TeacherConfig,
    "teacher",
)
STUDENT = parse_config(
    {
        "name": "s",
        "student": {"input_size_px": 32, "hidden_units": 8, "weights": "random"},
        "fit": {"epochs": 1, "batch_size": 16},
        "refit": {"epochs": 1, "batch_size": 16},
    },
    DistilConfig,
    "student",
)


def build_tiny(weights: str | None, include_top: bool, input_shape: Any) -> Any:
    image = keras.Input(input_shape)
    return keras.Model(image, keras.layers.Conv2D(6, 3, name="only")(image), name="tiny")


@dataclass(frozen=True)
class Chain:
    """The folders of a finished chain, what its stages returned, and how often the backbone was asked."""

    manifest: Path
    teacher: Path
    labels: Path
    student: Path
    teacher_metrics: dict[str, Any]
    student_metrics: dict[str, Any]
    view_count: int
    batches: tuple[int, int]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    folder = tmp_path_factory.mktemp("chain")
    rng = np.random.default_rng(0)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "mos", "category", "style", "group", "licence", "split"])
        for index in range(COUNT):
            mos = "" if index % 12 == 11 else f"{index / COUNT:.3f}"  # the rating is the brightness
            picture = rng.integers(4 * index, 4 * index + 60, (60, 60 + 30 * (index % 2), 3)).astype(np.uint8)
            Image.fromarray(picture).save(folder / f"{index}.png")
            row = [f"{index}.png", mos, ("mug", "doll", "car")[index % 3], "table", f"g{index}", "CC0"]
            writer.writerow([*row, SIDES[index % len(SIDES)]])
    manifest, out = folder / "manifest.csv", folder / "out"
    counts: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        entry = backbones._Backbone(build_tiny, ("only",), 1 / 255, (0.0, 0.0, 0.0))
        patch.setitem(backbones.BACKBONES, "tiny", entry)
        build = backbones.build_feature_model

        def build_counted(*arguments: Any) -> Any:
            model = build(*arguments)
            predict = model.predict_on_batch

            def predict_counted(views: Any) -> Any:
                counts.append(len(views))
                return predict(views)

            model.predict_on_batch = predict_counted
            return model

        patch.setattr("train.models.teacher.build_feature_model", build_counted)
        teacher_metrics = fit_teacher(TEACHER, [manifest], out / "teacher")
        after_teacher = len(counts)
        view_count = label(out / "teacher", [manifest], out / "labels", view_size_px=32)
        batches = (after_teacher, len(counts) - after_teacher)
        student_metrics = distil(STUDENT, out / "labels", out / "student")
        yield Chain(
            manifest,
            out / "teacher",
            out / "labels",
            out / "student",
            teacher_metrics,
            student_metrics,
            view_count,
            batches,
        )


def test_each_stage_leaves_a_finished_artifact(chain: Chain) -> None:
    for folder, stage in ((chain.teacher, "teacher"), (chain.labels, "labels"), (chain.student, "student")):
        provenance = read_provenance(folder, stage)
        assert provenance["inputs"] and provenance["libraries"]["numpy"]
        assert json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert not list(chain.teacher.parent.rglob("*part*"))


def test_a_student_says_how_far_it_is_from_its_teacher(chain: Chain) -> None:
    metrics = json.loads((chain.student / "metrics.json").read_text(encoding="utf-8"))
    labels = load_labels(chain.labels)
    rows = labels.select_rated("test")
    taught = labels.targets["quality"][rows, 1]
    name = str(labels.collections[rows[0]])
    assert set(metrics["srcc_with_teacher"]) == {"train", "validation", "test"}
    for predicted, expected in ((taught, 1.0), (-taught, -1.0)):
        assert compare_with_teacher(labels, rows, predicted) == {"test": {name: pytest.approx(expected)}}
    assert compare_with_teacher(labels, rows, np.ones_like(taught)) == {"test": {}}


def test_the_teacher_learns_what_brightness_is_worth(chain: Chain) -> None:
    assert chain.teacher_metrics["train"]["all"]["count"] == 32
    assert chain.teacher_metrics["train"]["all"]["srcc"]["value"] > 0.8


def test_labelling_uses_the_features_that_training_cached(chain: Chain) -> None:
    assert chain.batches[0] > 0 and chain.batches[1] == 0


def test_labels_hold_every_view_with_what_is_known_and_taught(chain: Chain) -> None:
    labels = load_labels(chain.labels)
    unrated_count = COUNT // 12  # all of them on the test side, where nothing would be learnt from them
    originals_count, degraded_count = COUNT - unrated_count, COUNT * SIDES.count("train") // len(SIDES)
    assert len(labels.views) == chain.view_count == originals_count + degraded_count
    assert labels.views.shape[1:] == (32, 32, 3)
    assert labels.category_labels == ("kitchen", "toys") and labels.style_labels == ("tabletop",)
    is_original = labels.degradations == ""
    assert is_original[:originals_count].all() and not is_original[originals_count:].any()
    known, taught = labels.targets["quality"].T
    assert np.isnan(known[~is_original]).all() and np.isfinite(taught).all()
    known_attributes, taught_attributes = np.split(labels.targets["attributes"], 2, axis=1)
    is_known = np.isfinite(known_attributes)
    assert is_known[~is_original].any() and not is_known.all() and np.isfinite(taught_attributes).all()
    np.testing.assert_array_equal(taught_attributes[is_known], known_attributes[is_known])
    rows = labels.select_rated("validation")
    assert set(labels.sides[rows]) == {"validation"} and is_original[rows].all() and len(rows) == 8
    for row in rows:
        index = int(labels.files[row].removesuffix(".png"))
        assert known[row] == pytest.approx(index / COUNT, abs=1e-3)
        assert labels.views[row].mean() == pytest.approx(4 * index + 29.5, abs=3)
    validation = labels.build_validation()
    np.testing.assert_array_equal(validation.mos, known[rows])
    assert set(validation.collections) == {chain.manifest.parent.name}


def test_the_student_comes_back_from_its_folder(chain: Chain) -> None:
    student, spec = load_student(chain.student)
    assert spec.category_labels == ("kitchen", "toys") and spec.input_size_px == 32
    outputs = student(np.zeros((1, 32, 32, 3), dtype=np.float32))
    assert outputs["category"].shape == (1, 2) and outputs["style"].shape == (1, 1)
    assert set(chain.student_metrics) == {"train", "validation", "test"}


def test_finished_artifacts_are_not_overwritten(chain: Chain) -> None:
    with pytest.raises(UsageError, match="finished artifact"):
        fit_teacher(TEACHER, [chain.manifest], chain.teacher)
    with pytest.raises(UsageError, match="finished artifact"):
        label(chain.teacher, [chain.manifest], chain.labels, view_size_px=32)
    with pytest.raises(UsageError, match="finished artifact"):
        distil(STUDENT, chain.labels, chain.student)


def test_kept_answers_make_the_same_labels_without_the_teacher(chain: Chain, tmp_path: Path) -> None:
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


def test_of_a_clean_source_every_fault_is_known_also_to_the_answers(chain: Chain, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows = ["file,mos,group,source,split"]
    for index in range(4):
        Image.fromarray(rng.integers(0, 256, (60, 60, 3)).astype(np.uint8)).save(tmp_path / f"shop{index}.png")
        rows.append(f"shop{index}.png,,shop{index},shop,train")
    manifest = tmp_path / "shop.csv"
    manifest.write_text("\n".join(rows), encoding="utf-8")
    label(chain.teacher, [manifest], tmp_path / "unknown", view_size_px=32)
    label(chain.teacher, [manifest], tmp_path / "clean", view_size_px=32, clean_sources=["shop"])
    label(None, [manifest], tmp_path / "again", view_size_px=32, answers=tmp_path / "clean" / "answers.npz")
    unknown, clean, again = (load_labels(tmp_path / name) for name in ("unknown", "clean", "again"))
    is_original = clean.degradations == ""
    technical = slice(0, 4)  # the fifth, composition, is known before white backgrounds alone
    assert np.isnan(unknown.targets["attributes"][is_original, technical]).all()
    assert (clean.targets["attributes"][is_original, technical] == 1.0).all()
    np.testing.assert_array_equal(again.views, clean.views)
    np.testing.assert_allclose(again.targets["attributes"], clean.targets["attributes"], atol=0.01)
    with pytest.raises(UsageError, match="no photo is of the source shoop;"):
        label(chain.teacher, [manifest], tmp_path / "typo", view_size_px=32, clean_sources=["shoop"])
    with pytest.raises(UsageError, match="says itself whether shop was clean"):
        kept = tmp_path / "clean" / "answers.npz"
        label(None, [manifest], tmp_path / "both", view_size_px=32, answers=kept, clean_sources=["shop"])


def test_answers_about_other_photos_and_broken_files_are_refused(chain: Chain, tmp_path: Path) -> None:
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


def test_views_of_another_size_are_refused(chain: Chain, tmp_path: Path) -> None:
    config = replace(STUDENT, student=replace(STUDENT.student, input_size_px=64))
    with pytest.raises(UsageError, match="holds views of 32 px, the student takes 64 px"):
        distil(config, chain.labels, tmp_path / "s")


def test_the_floor_sees_rated_photos_alone(chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []

    def stop(*arguments: Any) -> None:
        seen.append(arguments)
        raise UsageError("enough")

    monkeypatch.setattr("train.stages.distil.build_pipeline", stop)
    for is_rated_only in (True, False):
        with pytest.raises(UsageError, match="enough"):
            distil(replace(STUDENT, is_rated_only=is_rated_only), chain.labels, tmp_path / f"s{is_rated_only}")
    (_, _, rows, *_, partners), (*_, all_partners) = seen
    assert rows.tolist() == load_labels(chain.labels).select_rated("train").tolist()
    assert all(len(others) == 0 for others in partners.values())
    assert any(len(others) for others in all_partners.values())


def test_a_corrected_weights_path_needs_no_force(chain: Chain, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(UsageError, match="cannot read the backbone weights"):
            distil(STUDENT, chain.labels, tmp_path / "s", weights=str(tmp_path / "typo.npz"))
    with pytest.raises(UsageError, match=r"other\.npz: cannot read the backbone weights"):
        distil(STUDENT, chain.labels, tmp_path / "s", weights=str(tmp_path / "other.npz"))


def cut_short(*arguments: Any, **options: Any) -> Any:
    """In the place of a stage's work: some of it is done, then the machine goes down."""
    work = next(value for value in arguments if isinstance(value, Path) and value.name == "work")
    (work / "checkpoint").write_text("half", encoding="utf-8")
    raise KeyboardInterrupt


def test_work_on_other_inputs_is_not_taken_over(chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = chain.manifest.with_name("begun.csv")
    shutil.copyfile(chain.manifest, manifest)
    labels, weights = tmp_path / "labels", tmp_path / "start.weights.h5"
    shutil.copytree(chain.labels, labels)
    shutil.copyfile(chain.student / "student.weights.h5", weights)
    monkeypatch.setattr("train.stages.fit_teacher._fit_heads", cut_short)
    monkeypatch.setattr("train.stages.label._ask", cut_short)
    monkeypatch.setattr("train.stages.distil.fit", cut_short)

    def change_manifest() -> None:
        lines = manifest.read_text(encoding="utf-8").splitlines()
        manifest.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")

    def change_labels() -> None:
        with np.load(labels / "labels.npz") as archive:
            arrays = dict(archive)
        np.savez(labels / "labels.npz", **{**arrays, "target_quality": arrays["target_quality"] / 2})

    def change_weights() -> None:
        other, _ = load_student(chain.student)
        other.set_weights([values / 2 for values in other.get_weights()])
        other.save_weights(str(weights))

    stages: list[tuple[Any, Any]] = [
        (lambda: fit_teacher(TEACHER, [manifest], tmp_path / "t", features=tmp_path / "features"), change_manifest),
        (lambda: label(chain.teacher, [manifest], tmp_path / "l", view_size_px=32), change_manifest),
        (lambda: distil(STUDENT, labels, tmp_path / "s", weights=str(weights)), change_labels),
        (lambda: distil(STUDENT, labels, tmp_path / "w", weights=str(weights)), change_weights),
    ]
    for run_stage, change in stages:
        for _ in range(2):  # the same inputs go on
            with pytest.raises(KeyboardInterrupt):
                run_stage()
        change()
        with pytest.raises(UsageError, match="was begun with another config or other inputs"):
            run_stage()


def test_imagenet_weights_that_cannot_be_had_are_a_usage_error(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**options: Any) -> Any:
        raise Exception("URL fetch failure on https://example.org/w.h5")

    monkeypatch.setattr(tf_keras.applications, "MobileNetV3Small", fail)
    with pytest.raises(UsageError, match="ImageNet weights of MobileNetV3Small: URL fetch failure"):
        distil(STUDENT, chain.labels, tmp_path / "s", weights="imagenet")


def test_a_narrower_student_starts_from_an_exported_one(chain: Chain, tmp_path: Path) -> None:
    from compress.convert import convert_float
    from compress.folding import build_deploy_student

    wide, spec = load_student(chain.student)
    exported = tmp_path / "wide.tflite"
    exported.write_bytes(convert_float(build_deploy_student(wide, spec)))
    entry = replace(STUDENT.student, expansion_share=0.5)
    config = replace(STUDENT, student=entry, fit=replace(STUDENT.fit, epochs=0), refit=replace(STUDENT.refit, epochs=0))
    distil(config, chain.labels, tmp_path / "narrow", weights=str(exported))
    narrow, narrow_spec = load_student(tmp_path / "narrow")
    assert narrow_spec == replace(spec, expansion_share=0.5)
    assert narrow.count_params() < 0.75 * wide.count_params()
    views = np.asarray(load_labels(chain.labels).views[:16], dtype=np.float32)
    expected, found = (np.ravel(student(views, training=False)["quality"]) for student in (wide, narrow))
    assert np.abs(found - expected).mean() < 0.1
    with pytest.raises(UsageError, match="fit a student of full width"):
        distil(config, chain.labels, tmp_path / "imagenet", weights="imagenet")


def test_too_few_rated_photos_are_found_before_the_work(chain: Chain, tmp_path: Path) -> None:
    lines = chain.manifest.read_text(encoding="utf-8").replace(",validation", ",train").splitlines()
    manifest = chain.manifest.with_name("no-validation.csv")
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match="fewer than three rated photos"):
        fit_teacher(TEACHER, [manifest], tmp_path / "t")
    manifest.write_text(chain.manifest.read_text(encoding="utf-8").replace(",train", ",validation"), encoding="utf-8")
    with pytest.raises(UsageError, match="no rated photo falls into the training part"):
        fit_teacher(TEACHER, [manifest], tmp_path / "t")


def test_labels_of_an_older_form_are_a_usage_error(chain: Chain, tmp_path: Path) -> None:
    for name in ("provenance.json", "views.npy"):
        (tmp_path / name).write_bytes((chain.labels / name).read_bytes())
    with np.load(chain.labels / "labels.npz") as archive:
        np.savez(tmp_path / "labels.npz", **{name: archive[name] for name in archive.files if name != "collections"})
    with pytest.raises(UsageError, match="labels cannot be read: 'collections'"):
        load_labels(tmp_path)


def test_the_feature_cache_is_found_beside_a_moved_teacher(chain: Chain, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    provenance = {**read_provenance(chain.teacher, "teacher"), "features": str(tmp_path / "gone")}
    (moved / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    assert label_stage._find_features(moved, tmp_path / "work", False) == tmp_path / "work" / "features"
    (moved / "features").mkdir()
    assert label_stage._find_features(moved, tmp_path / "work", False) == moved / "features"
    assert label_stage._find_features(chain.teacher, tmp_path / "work", False) == chain.teacher / "features"
    assert label_stage._find_features(chain.teacher, tmp_path / "work", True) == tmp_path / "work" / "features"
