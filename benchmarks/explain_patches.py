"""Photos that are spoilt in one place only: where a heat map has to point, known in advance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from train.data.degradations import KINDS, Degradation, apply

__all__ = ["PATCH_KINDS", "Patch", "SpoiltPhoto", "draw_patch", "spoil_place"]

PATCH_KINDS: Mapping[str, str] = MappingProxyType(
    {kind: KINDS[kind] for kind in ("defocus", "sensor_noise", "underexposed", "overexposed", "white_balance")}
)
"""Kind of fault → the attribute it lowers: a patch blurred, noised, darkened, blown, or with a colour cast."""

SIDE_SHARES = (0.20, 0.35)  # of the photo's width and of its height
STRENGTHS = (0.5, 1.0)  # "clearly bad" to "terrible", as train.data.degradations defines them
FEATHER = 0.06  # of the patch's side: a hard edge would be a cue of its own
GRID_PX = 320  # content and visibility are looked at in this size, whatever the photo's
LEAST_CONTENT = 20.0  # standard deviation of luma within the patch, in pixel values of 255: plain grounds have none
LEAST_DETAIL = 6.0  # mean absolute difference of luma between neighbours there: smooth grounds cannot be blurred
LEAST_CHANGE = 8.0  # mean absolute change of a pixel value by the fault within the patch, and
CHANGED, CHANGED_SHARE = 4.0, 2 / 3  # so many of its 8 x 8 squares changed by so much: a patch is spoilt as a whole
SQUARE_PX = 8
PLACES = 40  # tried before a photo is given up


@dataclass(frozen=True)
class Patch:
    """A rectangle in shares of the photo's width and height, 0-1."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, x: float, y: float) -> bool:
        """Whether the point, in shares, lies inside."""
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    @property
    def area(self) -> float:
        """Its share of the photo, which is also how often a random point hits it."""
        return (self.right - self.left) * (self.bottom - self.top)


@dataclass(frozen=True)
class SpoiltPhoto:
    """A photo with one fault in one place.

    Attributes:
        pixels: RGB uint8 (height, width, 3).
        patch: where the fault is.
        fault: which, how strong.
        attribute: what it lowers.
    """

    pixels: NDArray[np.uint8]
    patch: Patch
    fault: Degradation
    attribute: str


def spoil_place(image: NDArray[np.uint8], kind: str, rng: np.random.Generator) -> SpoiltPhoto | None:
    """Spoils one place that has something to spoil.

    The place must hold content (``LEAST_CONTENT`` and ``LEAST_DETAIL``), and the fault must change it visibly
    (``LEAST_CHANGE``) and for the most part (``CHANGED_SHARE``); all of it is looked at before any model is asked.

    Args:
        image: RGB uint8 (height, width, 3).
        kind: one of :data:`PATCH_KINDS`.
        rng: decides place, strength and pattern.

    Returns:
        The spoilt photo, or None where no such place was found.
    """
    fault = Degradation(kind, float(rng.uniform(*STRENGTHS)), int(rng.integers(2**31)))
    spoilt = apply(image, fault)
    luma = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (GRID_PX, GRID_PX), interpolation=cv2.INTER_AREA)
    change = cv2.resize(cv2.absdiff(image, spoilt), (GRID_PX, GRID_PX), interpolation=cv2.INTER_AREA).mean(axis=-1)
    for _ in range(PLACES):
        patch = draw_patch(rng)
        place = _slice(patch, GRID_PX, GRID_PX)
        if _has_content(luma[place]) and _is_spoilt(change[place]):
            return SpoiltPhoto(_blend(image, spoilt, patch), patch, fault, PATCH_KINDS[kind])
    return None


def draw_patch(rng: np.random.Generator) -> Patch:
    """A rectangle of random sides (``SIDE_SHARES``), anywhere inside the photo."""
    width, height = rng.uniform(*SIDE_SHARES, 2)
    left, top = rng.uniform(0.0, 1.0 - width), rng.uniform(0.0, 1.0 - height)
    return Patch(float(left), float(top), float(left + width), float(top + height))


def _slice(patch: Patch, height: int, width: int) -> tuple[slice, slice]:
    return (
        slice(round(patch.top * height), round(patch.bottom * height)),
        slice(round(patch.left * width), round(patch.right * width)),
    )


def _has_content(luma: NDArray[np.uint8]) -> bool:
    values = luma.astype(np.float32)
    detail = (np.abs(np.diff(values, axis=0)).mean() + np.abs(np.diff(values, axis=1)).mean()) / 2.0
    return float(values.std()) >= LEAST_CONTENT and float(detail) >= LEAST_DETAIL


def _is_spoilt(change: NDArray[np.floating]) -> bool:
    rows, columns = (side // SQUARE_PX for side in change.shape)
    squares = change[: rows * SQUARE_PX, : columns * SQUARE_PX].reshape(rows, SQUARE_PX, columns, SQUARE_PX)
    is_changed = squares.mean(axis=(1, 3)) >= CHANGED
    return float(change.mean()) >= LEAST_CHANGE and float(is_changed.mean()) >= CHANGED_SHARE


def _blend(image: NDArray[np.uint8], spoilt: NDArray[np.uint8], patch: Patch) -> NDArray[np.uint8]:
    """``spoilt`` inside the patch, ``image`` outside; within, the edge is feathered."""
    height, width, _ = image.shape
    rows, columns = _slice(patch, height, width)
    result = image.copy()
    inside = _ramp(rows.stop - rows.start)[:, None, None] * _ramp(columns.stop - columns.start)[None, :, None]
    mixed = inside * spoilt[rows, columns] + (1.0 - inside) * image[rows, columns]
    result[rows, columns] = np.rint(mixed).astype(np.uint8)
    return result


def _ramp(length: int) -> NDArray[np.float64]:
    """0 to 1 at either end over ``FEATHER`` of the length, 1 in between."""
    distance = np.minimum(np.arange(length), np.arange(length)[::-1]) + 0.5
    return np.clip(distance / max(FEATHER * length, 1.0), 0.0, 1.0)
