"""``python -m train search``: tries settings of a teacher or a student, and keeps a record of what each gave.

Optuna proposes (Akiba et al. 2019, https://arxiv.org/abs/1907.10902, its tree-structured Parzen estimator); a trial is
a whole run of the stage, judged by its best agreement on the validation part. The test part is never looked at: no
trial's figures on it are read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import tomllib

from edge_runtime.errors import UsageError
from train.artifact import compute_digests, write_json
from train.config_reader import parse_config

__all__ = ["Choice", "load_space", "search"]

Config = TypeVar("Config")
Choice = Mapping[str, Any]
"""Of one setting: ``low`` and ``high``, with ``log`` if orders of magnitude count, or ``choices``."""

_BEGUN_WITH = "begun_with"


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
        if not (_is_range(choice) or _is_choice(choice)):
            raise UsageError(
                f'{path}: ["{name}"] needs numbers low < high (above 0 with log = true), or choices = [...]'
            )
    return space


def search(
    config: Any,
    space: Mapping[str, Choice],
    run: Callable[[Any, Path], object],
    out: Path,
    trials: int,
    inputs: Sequence[Path] = (),
) -> dict[str, Any]:
    """Runs trials until there are ``trials`` of them; a search that was cut short goes on where it stood.

    Args:
        config: a TeacherConfig or DistilConfig to start from.
        space: the settings to try, by dotted name.
        run: trains with a config and writes an artifact with metrics.json to the folder given.
        out: gets ``trial-NNN`` folders, the record ``study.log`` and ``search.json``.
        trials: how many in all.
        inputs: files that the trials read: trials on others would not compare.

    Returns:
        The content of ``search.json``: ``best`` (number, value, settings) and ``trials``.

    Raises:
        UsageError: a setting is not in the config, a value does not fit, a trial trains no epoch, or ``out`` holds a
            search of another config, space or inputs or cannot be written.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    for name in space:
        _replace(config, {name: _get(config, name)})
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out} cannot be made the folder of a search: {error}; choose another --out") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # a trial's error is raised; it need not be printed, too
    study = optuna.create_study(
        study_name="search",
        storage=JournalStorage(JournalFileBackend(str(out / "study.log"))),
        direction="maximize",
        load_if_exists=True,
    )
    digests = compute_digests([path for path in inputs if path.is_file()])
    begun_with = json.loads(json.dumps({"config": asdict(config), "space": space, "inputs": digests}))
    finished = [trial for trial in study.trials if trial.state == optuna.trial.TrialState.COMPLETE]
    if not finished:  # what stopped at a mistake of its command is none to go on with
        study.set_user_attr(_BEGUN_WITH, begun_with)
    elif study.user_attrs.get(_BEGUN_WITH) != begun_with:
        raise UsageError(f"{out} holds a search with another config, space or inputs: choose another --out")
    # A process that goes on with a search must not draw again what the one before it drew.
    study.sampler = optuna.samplers.TPESampler(seed=(config.seed + len(study.trials)) % 2**32)

    def try_settings(trial: optuna.Trial) -> float:
        settings = {name: _suggest(trial, name, choice) for name, choice in space.items()}
        folder = out / f"trial-{trial.number:03d}"
        run(_replace(config, settings), folder)
        log = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["log"]
        if not log:
            raise UsageError(f"{folder}: no epoch was trained, so trials do not compare: set epochs above 0 in [fit]")
        value = max(float(epoch["val_srcc"]) for epoch in log)
        print(f"trial {trial.number}: validation SRCC {value:.4f} with {settings}", flush=True)
        return value

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


def _is_range(choice: Any) -> bool:
    if not isinstance(choice, dict) or set(choice) - {"log"} != {"low", "high"}:
        return False
    low, high, is_log = choice["low"], choice["high"], choice.get("log", False)
    are_numbers = all(type(limit) in (int, float) and math.isfinite(limit) for limit in (low, high))
    return are_numbers and isinstance(is_log, bool) and low < high and (low > 0 or not is_log)


def _is_choice(choice: Any) -> bool:
    has_choices = isinstance(choice, dict) and set(choice) == {"choices"}
    return has_choices and isinstance(choice["choices"], list) and bool(choice["choices"])


def _suggest(trial: Any, name: str, choice: Choice) -> Any:
    if "choices" in choice:
        return trial.suggest_categorical(name, choice["choices"])
    is_whole = isinstance(choice["low"], int) and isinstance(choice["high"], int)
    suggest = trial.suggest_int if is_whole else trial.suggest_float
    return suggest(name, choice["low"], choice["high"], log=choice.get("log", False))


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
