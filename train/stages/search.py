"""``python -m train search``: tries settings of a teacher or a student, and keeps a record of what each gave.

Optuna proposes (Akiba et al. 2019, https://arxiv.org/abs/1907.10902, its tree-structured Parzen estimator); a trial is
a whole run of the stage, judged by its best agreement on the validation part. The test part is never looked at: no
trial's figures on it are read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import tomllib

from edge_runtime.errors import UsageError
from train.artifact import write_json
from train.config_reader import parse_config

__all__ = ["Choice", "load_space", "search"]

Config = TypeVar("Config")
Choice = Mapping[str, Any]
"""Of one setting: ``low`` and ``high``, with ``log`` if orders of magnitude count, or ``choices``."""

_KEYS = ({"low", "high"}, {"low", "high", "log"}, {"choices"})


def load_space(path: Path) -> dict[str, Choice]:
    """Reads which settings to try: a TOML table for each, named as in the config, like ``["fit.learning_rate"]``.

    Raises:
        UsageError: the file cannot be read, is empty, or a table is neither a range nor a choice.
    """
    try:
        space = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: cannot read the search space: {error}") from error
    if not space:
        raise UsageError(f'{path}: names no setting to try: add a table like ["fit.learning_rate"]')
    for name, choice in space.items():
        is_range = isinstance(choice, dict) and set(choice) in _KEYS
        if not is_range or ("low" in choice and not choice["low"] < choice["high"]) or choice.get("choices") == []:
            raise UsageError(f'{path}: ["{name}"] needs low < high (and log = true), or choices = [...]')
    return space


def search(
    config: Any,
    space: Mapping[str, Choice],
    run: Callable[[Any, Path], object],
    out: Path,
    trials: int,
) -> dict[str, Any]:
    """Runs trials until there are ``trials`` of them; a search that was cut short goes on where it stood.

    Args:
        config: a TeacherConfig or DistilConfig to start from.
        space: the settings to try, by dotted name.
        run: trains with a config and writes an artifact with metrics.json to the folder given.
        out: gets ``trial-NNN`` folders, the record ``study.log`` and ``search.json``.
        trials: how many in all.

    Returns:
        The content of ``search.json``: ``best`` (number, value, settings) and ``trials``.

    Raises:
        UsageError: a setting is not in the config, or a value does not fit.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    for name in space:
        _replace(config, {name: _get(config, name)})
    out.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="search",
        storage=JournalStorage(JournalFileBackend(str(out / "study.log"))),
        sampler=optuna.samplers.TPESampler(seed=config.seed),
        direction="maximize",
        load_if_exists=True,
    )

    def try_settings(trial: optuna.Trial) -> float:
        settings = {name: _suggest(trial, name, choice) for name, choice in space.items()}
        folder = out / f"trial-{trial.number:03d}"
        run(_replace(config, settings), folder)
        log = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["log"]
        value = max(float(epoch["val_srcc"]) for epoch in log)
        print(f"trial {trial.number}: validation SRCC {value:.4f} with {settings}", flush=True)
        return value

    finished = [trial for trial in study.trials if trial.state == optuna.trial.TrialState.COMPLETE]
    if len(finished) < trials:
        study.optimize(try_settings, n_trials=trials - len(finished))
    results: list[dict[str, Any]] = [
        {"number": trial.number, "value": trial.value, "settings": trial.params}
        for trial in study.trials
        if trial.state == optuna.trial.TrialState.COMPLETE
    ]
    report = {"best": max(results, key=lambda result: result["value"]), "trials": results}
    write_json(out / "search.json", report)
    return report


def _suggest(trial: Any, name: str, choice: Choice) -> Any:
    if "choices" in choice:
        return trial.suggest_categorical(name, choice["choices"])
    suggest = trial.suggest_int if isinstance(choice["low"], int) else trial.suggest_float
    return suggest(name, choice["low"], choice["high"], log=bool(choice.get("log", False)))


def _get(config: Any, name: str) -> Any:
    value = asdict(config)
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            raise UsageError(f"the search space names {name!r}, which the config does not have")
        value = value[part]
    return value


def _replace(config: Config, settings: Mapping[str, Any]) -> Config:
    """A copy of a config with some settings changed, checked like one that was read."""
    values = asdict(config)  # type: ignore[call-overload]
    for name, value in settings.items():
        *parents, last = name.split(".")
        section = values
        for part in parents:
            section = section[part]
        section[last] = value
    return parse_config(values, type(config), "search space")
