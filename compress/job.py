"""What the steps of compressing share: the views, and the float student's answers that a compressed one shall match."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from compress.folding import build_deploy_student
from compress.hidden import expose_hidden
from compress.recipe import Recipe
from train.data.pipeline import build_pipeline
from train.models.student import StudentSpec
from train.progress import track
from train.stages.labelled_views import LabelledViews
from train.training_config import LossConfig

__all__ = ["Job"]

_BATCH_SIZE = 32


@dataclass(frozen=True)
class Job:
    """What every step of one run of ``compress`` needs.

    Attributes:
        recipe: how the student is compressed.
        spec: the student's architecture.
        loss: that the student learnt by, with its float form as the teacher.
        labels: what the student learnt from.
        work: folder for checkpoints.
    """

    recipe: Recipe
    spec: StudentSpec
    loss: LossConfig
    labels: LabelledViews
    work: Path

    def build_data(self, student: tf_keras.Model, epoch_samples: int, epochs: int) -> tuple[Any, int, LossConfig]:
        """Training batches with the float ``student`` in the teacher's place, how many an epoch has, and their loss.

        ``epoch_samples`` views (0: all) belong to an epoch, other ones to each as far as there are any: what has been
        matched on the same views again and again is nearer to float there than elsewhere. They are not augmented, for
        the answers belong to the very views.
        """
        folded = expose_hidden(build_deploy_student(student, self.spec))
        teacher = tf.function(lambda batch: folded(batch, training=False))
        rows = self.draw_rows(epochs * epoch_samples)
        views = self.labels.views
        answers: dict[str, list[NDArray[np.float32]]] = {name: [] for name in folded.output}
        for start in track(range(0, len(rows), _BATCH_SIZE), "float student's answers"):
            outputs = teacher(views[rows[start : start + _BATCH_SIZE]].astype(np.float32))
            for name, values in outputs.items():
                answers[name].append(np.asarray(tf.nn.softmax(values) if name in ("category", "style") else values))
        hidden = np.concatenate(answers.pop("hints"))
        targets = {"hints": np.full((len(views), hidden.shape[1]), np.nan, dtype=np.float32)}
        targets["hints"][rows] = hidden
        for name, values in answers.items():
            targets[name] = np.array(self.labels.targets[name])
            targets[name][rows, targets[name].shape[1] // 2 :] = np.concatenate(values)  # behind what is known
        loss = replace(self.loss, hints=self.recipe.hidden / max(float(hidden.var(axis=0).mean()), 1e-6))
        size = min(self.recipe.batch_size, len(rows))
        data = build_pipeline(views, targets, rows, size, self.recipe.seed, is_augmented=False)
        return data, max(1, (epoch_samples or len(rows)) // size), loss

    def draw_calibration_views(self) -> NDArray[np.uint8]:
        """Views of the training part, degraded ones among them, for the ranges of activations."""
        return np.asarray(self.labels.views[self.draw_rows(self.recipe.quantize.calibration_views)])

    def draw_rows(self, count: int) -> NDArray[np.intp]:
        """So many rows of the training part (0: all), ascending; of a smaller count, some of those of a larger one."""
        rows = np.random.default_rng(self.recipe.seed).permutation(np.flatnonzero(self.labels.sides == "train"))
        return np.sort(rows[: count or len(rows)])
