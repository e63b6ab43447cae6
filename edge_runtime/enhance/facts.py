"""What can be measured on the picture itself: light, noise, a colour cast, a tilt, and where the product lies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.enhance.cast import CastEstimate, estimate_casts
from edge_runtime.enhance.libraries import load_cv2
from edge_runtime.enhance.tilt import Tilt, measure_tilt
from edge_runtime.gate.backdrop import Backdrop, measure_backdrop

__all__ = ["PictureFacts", "measure_facts", "measure_noise"]

LIGHT_PERCENTS = (1.0, 50.0, 95.0, 99.0)
BLOCK_PX = 16
BAND_LEVELS = (70.0, 150.0)  # between dark, middling and light blocks
EVEN_SHARE = 0.25  # of the blocks of a band
LEAST_BLOCK_SHARE = 0.03  # of all: a band of fewer blocks may be all edges
MAX_WHITE_SHARE, MAX_BLACK_SHARE = 0.1, 0.6  # of a block's pixels; half of the noise around black is cut off there


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """Measured on the picture that the search works on.

    Attributes:
        width_px, height_px: of that picture.
        darkest, median, bright, brightest: levels (0-255) that 1, 50, 95 and 99 % of the pixels' luma lie under.
        peak: level that the lightest channel of 99 % lies under: white in coloured light has one at the top.
        noise: standard deviation of the noise in levels, see :func:`measure_noise`.
        casts: estimates of the light's colour, none where nothing in the picture tells.
        tilt: how far its lines lean.
        backdrop: background and product, as the gate's rules measure them.
    """

    width_px: int
    height_px: int
    darkest: float
    median: float
    bright: float
    brightest: float
    peak: float
    noise: float
    casts: tuple[CastEstimate, ...]
    tilt: Tilt
    backdrop: Backdrop


def measure_facts(picture: NDArray[np.uint8]) -> PictureFacts:
    """Measures a picture, RGB uint8 (height, width, 3), of about a megapixel."""
    cv2 = load_cv2()
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    backdrop = measure_backdrop(picture)
    darkest, median, bright, brightest = (float(value) for value in np.percentile(luma, LIGHT_PERCENTS))
    return PictureFacts(
        picture.shape[1],
        picture.shape[0],
        darkest,
        median,
        bright,
        brightest,
        float(np.percentile(picture.max(axis=2), LIGHT_PERCENTS[-1])),
        measure_noise(luma),
        estimate_casts(picture, backdrop),
        measure_tilt(luma),
        backdrop,
    )


def measure_noise(luma: NDArray[np.uint8]) -> float:
    """Standard deviation of the noise in levels, by Immerkær's Laplacian difference (1996) where there is no texture.

    His mask answers to noise alone in flat and in evenly shaded places; its mean absolute response is sigma times
    6 * sqrt(2 / pi). It is read in blocks, of the dark, the middling and the light ones apart, and in each of the three
    from the evenest quarter, so that texture counts for little. The noisiest of the three is the answer, for sensors
    are noisiest in the dark. A backdrop that was cut out to pure white or black tells nothing.
    """
    cv2 = load_cv2()
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(cv2.filter2D(luma.astype(np.float32), -1, mask))
    rows, columns = (side // BLOCK_PX * BLOCK_PX for side in luma.shape)
    if not rows or not columns:
        return 0.0

    def average(values: NDArray[np.generic]) -> NDArray[np.float64]:
        shape = (rows // BLOCK_PX, BLOCK_PX, columns // BLOCK_PX, BLOCK_PX)
        means: NDArray[np.float64] = values[:rows, :columns].reshape(shape).mean(axis=(1, 3), dtype=np.float64)
        return means.ravel()

    is_usable = (average(luma >= 253) < MAX_WHITE_SHARE) & (average(luma <= 2) < MAX_BLACK_SHARE)
    levels, responses = average(luma)[is_usable], average(response)[is_usable]
    bands = np.digitize(levels, BAND_LEVELS)
    found = [0.0]
    for band in range(len(BAND_LEVELS) + 1):
        in_band = responses[bands == band]
        if len(in_band) >= LEAST_BLOCK_SHARE * is_usable.size:
            found.append(float(np.quantile(in_band, EVEN_SHARE)))
    return max(found) / (6.0 * math.sqrt(2.0 / math.pi))
