"""Fits the category head's own units (``compress.category_units``) to what is known and taught of categories."""

from __future__ import annotations

import numpy as np
import tf_keras
from numpy.typing import NDArray
from tf_keras import layers

from compress.category_units import CategoryUnits, compute_statistics
from compress.recipe import CategoriesConfig
from train.stages.labelled_views import CROPPED, LabelledViews

__all__ = ["fit_category_units", "learn_categories"]

_BATCH_SIZE = 512
_STATISTICS_DROPOUT, _UNITS_DROPOUT, _HIDDEN_DROPOUT = 0.3, 0.2, 0.3
_WEIGHT_DECAY = 0.02
_TAUGHT_WEIGHT = 2.0  # of a product's taught category against a known one: taught ones are of many sources
_MOST_BALANCE = 4.0  # times that a rare known category counts; a handful of photos must not outweigh all others
_MIN_DEVIATION = 1e-3


def learn_categories(
    flatbuffer: bytes, labels: LabelledViews, config: CategoriesConfig, seed: int
) -> CategoryUnits | None:
    """Fits units for a model on views of the training part.

    Args:
        flatbuffer: the model that is to have them (``compress.category_units``).
        labels: tell the categories; those of ``label --classes`` know them of photos of many sources.
        config: of the recipe.
        seed: of the draw of views, of the units' first weights and of the order of lessons.

    Returns:
        The units; None where ``config`` asks for none, or the labels tell no category.
    """
    if not config.units:
        return None
    targets, weights = _collect_lessons(labels)
    rows = _draw_rows(labels, weights, config.views, seed)
    if not len(rows):
        return None
    statistics, hidden = compute_statistics(flatbuffer, labels.views, rows)
    return fit_category_units(statistics, hidden, targets[rows], weights[rows], config, seed)


def fit_category_units(
    statistics: NDArray[np.float32],
    hidden: NDArray[np.float32],
    targets: NDArray[np.float32],
    weights: NDArray[np.float32],
    config: CategoriesConfig,
    seed: int,
) -> CategoryUnits:
    """Multinomial regression on the hidden layer and on units that read the statistics; both are learnt together.

    Args:
        statistics: (n, statistics) and
        hidden: (n, hidden), from ``compute_statistics``.
        targets: (n, categories) probabilities.
        weights: (n,) of the lessons.
        config: how many units, how many epochs, which rate.
        seed: of the first weights and the order.
    """
    tf_keras.utils.set_random_seed(seed)
    moments = [(values.mean(axis=0), values.std(axis=0) + _MIN_DEVIATION) for values in (statistics, hidden)]
    inputs = [
        (values - mean) / deviation for values, (mean, deviation) in zip((statistics, hidden), moments, strict=True)
    ]
    every, shared = layers.Input((statistics.shape[1],)), layers.Input((hidden.shape[1],))
    units = layers.Dense(config.units, activation="relu")
    own, last = layers.Dense(targets.shape[1], use_bias=False), layers.Dense(targets.shape[1])
    seen = layers.Dropout(_UNITS_DROPOUT)(units(layers.Dropout(_STATISTICS_DROPOUT)(every)))
    logits = layers.Add()([own(seen), last(layers.Dropout(_HIDDEN_DROPOUT)(shared))])
    model = tf_keras.Model([every, shared], logits)
    steps = config.epochs * -(-len(targets) // _BATCH_SIZE)
    schedule = tf_keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    model.compile(
        optimizer=tf_keras.optimizers.AdamW(schedule, weight_decay=_WEIGHT_DECAY),
        loss=tf_keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    lessons = weights / max(float(weights.mean()), 1e-12)
    model.fit(inputs, targets, sample_weight=lessons, batch_size=_BATCH_SIZE, epochs=config.epochs, verbose=0)
    # What was standardised for the fit is read as it is: the kernels take the scales, the biases the means.
    (first_kernel, first_bias), (last_kernel, last_bias) = units.get_weights(), last.get_weights()
    (mean, deviation), (hidden_mean, hidden_deviation) = moments
    first_kernel, last_kernel = first_kernel / deviation[:, np.newaxis], last_kernel / hidden_deviation[:, np.newaxis]
    return CategoryUnits(
        first_kernel,
        first_bias - mean @ first_kernel,
        own.get_weights()[0],
        last_kernel,
        last_bias - hidden_mean @ last_kernel,
    )


def _collect_lessons(labels: LabelledViews) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of each view the category's probabilities, and what the lesson weighs: 0 where nothing is told of it."""
    packed = labels.targets["category"]
    count = packed.shape[1] // 2
    known, taught = packed[:, :count], packed[:, count:]
    is_known = ~np.isnan(known[:, 0])
    told = np.where(is_known[:, np.newaxis], known, np.nan_to_num(taught))
    counts = known[is_known & (labels.sides == "train")].sum(axis=0)
    balance = np.minimum(np.sqrt(np.median(counts) / np.maximum(counts, 1.0)), _MOST_BALANCE)
    certainty = told.sum(axis=1)  # of what is taught (``train.stages.classes``)
    weights = np.where(is_known, told @ balance, _TAUGHT_WEIGHT * certainty)
    targets = told / np.maximum(certainty, 1e-9)[:, np.newaxis]
    return targets.astype(np.float32), weights.astype(np.float32)


def _draw_rows(labels: LabelledViews, weights: NDArray[np.float32], count: int, seed: int) -> NDArray[np.intp]:
    """Rows of the training part of which a category is told: originals as far as there are, then degraded views."""
    is_lesson = (labels.sides == "train") & (labels.degradations != CROPPED) & (weights > 0)
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(is_lesson))
    originals_first = np.argsort(labels.degradations[rows] != "", kind="stable")
    return np.sort(rows[originals_first][:count])
