"""Brings what int8 makes of each layer back to the float original's, one layer after the other, without training.

A layer of a rounded network reads rounded inputs. Its kernel and bias are solved anew, by least squares on real views,
for the original layer's outputs from those inputs, and rounded so that the outputs change least
(``compress.rounding``); the layers behind see the result. So errors are made good where they arise instead of adding up
(GPTQ, Frantar et al. 2022, https://arxiv.org/abs/2210.17323, likewise goes on from what is rounded so far). A branch
that is added to another also makes good what the other is off by. Heads read averages over a view, so averages weigh as
much here as single positions do: noise that evens out is not worth a systematic error.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray
from tf_keras import layers

from compress.moments import invert_moments, to_kernel, to_rows
from compress.qat import find_variables
from compress.rounding import round_kernel

__all__ = ["Lesson", "match_kernels", "solve_rows"]

_CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D)
_BATCH_SIZE = 16
_VIEWS = 64
_POSITIONS = 30_000  # of a layer's input, of all views together
_DEPTHWISE_POSITIONS = 4_000  # each is as many problems as there are channels, of nine weights each

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Lesson:
    """What a layer reads, and what it shall answer.

    Attributes:
        inputs: (n, inputs), or of a depthwise layer (n, taps, channels).
        targets: (n, outputs).
        weights: (n,), how much each row counts; 1 in total.
    """

    inputs: Floats
    targets: Floats
    weights: Floats


def match_kernels(wrapped: tf_keras.Model, original: tf_keras.Model, views: NDArray[np.uint8]) -> None:
    """Solves and rounds every convolution of a rounded student, in place; zeros, which pruning made, stay zero.

    Gates are rounded, but not solved: equalising has changed the scale of what is inside them (``compress.equalize``).

    Args:
        wrapped: from ``compress.qat.wrap_for_qat``, whose ranges stay.
        original: the deploy form of the float student; the layers have the same names.
        views: (n, height, width, 3), some of which are looked at.
    """
    chosen = views[np.unique(np.linspace(0, len(views) - 1, _VIEWS).astype(int))].astype(np.float32)
    maps = _Maps(original, chosen)
    rng = np.random.default_rng(0)
    for layer in original.layers[1:]:
        sources = _find_sources(layer)
        if isinstance(layer, layers.Dense) or not all(name in maps.rounded for name in sources):
            continue  # the heads, which ``compress.heads`` matches
        twin = _find_twin(wrapped, layer.name)
        expected = _apply(layer, [maps.original[name] for name in sources])
        inputs = [maps.rounded[name] for name in sources]
        if isinstance(layer, _CONVOLUTIONS):
            variables = find_variables(twin, layer)
            kernel, bias = (variable.numpy() for variable in variables)
            if "_se_" in layer.name:
                targets = inputs[0] @ kernel.reshape(kernel.shape[-2:]) + bias
            else:
                targets = expected + maps.find_shortfall(layer)
            lesson = _draw_lesson(layer, inputs[0], targets, rng)
            rows, bias = solve_rows(to_rows(layer, kernel), bias, lesson)
            for variable, values in zip(variables, (to_kernel(layer, rows, kernel.shape), bias), strict=True):
                variable.assign(values)
        maps.add(layer, expected, _apply(twin, inputs))


def solve_rows(
    rows: NDArray[np.float32], bias: NDArray[np.float32], lesson: Lesson
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The int8 kernels, and biases, nearest to a lesson's targets.

    Args:
        rows: (outputs, inputs) or of a depthwise layer (channels, taps); where they start; zeros stay zero.
        bias: (outputs,).
        lesson: what is read and wanted.
    """
    weights, inputs = lesson.weights, lesson.inputs
    is_depthwise = inputs.ndim == 3
    answer = "ntc,ct->nc" if is_depthwise else "ni,oi->no"
    covary = "n,ntc,nuc->ctu" if is_depthwise else "n,ni,nj->ij"
    against = "n,ntc,nc->ct" if is_depthwise else "n,ni,no->oi"
    missing = lesson.targets - np.einsum(answer, inputs, rows, optimize=True) - bias
    centred = inputs - np.tensordot(weights, inputs, 1)
    covariance = np.einsum(covary, weights, centred, centred, optimize=True)
    wanted = np.einsum(against, weights, centred, missing - weights @ missing, optimize=True)
    # The damping leaves weights where they are that the views say little of.
    step = np.einsum("ctu,cu->ct" if is_depthwise else "ij,oj->oi", invert_moments(covariance), wanted, optimize=True)
    solved = np.where(rows == 0, 0.0, rows + step).astype(np.float32)
    rounded = round_kernel(solved, np.einsum(covary, weights, inputs, inputs, optimize=True))
    left = lesson.targets - np.einsum(answer, inputs, rounded, optimize=True)
    return rounded, (weights @ left).astype(np.float32)


