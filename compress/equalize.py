"""Keeps every int8 requantisation factor in the range that XNNPACK accepts.

XNNPACK refuses a convolution whose ``input_scale * kernel_scale / output_scale`` is 256 or more: LiteRT up to 2.1 then
fails to prepare the graph, 2.2 and 2.3 abort the process while cleaning up. The factor explodes where a layer's output
is nearly always zero while its kernel is not: the reduce convolution of a squeeze-excite block that training put to
rest.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tf_keras

__all__ = ["MAX_REQUANTIZATION_FACTOR", "equalize_squeeze_excite"]

MAX_REQUANTIZATION_FACTOR = 256.0  # XNNPACK's check of conv2d and fully-connected parameters
_SAFE_FACTOR = 64.0


def equalize_squeeze_excite(deploy: tf_keras.Model, views: np.ndarray) -> list[str]:
    """Shrinks reduce channels whose factor would be too large and grows the gate's kernel by as much, in place.

    ReLU between the two is positively homogeneous, so the function stays the same.

    Args:
        deploy: a deploy-form student.
        views: (n, height, width, 3) uint8, what the ranges are measured on.

    Returns:
        The names of the layers that were changed.
    """
    names = [layer.name for layer in deploy.layers if layer.name.endswith("_se_reduce")]
    if not names:
        return []
    probes = [deploy.get_layer(name) for name in names]
    outputs = [tensor for layer in probes for tensor in (layer.input, layer.output)]
    probe = tf_keras.Model(deploy.input, outputs)
    ranges = [
        np.max(np.abs(np.maximum(np.asarray(batch), 0)), axis=0) for batch in zip(*_run(probe, views), strict=True)
    ]
    changed = []
    for index, name in enumerate(names):
        input_range, output_range = float(ranges[2 * index].max()), float(ranges[2 * index + 1].max())
        reduce, expand = deploy.get_layer(name), deploy.get_layer(name.replace("_se_reduce", "_se_expand"))
        kernel, bias = reduce.get_weights()
        gate_kernel, gate_bias = expand.get_weights()
        peak = np.abs(kernel).max(axis=(0, 1, 2))
        factor = peak / 127 * input_range / max(output_range, 1e-6)
        shrink = np.minimum(1.0, _SAFE_FACTOR / np.maximum(factor, 1e-12))
        if np.all(shrink == 1.0):
            continue
        reduce.set_weights([kernel * shrink, bias * shrink])
        expand.set_weights([gate_kernel / shrink[:, np.newaxis], gate_bias])
        changed.append(name)
    return changed


def _run(probe: tf_keras.Model, views: np.ndarray, batch_size: int = 16) -> Iterable[list[np.ndarray]]:
    for start in range(0, len(views), batch_size):
        for rows in zip(
            *(np.asarray(x) for x in probe(views[start : start + batch_size].astype(np.float32))), strict=True
        ):
            yield list(rows)
