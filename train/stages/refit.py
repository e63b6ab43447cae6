"""A student's heads, trained further alone: on statistics of its finished backbone, computed once for every view.

While the backbone still moves, the heads follow it. Standing still, it lets them see every view dozens of times in a
minute, in batches large enough for a correlation.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tf_keras
from numpy.typing import NDArray

from train.config import DistilConfig
from train.data.pipeline import ViewBatches, build_pipeline
from train.loop import Validation, fit
from train.losses import build_losses
from train.models.student import split_student
from train.stages.labelled_views import LabelledViews
from train.training_config import FitConfig

__all__ = ["compute_statistics", "refit_heads"]


def refit_heads(
    student: tf_keras.Model,
    labels: LabelledViews,
    rows: NDArray[np.intp],
    partners: dict[int, NDArray[np.intp]],
    config: DistilConfig,
    work: Path,
) -> list[dict[str, float]]:
    """Trains the heads of ``student`` in place as ``config.refit`` says; its backbone stays as it is.

    Args:
        student: in training form, trained.
        labels: what it learnt from.
        rows, partners: of the views to train on, as for ``train.data.pipeline``.
        config: of its training.
        work: folder for the checkpoint and the log.

    Returns:
        The log, one dict an epoch.
    """
    statistics, heads = split_student(student)
    chosen = labels.select_rated("validation")
    needed = np.unique(np.concatenate([rows, chosen, *partners.values()]))
    place = np.full(len(labels.sides), -1, dtype=np.intp)
    place[needed] = np.arange(len(needed))
    pooled = compute_statistics(statistics, labels, needed)
    validation = Validation(pooled[place[chosen]], labels.targets["quality"][chosen, 0], labels.collections[chosen])
    targets = {name: values[needed] for name, values in labels.targets.items() if name in heads.output}
    if config.refit.holds_quality:
        own = heads.predict(pooled, batch_size=1024, verbose=0)["quality"]
        targets["quality"] = np.concatenate([own, own], axis=1)  # in people's place and in the teacher's
    placed = {int(place[row]): place[others] for row, others in partners.items()}
    size = min(config.refit.batch_size, 2 * len(rows)) // 2 * 2
    data = build_pipeline(pooled, targets, place[rows], size, config.seed, placed, is_augmented=False)
    settings = FitConfig(
        epochs=config.refit.epochs,
        batch_size=size,
        learning_rate=config.refit.learning_rate,
        patience=config.refit.epochs,
    )
    steps = max(1, 2 * len(rows) // size)
    keeps_best = not config.refit.holds_quality  # what is held is no measure of what is learnt
    return fit(
        tf_keras, heads, data, steps, validation, settings, build_losses(config.loss), work, keeps_best=keeps_best
    )


def compute_statistics(
    statistics: tf_keras.Model, labels: LabelledViews, rows: NDArray[np.intp]
) -> NDArray[np.float32]:
    """The backbone's pooled statistics (n, width) of the views ``rows`` (n,), as they are."""
    pooled: NDArray[np.float32] = statistics.predict(ViewBatches(labels.views, rows), verbose=0)
    return pooled
