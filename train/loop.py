"""The one training loop, for Keras 3 (the teacher, on any backend) and tf_keras (the student) alike.

Both spell ``compile``, ``fit`` and their callbacks the same; the caller hands in the library that its model belongs to.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from train.averaging import WeightAverage, build_averager, measure_statistics
from train.metrics import compute_srcc
from train.training_config import FitConfig

__all__ = ["Validation", "fit"]

_BATCH_SIZE = 32  # of the validation's


@dataclass(frozen=True)
class Validation:
    """Rated photos that decide when to stop.

    Attributes:
        inputs: of the model, (n, ...).
        mos: mean opinion scores (n,), 0-1.
        collections: (n,) names. What counts is the mean SRCC over collections, lest a large one of much alike photos
            drowns a small one that spans the scale.
    """

    inputs: NDArray[Any]
    mos: NDArray[np.float32]
    collections: NDArray[Any]

    def compute_agreement(self, predicted: NDArray[Any]) -> float:
        """Mean SRCC over the collections of at least three photos; 0 where predictions are constant
        or no collection qualifies."""
        values = []
        for name in np.unique(self.collections):
            chosen = self.collections == name
            if chosen.sum() >= 3 and np.ptp(self.mos[chosen]) > 0:
                is_constant = np.ptp(predicted[chosen]) == 0
                values.append(0.0 if is_constant else compute_srcc(predicted[chosen], self.mos[chosen]))
        return float(np.mean(values)) if values else 0.0


def fit(
    api: Any,
    model: Any,
    data: Any,
    steps: int,
    validation: Validation,
    config: FitConfig,
    losses: Mapping[str, Callable[[Any, Any], Any]],
    work: Path,
    callbacks: list[Any] | None = None,
    keeps_best: bool = True,
) -> list[dict[str, float]]:
    """Trains ``model`` in place; by default it ends with the weights of the epoch that did best on ``validation``.

    The learning rate warms up linearly, then decays along a half cosine to zero; where weights are averaged it stays as
    it is, and the model ends with their mean (``train.averaging``). A run that was cut short resumes after
    its last whole epoch, and one that had stopped early stays so.

    Args:
        api: ``keras`` or ``tf_keras``, whichever built ``model``.
        model: outputs a dict with the heads' names, among them "quality".
        data: what ``model.fit`` takes as x, yielding (inputs, targets by head), endless or for one epoch.
        steps: batches an epoch.
        validation: looked at once an epoch.
        config: epochs, learning rate, patience.
        losses: by head; see ``train.losses``.
        work: folder for the resumable checkpoint and the log.
        callbacks: further callbacks of ``api``.
        keeps_best: stop early and go back to the best epoch; otherwise the last one stands.

    Returns:
        The log, one dict an epoch.

    Raises:
        UsageError: the training diverged.
    """
    if not config.epochs:
        return []
    total = steps * config.epochs
    warmup = max(1, int(total * config.warmup_share))
    schedule = api.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate * 0.01,
        decay_steps=max(1, total - warmup),
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
        alpha=1.0 if config.averages_from else 0.0,  # the share of the rate that is left at the end
    )
    model.compile(optimizer=api.optimizers.Adam(schedule), loss=dict(losses), jit_compile=_choose_jit(api))
    best = work / "best.weights.h5"
    log = _read_log(work / "log.csv")
    extra = list(callbacks or [])
    average = WeightAverage(work / "average.npz")
    if config.averages_from:
        keeps_best = False
        extra.append(build_averager(api, average, config.averages_from - 1))
    if keeps_best:
        keep = api.callbacks.ModelCheckpoint(
            str(best),
            monitor="val_srcc",
            mode="max",
            save_best_only=True,
            save_weights_only=True,
            initial_value_threshold=max((epoch["val_srcc"] for epoch in log), default=None),
        )
        extra += [keep, _build_stopper(api, log, config.patience)]
    if not (keeps_best and _has_stopped(log, config.patience)):
        model.fit(
            data,
            epochs=config.epochs,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=2,
            callbacks=[
                _build_scorer(api, validation),
                api.callbacks.CSVLogger(str(work / "log.csv"), append=True),
                *extra,
                api.callbacks.BackupAndRestore(str(work / "backup"), delete_checkpoint=False),
            ],
        )
    if keeps_best and best.exists():
        model.load_weights(str(best))
    if average.count:
        average.apply(model)
        measure_statistics(api, model, data)
    return _read_log(work / "log.csv")


def _read_log(path: Path) -> list[dict[str, float]]:
    """What the epochs so far reported, those before an interruption included; of one that was run again, the last."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]
    return list({row["epoch"]: row for row in rows}.values())


def _count_waited(log: list[dict[str, float]]) -> int:
    """Epochs since the best one."""
    scores = [epoch["val_srcc"] for epoch in log]
    return len(scores) - 1 - scores.index(max(scores)) if scores else 0


def _has_stopped(log: list[dict[str, float]], patience: int) -> bool:
    """Whether Keras's early stopping has ended the run that wrote the log."""
    return len(log) > 1 and _count_waited(log) >= max(patience, 1)


def _build_stopper(api: Any, log: list[dict[str, float]], patience: int) -> Any:
    """Early stopping that remembers the epochs before an interruption; Keras's own begins to count anew."""

    class ResumedStopping(api.callbacks.EarlyStopping):  # type: ignore[misc, name-defined]
        def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
            super().on_train_begin(logs)
            if log:
                self.best, self.wait = max(epoch["val_srcc"] for epoch in log), _count_waited(log)

    return ResumedStopping("val_srcc", patience=patience, mode="max")


def _build_scorer(api: Any, validation: Validation) -> Any:
    """A callback that adds ``val_srcc`` to the epoch's log; ahead of those that read it."""
    count = len(validation.mos)
    # Whole batches, for several devices share each evenly: the last one is filled up.
    start = count // _BATCH_SIZE * _BATCH_SIZE
    rest = validation.inputs[start:]
    filled = np.resize(rest, (_BATCH_SIZE, *rest.shape[1:])) if len(rest) else rest
    parts = [part for part in (validation.inputs[:start], filled) if len(part)]

    class ScoreValidation(api.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            answers = [self.model.predict(part, batch_size=_BATCH_SIZE, verbose=0)["quality"] for part in parts]
            predicted = np.concatenate(answers)[:count]
            if not np.isfinite(predicted).all():
                raise UsageError(f"the training diverged in epoch {epoch + 1}: lower learning_rate in the config")
            if logs is not None:
                logs["val_srcc"] = validation.compute_agreement(predicted.ravel())
                print(f"validation SRCC {logs['val_srcc']:.4f}", flush=True)

    return ScoreValidation()


def _choose_jit(api: Any) -> bool | str:
    """XLA where the backend lives by it (JAX); plain graphs on TensorFlow, where compiling costs more than it saves."""
    return False if api.__name__ == "tf_keras" or api.backend.backend() == "tensorflow" else "auto"
