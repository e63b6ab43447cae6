"""Where two small grey pictures of one scene agree, block by block, and by how much one is shifted.

Agreement is the contrast and structure term of SSIM (Wang, Bovik, Sheikh, Simoncelli 2004, equations 6-13 with
C2 = C3 doubled into one), (2 cov + C) / (var1 + var2 + C): near 1 for equal blocks and for flat ones, near 0 for
unrelated ones. The shift is found by phase correlation (Kuglin, Hines 1975).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCKS", "THUMB_PX", "Agreement", "average_blocks", "blur", "compare_blocks", "find_shift"]

THUMB_PX = 80
BLOCK_PX = 10
BLOCKS = THUMB_PX // BLOCK_PX
STABILITY = 2 * 2.0**2  # levels squared: structure with a standard deviation below 2 levels counts as flat
LEVEL_STABILITY = 16.0**2
MIN_STRUCTURE = 0.35  # agreement of a block that still shows the same
MIN_LEVELS = 0.72  # likewise for mean levels: a block twice as bright as usual has 0.8, three times 0.6

_FREQUENCIES = np.hypot(np.fft.fftfreq(THUMB_PX)[:, np.newaxis], np.fft.rfftfreq(THUMB_PX)[np.newaxis])
# Without the slow changes of light, and without what noise and focus decide.
_BAND = np.exp(-((_FREQUENCIES / 0.18) ** 2)) * -np.expm1(-((_FREQUENCIES / 0.03) ** 2))
_WINDOW = np.outer(np.hanning(THUMB_PX), np.hanning(THUMB_PX))

Picture = NDArray[np.float32]


class Agreement(NamedTuple):
    """Block by block, bool (rows, columns).

    Attributes:
        is_same: the block shows what it used to.
        is_textured: the usual block has structure of its own.
    """

    is_same: NDArray[np.bool_]
    is_textured: NDArray[np.bool_]


def average_blocks(picture: Picture, side_px: int = BLOCK_PX) -> Picture:
    """Means of squares of ``side_px``; the sides of ``picture`` are multiples of it."""
    rows, columns = picture.shape[0] // side_px, picture.shape[1] // side_px
    means: Picture = picture.reshape(rows, side_px, columns, side_px).mean(axis=(1, 3), dtype=np.float32)
    return means


def blur(picture: Picture, passes: int) -> Picture:
    """Smoothed with [1 2 1] / 4 in both directions, ``passes`` times; the edge is repeated."""
    for _ in range(passes):
        for axis in (0, 1):
            padded = np.pad(picture, [(1, 1) if side == axis else (0, 0) for side in (0, 1)], mode="edge")
            low, middle, high = (np.take(padded, range(k, k + picture.shape[axis]), axis) for k in range(3))
            picture = (low + 2 * middle + high) / np.float32(4)
    return picture


def compare_blocks(picture: Picture, versions: list[Picture]) -> Agreement:
    """Where ``picture`` shows what the usual picture does, in focus or not.

    Args:
        picture: float32, sides multiples of 10; its light need not be the usual.
        versions: the usual picture, first as it is, then more and more blurred: what has lost its focus agrees with one
            of those, what shows something else with none.
    """
    means = average_blocks(picture)
    usual_means = average_blocks(versions[0])
    # The median: whatever hides a third of the view leaves the other blocks' light as it is.
    gain = float(np.median(means / np.maximum(usual_means, 4)))
    scaled = picture / np.float32(min(max(gain, 0.25), 4.0))
    means = average_blocks(scaled)
    variance = average_blocks(scaled**2) - means**2
    best = np.full(means.shape, -1, np.float32)
    is_textured = np.zeros(means.shape, np.bool_)
    for number, version in enumerate(versions):
        version_means = average_blocks(version)
        version_variance = average_blocks(version**2) - version_means**2
        covariance = average_blocks(scaled * version) - means * version_means
        best = np.maximum(best, (2 * covariance + STABILITY) / (variance + version_variance + STABILITY))
        if number == 0:
            is_textured = version_variance > STABILITY / 2
    levels = (2 * means * usual_means + LEVEL_STABILITY) / (means**2 + usual_means**2 + LEVEL_STABILITY)
    return Agreement((best >= MIN_STRUCTURE) & (levels >= MIN_LEVELS), is_textured)


def find_shift(picture: Picture, usual: Picture) -> tuple[int, int]:
    """By how many pixels (down, right) ``picture`` shows its scene away from where ``usual`` has it.

    Always an answer, if only the best of bad ones: make sure that undoing the shift brings agreement.
    """
    spectra = [np.fft.rfft2((part - part.mean()) * _WINDOW) for part in (picture, usual)]
    cross = spectra[0] * np.conj(spectra[1])
    surface = np.fft.irfft2(_BAND * cross / (np.abs(cross) + 1e-6), s=(THUMB_PX, THUMB_PX))
    down, right = np.unravel_index(int(surface.argmax()), surface.shape)
    half = THUMB_PX // 2
    return (int(down) + half) % THUMB_PX - half, (int(right) + half) % THUMB_PX - half
