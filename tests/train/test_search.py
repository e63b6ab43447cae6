"""A search tries what its space allows, remembers every trial, and goes on where it stood."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.errors import UsageError
from train.config import TeacherConfig
from train.stages.search import load_space, search

pytest.importorskip("optuna")

CONFIG = TeacherConfig("t", seed=3)
SPACE: dict[str, Any] = {
    "fit.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "fit.epochs": {"low": 2, "high": 9},
    "heads.hidden_units": {"choices": [64, 128]},
}


class Stage:
    """A stage whose agreement is best at a learning rate of 0.01; it keeps the configs it was run with."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.configs: list[Any] = []
        self.fails_at = fails_at

    def __call__(self, config: Any, out: Path) -> None:
        if len(self.configs) == self.fails_at:
            raise KeyboardInterrupt
        self.configs.append(config)
        out.mkdir()
        best = 0.9 - abs(config.fit.learning_rate - 0.01)
        log = [{"val_srcc": best - 0.2}, {"val_srcc": best}, {"val_srcc": best - 0.1}]
        (out / "metrics.json").write_text(json.dumps({"log": log}), encoding="utf-8")


def test_trials_lie_in_the_space_and_the_best_is_named(tmp_path: Path) -> None:
    stage = Stage()
    report = search(CONFIG, SPACE, stage, tmp_path / "out", 12)
    assert len(stage.configs) == len(report["trials"]) == 12
    for config in stage.configs:
        assert 1e-4 <= config.fit.learning_rate <= 1e-1 and 2 <= config.fit.epochs <= 9
        assert config.heads.hidden_units in (64, 128)
        assert (config.name, config.seed, config.heads.dropout) == ("t", 3, CONFIG.heads.dropout)
    values = [0.9 - abs(config.fit.learning_rate - 0.01) for config in stage.configs]
    assert report["best"]["value"] == pytest.approx(max(values))
    assert report["best"]["number"] == values.index(max(values))
    assert json.loads((tmp_path / "out/search.json").read_text()) == report


def test_an_interrupted_search_goes_on(tmp_path: Path) -> None:
    interrupted, resumed = Stage(fails_at=3), Stage()
    with pytest.raises(KeyboardInterrupt):
        search(CONFIG, SPACE, interrupted, tmp_path, 5)
    report = search(CONFIG, SPACE, resumed, tmp_path, 5)
    assert len(interrupted.configs) == 3 and len(resumed.configs) == 2
    assert len(report["trials"]) == 5
    again = Stage()
    assert search(CONFIG, SPACE, again, tmp_path, 5) == report and not again.configs


def test_a_resumed_search_draws_what_it_has_not_drawn_yet(tmp_path: Path) -> None:
    interrupted, resumed = Stage(fails_at=3), Stage()
    with pytest.raises(KeyboardInterrupt):
        search(CONFIG, SPACE, interrupted, tmp_path, 6)
    search(CONFIG, SPACE, resumed, tmp_path, 6)
    assert len({config.fit.learning_rate for config in (*interrupted.configs, *resumed.configs)}) == 6


@pytest.mark.parametrize("other", ["config", "space", "inputs"])
def test_another_search_in_the_same_folder_is_refused(tmp_path: Path, other: str) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("file,mos,group\n", encoding="utf-8")
    inputs = [manifest, Path("imagenet")]
    report = search(CONFIG, SPACE, Stage(), tmp_path / "out", 2, inputs)
    config = replace(CONFIG, split_seed=4) if other == "config" else CONFIG
    space = {**SPACE, "fit.l2": {"low": 0.0, "high": 1.0}} if other == "space" else SPACE
    if other == "inputs":
        manifest.write_text("file,mos,group,style\n", encoding="utf-8")
    stage = Stage()
    with pytest.raises(UsageError, match=r"out holds a search with another config, space or inputs: choose another"):
        search(config, space, stage, tmp_path / "out", 2, inputs)
    assert not stage.configs and json.loads((tmp_path / "out/search.json").read_text()) == report


def test_a_mistake_at_the_first_trial_can_be_corrected(tmp_path: Path) -> None:
    def complain(config: Any, out: Path) -> None:
        raise UsageError("no such weights")

    with pytest.raises(UsageError, match="no such weights"):
        search(CONFIG, SPACE, complain, tmp_path, 2)
    assert len(search(replace(CONFIG, split_seed=4), SPACE, Stage(), tmp_path, 2)["trials"]) == 2


def test_settings_that_the_config_does_not_have_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"names 'fit.speed', which the config does not have"):
        search(CONFIG, {"fit.speed": {"choices": [1]}}, Stage(), tmp_path, 1)


def test_values_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected float, found 'fast'"):
        search(CONFIG, {"fit.learning_rate": {"choices": ["fast"]}}, Stage(), tmp_path, 1)


def test_a_space_is_read_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    path.write_text('["fit.l2"]\nlow = 1e-6\nhigh = 1e-3\nlog = true\n["heads.dropout"]\nchoices = [0.2, 0.5]\n')
    assert load_space(path) == {
        "fit.l2": {"low": 1e-6, "high": 1e-3, "log": True},
        "heads.dropout": {"choices": [0.2, 0.5]},
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "names no setting to try"),
        ("not toml", "cannot read the search space"),
        ('["fit.l2"]\nlow = 2.0\nhigh = 1.0\n', r'\["fit.l2"\] needs numbers low < high'),
        ('["fit.l2"]\nlow = 2.0\n', r'\["fit.l2"\] needs numbers low < high'),
        ('["fit.l2"]\nchoices = []\n', r'\["fit.l2"\] needs numbers low < high'),
        ('["fit.l2"]\nchoices = 3\n', r'\["fit.l2"\] needs numbers low < high'),
        ('["fit.l2"]\nchoices = "abc"\n', r'\["fit.l2"\] needs numbers low < high'),
        ('["fit.l2"]\nlow = "a"\nhigh = 1.0\n', r'\["fit.l2"\] needs numbers low < high'),
        ('["fit.l2"]\nlow = 0.0\nhigh = inf\n', r'\["fit.l2"\] needs numbers low < high'),
        ('["fit.l2"]\nlow = 0.0\nhigh = 1.0\nlog = true\n', r'\["fit.l2"\] needs numbers low < high'),
        ('["fit.l2"]\nlow = 0.1\nhigh = 1.0\nlog = "yes"\n', r'\["fit.l2"\] needs numbers low < high'),
        ("fit = 3\n", r'\["fit"\] needs numbers low < high'),
    ],
)
def test_a_faulty_space_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "space.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        load_space(path)


def test_the_space_that_comes_along_fits_the_teachers_config(checkout: Path, tmp_path: Path) -> None:
    space = load_space(checkout / "train/configs/search-teacher.toml")
    assert len(search(CONFIG, space, Stage(), tmp_path, 2)["trials"]) == 2


def test_trials_without_an_epoch_are_a_usage_error(tmp_path: Path) -> None:
    def stand_still(config: Any, out: Path) -> None:
        out.mkdir()
        (out / "metrics.json").write_text(json.dumps({"log": []}), encoding="utf-8")

    with pytest.raises(UsageError, match=r"trial-000: no epoch was trained, .* set epochs above 0"):
        search(CONFIG, SPACE, stand_still, tmp_path, 2)


def test_a_file_in_the_way_of_a_search_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(UsageError, match="out cannot be made the folder of a search"):
        search(CONFIG, SPACE, Stage(), tmp_path / "out", 2)
