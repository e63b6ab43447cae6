"""Stochastic weight averaging: the mean of the weights that a training at a constant rate passes through.

Izmailov et al. 2018, https://arxiv.org/abs/1803.05407. At a constant rate the weights wander about a minimum; their
mean lies in its flat middle, where photos of other sources cost least (Cha et al. 2021,
https://arxiv.org/abs/2102.08604). Normalisations have seen none of what goes through the mean, so that their statistics
are measured anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.artifact import NPZ_ERRORS

__all__ = ["WeightAverage", "build_averager", "measure_statistics"]

_EVERY_STEPS = 10  # neighbouring steps are nearly the same
_STATISTICS_BATCHES = 60


class WeightAverage:
    """A running mean of a model's weights, which outlives an interruption.

    Attributes:
        count: how many weights it is the mean of.
    """

    def __init__(self, path: Path) -> None:
        """Goes on with what ``path`` holds, if it is there and whole."""
        self._path = path
        self.count = 0
        self._means: list[NDArray[np.float64]] = []
        if path.exists():
            try:
                with np.load(path) as archive:
                    self.count = int(archive["count"])
                    self._means = [archive[f"mean_{index}"] for index in range(len(archive.files) - 1)]
            except NPZ_ERRORS:
                self.count, self._means = 0, []

    def add(self, weights: list[NDArray[Any]]) -> None:
        """Takes the weights as they are now into the mean."""
        if not self._means:
            self._means = [np.zeros(each.shape) for each in weights]
        self.count += 1
        for mean, each in zip(self._means, weights, strict=True):
            mean += (each - mean) / self.count

    def save(self) -> None:
        """Writes the mean beside the training's checkpoint."""
        part = self._path.with_name(f"part-{self._path.name}")
        arrays: dict[str, Any] = {f"mean_{index}": mean for index, mean in enumerate(self._means)}
        np.savez(part, count=self.count, **arrays)
        part.replace(self._path)

    def apply(self, model: Any) -> None:
        """Gives ``model`` the mean, if there is one."""
        if self.count:
            model.set_weights([mean.astype(np.float32) for mean in self._means])


def build_averager(api: Any, average: WeightAverage, first_epoch: int) -> Any:
    """A callback of ``api`` that averages from ``first_epoch`` on (counted from 0)."""

    class AverageWeights(api.callbacks.Callback):  # type: ignore[misc, name-defined]
        is_on = False

        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self.is_on = epoch >= first_epoch

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            every = min(_EVERY_STEPS, self.params["steps"])
            if self.is_on and batch % every == every - 1:
                average.add(self.model.get_weights())

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            if self.is_on:
                average.save()

    return AverageWeights()


def measure_statistics(api: Any, model: Any, data: Any, count: int = _STATISTICS_BATCHES) -> None:
    """Measures mean and variance of every trainable batch normalisation anew, each batch counting alike.

    Args:
        api: ``keras`` or ``tf_keras``, whichever built ``model``.
        model: changed in place.
        data: yields (inputs, targets), as for ``train.loop.fit``.
        count: how many batches are looked at, fewer if ``data`` ends.
    """
    norms = [layer for layer in _walk(model) if isinstance(layer, api.layers.BatchNormalization) and layer.trainable]
    before = [norm.momentum for norm in norms]
    try:
        for index, (inputs, *_) in enumerate(itertools.islice(data, count)):
            for norm in norms:
                norm.momentum = index / (index + 1)  # of a running mean, in which the first batch replaces what was
            model(inputs, training=True)
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum


def _walk(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        yield from _walk(layer) if hasattr(layer, "layers") else (layer,)
