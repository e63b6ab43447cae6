"""Operations on light and colour. Each maps levels to levels, the same everywhere but for CLAHE.

All take and give RGB uint8 (height, width, 3) and leave their input as it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_runtime.enhance.libraries import load_cv2

__all__ = [
    "SRGB_TO_LINEAR",
    "apply_clahe",
    "apply_exposure",
    "apply_gamma",
    "balance_white",
    "encode_srgb",
    "stretch_contrast",
]

CLAHE_TILES = 8  # along each side, OpenCV's default


def _decode_srgb(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


# Linear light, 0-1, of each level: the transfer curve of sRGB, IEC 61966-2-1.
SRGB_TO_LINEAR: NDArray[np.float64] = _decode_srgb(np.arange(256) / 255.0)


def encode_srgb(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light to levels, 0-255, not rounded; light above 1 gives levels above 255."""
    bright = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    return 255.0 * np.where(linear <= 0.0031308, 12.92 * linear, bright)


def balance_white(picture: NDArray[np.uint8], gains: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Multiplies the linear light of red, green and blue by ``gains`` (von Kries, on the display's own primaries)."""
    return _look_up(picture, [encode_srgb(SRGB_TO_LINEAR * gain) for gain in gains])


def apply_exposure(picture: NDArray[np.uint8], stops: float) -> NDArray[np.uint8]:
    """More light, or less: linear light times ``2 ** stops``; what exceeds white is clipped."""
    return _look_up(picture, [encode_srgb(SRGB_TO_LINEAR * 2.0**stops)] * 3)


def apply_gamma(picture: NDArray[np.uint8], exponent: float) -> NDArray[np.uint8]:
    """Levels on 0-1 to the power of ``exponent``: below 1 lifts the dark parts, above 1 lowers the bright ones."""
    curve = np.array([255.0 * (level / 255.0) ** exponent for level in range(256)], np.float64)
    return _look_up(picture, [curve] * 3)


def stretch_contrast(picture: NDArray[np.uint8], low: float, high: float) -> NDArray[np.uint8]:
    """Moves level ``low`` to 0 and ``high`` to 255, the same in all channels, so that no hue turns."""
    curve = np.array([(level - low) * 255.0 / (high - low) for level in range(256)], np.float64)
    return _look_up(picture, [curve] * 3)


def apply_clahe(picture: NDArray[np.uint8], clip_limit: float, share: float) -> NDArray[np.uint8]:
    """Contrast-limited adaptive histogram equalisation (Zuiderveld 1994) of CIE L*, mixed with what was there.

    Args:
        picture: RGB uint8.
        clip_limit: OpenCV's: how steep the curve of a tile may be, against an even histogram.
        share: 0-1, of the equalised lightness in the mixture.
    """
    cv2 = load_cv2()
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    lightness = cv2.extractChannel(lab, 0)
    equalised = cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=(CLAHE_TILES, CLAHE_TILES)).apply(lightness)
    mixed = cv2.addWeighted(equalised, share, lightness, 1.0 - share, 0.0)
    # Only the change of lightness is carried over: a round trip through 8-bit Lab would cost levels of colour.
    gain = (mixed.astype(np.float32) + 1.0) / (lightness.astype(np.float32) + 1.0)
    result: NDArray[np.uint8] = cv2.multiply(picture, cv2.merge([gain, gain, gain]), dtype=cv2.CV_8U)
    return result


def _look_up(picture: NDArray[np.uint8], curves: list[NDArray[np.float64]]) -> NDArray[np.uint8]:
    cv2 = load_cv2()
    table = np.stack([np.clip(np.rint(curve), 0, 255).astype(np.uint8) for curve in curves], axis=-1)
    result: NDArray[np.uint8] = cv2.LUT(picture, table[None])
    return result
