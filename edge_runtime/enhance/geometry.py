"""Operations that move pixels: turning a tilted picture upright, and cutting it to the product."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge_runtime.enhance.libraries import load_cv2

__all__ = ["compute_upright_share", "crop", "deskew"]


def deskew(picture: NDArray[np.uint8], angle_deg: float) -> NDArray[np.uint8]:
    """Turns the picture counter-clockwise by ``angle_deg`` and cuts away the corners that would be empty.

    Nothing is invented to fill them: what remains is the largest rectangle of the picture's own shape that lies wholly
    within it, see :func:`compute_upright_share`.
    """
    cv2 = load_cv2()
    height, width = picture.shape[:2]
    share = compute_upright_share(width, height, angle_deg)
    kept_width, kept_height = int(width * share), int(height * share)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, 1.0)
    matrix[:, 2] -= [(width - kept_width) / 2, (height - kept_height) / 2]
    result: NDArray[np.uint8] = cv2.warpAffine(
        picture, matrix, (kept_width, kept_height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return result


def compute_upright_share(width: int, height: int, angle_deg: float) -> float:
    """How much of each side is left, 0-1, when a turned picture is cut to an upright one of the same shape.

    The kept rectangle, turned back, must fit into the picture: its bounding box is ``share * (w cos + h sin)`` by
    ``share * (w sin + h cos)``.
    """
    cosine, sine = math.cos(math.radians(angle_deg)), abs(math.sin(math.radians(angle_deg)))
    return min(width / (width * cosine + height * sine), height / (width * sine + height * cosine), 1.0)


def crop(picture: NDArray[np.uint8], left: float, top: float, right: float, bottom: float) -> NDArray[np.uint8]:
    """The part of the picture between these edges, each a share (0-1) of the width or the height."""
    height, width = picture.shape[:2]
    rows = slice(round(top * height), max(round(bottom * height), round(top * height) + 1))
    columns = slice(round(left * width), max(round(right * width), round(left * width) + 1))
    return np.ascontiguousarray(picture[rows, columns])
