"""Faults of framing, made from pictures whose framing can be known: a product before an even, near-white background.

Only there can the product be cut from its background without a guess, and only there can the frame be extended
invisibly. :func:`find_product` says honestly when a picture is not of that kind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError

__all__ = ["Product", "cut_off", "find_product", "move_off_center", "reframe", "shrink_product", "tilt"]

BORDER_SHARE = 0.02  # of the shorter side: the rim that must be background
NEAR_WHITE = 225  # darkest channel of a background that counts as near white
STRONG_DIFFERENCE = 14  # of any channel from the background's colour: surely not background
WEAK_DIFFERENCE = 6  # not background where it hangs on to something that surely is not
CONTACT_SHARE = 0.2  # of an edge that a whole product may touch; one that touches more was cut by the frame
WHOLE_CONTACT_SHARE = 0.03  # of an edge that a well framed product may touch
AREA_LIMITS = (0.02, 0.9)  # of the frame that a product may fill
MARGIN_SHARE = 0.02  # of the frame's side that a reframed product keeps free


@dataclass(frozen=True)
class Product:
    """Where the product stands.

    Attributes:
        mask: bool (height, width), True on the product.
        box: (left, top, right, bottom) in px, right and bottom exclusive.
        background: RGB of the background, (3,) uint8.
    """

    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]
    background: NDArray[np.uint8]

    @property
    def fill_share(self) -> float:
        """The longer extent of the box as a share of the frame's same side."""
        left, top, right, bottom = self.box
        return max((right - left) / self.mask.shape[1], (bottom - top) / self.mask.shape[0])

    @property
    def is_well_framed(self) -> bool:
        """Whether the product is whole, fills half of the frame or more, and stands within 8 % of its middle."""
        height, width = self.mask.shape
        left, top, right, bottom = self.box
        is_whole = max(_contact_shares(self.mask)) <= WHOLE_CONTACT_SHARE
        off_x, off_y = abs(left + right - width) / (2 * width), abs(top + bottom - height) / (2 * height)
        return is_whole and self.fill_share >= 0.5 and max(off_x, off_y) <= 0.08


def find_product(image: NDArray[np.uint8]) -> Product | None:
    """Tells the product from an even, near-white background.

    Args:
        image: RGB uint8 (height, width, 3).

    Returns:
        None when the rim is not near white and even, or when what stands before it is too small or too large to be
        a product: then the framing is not known.
    """
    height, width = image.shape[:2]
    rim = max(2, round(BORDER_SHARE * min(height, width)))
    if min(height, width) < 8 * rim:
        return None
    border = np.concatenate([image[part].reshape(-1, 3) for part in _rim_slices(rim)])
    background = np.median(border, axis=0).astype(np.uint8)
    if background.min() < NEAR_WHITE:
        return None
    mask = _separate(image, background)
    if max(_contact_shares(mask)) > CONTACT_SHARE or not _has_even_corners(mask, 2 * rim):
        return None
    if not AREA_LIMITS[0] <= float(mask.mean()) <= AREA_LIMITS[1]:
        return None
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return Product(mask, (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1), background)


