"""One JPEG of a stream, decoded by Pillow, which says so when one is cut off; OpenCV fills the rest with grey."""

from __future__ import annotations

import io

import numpy as np
from PIL import JpegImagePlugin

from edge_runtime.camera.sources.capture import CorruptPictureError, Picture
from edge_runtime.decode import MIN_SIDE_PX, TRANSPOSITIONS, read_orientation

__all__ = ["MAX_FRAME_PIXELS", "decode_jpeg"]

MAX_FRAME_PIXELS = 40_000_000  # 8K UHD has 33 million; what announces more is damaged, and must not take the memory


def decode_jpeg(data: bytes) -> Picture:
    """Decodes a picture, to RGB or grey, upright if its EXIF says how.

    Raises:
        CorruptPictureError: it is cut off, damaged, or of an impossible size.
    """
    try:
        with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as image:
            width_px, height_px = image.size
            if width_px * height_px > MAX_FRAME_PIXELS or min(image.size) < MIN_SIDE_PX:
                raise CorruptPictureError(f"a picture of {width_px} x {height_px} pixels, which no camera delivers")
            orientation = read_orientation(image)
            picture = image if image.mode in ("L", "RGB") else image.convert("RGB")
            if orientation in TRANSPOSITIONS:
                picture = picture.transpose(TRANSPOSITIONS[orientation])
            return Picture(np.asarray(picture), "gray" if picture.mode == "L" else "rgb")
    except CorruptPictureError:
        raise
    except Exception as error:  # the plugin raises nearly anything on damaged headers
        raise CorruptPictureError(f"a damaged JPEG ({' '.join(str(error).split())})") from error
