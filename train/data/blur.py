"""Losses of sharpness: defocus, camera or subject motion, enlargement from too few pixels.

Lengths are shares of the picture's shorter side, given here as pixels of a view whose shorter side is
:data:`VIEW_PX`: the same strength looks the same whatever the resolution, once the picture is viewed at that size.
Curves from strength to length were fitted so that GMSD against the original grows evenly (see degradations.py).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["VIEW_PX", "blur_by_defocus", "blur_by_motion", "blur_by_upscaling"]

VIEW_PX = 320
WORKING_LENGTH_PX = 8.0  # of one piece of a motion blur
WORKING_RADIUS_PX = 4.0  # a wider disk is applied to a smaller copy: what it leaves has no finer detail


def blur_by_defocus(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Convolves with the disk that an out-of-focus lens draws for every point, in linear light."""
    radius_px = (0.7 + 3.2 * strength + 3.4 * strength**2) * _pixels_per_view_pixel(image)
    height, width = image.shape[:2]
    linear = _to_linear(image)
    shrink = max(1.0, radius_px / WORKING_RADIUS_PX)
    if shrink > 1.0:
        size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
        linear = cv2.resize(linear, size, interpolation=cv2.INTER_AREA)
    linear = cv2.filter2D(linear, -1, _build_disk(radius_px / shrink), borderType=cv2.BORDER_REFLECT_101)
    if shrink > 1.0:
        linear = cv2.resize(linear, (width, height), interpolation=cv2.INTER_LINEAR)
    return _from_linear(linear)


def blur_by_motion(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Smears along a straight line of any direction, as a hand or an object moving during the exposure does."""
    length_px = (2.2 + 8.0 * strength + 13.0 * strength**2) * _pixels_per_view_pixel(image)
    points = _sample_line(length_px, rng.uniform(0.0, math.pi))
    # A large kernel goes through a Fourier transform, in 25 ms; the small kernels of a line's pieces take 5 together.
    pieces = np.array_split(points, math.ceil(length_px / WORKING_LENGTH_PX))
    reach = math.ceil(length_px / 2.0)
    height, width = image.shape[:2]
    wide = cv2.copyMakeBorder(image, reach, reach, reach, reach, cv2.BORDER_REFLECT)
    total = np.zeros(image.shape, dtype=np.uint16)
    for piece in pieces:
        x, y = (round(float(middle)) for middle in piece.mean(axis=0))
        blurred = cv2.filter2D(wide, cv2.CV_8U, _build_kernel(piece - (x, y)), borderType=cv2.BORDER_REFLECT_101)
        total += blurred[reach + y : reach + y + height, reach + x : reach + x + width]
    return cv2.convertScaleAbs(total, alpha=1.0 / len(pieces))


def blur_by_upscaling(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Keeps fewer pixels than the view has, then enlarges, bicubic or bilinear: a thumbnail sold as a photo."""
    height, width = image.shape[:2]
    factor = (1.2 + 2.6 * strength + 5.0 * strength**2) * _pixels_per_view_pixel(image)
    if factor <= 1.0:
        return image.copy()
    size = (max(2, round(width / factor)), max(2, round(height / factor)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    enlarge = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
    return cv2.resize(small, (width, height), interpolation=enlarge)


def _pixels_per_view_pixel(image: NDArray[np.uint8]) -> float:
    return min(image.shape[:2]) / VIEW_PX


def _to_linear(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Linear light by a gamma of 2, near enough to sRGB for a blur and many times faster."""
    return cv2.LUT(image, np.arange(256, dtype=np.float32) ** 2)


def _from_linear(linear: NDArray[np.float32]) -> NDArray[np.uint8]:
    return cv2.convertScaleAbs(cv2.sqrt(np.maximum(linear, 0.0)))


def _build_disk(radius_px: float) -> NDArray[np.float32]:
    """A disk whose rim is antialiased over one pixel, so that a tenth of a pixel of radius shows."""
    reach = math.ceil(radius_px + 0.5)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = np.clip(radius_px + 0.5 - np.hypot(x, y), 0.0, 1.0)
    return (disk / disk.sum()).astype(np.float32)


def _sample_line(length_px: float, angle_rad: float) -> NDArray[np.float64]:
    """(n, 2) points, x and y from the line's middle, an eighth of a pixel apart or less."""
    half = max(0.0, (length_px - 1.0) / 2.0)  # each point is spread over a pixel, half of it beyond the end
    along = np.linspace(-half, half, 16 * math.ceil(half) + 1)
    return np.stack([along * math.cos(angle_rad), along * math.sin(angle_rad)], axis=1)


def _build_kernel(points: NDArray[np.float64]) -> NDArray[np.float32]:
    """The kernel that averages over points, each shared by its four neighbouring pixels."""
    reach = math.ceil(float(np.abs(points).max())) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.float64)
    corner = np.floor(points).astype(np.intp)
    right, down = (points - corner).T
    column, row = (corner + reach).T
    np.add.at(kernel, (row, column), (1 - right) * (1 - down))
    np.add.at(kernel, (row, column + 1), right * (1 - down))
    np.add.at(kernel, (row + 1, column), (1 - right) * down)
    np.add.at(kernel, (row + 1, column + 1), right * down)
    return (kernel / kernel.sum()).astype(np.float32)
