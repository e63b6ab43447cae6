"""Full-reference measures of how far a degraded picture is from its original, used to calibrate degradations.

Both pictures are compared in luminance, at the size in which they are viewed.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["compute_delta_e", "compute_gmsd", "compute_ssim"]

GMSD_CONSTANT = 170.0  # for luminance on 0-255: Xue et al. 2014, section II
SSIM_CONSTANTS = ((0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2)  # Wang et al. 2004, section III


def compute_gmsd(reference: NDArray[np.uint8], distorted: NDArray[np.uint8]) -> float:
    """Gradient magnitude similarity deviation: 0 is identical, about 0.3 is destroyed.

    Xue, Zhang, Mou and Bovik 2014, "Gradient Magnitude Similarity Deviation: A Highly Efficient Perceptual Image
    Quality Index": 2x2 average and every second pixel, Prewitt gradients over 3, deviation of the similarity map.

    Args:
        reference, distorted: RGB uint8 of one shape (height, width, 3), 8 px or more each way.

    Raises:
        ValueError: the shapes differ or are too small.
    """
    _validate(reference, distorted)
    first, second = (_gradient_magnitude(_luminance(image)) for image in (reference, distorted))
    similarity = (2.0 * first * second + GMSD_CONSTANT) / (first**2 + second**2 + GMSD_CONSTANT)
    return float(similarity.std())


def compute_ssim(reference: NDArray[np.uint8], distorted: NDArray[np.uint8]) -> float:
    """Mean structural similarity, 1 for identical pictures (Wang et al. 2004; Gaussian window 11 px, sigma 1.5).

    Raises:
        ValueError: as for :func:`compute_gmsd`.
    """
    _validate(reference, distorted)
    x, y = _luminance(reference), _luminance(distorted)
    mean_x, mean_y = _window(x), _window(y)
    variance_x, variance_y = _window(x * x) - mean_x**2, _window(y * y) - mean_y**2
    covariance = _window(x * y) - mean_x * mean_y
    c1, c2 = SSIM_CONSTANTS
    index = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    )
    return float(index.mean())


def compute_delta_e(reference: NDArray[np.uint8], distorted: NDArray[np.uint8]) -> float:
    """Mean colour difference CIE 1976 (about 2.3 is just noticeable side by side), for faults of light and colour.

    Raises:
        ValueError: as for :func:`compute_gmsd`.
    """
    _validate(reference, distorted)
    first, second = (
        cv2.cvtColor(image.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB) for image in (reference, distorted)
    )
    return float(np.linalg.norm(first - second, axis=-1).mean())


def _validate(reference: NDArray[np.uint8], distorted: NDArray[np.uint8]) -> None:
    if reference.shape != distorted.shape or reference.ndim != 3 or min(reference.shape[:2]) < 8:
        raise ValueError(
            f"two RGB pictures of one shape, 8 px or more, are needed, not {reference.shape} and {distorted.shape}"
        )


def _luminance(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    return image.astype(np.float64) @ np.array([0.299, 0.587, 0.114])


def _gradient_magnitude(luminance: NDArray[np.float64]) -> NDArray[np.float64]:
    halved = cv2.blur(luminance, (2, 2))[::2, ::2]
    prewitt = np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]], dtype=np.float64) / 3.0
    return np.hypot(cv2.filter2D(halved, -1, prewitt), cv2.filter2D(halved, -1, prewitt.T))


def _window(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return cv2.GaussianBlur(values, (11, 11), 1.5)
