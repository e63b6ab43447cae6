"""The student: a MobileNetV3 backbone whose blocks' statistics feed four heads.

Quality is felt at several scales at once (noise and blur live in early blocks, content in late ones), so the heads read
pooled statistics of one block per resolution besides the last convolution. For each of these signed maps they read the
mean and the mean of the positive part; together the two give the mean absolute value, a measure of spread that int8
represents well, unlike a variance. In training form each statistic is normalised, for blocks differ in scale by a
factor of a hundred; folding takes the normalisations into the layers behind (``compress.folding``).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras import layers

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.errors import UsageError
from train.artifact import NPZ_ERRORS
from train.models.balance import balance_channels
from train.models.mobilenet_v3 import LARGE, SMALL, build_backbone

__all__ = ["OUTPUT_NAMES", "StudentSpec", "build_student", "load_backbone_weights", "split_student"]

OUTPUT_NAMES = ("quality", "attributes", "category", "style")
_VARIANTS = {"small": SMALL, "large": LARGE}


@dataclass(frozen=True)
class StudentSpec:
    """What must be known to build a student again: its architecture, its view and the labels of its heads.

    ``expansion_share`` is the share of a block's inner channels that is there (``train.models.narrowing``);
    ``hint_count`` is the length of the teacher's hints (``train.hints``) that the training form learns beside its task.
    """

    variant: str
    input_size_px: int
    category_labels: tuple[str, ...]
    style_labels: tuple[str, ...]
    alpha: float = 1.0
    expansion_share: float = 1.0
    is_minimalistic: bool = False
    hidden_units: int = 96
    dropout: float = 0.2
    hint_count: int = 0

    def __post_init__(self) -> None:
        if self.variant not in _VARIANTS:
            raise UsageError(f"unknown student variant {self.variant!r}: choose one of {sorted(_VARIANTS)}")
        if self.input_size_px % 32:
            raise UsageError(f"input_size_px is {self.input_size_px}: it must be a multiple of 32")

    def to_dict(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, object]) -> StudentSpec:
        labels: dict[str, object] = {
            key: tuple(data[key])  # type: ignore[arg-type]
            for key in ("category_labels", "style_labels")
        }
        return cls(**{**data, **labels})  # type: ignore[arg-type]


def build_student(spec: StudentSpec, *, is_deploy: bool = False, l2: float = 0.0) -> tf_keras.Model:
    """Builds the student.

    Args:
        spec: its architecture.
        is_deploy: build the form for export (see ``train.models.mobilenet_v3``) instead of the training form.
        l2: weight decay of the heads' kernels.

    Returns:
        A model from ``image`` (batch, size, size, 3) float 0-255 to a dict: ``quality`` (batch, 1) and ``attributes``
        (batch, 5) in 0-1; ``category`` and ``style`` logits; in training form also ``hints``, if there are any.
    """
    image = layers.Input((spec.input_size_px, spec.input_size_px, 3), name="image")
    *taps, last = build_backbone(
        image,
        _VARIANTS[spec.variant],
        alpha=spec.alpha,
        expansion_share=spec.expansion_share,
        is_minimalistic=spec.is_minimalistic,
        is_deploy=is_deploy,
    )
    regularizer = tf_keras.regularizers.L2(l2) if l2 else None

    def dense(x: tf.Tensor, units: int, name: str, activation: str | None = None) -> tf.Tensor:
        # A sigmoid that starts in its middle learns at once; random logits would leave half of its answers saturated.
        start = "zeros" if activation == "sigmoid" else "glorot_uniform"
        options = {"kernel_initializer": start, "kernel_regularizer": regularizer, "name": name}
        return layers.Dense(units, activation=activation, **options)(x)

    def read(x: tf.Tensor, statistic: str) -> tf.Tensor:
        pooled = layers.GlobalAveragePooling2D(name=statistic)(x)
        name = "hidden_" + statistic.replace("last_mean", "last")
        if not is_deploy:
            pooled = layers.BatchNormalization(epsilon=1e-5, name=f"{name}_norm")(pooled)
        return dense(pooled, spec.hidden_units, name)

    # A sum of one small Dense per statistic equals a Dense on their concatenation; int8 keeps a scale for each.
    parts = [read(last, "last_mean")]
    for index, tap in enumerate(taps):
        parts.append(read(tap, f"tap{index}_mean"))
        # Doubled because XNNPACK takes an int8 ReLU only where it is fused into another operation, here an addition.
        positive = layers.ReLU(name=f"tap{index}_relu")(layers.Add(name=f"tap{index}_double")([tap, tap]))
        parts.append(read(positive, f"tap{index}_positive"))
    total = parts[0]
    for index, part in enumerate(parts[1:]):
        total = layers.Add(name=f"hidden_add{index}")([total, part])
    hidden = layers.ReLU(name="hidden_relu")(total)
    hints = {"hints": dense(hidden, spec.hint_count, "hints")} if spec.hint_count and not is_deploy else {}
    if not is_deploy:
        hidden = layers.Dropout(spec.dropout, name="hidden_dropout")(hidden)
    outputs = {
        "quality": dense(hidden, 1, "quality", "sigmoid"),
        "attributes": dense(hidden, len(ATTRIBUTE_NAMES), "attributes", "sigmoid"),
        "category": dense(hidden, len(spec.category_labels), "category"),
        "style": dense(hidden, len(spec.style_labels), "style"),
        **hints,
    }
    return tf_keras.Model(image, outputs, name=f"student_{spec.variant}")


def split_student(student: tf_keras.Model) -> tuple[tf_keras.Model, tf_keras.Model]:
    """Cuts a training-form student in front of its heads; layers and variables are shared.

    Returns:
        From ``image`` to the pooled statistics of all blocks, (batch, n); from those to the student's outputs.
    """
    norms = [layer for layer in student.layers if layer.name.startswith("hidden_") and layer.name.endswith("_norm")]
    pooled = [norm.input for norm in norms]
    widths = [each.shape[-1] for each in pooled]
    statistics = tf_keras.Model(student.input, layers.Concatenate()(pooled), name="statistics")
    joined = layers.Input((sum(widths),), name="pooled")
    outputs = tf_keras.Model(pooled, student.output)(tf.split(joined, widths, axis=1))
    return statistics, tf_keras.Model(joined, outputs, name="heads")


def load_backbone_weights(model: tf_keras.Model, path: Path) -> None:
    """Loads ImageNet weights into a training-form student's backbone and balances them for int8 (see
    ``train.models.balance``); the heads stay as they are.

    Args:
        model: from :func:`build_student`.
        path: an ``.npz`` of arrays whose sorted keys are in the order of ``get_weights()`` of
            ``keras.applications.MobileNetV3*(include_top=False)``.

    Raises:
        UsageError: the file is missing or belongs to another architecture.
    """
    try:
        with np.load(path) as archive:
            arrays = [archive[key] for key in sorted(archive.files)]
    except NPZ_ERRORS as error:
        raise UsageError(f"{path}: cannot read the backbone weights: {error}") from error
    backbone = tf_keras.Model(model.input, model.get_layer("last_mean").input)
    expected = [array.shape for array in backbone.get_weights()]
    found = [array.shape for array in arrays]
    if expected != found:
        different = (at for at, pair in enumerate(zip_longest(expected, found)) if pair[0] != pair[1])
        raise UsageError(
            f"{path}: these weights fit another architecture: {len(found)} arrays for {len(expected)}, "
            f"the first difference at array {next(different)}"
        )
    backbone.set_weights(arrays)
    balance_channels(model)
