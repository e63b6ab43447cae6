"""Magnitude pruning of the student's pointwise convolutions (Zhu and Gupta 2017, https://arxiv.org/abs/1710.01878).

What it brings, said plainly: the file compresses better for download. It runs no faster, for XNNPACK's int8 kernels
are dense, and the file on disk stays as large.

Either the weights go in steps while the student is fine-tuned, or (no epochs) all at once, and those that stay make
good what went: each row of a kernel is solved anew for the least change of the layer's output on real views (optimal
brain surgeon, Hassibi and Stork 1992, a layer at a time, the weights that go chosen by magnitude). Nothing is trained
then, so nothing is drawn away from the float student: without 15 % of these weights photogate-large 0.3.0 moved by 1.0
points (99 % of 600 validation photos, one look), without making good by 3.9, by a short epoch of fine-tuning by 5.9.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_model_optimization as tfmot
import tf_keras
from numpy.typing import NDArray
from tf_keras import layers

from compress.moments import Moments, invert_moments, measure_moments, to_kernel, to_rows
from compress.recipe import PruneConfig
from train.loop import Validation, fit
from train.losses import build_losses
from train.training_config import FitConfig, LossConfig

__all__ = ["compensate_rows", "compute_sparsity", "find_prunable", "prune_at_once", "prune_student"]


def find_prunable(student: tf_keras.Model, min_weights: int) -> list[str]:
    """Names of the pointwise convolutions with at least ``min_weights`` weights, those of gates left out."""
    return [
        layer.name
        for layer in student.layers
        if type(layer) is layers.Conv2D
        and layer.kernel_size == (1, 1)
        and "_se_" not in layer.name
        and int(np.prod(layer.kernel.shape)) >= min_weights
    ]


def prune_student(
    student: tf_keras.Model,
    config: PruneConfig,
    data: Any,
    steps: int,
    validation: Validation,
    loss: LossConfig,
    work: Path,
) -> tf_keras.Model:
    """Fine-tunes a copy of a training-form ``student`` while its smallest weights go to zero.

    Args:
        student: is left as it is.
        config: how far and how fast.
        data, steps, validation: as for ``train.loop.fit``.
        loss: the student's own.
        work: folder for checkpoints.

    Returns:
        A model of the same layers whose pruned kernels are ``config.final_sparsity`` zeros.
    """
    prunable = find_prunable(student, config.min_weights)
    total = steps * config.epochs
    schedule = tfmot.sparsity.keras.PolynomialDecay(
        initial_sparsity=0.0,
        final_sparsity=config.final_sparsity,
        begin_step=0,
        end_step=max(1, int(total * config.ramp_share)),
        frequency=max(1, total // 50),
    )

    wrapped = _wrap(student, prunable, schedule)
    fit_config = FitConfig(epochs=config.epochs, learning_rate=config.learning_rate, patience=config.epochs)
    # The last epoch counts, not the best: only there the sparsity is reached.
    callbacks = [tfmot.sparsity.keras.UpdatePruningStep()]
    losses = build_losses(loss)
    fit(tf_keras, wrapped, data, steps, validation, fit_config, losses, work, callbacks, keeps_best=False)
    stripped = tfmot.sparsity.keras.strip_pruning(wrapped)
    pruned = tf_keras.models.clone_model(student)
    for layer in student.layers:
        pruned.get_layer(layer.name).set_weights(stripped.get_layer(layer.name).get_weights())
    return pruned


def prune_at_once(student: tf_keras.Model, config: PruneConfig, views: NDArray[np.uint8]) -> tf_keras.Model:
    """A copy of a training-form ``student`` without its smallest weights, made good by the others, untrained.

    Args:
        student: is left as it is.
        config: how far; ``epochs`` and what belongs to them is not looked at.
        views: (n, height, width, 3), on which layers' inputs are measured.

    Returns:
        A model of the same layers whose pruned kernels are ``config.final_sparsity`` zeros.
    """
    names = find_prunable(student, config.min_weights)
    schedule = tfmot.sparsity.keras.ConstantSparsity(config.final_sparsity, begin_step=0, frequency=1)
    wrapped = _wrap(student, names, schedule)
    pruned = tf_keras.models.clone_model(student)
    pruned.set_weights(student.get_weights())
    measured = measure_moments(student, [student.get_layer(name) for name in names], views)
    for name, moments in zip(names, measured, strict=True):
        layer = pruned.get_layer(name)
        wrapper = wrapped.get_layer(f"prune_low_magnitude_{name}")
        wrapper.pruning_step.assign(0)
        wrapper.pruning_obj.conditional_mask_update()
        [(_, mask, _)] = wrapper.pruning_vars
        kernel, *bias = layer.get_weights()
        rows = compensate_rows(to_rows(layer, kernel), to_rows(layer, mask.numpy()) == 0, moments)
        layer.set_weights([to_kernel(layer, rows, kernel.shape), *bias])
    return pruned


def compensate_rows(rows: NDArray[np.float32], gone: NDArray[np.bool_], moments: Moments) -> NDArray[np.float32]:
    """Sets weights to zero and changes the others of their row so that its output changes least (mean square).

    Args:
        rows: (outputs, inputs), a kernel a row.
        gone: (outputs, inputs), which weights go.
        moments: second moments of the inputs, (inputs, inputs).
    """
    inverse = invert_moments(moments)
    solved = rows.astype(np.float64)
    for row, mask in zip(solved, gone, strict=True):
        if mask.any():
            row -= inverse[:, mask] @ np.linalg.solve(inverse[np.ix_(mask, mask)], row[mask])
            row[mask] = 0.0
    return solved.astype(np.float32)


def compute_sparsity(model: tf_keras.Model, names: list[str]) -> float:
    """Share of zeros in the kernels of the layers ``names``."""
    kernels = [np.asarray(model.get_layer(name).get_weights()[0]).ravel() for name in names]
    return float(np.mean(np.concatenate(kernels) == 0)) if kernels else 0.0


def _wrap(student: tf_keras.Model, prunable: list[str], schedule: Any) -> tf_keras.Model:
    """A copy with tfmot's pruning wrapper around the layers ``prunable``."""

    def wrap(layer: Any) -> Any:
        clone = layer.__class__.from_config(layer.get_config())
        if layer.name not in prunable:
            return clone
        return tfmot.sparsity.keras.prune_low_magnitude(clone, pruning_schedule=schedule)

    wrapped = tf_keras.models.clone_model(student, clone_function=wrap)
    for layer in student.layers:
        is_wrapped = layer.name in prunable
        twin = wrapped.get_layer(f"prune_low_magnitude_{layer.name}" if is_wrapped else layer.name)
        (twin.layer if is_wrapped else twin).set_weights(layer.get_weights())
    return wrapped
