"""Keeps every int8 requantisation factor in the range that XNNPACK accepts.

XNNPACK refuses a convolution whose ``input_scale * kernel_scale / output_scale`` is 256 or more: LiteRT up to 2.1 then
fails to prepare the graph, 2.2 and 2.3 abort the process while cleaning up. The factor explodes where a layer's output
is nearly always zero while its kernel is not: the reduce convolution of a squeeze-excite block that training put to
rest.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tf_keras
from numpy.typing import NDArray

__all__ = ["MAX_REQUANTIZATION_FACTOR", "equalize_squeeze_excite"]

MAX_REQUANTIZATION_FACTOR = 256.0  # XNNPACK's check of the parameters of a convolution
_SAFE_FACTOR = 64.0
_ASLEEP = 1e-6  # an output that never exceeds this says nothing; least of all how wide the range should be
_NEARLY_ONE = 0.999
_BATCH_SIZE = 16


def equalize_squeeze_excite(deploy: tf_keras.Model, views: NDArray[np.uint8]) -> list[str]:
    """Bounds the factor of every squeeze-excite reduce convolution, in place.

    A channel is healthy when it is awake at all and its output reaches 1/8128 (127 int8 steps times a safe factor of
    64) of what its kernel could make of its input. The healthy channels set the range of the layer's output; any other
    channel is shrunk to what that range bears, and the gate's kernel behind it grows by as much. ReLU between the two
    is positively homogeneous, so the function stays the same. Where no channel is healthy, the layer's outputs are too
    small to matter and become zero.

    Args:
        deploy: a deploy-form student.
        views: (n, height, width, 3), what the ranges are measured on.

    Returns:
        The names of the layers that were changed.
    """
    names = [layer.name for layer in deploy.layers if layer.name.endswith("_se_reduce")]
    changed = []
    for name, input_peak, output_peaks in zip(names, *_measure(deploy, names, views), strict=True):
        reduce, expand = deploy.get_layer(name), deploy.get_layer(name.replace("_se_reduce", "_se_expand"))
        kernel, bias = reduce.get_weights()
        gate_kernel, gate_bias = expand.get_weights()
        needed = np.abs(kernel).max(axis=(0, 1, 2)) * input_peak / (127 * _SAFE_FACTOR)  # output range, factor 64
        is_healthy = (output_peaks >= needed) & (output_peaks > _ASLEEP)
        if not is_healthy.any():
            if kernel.any():
                reduce.set_weights([np.zeros_like(kernel), np.zeros_like(bias)])
                changed.append(name)
            continue
        output_range = output_peaks[is_healthy].max()
        shrink = np.where(is_healthy, 1.0, np.minimum(1.0, output_range / np.maximum(needed, 1e-12)))
        shrink[shrink > _NEARLY_ONE] = 1.0  # what is left of an earlier equalisation is rounding
        if np.all(shrink == 1.0):
            continue
        reduce.set_weights([kernel * shrink, bias * shrink])
        expand.set_weights([gate_kernel / shrink[:, np.newaxis], gate_bias])
        changed.append(name)
    return changed


def _measure(
    deploy: tf_keras.Model, names: list[str], views: NDArray[np.uint8]
) -> tuple[list[float], list[NDArray[np.float32]]]:
    """The largest absolute input of each layer, and the largest positive output of each of its channels."""
    if not names:
        return [], []
    layers = [deploy.get_layer(name) for name in names]
    probe = tf_keras.Model(deploy.input, [[layer.input for layer in layers], [layer.output for layer in layers]])
    batches = list(_run(probe, views))
    inputs = [max(float(np.abs(batch[0][i]).max()) for batch in batches) for i in range(len(names))]
    outputs = [
        np.max([np.maximum(batch[1][i], 0).max(axis=(0, 1, 2)) for batch in batches], axis=0) for i in range(len(names))
    ]
    return inputs, outputs


def _run(probe: tf_keras.Model, views: NDArray[np.uint8]) -> Iterator[list[list[NDArray[np.float32]]]]:
    for start in range(0, len(views), _BATCH_SIZE):
        groups = probe(views[start : start + _BATCH_SIZE].astype(np.float32), training=False)
        yield [[np.asarray(tensor) for tensor in group] for group in groups]
