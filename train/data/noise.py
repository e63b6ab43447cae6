"""Losses of cleanness: sensor noise, film-like grain, compression artefacts.

Grains and blocks have a size in pixels of the view (see blur.py), so that they survive the
scaling to the model's input.
"""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["add_grain", "add_jpeg_artefacts", "add_sensor_noise"]

GRAIN_GRID_PX = 384  # noise is drawn on a grid whose shorter side has at most this many cells
JPEG_GRID_PX = 512  # above this shorter side, artefacts are made on a smaller copy: blocks keep their size in the view


def add_sensor_noise(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Shot and read noise of a small sensor, as it looks after demosaicing and the tone curve.

    In linear light the variance is ``a * signal + b`` (Foi et al. 2008, "Practical Poissonian-Gaussian noise modeling
    and fitting for single-image raw-data"). Through a square-root tone curve v = sqrt(signal) shot noise becomes even,
    and read noise grows towards the shadows as 1 / v. Demosaicing leaves noise that is correlated between neighbours
    and coarser in colour than in brightness.
    """
    height, width = image.shape[:2]
    shot = 0.013 + 0.19 * strength**1.6  # standard deviation at mid grey, full scale = 1
    value = np.arange(256, dtype=np.float32) / 255.0
    sigma = 255.0 * shot * np.sqrt(0.6 + 0.4 * 0.25 / (value**2 + 0.03))
    brightness = _draw_field(rng, height, width, GRAIN_GRID_PX)
    red = _draw_field(rng, height, width, GRAIN_GRID_PX // 2)
    blue = _draw_field(rng, height, width, GRAIN_GRID_PX // 2)
    noise = cv2.merge(
        [0.8 * brightness + 0.55 * red, 0.8 * brightness - 0.25 * (red + blue), 0.8 * brightness + 0.65 * blue]
    )
    return _add(image, noise * cv2.LUT(image, sigma.astype(np.float32)))


def add_grain(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Gaussian grain in brightness alone, the same in light and shadow."""
    height, width = image.shape[:2]
    sigma = 255.0 * (0.012 + 0.19 * strength**1.6)
    field = _draw_field(rng, height, width, GRAIN_GRID_PX) * np.float32(sigma)
    return _add(image, cv2.merge([field, field, field]))


def add_jpeg_artefacts(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Compresses as JPEG with halved colour resolution, quality 34 down to 4."""
    quality = round(42.0 * (4.0 / 42.0) ** strength**0.8)
    height, width = image.shape[:2]
    shrink = min(height, width) / JPEG_GRID_PX
    if shrink <= 1.25:
        return _recompress(image, quality)
    size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    error = _recompress(small, quality).astype(np.float32) - small
    return _add(image, cv2.resize(error, (width, height), interpolation=cv2.INTER_NEAREST))


def _draw_field(rng: np.random.Generator, height: int, width: int, grid_px: int) -> NDArray[np.float32]:
    """(height, width) normal noise of unit variance whose grains are at least the shorter side / ``grid_px`` wide."""
    cell = max(1.0, min(height, width) / grid_px)
    rows, columns = max(1, round(height / cell)), max(1, round(width / cell))
    field = rng.standard_normal((rows, columns), dtype=np.float32)
    field = cv2.GaussianBlur(field, (3, 3), 0.5, borderType=cv2.BORDER_REFLECT_101)
    field = (
        field
        if (rows, columns) == (height, width)
        else cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
    )
    spread = float(field.std())
    return field / np.float32(spread) if spread > 0.0 else field


def _add(image: NDArray[np.uint8], change: NDArray[np.float32]) -> NDArray[np.uint8]:
    return cv2.add(image, change, dtype=cv2.CV_8U)  # rounds and saturates


def _recompress(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    buffer.seek(0)
    with Image.open(buffer) as decoded:
        return np.array(decoded.convert("RGB"), dtype=np.uint8)
