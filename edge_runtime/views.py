"""From a canonical RGB picture to the model's input: THE definition of preprocessing, shared with training.

The whole photo is squeezed to the view's size, its aspect ratio given up: every part of the photo is judged, nothing is
padded, and the student learns from a teacher that saw the true shape. Down-scaling averages areas: first by whole
factors (``reducing_gap=1``), the rest with Pillow's Hamming window, which is antialiased; up-scaling is bilinear.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.contract import DETAIL_SURPLUS, ViewSpec

__all__ = ["make_detail_view", "make_view"]


def make_view(
    image: Image.Image | NDArray[np.uint8], spec: ViewSpec, box: tuple[float, float, float, float] | None = None
) -> NDArray[np.uint8]:
    """Resizes ``image`` to the model's input.

    Args:
        image: a Pillow image in mode RGB, or RGB uint8 (height, width, 3).
        spec: the size wanted.
        box: the part to show, (left, top, right, bottom) in pixels of ``image``, fractions allowed; None: all of it. A
            JPEG decoded at a reduced scale ends in a fraction of a pixel, which a mirrored one would start with.

    Returns:
        RGB uint8 (height_px, width_px, 3).
    """
    picture: Any = image if isinstance(image, Image.Image) else Image.fromarray(image)
    size = (spec.width_px, spec.height_px)
    shrinks = picture.width >= spec.width_px and picture.height >= spec.height_px
    resample = Image.Resampling.HAMMING if shrinks else Image.Resampling.BILINEAR
    if picture.size != size or box is not None:
        picture = picture.resize(size, resample, box=box, reducing_gap=1.0 if shrinks else None)
    return np.asarray(picture, dtype=np.uint8)


def make_detail_view(
    image: Image.Image | NDArray[np.uint8],
    spec: ViewSpec,
    share: float,
    box: tuple[float, float, float, float] | None = None,
) -> NDArray[np.uint8] | None:
    """The middle of ``image``, as the model's input.

    Args:
        image, spec, box: as for :func:`make_view`.
        share: of each side that is shown, 0-1.

    Returns:
        As :func:`make_view`; None where that part has too few pixels (``DETAIL_SURPLUS``).
    """
    size = image.size if isinstance(image, Image.Image) else image.shape[1::-1]
    left, top, right, bottom = box or (0.0, 0.0, float(size[0]), float(size[1]))
    width, height = right - left, bottom - top
    if min(width * share / spec.width_px, height * share / spec.height_px) < DETAIL_SURPLUS:
        return None
    margin_x, margin_y = width * (1 - share) / 2, height * (1 - share) / 2
    return make_view(image, spec, (left + margin_x, top + margin_y, right - margin_x, bottom - margin_y))
