"""Degradations of known kind and strength: what nobody labelled, the attributes, is learnt from these.

A strength of 0.1 is just noticeable when the picture is viewed with a shorter side of 320 px, 0.5 is clearly bad, 1.0
terrible, at any resolution of the picture. The curves behind that were fitted on clean photographs so that the median
GMSD (for light and colour, the colour difference) against the original grows evenly with strength.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.errors import FrameError, UsageError
from train.data import blur, composition, light, noise

__all__ = [
    "COMPOSITION_KINDS",
    "KINDS",
    "TECHNICAL_KINDS",
    "Degradation",
    "apply",
    "attribute_targets",
    "is_visible",
    "random_degradation",
]

WEAKEST = 0.05  # below this strength a degradation cannot be seen at the view's size
VISIBLE_CHANGE = 6  # of a channel, in pixel values of 255: smaller changes count as unseen
VISIBLE_SHARE = 0.01  # of the pixels that must change visibly; at the edges of a small product there are few

_Apply = Callable[[NDArray[np.uint8], float, np.random.Generator], NDArray[np.uint8]]


@dataclass(frozen=True)
class _Kind:
    """How a kind is made, which attribute it lowers, and what else it lowers at strength 1 (growing as its square)."""

    attribute: str
    apply: _Apply
    side_effects: Mapping[str, float] = field(default_factory=dict)


# Side effects are our judgement of what a viewer would also mark down, set from contact sheets: a blocky JPEG has lost
# detail and colour, a near-black frame shows neither. They grow as the strength's square: weak faults have none.
_REGISTRY: dict[str, _Kind] = {
    "defocus": _Kind("sharpness", blur.blur_by_defocus),
    "motion": _Kind("sharpness", blur.blur_by_motion),
    "upscaled": _Kind("sharpness", blur.blur_by_upscaling, {"noise": 0.1}),
    "sensor_noise": _Kind("noise", noise.add_sensor_noise, {"sharpness": 0.2, "color": 0.2}),
    "grain": _Kind("noise", noise.add_grain, {"sharpness": 0.2}),
    "jpeg": _Kind("noise", noise.add_jpeg_artefacts, {"sharpness": 0.35, "color": 0.4}),
    "underexposed": _Kind("exposure", light.underexpose, {"sharpness": 0.25, "noise": 0.15, "color": 0.35}),
    "overexposed": _Kind("exposure", light.overexpose, {"sharpness": 0.2, "color": 0.4}),
    "low_contrast": _Kind("exposure", light.lower_contrast, {"sharpness": 0.25, "color": 0.35}),
    "uneven": _Kind("exposure", light.light_unevenly, {"color": 0.1}),
    "white_balance": _Kind("color", light.cast_white_balance, {"exposure": 0.15}),
    "oversaturated": _Kind("color", light.oversaturate, {"exposure": 0.1, "noise": 0.1}),
    "undersaturated": _Kind("color", light.undersaturate),
    "too_small": _Kind("composition", composition.shrink_product),
    "off_center": _Kind("composition", composition.move_off_center),
    "cut_off": _Kind("composition", composition.cut_off),
    "tilted": _Kind("composition", composition.tilt),
}

# Kind → the attribute it lowers.
KINDS: Mapping[str, str] = MappingProxyType({name: kind.attribute for name, kind in _REGISTRY.items()})
# Kinds that any picture can undergo.
TECHNICAL_KINDS = tuple(name for name, attribute in KINDS.items() if attribute != "composition")
# Kinds that need a product before an even, near-white background (composition.find_product).
COMPOSITION_KINDS = tuple(name for name, attribute in KINDS.items() if attribute == "composition")


@dataclass(frozen=True)
class Degradation:
    """One fault to apply; equal values always make equal pictures.

    Attributes:
        kind: one of :data:`KINDS`.
        strength: above 0, up to 1; perceptually about linear.
        seed: decides what strength leaves open: a direction, a noise pattern.

    Raises:
        UsageError: the kind is unknown, the strength not in (0, 1], or the seed negative.
    """

    kind: str
    strength: float
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"unknown degradation {self.kind!r}; there are {', '.join(KINDS)}")
        if not 0.0 < self.strength <= 1.0:
            raise UsageError(f"the strength of a degradation must be above 0 and up to 1, not {self.strength}")
        if self.seed < 0:
            raise UsageError(f"the seed of a degradation must not be negative, not {self.seed}")


def apply(image: NDArray[np.uint8], degradation: Degradation) -> NDArray[np.uint8]:
    """Degrades a picture; the input is left as it is.

    Args:
        image: RGB uint8 (height, width, 3).

    Returns:
        RGB uint8 of the same shape.

    Raises:
        FrameError: ``image`` is not RGB uint8.
        UsageError: a composition kind on a picture whose product cannot be told from its background.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise FrameError(f"degradations take RGB uint8 (height, width, 3), not {image.dtype} {image.shape}")
    rng = np.random.default_rng(degradation.seed)
    return _REGISTRY[degradation.kind].apply(np.ascontiguousarray(image), degradation.strength, rng)


def attribute_targets(kind: str, strength: float) -> dict[str, float]:
    """What a flawless picture's attributes become: 1 is good, 0 the worst.

    The touched attribute becomes ``1 - strength``, side effects lower others a little, the rest stay at 1.

    Raises:
        UsageError: as for :class:`Degradation`.
    """
    Degradation(kind, strength)
    entry = _REGISTRY[kind]
    targets = {name: 1.0 - entry.side_effects.get(name, 0.0) * strength**2 for name in ATTRIBUTE_NAMES}
    targets[entry.attribute] = 1.0 - strength
    return targets


def is_visible(image: NDArray[np.uint8], degraded: NDArray[np.uint8]) -> bool:
    """Whether a degradation changed the picture at all noticeably.

    A grey picture cannot lose its colour, nor a white one be overexposed: a label for such a view would be wrong.
    """
    unseen = VISIBLE_CHANGE - 1
    same = cv2.inRange(cv2.absdiff(image, degraded), (0, 0, 0), (unseen, unseen, unseen))
    return 1.0 - cv2.countNonZero(same) / same.size >= VISIBLE_SHARE


def random_degradation(rng: np.random.Generator, kinds: Sequence[str] | None = None) -> Degradation:
    """Draws a kind, evenly from ``kinds`` (by default :data:`TECHNICAL_KINDS`), a strength and a seed."""
    choices = tuple(kinds) if kinds is not None else TECHNICAL_KINDS
    if not choices:
        raise UsageError("there are no kinds of degradation to draw from")
    kind = choices[int(rng.integers(len(choices)))]
    return Degradation(kind, float(rng.uniform(WEAKEST, 1.0)), int(rng.integers(2**31)))
