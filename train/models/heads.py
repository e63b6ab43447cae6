"""The teacher's heads, which read its backbones' features: how many sets there are, and what each is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ATTRIBUTE_NAMES
from train.config import HeadsConfig, TeacherConfig
from train.data.samples import collect_labels
from train.models.roots import FLAT, MIN_DEVIATION, take_signed_root

__all__ = ["HeadsPart", "adapt_standardization", "build_all_heads", "build_heads", "copy_heads", "plan_heads"]


def build_heads(
    feature_count: int, labels: tuple[Sequence[str], Sequence[str]], config: HeadsConfig, l2: float = 0.0
) -> Any:
    """Builds the heads: features (batch, n) → ``quality`` (batch, 1) and ``attributes`` (batch, 5) in 0-1, and
    ``category`` and ``style`` logits. The features' signed square roots are standardised: statistics of ReLU maps have
    long tails. Call :func:`adapt_standardization` before training. Quality
    starts at 0.5 everywhere, for random logits of thousands of features would saturate it.
    """
    regularizer = keras.regularizers.L2(l2) if l2 else None
    features = keras.Input((feature_count,), name="features")
    x = keras.ops.sign(features) * (keras.ops.sqrt(keras.ops.abs(features) + FLAT) - FLAT**0.5)  # take_signed_root
    x = keras.layers.Normalization(name="standardize")(x)
    x = keras.layers.Dropout(config.dropout)(x)
    x = keras.layers.Dense(config.hidden_units, "relu", kernel_regularizer=regularizer, name="hidden")(x)
    x = keras.layers.Dropout(config.dropout)(x)
    categories, styles = labels
    outputs = {
        "quality": keras.layers.Dense(1, "sigmoid", kernel_initializer="zeros", name="quality")(x),
        "attributes": keras.layers.Dense(len(ATTRIBUTE_NAMES), "sigmoid", name="attributes")(x),
        "category": keras.layers.Dense(len(categories), name="category")(x),
        "style": keras.layers.Dense(len(styles), name="style")(x),
    }
    return keras.Model(features, outputs, name="teacher_heads")


def build_all_heads(backbones: Sequence[Any], config: TeacherConfig) -> list[Any]:
    """The sets of heads for the backbones' features, in the order of :func:`plan_heads`."""
    labels = collect_labels(config.labels)
    parts = plan_heads([backbone.output.shape[-1] for backbone in backbones], config.heads)
    return [build_heads(part.columns.stop - part.columns.start, labels, config.heads, config.fit.l2) for part in parts]


@dataclass(frozen=True)
class HeadsPart:
    """Which features a set of heads reads, and the fold whose groups it is not trained on."""

    columns: slice
    fold: int


def plan_heads(feature_counts: Sequence[int], config: HeadsConfig) -> list[HeadsPart]:
    """As many sets of heads as folds, for all features side by side or for each backbone's."""
    ends = np.cumsum(feature_counts).tolist()
    starts = [0, *ends[:-1]] if config.per_backbone else [0]
    stops = ends if config.per_backbone else ends[-1:]
    return [
        HeadsPart(slice(start, stop), fold)
        for start, stop in zip(starts, stops, strict=True)
        for fold in range(config.folds)
    ]


def adapt_standardization(heads: Any, features: NDArray[Any]) -> None:
    """Fits the heads' first layer, which standardises the features' signed roots, to (n, f) features, in place."""
    layer = heads.get_layer("standardize")
    layer.adapt(take_signed_root(features))
    mean, variance, count = layer.get_weights()
    layer.set_weights([mean, np.maximum(variance, MIN_DEVIATION**2), count])
    layer.finalize_state()


def copy_heads(source: Any, target: Any) -> None:
    """Gives one set of heads the weights of another, built alike."""
    target.set_weights(source.get_weights())
    target.get_layer("standardize").finalize_state()
