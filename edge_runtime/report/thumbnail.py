"""Small pictures of photos, decoded at a reduced scale where the format allows it."""

from __future__ import annotations

import io
import os

from PIL import Image

from edge_runtime.contract import ViewSpec
from edge_runtime.decode import DecodedPhoto, decode_photo

__all__ = ["THUMBNAIL_SIDE_PX", "encode_jpeg", "load_small", "make_thumbnail"]

THUMBNAIL_SIDE_PX = 128
THUMBNAIL_QUALITY = 60  # 2 to 4 kB for most photos


def make_thumbnail(photo: DecodedPhoto) -> bytes:
    """A JPEG of the photo, upright, its longer side at most ``THUMBNAIL_SIDE_PX``."""
    return encode_jpeg(_shrink(photo, THUMBNAIL_SIDE_PX), THUMBNAIL_QUALITY)


def load_small(photo: str | os.PathLike[str], side_px: int) -> Image.Image:
    """The photo, upright, in mode RGB.

    Args:
        photo: its file.
        side_px: of the longer side, at most; photos that are smaller stay as they are.

    Raises:
        InputError: the photo cannot be read or decoded.
    """
    return _shrink(decode_photo(photo, ViewSpec(side_px, side_px)), side_px)


def encode_jpeg(picture: Image.Image, quality: int) -> bytes:
    """``picture`` (mode RGB) as JPEG, without metadata."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()


def _shrink(decoded: DecodedPhoto, side_px: int) -> Image.Image:
    left, top, right, bottom = decoded.box or (0.0, 0.0, float(decoded.image.width), float(decoded.image.height))
    shrink = min(side_px / max(right - left, bottom - top), 1.0)
    size = (max(round((right - left) * shrink), 1), max(round((bottom - top) * shrink), 1))
    return decoded.image.resize(size, Image.Resampling.HAMMING, box=decoded.box, reducing_gap=2.0)