def shrink_product(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Too small: the product's longer extent fills 62 % down to 12 % of the frame (or less than it did)."""
    product = _need_product(image)
    share = 0.68 * (0.12 / 0.68) ** strength
    scale = min(share / product.fill_share, 1.0 - 0.3 * strength)
    drift = rng.uniform(-0.04, 0.04, 2)
    return _place(image, product, scale=scale, center=(0.5 + drift[0], 0.5 + drift[1]))


def move_off_center(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Off centre but whole: its middle 6 % to 25 % of the frame's side away.

    A product without that much room is made smaller first, by half at most.
    """
    product = _need_product(image)
    height, width = image.shape[:2]
    left, top, right, bottom = product.box
    extent = ((right - left) / width, (bottom - top) / height)
    wanted = 0.05 + 0.2 * strength
    angle = rng.uniform(0.0, 2.0 * math.pi)
    direction = (math.cos(angle), math.sin(angle))
    room = [1.0 - 2.0 * (wanted * abs(step) + MARGIN_SHARE / 2) for step in direction]
    scale = min(1.0, max(0.5, min(free / size for free, size in zip(room, extent, strict=True))))
    center = []
    for step, size in zip(direction, extent, strict=True):
        reach = max(0.0, (1.0 - size * scale) / 2 - MARGIN_SHARE / 2)
        center.append(0.5 + float(np.clip(wanted * step, -reach, reach)))
    return _place(image, product, scale=scale, center=(center[0], center[1]))


def cut_off(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Cut off: 5 % to 58 % of the product's extent lies beyond one edge of the frame, or beyond a corner."""
    product = _need_product(image)
    height, width = image.shape[:2]
    left, top, right, bottom = product.box
    scale = float(rng.uniform(1.0, 1.15))
    extent = (scale * (right - left) / width, scale * (bottom - top) / height)
    beyond = 0.02 + 0.56 * strength
    axis, side = int(rng.integers(2)), (1.0 if rng.random() < 0.5 else -1.0)
    center = [0.5, 0.5]
    center[axis] += side * (0.5 - extent[axis] / 2 + beyond * extent[axis])
    if rng.random() < 0.3:  # over a corner
        other = 1 - axis
        center[other] += (1.0 if rng.random() < 0.5 else -1.0) * (
            0.5 - extent[other] / 2 + 0.4 * beyond * extent[other]
        )
    return _place(image, product, scale=scale, center=(center[0], center[1]))


def tilt(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Tilted by 6 to 45 degrees either way, and small enough to stay whole."""
    product = _need_product(image)
    degrees = (4.0 + 41.0 * strength) * (1.0 if rng.random() < 0.5 else -1.0)
    return _place(image, product, scale=1.0, center=(0.5, 0.5), degrees=degrees, keep_whole=True)


def reframe(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """No fault: the product in the middle, 70-88 % of the frame, through the same steps as the faults.

    Without such pictures a network could take the traces of those steps for bad framing.
    """
    product = _need_product(image)
    share = float(rng.uniform(0.70, 0.88))
    drift = rng.uniform(-0.02, 0.02, 2)
    return _place(image, product, scale=share / product.fill_share, center=(0.5 + drift[0], 0.5 + drift[1]))


def _need_product(image: NDArray[np.uint8]) -> Product:
    product = find_product(image)
    if product is None:
        raise UsageError(
            "no even, near-white background: the framing of this picture cannot be changed; ask find_product"
        )
    return product


def _rim_slices(rim: int) -> list[tuple[slice, slice]]:
    """The picture's four edges, ``rim`` px deep; the corners count twice."""
    everything, first, last = slice(None), slice(None, rim), slice(-rim, None)
    return [(first, everything), (last, everything), (everything, first), (everything, last)]


def _separate(image: NDArray[np.uint8], background: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The product is what differs clearly from the background, with what differs slightly and hangs on to that.

    So white parts and soft shadows stay with their product (the two thresholds of Canny 1986). What background cannot
    reach from the rim belongs to the product too.
    """
    strong, weak = (_differs(image, background, limit) for limit in (STRONG_DIFFERENCE, WEAK_DIFFERENCE))
    strong = cv2.morphologyEx(strong, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, labels = cv2.connectedComponents(cv2.bitwise_or(weak, strong), connectivity=8)
    is_product = np.zeros(int(labels.max()) + 1, dtype=np.uint8)
    is_product[labels[strong > 0]] = 1
    is_product[0] = 0
    # With background all around: closing would tie a product near the frame to it, and the fill would not get past.
    padded = cv2.copyMakeBorder(is_product[labels], 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=0)
    padded = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    cv2.floodFill(padded, None, (0, 0), 2)
    return padded[4:-4, 4:-4] != 2


def _differs(image: NDArray[np.uint8], background: NDArray[np.uint8], limit: int) -> NDArray[np.uint8]:
    """1 where any channel is further than ``limit`` from the background."""
    center = background.astype(np.float64)
    return cv2.inRange(image, center - limit, center + limit) // 255 ^ 1


def _contact_shares(mask: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """The share of the frame's left, top, right and bottom edge that the product touches."""
    edges = (mask[:, 0], mask[0], mask[:, -1], mask[-1])
    left, top, right, bottom = (float(edge.mean()) for edge in edges)
    return left, top, right, bottom


def _has_even_corners(mask: NDArray[np.bool_], size_px: int) -> bool:
    """Whether background shows in at least three corners: a picture full to its corners has no frame to know."""
    ends = (slice(None, size_px), slice(-size_px, None))
    return sum(not mask[rows, columns].any() for rows in ends for columns in ends) >= 3


def _place(
    image: NDArray[np.uint8],
    product: Product,
    *,
    scale: float,
    center: tuple[float, float],
    degrees: float = 0.0,
    keep_whole: bool = False,
) -> NDArray[np.uint8]:
    """Puts the product, scaled and turned, with its box's middle at ``center`` (shares of the frame) on even ground."""
    height, width = image.shape[:2]
    left, top, right, bottom = product.box
    clean = _flatten_background(image, product)
    if keep_whole:
        cosine, sine = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
        turned_width = cosine * (right - left) + sine * (bottom - top)
        turned_height = sine * (right - left) + cosine * (bottom - top)
        free = 1.0 - 2 * MARGIN_SHARE
        scale = min(scale, free * width / turned_width, free * height / turned_height)
    middle = ((left + right) / 2, (top + bottom) / 2)
    if scale < 0.9:  # a warp samples single points: average areas first
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        clean = cv2.resize(clean, size, interpolation=cv2.INTER_AREA)
        middle = (middle[0] * size[0] / width, middle[1] * size[1] / height)
        scale = 1.0
    matrix = cv2.getRotationMatrix2D(middle, degrees, scale)
    matrix[:, 2] += np.array([center[0] * width - middle[0], center[1] * height - middle[1]])
    if degrees == 0.0 and scale == 1.0:
        matrix[:, 2] = np.rint(matrix[:, 2])  # whole pixels keep the sharpness
    color = tuple(int(channel) for channel in product.background)
    return cv2.warpAffine(
        clean, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=color
    )


def _flatten_background(image: NDArray[np.uint8], product: Product) -> NDArray[np.uint8]:
    """Background of one colour right to the rim, so that no seam shows where the frame is extended."""
    reach = max(3, round(0.015 * min(image.shape[:2]))) | 1
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    near = cv2.dilate(product.mask.astype(np.uint8) * 255, ellipse)
    weight = cv2.GaussianBlur(near, (reach, reach), 0).astype(np.float32) / 255.0
    even = np.empty_like(image)
    even[:] = product.background
    return cv2.blendLinear(image, even, weight, 1.0 - weight)
