"""The background's colour, read from the photo's rim: one colour, or a shade that changes slowly across the photo.

Nearly all of a catalogue picture's rim has one colour. A sheet of paper by a window is lighter on one side: there a
quadratic surface is fitted to the rim, by least squares on the three quarters of it that fit best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PLAIN_LEVELS", "Rim", "find_darkest", "read_rim"]

RIM_SHARE = 0.02  # of the shorter side: how deep the rim reaches
COLOR_BIN = 16  # levels; the commonest colour is found in bins of this width
PLAIN_LEVELS = 12  # rim pixels within this distance of the model count as background
PLAIN_SHARE = 0.7  # of the rim at least: a product may leave the picture on one side, a room fills all four
FIT_POINTS = 2000  # of the rim: six coefficients need no more
FIT_SHARE = 0.75
FIT_ROUNDS = 6
ROWS_AT_ONCE = 32
BRIGHT_PERCENTILE = 90.0
NOISE_FACTOR = 2.0  # times the 75th percentile: about the 98th of noise, but untouched by the product's blurred edge


@dataclass(frozen=True, slots=True)
class Rim:
    """What the rim says about the background.

    Attributes:
        color: RGB, the commonest along the rim.
        plain_share: share (0-1) of the rim within 12 levels of the background's model.
        is_plain: at least 70 % of the rim is.
        surface: the model where one colour is not enough: float32 (6, 3), see ``distance``; else None.
        noise: how far the background strays from the model, in levels; nearly all of it stays within.
        level: median over the rim of each pixel's darkest channel, 0-255.
        bright: the level of that channel which only a tenth of the rim exceeds.
        background: RGB uint8 (n, 3), the rim's pixels that the model fits.
    """

    color: tuple[int, int, int]
    plain_share: float
    is_plain: bool
    surface: NDArray[np.float32] | None
    noise: float
    level: float
    bright: float
    background: NDArray[np.uint8]

    def distance(self, picture: NDArray[np.uint8]) -> NDArray[np.int16]:
        """How far each pixel is from the background: the largest difference of the three channels, in levels.

        Args:
            picture: RGB uint8 (height, width, 3), the one that the rim was read from.
        """
        height, width, _ = picture.shape
        x, y = _axes(width), _axes(height)[:, np.newaxis]
        farthest = np.zeros((height, width), np.int16)
        # Some rows at a time, which the processor's cache holds, and a channel at a time: six times as fast.
        for start in range(0, height, ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            for channel in range(3):
                difference = picture[rows, :, channel].astype(np.int16)
                if self.surface is None:
                    difference -= np.int16(self.color[channel])
                else:
                    c = self.surface[:, channel]
                    model = (c[2] + c[5] * x) * y[rows]
                    model += c[0] + c[1] * x + c[3] * x * x
                    model += c[4] * y[rows] * y[rows]
                    np.rint(model, out=model)
                    difference -= model.clip(0, 255, out=model).astype(np.int16)
                np.maximum(farthest[rows], np.abs(difference, out=difference), out=farthest[rows])
        return farthest


def read_rim(picture: NDArray[np.uint8]) -> Rim:
    """Reads the rim of a picture, RGB uint8 (height, width, 3)."""
    height, width, _ = picture.shape
    depth = max(2, round(RIM_SHARE * min(height, width)))
    pixels = _cut_rim(picture, depth)
    color = _commonest_color(pixels)
    distances = _find_largest(np.abs(pixels.astype(np.int16) - color))
    surface = None
    if (distances <= PLAIN_LEVELS).mean() < PLAIN_SHARE:
        x, y = np.broadcast_arrays(_axes(width), _axes(height)[:, np.newaxis])
        terms = _terms(_cut_rim(x, depth), _cut_rim(y, depth))
        surface = _fit_surface(terms, pixels)
        distances = _find_largest(np.abs(_evaluate(terms, surface) - pixels))
    is_background = distances <= PLAIN_LEVELS
    plain_share = float(is_background.mean())
    darkest = find_darkest(pixels)
    red, green, blue = (int(channel) for channel in color)
    return Rim(
        (red, green, blue),
        plain_share,
        plain_share >= PLAIN_SHARE,
        surface,
        NOISE_FACTOR * float(np.percentile(distances[is_background], 75)) if is_background.any() else 0.0,
        float(np.median(darkest)),
        float(np.percentile(darkest, BRIGHT_PERCENTILE)),
        pixels[is_background],
    )


def find_darkest(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The darkest of the three channels of (..., 3): one by one, for an axis of three is slow to reduce."""
    darkest: NDArray[np.uint8] = np.minimum(np.minimum(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    return darkest


def _find_largest(channels: NDArray[Any]) -> NDArray[Any]:
    """The largest of the three channels of (n, 3), likewise."""
    largest: NDArray[Any] = np.maximum(np.maximum(channels[:, 0], channels[:, 1]), channels[:, 2])
    return largest


def _cut_rim(values: NDArray[Any], depth: int) -> NDArray[Any]:
    """The outermost ``depth`` rows and columns of (height, width, ...), row by row, as (n, ...)."""
    height, width = values.shape[:2]
    if min(height, width) <= 2 * depth:
        return values.reshape(height * width, *values.shape[2:])
    between = values[depth : height - depth]
    sides = np.concatenate([between[:, :depth], between[:, width - depth :]], axis=1)
    parts = (values[:depth], sides, values[height - depth :])
    return np.concatenate([part.reshape(-1, *values.shape[2:]) for part in parts])


def _axes(size: int) -> NDArray[np.float32]:
    """Coordinates along a side, from -1 to 1: small numbers keep the fit well conditioned."""
    return np.linspace(-1, 1, size, dtype=np.float32)


def _terms(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """The terms of the surface at n points, (6, n)."""
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y])


def _fit_surface(terms: NDArray[np.float32], pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    step = max(1, len(pixels) // FIT_POINTS)
    terms, colors = terms[:, ::step], pixels[::step].astype(np.float32)
    is_kept = np.ones(len(colors), bool)
    surface = np.zeros((len(terms), 3), np.float32)
    for _ in range(FIT_ROUNDS):
        surface = _solve(terms[:, is_kept].astype(np.float64), colors[is_kept]).astype(np.float32)
        residuals = _find_largest(np.abs(_evaluate(terms, surface) - colors))
        is_kept = residuals <= max(PLAIN_LEVELS / 2, float(np.quantile(residuals, FIT_SHARE)))
    return surface


# Without "@" and lstsq: those hand such thin products to BLAS, whose threads wait for processors that others use.


def _evaluate(terms: NDArray[np.float32], surface: NDArray[np.float32]) -> NDArray[np.float32]:
    """The surface at n points, (n, 3)."""
    values = np.empty((terms.shape[1], 3), np.float32)
    for channel in range(3):
        values[:, channel] = sum(factor * term for factor, term in zip(surface[:, channel], terms, strict=True))
    return values


def _solve(terms: NDArray[np.float64], colors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Least squares by the normal equations, which six terms of -1 to 1 bear well."""
    moments = np.einsum("tn,un->tu", terms, terms)
    moments[np.diag_indices_from(moments)] += 1e-9 * terms.shape[1]  # of a rim without extent along a side
    solution: NDArray[np.float64] = np.linalg.solve(moments, np.einsum("tn,nc->tc", terms, colors))
    return solution


def _commonest_color(pixels: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Median of the pixels in and around the fullest bin."""
    bins = pixels // COLOR_BIN
    codes = (bins[:, 0].astype(np.int32) << 8) | (bins[:, 1].astype(np.int32) << 4) | bins[:, 2]
    fullest = int(np.bincount(codes, minlength=4096).argmax())
    center = np.array([fullest >> 8, fullest >> 4 & 15, fullest & 15], np.int16)
    near = _find_largest(np.abs(bins.astype(np.int16) - center)) <= 1
    color: NDArray[np.int16] = np.median(pixels[near], axis=0).round().astype(np.int16)
    return color
