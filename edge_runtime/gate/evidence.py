"""What the checks look at: facts of the file, and the picture with what is measured on it, each once and when asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.errors import DecodeError, InputError
from edge_runtime.formats import HEAD_BYTES, sniff_format
from edge_runtime.gate.backdrop import Backdrop, measure_backdrop, shrink_for_analysis
from edge_runtime.gate.border import Border, measure_border
from edge_runtime.photo_file import open_photo_file
from edge_runtime.result import ImageSize

__all__ = ["Evidence", "FileFacts"]


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The photo as a file; None for what a photo without a file has not.

    Attributes:
        size_bytes: of the file.
        format: told from the first bytes: "JPEG", "PNG" ...
        suffix: of the file's name, in lower case with the dot; "" for a name without one.
    """

    size_bytes: int | None = None
    format: str | None = None
    suffix: str | None = None

    @classmethod
    def read(cls, photo: object) -> FileFacts:
        """The facts of a path or of a file's bytes; of anything else there are none to know."""
        if isinstance(photo, (bytes, bytearray, memoryview)):
            return cls(memoryview(photo).nbytes, _tell_format(bytes(photo[:HEAD_BYTES])))
        if not isinstance(photo, (str, os.PathLike)):
            return cls()
        suffix = Path(photo).suffix.lower()
        try:
            with open_photo_file(photo) as file:
                return cls(os.fstat(file.fileno()).st_size, _tell_format(file.read(HEAD_BYTES)), suffix)
        except (InputError, OSError):  # it was there when it was scored
            return cls(suffix=suffix)


def _tell_format(head: bytes) -> str | None:
    try:
        return sniff_format(head, "photo").title
    except DecodeError:
        return None


class Evidence:
    """One photo, for the checks of all packs.

    Attributes:
        size: the photo's own size, upright.
        file: its file.
    """

    def __init__(
        self,
        size: ImageSize,
        file: FileFacts,
        image: Image.Image | None = None,
        box: tuple[float, float, float, float] | None = None,
    ) -> None:
        """Keeps the photo; nothing is computed yet.

        Args:
            size: width and height in pixels.
            file: facts of the file.
            image: RGB, possibly decoded at a reduced scale; None: no check will ask for pixels.
            box: the part of ``image`` that belongs to the photo, as ``DecodedPhoto.box``.
        """
        self.size = size
        self.file = file
        self._image = image
        self._box = box

    @cached_property
    def picture(self) -> NDArray[np.uint8]:
        """RGB uint8 (height, width, 3), the longer side at most 1024 pixels."""
        if self._image is None:
            raise ValueError("this evidence was made without a picture")
        return np.asarray(shrink_for_analysis(self._image, self._box))

    @cached_property
    def border(self) -> Border:
        """The frame around the photo, if there is one."""
        return measure_border(self.picture)

    @cached_property
    def backdrop(self) -> Backdrop:
        """Background and product, inside the frame if there is one for certain."""
        picture = self.picture
        inside = self.border.inside
        if self.border.state == "found" and min(inside.right - inside.left, inside.bottom - inside.top) >= 16:
            picture = picture[inside.top : inside.bottom, inside.left : inside.right]
        return measure_backdrop(picture)
