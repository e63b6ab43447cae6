"""The hidden layer as a lesson: a compressed student learns its float original's hidden units besides its answers."""

from __future__ import annotations

import tf_keras

from train.models.student import OUTPUT_NAMES

__all__ = ["expose_hidden"]

_HIDDEN = "hidden_relu"


def expose_hidden(student: tf_keras.Model) -> tf_keras.Model:
    """A view of ``student``, in any form, whose output ``hints`` is its hidden layer (batch, units).

    Layers and variables are shared; what the student learnt of its teacher's hints is left out.
    """
    (hidden,) = (layer for layer in student.layers if layer.name in (_HIDDEN, f"quant_{_HIDDEN}"))
    outputs = {name: student.output[name] for name in OUTPUT_NAMES}
    return tf_keras.Model(student.input, {**outputs, "hints": hidden.output}, name=student.name)
