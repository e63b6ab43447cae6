"""EXIF of a fixed photo: the original's, byte for byte, but for what would no longer be true.

Written anew by a library, a maker's notes lose their offsets. So the block is patched in place instead: orientation 1,
for the pixels are upright; the new width and height; no thumbnail, for it shows the original. See EXIF 2.3 (CIPA
DC-008), 4.6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import Image

__all__ = ["PREFIX", "SUB_DIRECTORIES", "copy_description", "patch_exif"]

PREFIX = b"Exif\0\0"
# What stands in EXIF's main directory about the photo; the rest of a TIFF's directory says how its pixels are stored.
DESCRIBING_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
SUB_DIRECTORIES = (0x8769, 0x8825)  # details, and where it was taken
ORIENTATION, EXIF_IFD = 0x0112, 0x8769
WIDTH, HEIGHT = 0xA002, 0xA003  # among the details
MAIN_WIDTH, MAIN_HEIGHT = 0x0100, 0x0101  # a TIFF's, but some phones and programs write them into a JPEG's block, too
THUMBNAIL_OFFSET, THUMBNAIL_LENGTH = 0x0201, 0x0202
# Type of a whole number that stands in the entry itself → struct's letter, signed and unsigned. Not all are allowed for
# what is patched here, but readers take them.
LETTERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I"}
ENTRY_BYTES = 12


class _Tiff:
    """A TIFF structure that can be patched; every read outside it raises ``struct.error``."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
        if not self.order or self.read("H", 2) != 42:
            raise struct.error("no TIFF header")

    def read(self, kind: str, offset: int) -> int:
        return int(struct.unpack_from(self.order + kind, self.data, offset)[0])

    def write(self, kind: str, offset: int, value: int) -> None:
        struct.pack_into(self.order + kind, self.data, offset, value)

    def entries(self, directory: int) -> Iterator[tuple[int, int, int]]:
        """(tag, type, place of the value) of each entry of the directory at this offset."""
        for index in range(self.read("H", directory)):
            place = directory + 2 + ENTRY_BYTES * index
            yield self.read("H", place), self.read("H", place + 2), place + 8

    def find(self, directory: int, tag: int) -> tuple[str, int] | None:
        """(struct's letter, place) of a whole number's value."""
        for found, kind, place in self.entries(directory):
            if found == tag and kind in LETTERS:
                return LETTERS[kind], place
        return None

    def set(self, directory: int, tag: int, value: int) -> bool:
        """Sets a value wherever it stands: of two entries readers take the one or the other.

        Returns:
            Whether it stands nowhere as something else, for its type is another, or too small for it.
        """
        is_set = True
        for found, kind, place in self.entries(directory):
            if found == tag:
                try:
                    self.write(LETTERS[kind], place, value)
                except (KeyError, struct.error):
                    is_set = False
        return is_set


def patch_exif(data: bytes, width_px: int, height_px: int) -> bytes | None:
    """The EXIF block for upright pixels of this size.

    Args:
        data: as it stands in a file, with or without the leading "Exif\\0\\0".
        width_px, height_px: of the fixed photo.

    Returns:
        A block of the same length; None if ``data`` is damaged, and thus better left out than half understood.
    """
    prefix = PREFIX if data.startswith(PREFIX) else b""
    try:
        tiff = _Tiff(data[len(prefix) :])
        main = tiff.read("I", 4)
        if not tiff.set(main, ORIENTATION, 1):
            return None
        tiff.set(main, MAIN_WIDTH, width_px)
        tiff.set(main, MAIN_HEIGHT, height_px)
        details = tiff.find(main, EXIF_IFD)
        if details is not None:
            directory = tiff.read(*details)
            tiff.set(directory, WIDTH, width_px)
            tiff.set(directory, HEIGHT, height_px)
        _drop_thumbnail(tiff, main + 2 + ENTRY_BYTES * tiff.read("H", main))
    except struct.error:
        return None
    return prefix + bytes(tiff.data)


def copy_description(exif: Image.Exif) -> Image.Exif:
    """What EXIF says about the photo, and nothing about how its pixels were stored: that goes into a TIFF of others.

    Raises:
        Exception: whatever Pillow raises on damaged metadata, also on what it can read but not write.
    """
    made = Image.Exif()
    for tag in DESCRIBING_TAGS:
        if tag in exif:
            if not isinstance(exif[tag], str):
                raise ValueError(f"tag {tag} is no text")
            made[tag] = exif[tag]
    for tag in SUB_DIRECTORIES:
        if directory := exif.get_ifd(tag):
            made.get_ifd(tag).update(directory)
    described = Image.Exif()
    described.load(made.tobytes())  # else Pillow would not count a new directory among the tags, nor write it
    return described


def _drop_thumbnail(tiff: _Tiff, link: int) -> None:
    """Cuts the link to the thumbnail's directory, and blanks the thumbnail: it would show what was cropped away."""
    directory = tiff.read("I", link)
    if not directory:
        return
    tiff.write("I", link, 0)
    places = [tiff.find(directory, tag) for tag in (THUMBNAIL_OFFSET, THUMBNAIL_LENGTH)]
    if places[0] is None or places[1] is None:
        return
    start, length = (tiff.read(*place) for place in places if place is not None)
    stop = min(start + length, len(tiff.data))
    if 8 <= start < stop:
        tiff.data[start:stop] = bytes(stop - start)
