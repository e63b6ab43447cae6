"""Is a file one photo? FFmpeg plays it as a video of one frame, and where it is cut off, with grey for the rest."""

from __future__ import annotations

from typing import IO

from edge_runtime.camera.sources.jpeg_splitter import JpegSplitter
from edge_runtime.errors import DecodeError
from edge_runtime.formats import HEAD_BYTES, PhotoFormat, sniff_format

__all__ = ["holds_single_photo"]

# Not GIF and AVIF, which may move, nor HEIC and JPEG 2000, whose first bytes those of videos may be, too. WebP that
# moves is no photo, but FFmpeg cannot play it either: it would be told as damaged (FFmpeg 8.1).
SINGLE_FORMATS = (PhotoFormat.PNG, PhotoFormat.WEBP, PhotoFormat.TIFF, PhotoFormat.BMP)
ANIMATION = b"acTL"  # the chunk of a PNG that moves; it stands before the pixels
READ_BYTES = 2**20


def holds_single_photo(file: IO[bytes]) -> bool:
    """Whether a file holds one photo, whole or not, rather than a video; several JPEGs one after another are a video.

    Args:
        file: at its beginning; it is read as far as it takes to tell.
    """
    head = file.read(HEAD_BYTES)
    try:
        found = sniff_format(head, "")
    except DecodeError:
        return False
    if found is not PhotoFormat.JPEG:
        return found in SINGLE_FORMATS and ANIMATION not in head
    splitter = JpegSplitter()
    pictures = 0
    while head and pictures + splitter.corrupt < 2:
        pictures += len(list(splitter.feed(head)))
        head = file.read(READ_BYTES)
    # Not to its end: what a photo that is cut off leaves over may hold its thumbnail, which is a JPEG, too.
    return pictures + splitter.corrupt < 2
