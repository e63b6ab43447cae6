"""Small pictures of photos, decoded at a reduced scale where the format allows it."""

from __future__ import annotations

import io
import os

from PIL import Image

from edge_runtime.contract import ViewSpec
from edge_runtime.decode import decode_photo
from edge_runtime.errors import InputError

__all__ = ["THUMBNAIL_SIDE_PX", "encode_jpeg", "load_small", "make_thumbnail"]

THUMBNAIL_SIDE_PX = 128
THUMBNAIL_QUALITY = 60  # 2 to 4 kB for most photos


def make_thumbnail(photo: str | os.PathLike[str]) -> bytes | None:
    """A JPEG of the photo, upright, its longer side at most ``THUMBNAIL_SIDE_PX``.

    Returns:
        The JPEG's bytes; None if the file can no longer be read. It was there when it was judged, and a missing
        thumbnail is no reason to fail.
    """
    try:
        return encode_jpeg(load_small(photo, THUMBNAIL_SIDE_PX), THUMBNAIL_QUALITY)
    except InputError:
        return None


def load_small(photo: str | os.PathLike[str], side_px: int) -> Image.Image:
    """The photo, upright, in mode RGB.

    Args:
        photo: its file.
        side_px: of the longer side, at most; photos that are smaller stay as they are.

    Raises:
        InputError: the photo cannot be read or decoded.
    """
    decoded = decode_photo(photo, ViewSpec(side_px, side_px))
    left, top, right, bottom = decoded.box or (0.0, 0.0, float(decoded.image.width), float(decoded.image.height))
    shrink = min(side_px / max(right - left, bottom - top), 1.0)
    size = (max(round((right - left) * shrink), 1), max(round((bottom - top) * shrink), 1))
    return decoded.image.resize(size, Image.Resampling.HAMMING, box=decoded.box, reducing_gap=2.0)


def encode_jpeg(picture: Image.Image, quality: int) -> bytes:
    """``picture`` (mode RGB) as JPEG, without metadata."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()
