"""A folder of photos as a video: sorted by name, so many a second."""

from __future__ import annotations

import logging
import os

import numpy as np

from edge_runtime.camera.sources.capture import CorruptPictureError, Picture
from edge_runtime.decode import decode_photo
from edge_runtime.errors import InputError, SourceError
from edge_runtime.formats import PHOTO_SUFFIXES, is_photo
from edge_runtime.printable import blank_unprintable

__all__ = ["PhotoFolder", "list_photos", "open_photo_folder"]

logger = logging.getLogger(__name__)


class PhotoFolder:
    """The photos of a folder, as they were when it was opened."""

    is_finite = True

    def __init__(self, paths: list[str], fps: float) -> None:
        """Args: the photos in order, and how many of them make a second."""
        self._paths = paths
        self._fps = fps
        self._index = -1

    @property
    def position_ms(self) -> float | None:
        """See Capture; a broken photo's time passes, too."""
        return self._index * 1e3 / self._fps

    def grab(self) -> bool:
        """See Capture."""
        self._index += 1
        return self._index < len(self._paths)

    def retrieve(self) -> Picture:
        """See Capture; a photo that cannot be decoded is named in the log."""
        try:
            return Picture(np.asarray(decode_photo(self._paths[self._index]).image))
        except InputError as error:
            # The counts do not say which it is; a folder's files are few, and can be mended one by one.
            logger.warning("skipped: %s", blank_unprintable(str(error)))
            raise CorruptPictureError(str(error)) from error

    def interrupt(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """See Capture."""
        self._paths = []


def open_photo_folder(folder: str, fps: float) -> PhotoFolder:
    """The photos of a folder as a video.

    Raises:
        SourceError: as :func:`list_photos`.
    """
    return PhotoFolder(list_photos(folder), fps)


def list_photos(folder: str) -> list[str]:
    """Lists the photos of a folder, sorted by name; folders inside are left alone.

    Raises:
        SourceError: the folder cannot be read, or holds no photos.
    """
    try:
        with os.scandir(folder) as entries:
            paths = sorted(entry.path for entry in entries if is_photo(entry))
    except OSError as error:
        raise SourceError(f"{folder}: cannot list the folder: {error.strerror}; change its permissions") from error
    if not paths:
        suffixes = " ".join(sorted(PHOTO_SUFFIXES))
        raise SourceError(f"{folder}: no photos in this folder (looked for {suffixes}); name the folder that has them")
    return paths
