"""A finished chain of stages, made once: synthetic photographs, a tiny backbone, one epoch."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from train.config import DistilConfig, TeacherConfig

SIDES = ("train",) * 4 + ("validation", "test")  # of each six photos
PHOTO_COUNT = 48
TEACHER = {
    "name": "t",
    "backbones": [{"name": "tiny", "weights": "random", "input_size_px": 48}],
    "samples": {"degraded_per_clean": 1, "degraded_per_photo": 1, "clean_from_mos": 0.7},
    "labels": {"category": {"mug": "kitchen", "doll": "toys"}, "style": {"table": "tabletop"}},
    "heads": {"hidden_units": 8, "dropout": 0.0},
    "fit": {"epochs": 3, "batch_size": 16, "learning_rate": 0.02},
}
STUDENT = {
    "name": "s",
    "student": {"input_size_px": 32, "hidden_units": 8, "weights": "random"},
    "fit": {"epochs": 1, "batch_size": 16},
    "refit": {"epochs": 1, "batch_size": 16},
}


@dataclass(frozen=True)
class Chain:
    """What went into a finished chain, its folders, what its stages returned, and how often the backbone was asked."""

    photo_count: int
    sides: tuple[str, ...]
    teacher_config: TeacherConfig
    student_config: DistilConfig
    manifest: Path
    teacher: Path
    labels: Path
    student: Path
    teacher_metrics: dict[str, Any]
    student_metrics: dict[str, Any]
    view_count: int
    batches: tuple[int, int]


def _build_tiny(weights: str | None, include_top: bool, input_shape: Any) -> Any:
    import keras

    image = keras.Input(input_shape)
    return keras.Model(image, keras.layers.Conv2D(6, 3, name="only")(image), name="tiny")


def _add_tiny(patch: pytest.MonkeyPatch) -> None:
    from train.models import backbones

    entry = backbones._Backbone(_build_tiny, ("only",), 1 / 255, (0.0, 0.0, 0.0))
    patch.setitem(backbones.BACKBONES, "tiny", entry)


@pytest.fixture(autouse=True)
def tiny_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the backbone of the chain's teacher known."""
    _add_tiny(monkeypatch)


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A finished chain; tests write beside its manifest, never into its folders."""
    from train.config import DistilConfig, TeacherConfig
    from train.config_reader import parse_config
    from train.models import backbones
    from train.stages.distil import distil
    from train.stages.fit_teacher import fit_teacher
    from train.stages.label import label

    folder = tmp_path_factory.mktemp("chain")
    manifest, out = _write_photos(folder), folder / "out"
    teacher_config = parse_config(TEACHER, TeacherConfig, "teacher")
    student_config = parse_config(STUDENT, DistilConfig, "student")
    counts: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        _add_tiny(patch)
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
        teacher_metrics = fit_teacher(teacher_config, [manifest], out / "teacher")
        after_teacher = len(counts)
        view_count = label(out / "teacher", [manifest], out / "labels", view_size_px=32)
        batches = (after_teacher, len(counts) - after_teacher)
        student_metrics = distil(student_config, out / "labels", out / "student")
    return Chain(
        PHOTO_COUNT,
        SIDES,
        teacher_config,
        student_config,
        manifest,
        out / "teacher",
        out / "labels",
        out / "student",
        teacher_metrics,
        student_metrics,
        view_count,
        batches,
    )


def _write_photos(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    manifest = folder / "manifest.csv"
    with manifest.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "mos", "category", "style", "group", "licence", "split"])
        for index in range(PHOTO_COUNT):
            mos = "" if index % 12 == 11 else f"{index / PHOTO_COUNT:.3f}"  # the rating is the brightness
            picture = rng.integers(4 * index, 4 * index + 60, (60, 60 + 30 * (index % 2), 3)).astype(np.uint8)
            Image.fromarray(picture).save(folder / f"{index}.png")
            row = [f"{index}.png", mos, ("mug", "doll", "car")[index % 3], "table", f"g{index}", "CC0"]
            writer.writerow([*row, SIDES[index % len(SIDES)]])
    return manifest
