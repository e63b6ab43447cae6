"""A config says what it means or fails at once: unknown keys, wrong types, values out of range."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.errors import UsageError
from train.config import DistilConfig, TeacherConfig
from train.config_reader import load_config, parse_config
from train.stages.search import load_space
from train.training_config import FitConfig

CONFIGS = Path(__file__).resolve().parents[2] / "train" / "configs"
TUNED = {"backbones": [{"is_trainable": True}], "tune": {"epochs": 1}}


def parse_teacher(**data: Any) -> TeacherConfig:
    return parse_config({"name": "t", **data}, TeacherConfig, "t.toml")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_shipped_configs_are_read(path: Path) -> None:
    if path.name.startswith("teacher"):
        teacher = load_config(path, TeacherConfig)
        assert teacher.name and teacher.labels.category and teacher.labels.style
    elif path.name.startswith("search"):
        assert load_space(path)
    else:
        student = load_config(path, DistilConfig)
        assert student.name and student.student.input_size_px % 32 == 0


def test_there_are_configs_for_both_stages_and_for_a_smoke_run() -> None:
    names = {path.name for path in CONFIGS.glob("*.toml")}
    assert {"teacher.toml", "student-small.toml", "teacher-smoke.toml", "student-smoke.toml"} <= names


def test_values_arrive_where_they_belong(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(
        'name = "mine"\nseed = 7\n[[backbones]]\nname = "vgg16"\n[samples]\nclean_sources = ["A", "B"]\n'
        '[labels.category]\nmugs = "kitchen"\n[fit]\nlearning_rate = 1\n',
        encoding="utf-8",
    )
    config = load_config(path, TeacherConfig)
    assert (config.name, config.seed, config.backbones[0].name) == ("mine", 7, "vgg16")
    assert config.samples.clean_sources == ("A", "B")
    assert config.labels.category == {"mugs": "kitchen"}
    assert config.fit.learning_rate == 1.0 and isinstance(config.fit.learning_rate, float)
    assert config.fit.epochs == FitConfig().epochs


def test_a_config_survives_the_provenance() -> None:
    config = load_config(CONFIGS / "teacher.toml", TeacherConfig)
    assert parse_config(json.loads(json.dumps(asdict(config))), TeacherConfig, "provenance") == config


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"t\.toml: fit: unknown key 'epoch'; did you mean 'epochs'\?"):
        parse_teacher(fit={"epoch": 3})


def test_an_unknown_key_like_no_other_lists_all() -> None:
    with pytest.raises(UsageError, match=r"unknown key 'zzz'; known keys: hidden_units, dropout"):
        parse_teacher(heads={"zzz": 1})


def test_a_missing_key_is_named() -> None:
    with pytest.raises(UsageError, match=r"s\.toml: missing key 'name'"):
        parse_config({"seed": 1}, DistilConfig, "s.toml")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": 3}, r"t\.toml: name: expected str, found 3"),
        ({"seed": 1.5}, r"t\.toml: seed: expected int, found 1\.5"),
        ({"seed": True}, r"t\.toml: seed: expected int, found True"),
        ({"fit": 3}, r"t\.toml: fit: expected FitConfig, found 3"),
        ({"fit": {"learning_rate": "fast"}}, r"t\.toml: fit: learning_rate: expected float, found 'fast'"),
        ({"fit": {"learning_rate": True}}, r"t\.toml: fit: learning_rate: expected float, found True"),
        ({"backbones": [{"is_trainable": 1}]}, r"t\.toml: backbones\[0\]: is_trainable: expected bool, found 1"),
        ({"samples": {"clean_sources": "Kodak"}}, r"t\.toml: samples: clean_sources: expected tuple, found 'Kodak'"),
        ({"samples": {"clean_sources": ["A", 2]}}, r"t\.toml: samples: clean_sources\[1\]: expected str, found 2"),
        ({"labels": {"style": {"white": 1}}}, r"t\.toml: labels: style\.white: expected str, found 1"),
        ({"labels": {"style": ["white"]}}, r"t\.toml: labels: style: expected dict, found \['white'\]"),
    ],
)
def test_a_wrong_type_names_place_and_value(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_teacher(**data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"fit": {"epochs": -1}}, r"t\.toml: fit: epochs is -1: it must be 0 or more"),
        ({"seed": -1}, r"t\.toml: seed is -1: it must be from 0 to 4294967295"),
        ({"seed": 2**32}, r"seed is 4294967296"),
        ({"fit": {"batch_size": -4}}, r"batch_size is -4"),
        ({"fit": {"learning_rate": float("nan")}}, r"learning_rate is nan"),
        ({"fit": {"warmup_share": 1.1}}, r"warmup_share is 1\.1: it must be from 0 to 1"),
        ({"loss": {"teacher_share": 2}}, r"teacher_share is 2\.0"),
        ({"loss": {"style": -0.1}}, r"style is -0\.1"),
        ({"samples": {"photo_limit": -1}}, r"photo_limit is -1"),
        ({"heads": {"dropout": 1.0}}, r"dropout is 1\.0"),
        ({"backbones": [{"precision": "float8"}]}, r"precision is 'float8': choose one of float32, "),
        ({"backbones": [{"input_size_px": 0}]}, r"input_size_px is 0"),
        ({"labels": {"style": {"a": "b"}, "scenes": ["a"]}}, r"t\.toml: labels: scenes: a is no label"),
        ({"backbones": []}, r"t\.toml: backbones are none: name at least one"),
        ({"backbones": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}, r"backbones are a, b, a: .*each once"),
        ({"backbones": [{"name": "a", "is_trainable": True}, {"name": "b"}]}, r"a backbone is fine-tuned alone"),
        ({"backbones": [{"is_trainable": True}], "heads": {"folds": 2}}, r"one set of heads: set folds = 1"),
        ({**TUNED, "ridge": {"share": 0.5}}, r"rest on frozen features: set share = 0"),
        ({"backbones": [{"is_trainable": True}]}, r"set both is_trainable = true in .* and epochs in \[tune\]"),
        ({"tune": {"epochs": 2}}, r"set both is_trainable = true in .* and epochs in \[tune\]"),
        ({"backbones": [{"frozen_stages": -1}]}, r"frozen_stages is -1"),
        ({"tune": {"l2": 0.1}}, r"l2 in \[tune\]"),
        ({"ridge": {"share": 1.1}}, r"ridge: share is 1\.1"),
        ({"ridge": {"rated_share": 0.1}}, r"rated_share without a share"),
        ({"fit": {"learning_rate": float("inf")}}, r"learning_rate is inf: it must be 0 or more, and finite"),
        ({"fit": {"epoch_samples": 9}}, r"t\.toml: epoch_samples in \[fit\]: a student's alone"),
        (
            {"loss": {"hints": 0.1, "quality_partners": 1.0}},
            r"quality_partners in \[loss\], hints in \[loss\]: a student's",
        ),
    ],
)
def test_a_value_out_of_range_is_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_teacher(**data)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml: cannot read the config"):
        load_config(tmp_path / "none.toml", TeacherConfig)


@pytest.mark.parametrize("content", [b"name = \n", b'name = "\xff"\n'])
def test_a_file_that_is_not_toml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"c\.toml: cannot read the config"):
        load_config(path, TeacherConfig)


def test_weights_are_replaced_by_name_and_with_one_backbone_without_it() -> None:
    one = parse_teacher(backbones=[{"name": "a", "weights": "old"}])
    assert [each.weights for each in one.replace_weights(["x=1/new.h5"]).backbones] == ["x=1/new.h5"]
    assert [each.weights for each in one.replace_weights(["a=new.h5"]).backbones] == ["new.h5"]
    two = parse_teacher(backbones=[{"name": "a", "weights": "old"}, {"name": "b", "weights": "old"}])
    assert [each.weights for each in two.replace_weights(["b=new.h5"]).backbones] == ["old", "new.h5"]
    assert two.replace_weights([]) == two
    for wrong in ("new.h5", "c=new.h5"):
        with pytest.raises(UsageError, match=r"NAME=FILE, with a name of a, b"):
            two.replace_weights([wrong])


def test_a_students_name_and_seed_are_checked_too() -> None:
    assert parse_config({"name": "photogate-small.2_a", "seed": 2**32 - 1}, DistilConfig, "c.toml").seed == 2**32 - 1
    for name in ("", "x/y", "..", "a" * 101):
        with pytest.raises(UsageError, match=r"c\.toml: name is '.*': it names files, so use up to 100 letters"):
            parse_config({"name": name}, DistilConfig, "c.toml")
    with pytest.raises(UsageError, match=r"c\.toml: seed is -1"):
        parse_config({"name": "s", "seed": -1}, DistilConfig, "c.toml")


@pytest.mark.parametrize("section", ["fit", "refit"])
def test_a_students_batch_has_room_for_a_partner(section: str) -> None:
    with pytest.raises(UsageError, match=r"c\.toml: a batch holds views and their partners"):
        parse_config({"name": "s", section: {"batch_size": 1}}, DistilConfig, "c.toml")
    assert parse_config({"name": "s", section: {"batch_size": 2}}, DistilConfig, "c.toml").name == "s"


def test_photos_are_taken_once_at_least() -> None:
    assert parse_config({"name": "s", "repeats": {"shop": 2}}, DistilConfig, "c.toml").repeats == {"shop": 2}
    for value, message in ((0, "each must be 1 or more"), (1.5, "repeats.shop: expected int, found 1.5")):
        with pytest.raises(UsageError, match=message):
            parse_config({"name": "s", "repeats": {"shop": value}}, DistilConfig, "c.toml")
