"""The losses of the heads, in Keras 3 operations, masked where nothing is known.

With Keras's TensorFlow backend the same functions serve the student, a ``tf_keras`` model. Targets are packed side by
side in one array a head: what people or a known degradation say first, what the teacher says behind it; NaN is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from train.training_config import LossConfig

__all__ = [
    "build_losses",
    "compute_correlation_loss",
    "compute_partner_loss",
    "compute_rank_loss",
    "compute_squared_loss",
]

_EPSILON = 1e-6
_MIN_DEVIATION = 0.02
_TIE = 0.02  # ratings closer than this, about half the standard error of 30 raters' mean, are no order


def build_losses(config: LossConfig) -> dict[str, Callable[[Any, Any], Any]]:
    """A loss for each head's output; targets as :mod:`train.targets` packs them."""

    def mix(known: Any, taught: Any) -> Any:
        return (1 - config.teacher_share) * known + config.teacher_share * taught

    def compute_quality(target: Any, predicted: Any) -> Any:
        def compute_part(column: Any) -> Any:
            squared = compute_squared_loss(column, predicted)
            correlation = compute_correlation_loss(column, predicted)
            rank = compute_rank_loss(column, predicted)
            return config.quality_mse * squared + config.quality_plcc * correlation + config.quality_rank * rank

        whole = mix(compute_part(target[:, 0:1]), compute_part(target[:, 1:2]))
        if config.quality_partners:
            whole = whole + config.quality_partners * compute_partner_loss(target[:, 1:2], predicted)
        return whole

    def compute_attributes(target: Any, predicted: Any) -> Any:
        count = predicted.shape[-1]
        known = compute_squared_loss(target[:, :count], predicted, config.fault_weight)
        taught = compute_squared_loss(target[:, count:], predicted, config.fault_weight)
        return config.attributes * mix(known, taught)

    def build_label_loss(weight: float) -> Callable[[Any, Any], Any]:
        def compute_label(target: Any, logits: Any) -> Any:
            count = logits.shape[-1]
            known = _compute_cross_entropy(target[:, :count], logits)
            return weight * mix(known, _compute_cross_entropy(target[:, count:], logits))

        return compute_label

    def compute_hints(target: Any, predicted: Any) -> Any:
        return config.hints * compute_squared_loss(target, predicted)

    return {
        **({"hints": compute_hints} if config.hints else {}),
        "quality": compute_quality,
        "attributes": compute_attributes,
        "category": build_label_loss(config.category),
        "style": build_label_loss(config.style),
    }


def compute_squared_loss(target: Any, predicted: Any, zero_weight: float = 1.0) -> Any:
    """Mean squared error over what is known; 0 if nothing is.

    A target of 1 counts once, one of 0 ``zero_weight`` times, those between in proportion.
    """
    mask, target = _split_unknown(target)
    weight = mask * (1.0 + (zero_weight - 1.0) * (1.0 - target))
    return ops.sum(weight * ops.square(predicted - target)) / ops.maximum(ops.sum(weight), 1.0)


def compute_correlation_loss(target: Any, predicted: Any) -> Any:
    """(1 - Pearson correlation) / 2 over the batch; shapes (batch, 1).

    Predictions that hardly differ count as if they had a standard deviation of 0.02. Otherwise the slope of a fresh
    head, whose answers are all alike, is so steep that Adam takes tiny steps for thousands of batches afterwards.
    """
    mask, target = _split_unknown(target)
    count = ops.maximum(ops.sum(mask), 1.0)
    x = mask * (predicted - ops.sum(mask * predicted) / count)
    y = mask * (target - ops.sum(mask * target) / count)
    least = count * _MIN_DEVIATION**2
    spread = ops.sqrt(ops.maximum(ops.sum(ops.square(x)), least) * (ops.sum(ops.square(y)) + _EPSILON))
    is_defined = ops.cast(ops.sum(mask) > 2.0, x.dtype)
    return is_defined * (1.0 - ops.sum(x * y) / spread) / 2.0


def compute_rank_loss(target: Any, predicted: Any) -> Any:
    """Mean over the batch's ordered pairs of how far the predicted difference falls short of the rated one."""
    mask, target = _split_unknown(target)
    rated = target - ops.transpose(target)
    shortfall = ops.relu(ops.abs(rated) - ops.sign(rated) * (predicted - ops.transpose(predicted)))
    pairs = mask * ops.transpose(mask) * ops.cast(ops.abs(rated) > _TIE, mask.dtype)
    return ops.sum(pairs * shortfall) / ops.maximum(ops.sum(pairs), 1.0)


def compute_partner_loss(target: Any, predicted: Any) -> Any:
    """Mean squared error of the difference between a view and its partner, the row behind it.

    Partners show one photo (``train.data.pipeline``). Twice the same view must get the same score whatever JPEG or a
    new size did to it, and a degraded one as much less as it lost: what the two have in common cancels.
    """
    return compute_squared_loss(target[0::2] - target[1::2], predicted[0::2] - predicted[1::2])


def _compute_cross_entropy(target: Any, logits: Any) -> Any:
    """Cross entropy with probabilities (batch, labels), rows of NaN left out."""
    mask, target = _split_unknown(target)
    log_probability = logits - ops.logsumexp(logits, axis=-1, keepdims=True)
    rows = ops.maximum(ops.sum(mask[:, :1]), 1.0)
    return -ops.sum(mask * target * log_probability) / rows


def _split_unknown(target: Any) -> tuple[Any, Any]:
    """A mask of what is known, and the target with zeros where it is not."""
    is_unknown = ops.isnan(target)
    return ops.cast(ops.logical_not(is_unknown), target.dtype), ops.where(is_unknown, ops.zeros_like(target), target)
