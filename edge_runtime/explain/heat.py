"""From how spoilt places look to points: what each fault costs, the heat map, and whether a place stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.explain.trials import FAULTS, TRIALS
from edge_runtime.gate.policy import Policy, evaluate
from edge_runtime.result import Score

__all__ = ["ATTRIBUTES", "choose_attribute", "compute_losses", "compute_prices", "find_hottest_cells", "has_standout"]

ATTRIBUTES = (*ATTRIBUTE_NAMES, "quality")
BOX_SHARE = 0.2  # of the heat map's sides: the hottest box is a window of this size
LOOK_SHARE = 0.65  # of a place's clearness; points have the rest
CLEAR_PLACE = 0.5  # see choose_attribute; a tenth of flawless photos has no place that is clearer
STANDOUT_LOOKS: Mapping[str, float] = MappingProxyType(
    {"sharpness": 0.2, "noise": 0.15, "exposure": 0.25, "color": 0.35, "composition": 0.3, "quality": 0.3}
)
"""Of the dearest fault's price, by attribute, by which the hottest window must exceed the photo's median place: colours
and light differ from place to place in any photo, sharpness and noise hardly. So it was chosen on validation photos: of
390 flawless ones 3 of 100 have such a place of sharpness, 1 of noise, 7 of exposure and 9 of color (photogate-large
0.3.2); of places that were spoilt 97 of 100 blurred ones are such, all noised, 61 darkened or blown and 37 with a cast
(78, 78, 156 and 78 photos)."""
STANDOUT_POINTS = 8.0  # by which it must in any case


def compute_losses(score: Score, trials: Sequence[Score]) -> NDArray[np.float64]:
    """Points that each fault takes at most when it is all over the photo.

    Args:
        score: of the photo.
        trials: of the photo with each of ``TRIALS``, in that order.

    Returns:
        float64 (faults, attributes), in the order of ``FAULTS`` and :data:`ATTRIBUTES`; 0 or more.
    """
    losses = np.zeros((len(FAULTS), len(ATTRIBUTES)))
    for trial, spoilt in zip(TRIALS, trials, strict=True):
        np.maximum(losses[trial.fault], _read_points(score) - _read_points(spoilt), out=losses[trial.fault])
    return losses


def compute_prices(losses: NDArray[np.float64], attribute: str) -> NDArray[np.float64]:
    """What a place that looks fully spoilt costs, in points, by fault (faults,).

    An attribute is explained by its own faults, all at the price of the dearest, so that it is the look of a place that
    decides between them; quality by every fault at its own price.

    Args:
        losses: from :func:`compute_losses`.
        attribute: one of :data:`ATTRIBUTES`.
    """
    prices: NDArray[np.float64] = losses[:, ATTRIBUTES.index(attribute)]
    if attribute == "quality":
        return prices
    is_own = np.array([fault.attribute == attribute for fault in FAULTS])
    return np.where(is_own, prices[is_own].max(initial=0.0), 0.0)


def find_hottest_cells(heat: NDArray[np.floating]) -> tuple[slice, slice]:
    """Rows and columns of the window with the largest mean; the first one, where several are equal."""
    tall, wide = (max(1, round(BOX_SHARE * count)) for count in heat.shape)
    means = np.lib.stride_tricks.sliding_window_view(heat, (tall, wide)).mean(axis=(2, 3))
    row, column = (int(index) for index in np.unravel_index(int(means.argmax()), means.shape))
    return slice(row, row + tall), slice(column, column + wide)


def has_standout(heat: NDArray[np.floating], price: float, attribute: str) -> bool:
    """Whether the hottest window is so much hotter than the usual place that it is worth pointing at.

    Args:
        heat: (rows, columns), in points.
        price: the dearest fault's, in points.
        attribute: what the heat is about, one of :data:`ATTRIBUTES`.
    """
    return _compute_contrast(heat) >= max(STANDOUT_LOOKS[attribute] * price, STANDOUT_POINTS)


def choose_attribute(
    score: Score,
    looks: NDArray[np.float32],
    spoilt: NDArray[np.float32],
    losses: NDArray[np.float64],
    policy: Policy,
) -> str:
    """What to explain when nobody says: the worst of the policy's reasons, or the attribute with the clearest place.

    Args:
        score: of the photo.
        looks: (rows, columns, faults), 0-1, such that different faults may be compared.
        spoilt: likewise, each fault by its own stretch, as an attribute's heat has it.
        losses: from :func:`compute_losses`.
        policy: gives the reasons.

    Returns:
        The attribute of the reason furthest below its limit. Without a reason: the attribute with the clearest place,
        by how much more spoilt it looks than the photo's median place, and how many more points it takes; the weighted
        geometric mean of both, if it is CLEAR_PLACE or more. Else "quality". With 52 patchworks the map then points at
        the place in 87.4 of 100 of 390 validation photos with one spoilt place, and in 87.9 of 390 training photos; in
        85.4 and 86.7 where looks and points count alike and four in ten flawless photos have no clear place.
    """
    reasons = [reason for reason in evaluate(score, policy).reasons if reason.attribute in ATTRIBUTES]
    if reasons:
        return max(reasons, key=lambda reason: reason.limit - reason.value).attribute
    found = {"quality": CLEAR_PLACE}
    for name in ATTRIBUTE_NAMES:
        prices = compute_prices(losses, name)
        if prices.any():
            look = max(_compute_contrast(looks[..., prices > 0.0].max(axis=-1)), 0.0)
            points = max(_compute_contrast((spoilt * prices).max(axis=-1)), 0.0)
            found[name] = float(look**LOOK_SHARE * points ** (1 - LOOK_SHARE))
    return max(found, key=lambda name: found[name])


def _compute_contrast(heat: NDArray[np.floating]) -> float:
    """What the hottest window has more than the median place."""
    return float(heat[find_hottest_cells(heat)].mean() - np.median(heat))


def _read_points(score: Score) -> NDArray[np.float64]:
    return np.array([*(getattr(score.attributes, name) for name in ATTRIBUTE_NAMES), score.quality])
