"""Faults of exposure and of colour: what happens between the light and the pixel value.

Gains are applied in linear light with the sRGB transfer curve (IEC 61966-2-1) and quantised again to 8 bits.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "cast_white_balance",
    "light_unevenly",
    "lower_contrast",
    "overexpose",
    "oversaturate",
    "underexpose",
    "undersaturate",
]

LUMINANCE_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])  # of linear R, G, B: ITU-R BT.709


def underexpose(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Takes light away, 0.4 to 4.75 stops; what falls between two pixel values is lost."""
    return _apply_gain(image, 2.0 ** -(0.15 + 4.6 * strength))


def overexpose(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Adds light, 0.3 to 3.5 stops; what exceeds white is clipped."""
    return _apply_gain(image, 2.0 ** (0.1 + 3.4 * strength))


def lower_contrast(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Compresses towards the picture's mean and lays a grey veil over it, as haze or stray light in the lens does."""
    kept = 1.0 - 0.88 * strength**0.75
    mean = float(image.mean())
    veil = 255.0 * rng.uniform(0.45, 0.8)
    towards = 0.5 * mean + 0.5 * veil
    curve = towards + (np.arange(256) - towards) * kept
    return cv2.LUT(image, _quantise(curve))


def light_unevenly(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lets the light fall off to one side, or from a bright spot to the corners, by up to 4.5 stops."""
    height, width = image.shape[:2]
    y, x = np.mgrid[-1.0:1.0:33j, -1.0:1.0:33j]
    if rng.random() < 0.6:
        angle = rng.uniform(0.0, 2.0 * math.pi)
        darkness = (
            1.0 + (x * math.cos(angle) + y * math.sin(angle)) / (abs(math.cos(angle)) + abs(math.sin(angle)))
        ) / 2.0
    else:
        center_x, center_y = rng.uniform(-0.35, 0.35, 2)
        distance = np.hypot(x - center_x, y - center_y)
        darkness = (distance / distance.max()) ** 2
    stops = (0.3 + 4.2 * strength) * darkness
    # The sRGB curve is close to a power of 1 / 2.2, through which a gain in light is a gain in the pixel value.
    gain = cv2.resize((2.0 ** (-stops / 2.2)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return cv2.multiply(image, cv2.merge([gain, gain, gain]), dtype=cv2.CV_8U)


def cast_white_balance(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Multiplies the channels as a wrongly set camera does (von Kries), the picture's mean luminance about kept.

    Where the brightest part would clip, a camera would have exposed less: without that, blue light on a white ground
    would come out cyan.
    Mostly along blue and yellow, where lamps and daylight differ, with some green or magenta, as under tubes.
    """
    stops = 0.12 + 1.35 * strength
    warm = 1.0 if rng.random() < 0.6 else -1.0
    green = float(np.clip(rng.normal(0.0, 0.25), -0.6, 0.6))
    gains = 2.0 ** (stops * np.array([0.55 * warm, 0.45 * green, -0.75 * warm]))
    linear_mean = np.array([_LINEAR[image[..., channel]].mean() for channel in range(3)])
    luminance = float(LUMINANCE_WEIGHTS @ linear_mean)
    gains *= luminance / max(float(LUMINANCE_WEIGHTS @ (linear_mean * gains)), 1e-9)
    brightest = max(float(np.percentile(image[::4, ::4, c], 99)) for c in range(3))
    excess = float(gains.max()) * float(_LINEAR[round(brightest)])
    gains /= max(1.0, excess) ** 0.6
    curves = np.stack([_quantise(_encode_srgb(_LINEAR * gain)) for gain in gains], axis=-1)
    return cv2.LUT(image, curves[None])


def oversaturate(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Multiplies the colour differences by 1.2 to 4, the brightness kept; channels clip."""
    return _scale_chroma(image, 1.1 + 2.9 * strength**1.2)


def undersaturate(image: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Takes colour away, down to grey, the brightness kept."""
    return _scale_chroma(image, 1.0 - strength**0.85)


def _decode_srgb(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixel value on 0-1 to linear light on 0-1."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _encode_srgb(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light to pixel value, 0-255; light above 1 gives values above 255."""
    value = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)
    return value * 255.0


_LINEAR = _decode_srgb(np.arange(256) / 255.0)


def _quantise(curve: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.rint(curve), 0, 255).astype(np.uint8)


def _apply_gain(image: NDArray[np.uint8], gain: float) -> NDArray[np.uint8]:
    return cv2.LUT(image, _quantise(_encode_srgb(_LINEAR * gain)))


def _scale_chroma(image: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.addWeighted(image, factor, cv2.merge([grey, grey, grey]), 1.0 - factor, 0.0)
