"""A narrower student from one that is trained: channel pruning inside the inverted residual blocks.

Between a block's two pointwise convolutions channels are its own affair: nobody else reads them, so that some can be
taken out and the network really becomes smaller and faster, which single zeros do not bring about. Which go is decided
by what the block's output loses on real views if those that stay make good for them as well as they can: optimal brain
surgeon (Hassibi and Stork 1992, https://papers.nips.cc/paper/647) with a channel in a weight's place; that the next
layer's output is what to keep is the idea of He et al. 2017, https://arxiv.org/abs/1707.06168.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import tf_keras
from numpy.typing import NDArray
from tf_keras import layers

from train.models.student import StudentSpec, build_student
from train.models.unfolding import Pair, fill_exported, read_exported_weights

__all__ = ["choose_channels", "load_narrowed_weights"]

_BATCH_SIZE = 16
_DAMPING = 1e-4  # of the mean variance: channels that hardly vary leave the covariance singular


def load_narrowed_weights(student: tf_keras.Model, spec: StudentSpec, path: Path, views: NDArray[np.uint8]) -> None:
    """Fills a training-form student with the weights of an exported float one that is as narrow, or of full width.

    Args:
        student: from ``train.models.student.build_student(spec)``.
        spec: its architecture.
        path: a float32 ``.tflite`` of the same architecture but for ``expansion_share``, which may be 1.
        views: (n, height, width, 3) to measure statistics on; a few hundred are enough.

    Raises:
        UsageError: the file is no such model.
    """
    exported = read_exported_weights(path)
    first = _find_projections(student)[0]
    if first.name in exported and exported[first.name][0].shape != tuple(first.kernel.shape):
        wide = build_student(replace(spec, expansion_share=1.0))
        fill_exported(wide, exported, views, path)
        exported = _narrow(exported, wide, student, views)
    fill_exported(student, exported, views, path)


def choose_channels(
    kernel: NDArray[np.float64], covariance: NDArray[np.float64], count: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Takes input channels out of a linear layer, one after the other, each time the one that is missed least.

    Args:
        kernel: (inputs, outputs).
        covariance: of the inputs, (inputs, inputs).
        count: how many inputs stay.

    Returns:
        The inputs that stay, (count,) in order; and their kernel, (count, outputs), least squares to the outputs
        before, each less its mean.
    """
    size = len(kernel)
    inverse = np.linalg.inv(covariance + np.eye(size) * (_DAMPING * np.trace(covariance) / size + 1e-12))
    left = kernel.astype(np.float64)
    stays = np.ones(size, dtype=bool)
    for _ in range(size - count):
        loss = np.full(size, np.inf)
        loss[stays] = (left[stays] ** 2).sum(axis=1) / inverse.diagonal()[stays]
        gone = int(loss.argmin())
        column = inverse[:, gone] / inverse[gone, gone]
        left = left - np.outer(column, left[gone])
        inverse = inverse - np.outer(column, inverse[gone])
        stays[gone] = False
    kept = np.flatnonzero(stays)
    return kept, left[kept]


def _find_projections(student: tf_keras.Model) -> list[layers.Layer]:
    """The second pointwise convolution of every block that has a first one."""
    names = {layer.name for layer in student.layers}
    return [
        layer
        for layer in student.layers
        if layer.name.endswith("_project") and layer.name.replace("_project", "_expand") in names
    ]


def _narrow(
    exported: Mapping[str, Pair], wide: tf_keras.Model, narrow: tf_keras.Model, views: NDArray[np.uint8]
) -> Mapping[str, Pair]:
    """The kernels and biases of ``wide`` with as many channels as ``narrow`` has."""
    result = dict(exported)
    projections = _find_projections(wide)
    gates = {layer.name: layer for layer in wide.layers if layer.name.endswith("_se_reduce")}
    probed = [*projections, *gates.values()]
    moments = dict(zip([layer.name for layer in probed], _measure(wide, probed, views), strict=True))
    for projection in projections:
        block = projection.name.removesuffix("_project")
        mean, covariance = moments[projection.name]
        kernel, bias = exported[projection.name]
        kept, left = choose_channels(kernel[0, 0], covariance, narrow.get_layer(projection.name).input.shape[-1])
        moved = mean @ kernel[0, 0] - mean[kept] @ left
        result[projection.name] = left[np.newaxis, np.newaxis].astype(np.float32), (bias + moved).astype(np.float32)
        for name in (f"{block}_expand", f"{block}_depthwise", f"{block}_se_expand"):
            if name in exported:
                kernel, bias = exported[name]
                # Outputs stand last, but in a depthwise kernel (height, width, channels, 1).
                axis = 2 if name.endswith("_depthwise") else 3
                result[name] = kernel.take(kept, axis=axis), bias[kept]
        if f"{block}_se_reduce" in gates:
            kernel, bias = exported[f"{block}_se_reduce"]
            mean, _ = moments[f"{block}_se_reduce"]
            lost = mean @ kernel[0, 0] - mean[kept] @ kernel[0, 0, kept]
            result[f"{block}_se_reduce"] = kernel[:, :, kept], (bias + lost).astype(np.float32)
    return result


def _measure(
    student: tf_keras.Model, probed: list[layers.Layer], views: NDArray[np.uint8]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Mean (channels,) and covariance (channels, channels) of each layer's input, over all positions of all views."""
    probe = tf_keras.Model(student.input, [layer.input for layer in probed])
    widths = [layer.input.shape[-1] for layer in probed]
    counts = [0 for _ in probed]
    totals = [np.zeros(width) for width in widths]
    squares = [np.zeros((width, width)) for width in widths]
    for start in range(0, len(views), _BATCH_SIZE):
        outputs = probe(views[start : start + _BATCH_SIZE].astype(np.float32), training=False)
        for at, output in enumerate(outputs):
            flat = output.numpy().reshape(-1, widths[at])
            counts[at] += len(flat)
            totals[at] += flat.sum(axis=0, dtype=np.float64)
            squares[at] += flat.T @ flat
    means = [total / count for total, count in zip(totals, counts, strict=True)]
    parts = zip(means, squares, counts, strict=True)
    return [(mean, square / count - np.outer(mean, mean)) for mean, square, count in parts]
