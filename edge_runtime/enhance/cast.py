"""What colour was the light? Estimated from what is probably white or grey, and from nothing else.

A product may be of any colour, so it must not decide: a red shirt on white paper is no red light. Two witnesses are
heard, a plain backdrop of little colour, and pixels of little colour in a picture in which hardly any are neutral. If
many pixels are neutral already, there is no cast, whatever the rest is like; where all are plainly coloured, nobody can
tell, and no estimate is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.enhance.libraries import load_cv2
from edge_runtime.enhance.tone import SRGB_TO_LINEAR, encode_srgb
from edge_runtime.gate.backdrop import Backdrop
from edge_runtime.gate.rim import read_rim

__all__ = ["PLAIN_CAST", "CastEstimate", "estimate_casts"]

LUMINANCE_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])  # of linear R, G, B: ITU-R BT.709
DARKEST_WITNESS, BRIGHTEST_WITNESS = 24, 250  # levels: darker is noise, brighter is clipped and white in any light
DARKEST_BACKDROP = 100  # levels
NEUTRAL_CHROMA = 4.0  # CIE Lab: a pixel within this of grey is neutral
NEUTRAL_SHARE = 0.12  # of the witnesses: from so many neutral ones on there is no cast
NEAR_CHROMA = (
    26.0  # a white thing under a lamp or in the shade; paper, walls and cloth of a colour of their own lie above
)
LEAST_NEAR_SHARE = 0.05  # of the picture: fewer pixels of little colour are a detail, not the scene
FIRM_LEVELS = 32  # from the backdrop: the product for certain, as in gate.backdrop
LEAST_PRODUCT_SHARE = 0.01
LEAST_CAST = 2.5  # CIE Lab: less cannot be seen
PLAIN_CAST = 6.0  # CIE Lab: a cast that anybody sees
MAX_GAIN = 2.5  # of a channel: more would be a guess about a channel that holds nearly nothing
MAX_GREEN = 14.0  # CIE a*, either way: lamps and daylight differ from yellow to blue, and little from green to magenta
SHADES_NORM = 6  # Finlayson and Trezzi 2004


@dataclass(frozen=True, slots=True)
class CastEstimate:
    """One estimate.

    Attributes:
        method: "backdrop", "grey_world" or "shades_of_grey".
        gains: for linear red, green and blue, that make the light neutral and keep its luminance.
        chroma: how coloured the light is: distance from grey in CIE Lab.
    """

    method: str
    gains: tuple[float, float, float]
    chroma: float


def estimate_casts(picture: NDArray[np.uint8], backdrop: Backdrop) -> tuple[CastEstimate, ...]:
    """Estimates the light's colour in up to three ways.

    Args:
        picture: RGB uint8 (height, width, 3).
        backdrop: of the same picture.
    """
    pixels = picture[::2, ::2].reshape(-1, 3)
    brightest, darkest = pixels.max(axis=1), pixels.min(axis=1)
    is_witness = (brightest >= DARKEST_WITNESS) & (brightest <= BRIGHTEST_WITNESS)
    if backdrop.is_plain and (darkest > BRIGHTEST_WITNESS).mean() > LEAST_NEAR_SHARE:
        return ()  # a backdrop that is white shows that the light was
    rim = np.array(read_rim(picture).color, np.uint8)
    # A plain backdrop is the better witness, and the only one heard; a black one has no colour to speak of.
    if backdrop.is_plain and rim.max() >= DARKEST_BACKDROP:
        colors = [("backdrop", SRGB_TO_LINEAR[rim])]
    else:
        colors = _estimate_from_pixels(pixels[is_witness], len(pixels))
    estimates = []
    for method, color in colors:
        estimate = _build_estimate(method, color)
        if estimate is not None and (method != "backdrop" or _is_borne_out(estimate, pixels, rim)):
            estimates.append(estimate)
    return tuple(estimates)


def _estimate_from_pixels(witnesses: NDArray[np.uint8], total: int) -> list[tuple[str, NDArray[np.float64]]]:
    if not len(witnesses):
        return []
    lab = _to_lab(witnesses)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    # Dark pixels have little chroma in any light, so only lighter ones prove that there is no cast.
    is_light = lab[:, 0] > 35.0
    if is_light.any() and (chroma[is_light] < NEUTRAL_CHROMA).mean() > NEUTRAL_SHARE:
        return []
    is_near = (chroma < NEAR_CHROMA) & (lab[:, 0] > 15.0)
    if is_near.sum() < LEAST_NEAR_SHARE * total:
        return []
    light = SRGB_TO_LINEAR[witnesses[is_near]]
    return [
        ("grey_world", light.mean(axis=0)),
        ("shades_of_grey", (light**SHADES_NORM).mean(axis=0) ** (1.0 / SHADES_NORM)),
    ]


def _is_borne_out(estimate: CastEstimate, pixels: NDArray[np.uint8], rim: NDArray[np.uint8]) -> bool:
    """Whether the product agrees that its backdrop is white in coloured light, not coloured in white light.

    On a sheet of beige linen black trousers are neutral as they are, and the correction would turn them blue.
    """
    is_product = np.abs(pixels.astype(np.int16) - rim).max(axis=1) > FIRM_LEVELS
    if is_product.mean() < LEAST_PRODUCT_SHARE:
        return True
    product = pixels[is_product]
    corrected = encode_srgb(SRGB_TO_LINEAR[product] * estimate.gains).clip(0, 255).round().astype(np.uint8)
    return _measure_neutral_share(corrected) >= _measure_neutral_share(product)


def _measure_neutral_share(pixels: NDArray[np.uint8]) -> float:
    """Share (0-1) of pixels that are grey. Chroma fades with lightness, so dark ones must be closer to it."""
    lab = _to_lab(pixels)
    is_neutral = np.hypot(lab[:, 1], lab[:, 2]) < NEUTRAL_CHROMA * np.clip(lab[:, 0] / 60.0, 0.3, 1.0)
    return float(is_neutral.mean())


def _build_estimate(method: str, light: NDArray[np.float64]) -> CastEstimate | None:
    """The estimate, if a lamp or the sky could have this colour and a correction is worth while."""
    luminance = float(LUMINANCE_WEIGHTS @ light)
    gains = luminance / np.maximum(light, 1e-6)
    bright = np.clip(light / light.max(), 0.0, 1.0)  # the light on white paper, as bright as it can be shown
    lab = _to_lab(np.rint(np.interp(bright, SRGB_TO_LINEAR, np.arange(256.0))).astype(np.uint8)[None])[0]
    chroma = float(np.hypot(lab[1], lab[2]))
    if chroma < LEAST_CAST or chroma > 2.0 * NEAR_CHROMA or abs(lab[1]) > MAX_GREEN or gains.max() > MAX_GAIN:
        return None
    red, green, blue = (float(gain) for gain in gains)
    return CastEstimate(method, (red, green, blue), chroma)


def _to_lab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIE Lab (n, 3), L 0-100, of RGB pixels (n, 3)."""
    cv2 = load_cv2()
    lab: NDArray[np.float32] = cv2.cvtColor(pixels[None].astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)[0]
    return lab
