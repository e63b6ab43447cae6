"""Operations on a pixel and its neighbours: four ways to take noise away, and a mild unsharp mask.

All take and give RGB uint8 (height, width, 3) and leave their input as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edge_runtime.enhance.libraries import load_cv2

__all__ = ["DENOISE_METHODS", "denoise", "sharpen"]

DENOISE_METHODS = ("median", "gaussian", "bilateral", "non_local_means")
NLM_TEMPLATE_PX = 5  # OpenCV asks for 7 and 21; a smaller search window is four times as fast and hardly worse
NLM_SEARCH_PX = 11
BILATERAL_DIAMETER_PX = 7
BILATERAL_SIGMA_PX = 2.0
SHARPEN_THRESHOLD = 3  # levels: smaller differences are noise, which sharpening would only blow up

Filter = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def denoise(picture: NDArray[np.uint8], method: str, strength: float, coarse_scale: float) -> NDArray[np.uint8]:
    """Takes noise away.

    A large photo is filtered twice: as it is, which takes the noise between neighbouring pixels, and reduced by
    ``coarse_scale``, which takes the blotches that are left when the photo is seen as a whole. Of the second only the
    change is enlarged and added, so no detail is lost to the reduction itself.

    Args:
        picture: RGB uint8.
        method: one of ``DENOISE_METHODS``.
        strength: median: the side of the window in pixels (3 or 5); gaussian: standard deviation in pixels; bilateral
            and non-local means: the difference in levels that still counts as noise.
        coarse_scale: 1 or less: one pass is enough.
    """
    cv2 = load_cv2()
    run = _choose_filter(method, strength)
    result = run(picture)
    if coarse_scale <= 1.0:
        return result
    height, width = picture.shape[:2]
    size = (max(1, round(width / coarse_scale)), max(1, round(height / coarse_scale)))
    coarse = cv2.resize(result, size, interpolation=cv2.INTER_AREA)
    change = cv2.subtract(run(coarse), coarse, dtype=cv2.CV_16S)
    change = cv2.resize(change, (width, height), interpolation=cv2.INTER_LINEAR)
    fixed: NDArray[np.uint8] = cv2.add(result, change, dtype=cv2.CV_8U)
    return fixed


def sharpen(picture: NDArray[np.uint8], sigma_px: float, amount: float) -> NDArray[np.uint8]:
    """Unsharp mask: adds ``amount`` times what a gaussian of ``sigma_px`` takes away, where that is more than noise.

    It makes the edges that are there steeper. It brings back no detail that the lens has lost.
    """
    cv2 = load_cv2()
    smooth = cv2.GaussianBlur(picture, (0, 0), sigma_px)
    is_noise = cv2.inRange(cv2.absdiff(picture, smooth), (0, 0, 0), (SHARPEN_THRESHOLD,) * 3) > 0
    result: NDArray[np.uint8] = cv2.addWeighted(picture, 1.0 + amount, smooth, -amount, 0.0)
    result[is_noise] = picture[is_noise]
    return result


def _choose_filter(method: str, strength: float) -> Filter:
    cv2 = load_cv2()
    if method == "median":
        return partial(cv2.medianBlur, ksize=round(strength))
    if method == "gaussian":
        return partial(cv2.GaussianBlur, ksize=(0, 0), sigmaX=strength)
    if method == "bilateral":
        return partial(cv2.bilateralFilter, d=BILATERAL_DIAMETER_PX, sigmaColor=strength, sigmaSpace=BILATERAL_SIGMA_PX)
    if method == "non_local_means":
        return partial(_filter_non_local, strength)
    raise ValueError(f"unknown way to take noise away: {method!r}; there are {', '.join(DENOISE_METHODS)}")


def _filter_non_local(strength: float, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Buades, Coll and Morel 2005, as OpenCV does it for colour: lightness and colour apart, colour as strongly."""
    cv2 = load_cv2()
    result: NDArray[np.uint8] = cv2.fastNlMeansDenoisingColored(
        picture, None, strength, strength, NLM_TEMPLATE_PX, NLM_SEARCH_PX
    )
    return result