@dataclass
class _Maps:
    """The outputs of layers, by name, of the original and of the rounded student, as long as others read them."""

    model: tf_keras.Model
    views: NDArray[np.float32]
    original: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    rounded: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._readers = Counter(name for layer in self.model.layers[1:] for name in _find_sources(layer))
        image = self.model.layers[0].name
        self.original[image] = self.rounded[image] = self.views

    def add(self, layer: Any, original: NDArray[np.float32], rounded: NDArray[np.float32]) -> None:
        """Keeps the outputs of ``layer``, and drops what it was the last to read."""
        self.original[layer.name], self.rounded[layer.name] = original, rounded
        for name in _find_sources(layer):
            self._readers[name] -= 1
            if not self._readers[name]:
                del self.original[name], self.rounded[name]

    def find_shortfall(self, layer: Any) -> NDArray[np.float32] | float:
        """What the other branch is off by where ``layer``'s output is only used in a sum with it; else 0."""
        readers = [node.outbound_layer for node in layer.outbound_nodes]
        if len(readers) != 1 or not isinstance(readers[0], layers.Add):
            return 0.0
        (other,) = (name for name in _find_sources(readers[0]) if name != layer.name)
        return self.original[other] - self.rounded[other] if other in self.original else 0.0


def _find_sources(layer: Any) -> list[str]:
    """The names of the layers whose outputs a layer reads."""
    tensors = layer.input if isinstance(layer.input, list) else [layer.input]
    return [tensor._keras_history.layer.name for tensor in tensors]


def _find_twin(wrapped: tf_keras.Model, name: str) -> Any:
    """The layer of a wrapped model that stands for layer ``name`` of the plain one."""
    names = {layer.name for layer in wrapped.layers}
    return wrapped.get_layer(f"quant_{name}" if f"quant_{name}" in names else name)


def _apply(layer: Any, inputs: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """A layer's outputs, a few views at a time."""
    parts = []
    for start in range(0, len(inputs[0]), _BATCH_SIZE):
        batch = [tf.constant(values[start : start + _BATCH_SIZE]) for values in inputs]
        parts.append(np.asarray(layer(batch if len(batch) > 1 else batch[0])))
    return np.concatenate(parts)


def _draw_lesson(
    layer: Any, inputs: NDArray[np.float32], targets: NDArray[np.float32], rng: np.random.Generator
) -> Lesson:
    """Positions drawn from each view, and each view's means, which count as much in total."""
    is_depthwise = isinstance(layer, layers.DepthwiseConv2D)
    count = max(1, (_DEPTHWISE_POSITIONS if is_depthwise else _POSITIONS) // len(inputs))
    drawn: list[tuple[NDArray[Any], NDArray[Any]]] = []
    means: list[tuple[NDArray[Any], NDArray[Any]]] = []
    for view, wanted in zip(inputs, targets, strict=True):
        patches = _extract_patches(layer, view)
        answers = wanted.reshape(-1, wanted.shape[-1])
        at = rng.integers(0, len(patches), min(count, len(patches)))
        drawn.append((patches[at], answers[at]))
        means.append((patches.mean(axis=0, keepdims=True), answers.mean(axis=0, keepdims=True)))
    read, wanted = (np.concatenate(parts).astype(np.float64) for parts in zip(*drawn, *means, strict=True))
    if is_depthwise:
        read = read.reshape(len(read), -1, inputs.shape[-1])
    positions = len(read) - len(means)
    weights = np.concatenate([np.full(positions, 0.5 / positions), np.full(len(means), 0.5 / len(means))])
    return Lesson(read, wanted, weights)


def _extract_patches(layer: Any, view: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the kernel is multiplied with at each position of one view, (positions, taps * channels)."""
    (high, wide), (down, right) = layer.kernel_size, layer.strides
    padding = layer.padding.upper()
    patches = tf.image.extract_patches(view[np.newaxis], [1, high, wide, 1], [1, down, right, 1], [1, 1, 1, 1], padding)
    return np.asarray(patches).reshape(-1, patches.shape[-1])
