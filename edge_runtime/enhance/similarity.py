"""How much a picture was changed: SSIM and PSNR, scikit-image's own, on pictures of any size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_runtime.enhance.libraries import load_cv2, load_metrics
from edge_runtime.enhance.operations import Operation

__all__ = ["compute_floor_ssim", "compute_psnr_db", "compute_ssim"]

NOISE_BLIND_SIGMA_PX = 2.0  # of the search's picture
WINDOW_PX = 7  # scikit-image's default
HALF_WINDOW_PX = WINDOW_PX // 2  # the rim that scikit-image leaves out of the mean
STRIP_ROWS = 512  # scikit-image works in float64 and holds some fifteen copies: 12 megapixels would take 4 GB


def compute_ssim(original: NDArray[np.uint8], changed: NDArray[np.uint8]) -> float:
    """Mean structural similarity (Wang et al. 2004) of two pictures, up to 1: equal.

    It is ``skimage.metrics.structural_similarity(original, changed, channel_axis=2)``, to about 1e-12: computed strip
    by strip, so that a large photo needs little memory.

    Args:
        original, changed: RGB uint8 (height, width, 3) of one shape, each side 7 pixels or more.
    """
    structural_similarity = load_metrics().structural_similarity
    height = original.shape[0]
    first, last = HALF_WINDOW_PX, height - HALF_WINDOW_PX
    total, count = 0.0, 0
    for start in range(first, last, STRIP_ROWS):
        stop = min(start + STRIP_ROWS, last)
        rows = slice(start - HALF_WINDOW_PX, stop + HALF_WINDOW_PX)
        _, values = structural_similarity(original[rows], changed[rows], channel_axis=2, full=True)
        inner = values[HALF_WINDOW_PX:-HALF_WINDOW_PX, HALF_WINDOW_PX:-HALF_WINDOW_PX]
        total += float(inner.sum())
        count += inner.size
    return total / count


def compute_floor_ssim(
    original: NDArray[np.uint8], changed: NDArray[np.uint8], operations: Sequence[Operation]
) -> float:
    """The SSIM that must not be too low: that of :func:`compute_ssim`, unless noise was taken away.

    Noise is most of the structure of a noisy photo, and SSIM would ask for it back: a flawless original has an SSIM of
    .4 to its own noisy copy. Then both pictures are compared through a gaussian, under which noise vanishes and the
    product does not.

    Args:
        original, changed: as for :func:`compute_ssim`.
        operations: what was done, as applied to pictures of this size.
    """
    scales = [
        float(dict(operation.parameters)["coarse_scale"]) for operation in operations if operation.name == "denoise"
    ]
    if not scales:
        return compute_ssim(original, changed)
    sigma_px = NOISE_BLIND_SIGMA_PX * max(1.0, *scales)
    smooth = load_cv2().GaussianBlur
    return compute_ssim(smooth(original, (0, 0), sigma_px), smooth(changed, (0, 0), sigma_px))


def compute_psnr_db(original: NDArray[np.uint8], changed: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB, infinite for equal pictures.

    It is ``skimage.metrics.peak_signal_noise_ratio``, 10 log10(255² / mse), from scikit-image's mean squared errors of
    strips, to about 1e-12: of the whole picture it would make float64 copies.
    """
    mean_squared_error = load_metrics().mean_squared_error
    total = 0.0
    for start in range(0, original.shape[0], STRIP_ROWS):
        strips = original[start : start + STRIP_ROWS], changed[start : start + STRIP_ROWS]
        total += float(mean_squared_error(*strips)) * strips[0].size
    error = total / original.size
    return 10.0 * math.log10(255.0**2 / error) if error else math.inf
