"""From the student's training form to its deploy form: the same function with fewer operations, no retraining.

Batch normalisation goes into the convolution before it, ``kernel * gamma / sqrt(variance + epsilon)`` and a bias; the
normalisation of pooled statistics goes into the dense layer behind it; and the scaling of the input goes into the first
convolution: the int8 graph then starts with a convolution instead of two passes over the whole view.
"""

from __future__ import annotations

import numpy as np
import tf_keras
from tf_keras import layers

from train.models.mobilenet_v3 import INPUT_OFFSET, INPUT_SCALE
from train.models.student import StudentSpec, build_student

__all__ = ["build_deploy_student"]

_FIRST = "Conv"


def build_deploy_student(student: tf_keras.Model, spec: StudentSpec) -> tf_keras.Model:
    """Builds the deploy form of a training-form ``student`` and fills it with the folded weights.

    Returns:
        A model with the same outputs, equal up to float rounding, that shares no variable with ``student``.
    """
    deploy = build_student(spec, is_deploy=True)
    for layer in deploy.layers:
        if layer.weights:
            kernel, bias = _fold_batch_norm(student, layer.name)
            if layer.name == _FIRST:
                bias = bias + INPUT_OFFSET * kernel.sum(axis=(0, 1, 2))
                kernel = kernel * INPUT_SCALE
            layer.set_weights([kernel, bias])
    return deploy


def _fold_batch_norm(student: tf_keras.Model, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The kernel and bias of layer ``name`` with the batch normalisation behind or before it, if any, multiplied in."""
    source = student.get_layer(name)
    weights = source.get_weights()
    names = {layer.name for layer in student.layers}
    if f"{name}_norm" in names:
        kernel, bias = weights
        scale, shift = _read_norm(student.get_layer(f"{name}_norm"))
        return kernel * scale[:, np.newaxis], bias + shift @ kernel
    if f"{name}_bn" not in names:
        return weights[0], weights[1]
    scale, shift = _read_norm(student.get_layer(f"{name}_bn"))
    is_depthwise = isinstance(source, layers.DepthwiseConv2D)
    kernel = weights[0] * (scale[:, np.newaxis] if is_depthwise else scale)
    return kernel, shift


def _read_norm(norm: layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """What a batch normalisation multiplies by, and adds."""
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return scale, beta - mean * scale
