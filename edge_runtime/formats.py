"""Which file is this? The formats photogate reads, told from a file's first bytes, and the Pillow plugin for each.

Pillow's own ``Image.open`` would also start Ghostscript for an EPS file, tries forty plugins on a text file, and holds
a process-wide pixel limit below what today's phones deliver. Asking one plugin by name avoids all three.
"""

from __future__ import annotations

import importlib
import os
from enum import Enum
from pathlib import Path
from typing import IO

from PIL import Image, ImageFile

from edge_runtime.errors import DecodeError
from edge_runtime.interrupts import import_native

__all__ = [
    "HEAD_BYTES",
    "PHOTO_SUFFIXES",
    "PhotoFormat",
    "has_heif_plugin",
    "is_photo",
    "open_with_plugin",
    "sniff_format",
]

PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".tif", ".tiff", ".bmp"}
    | {".avif", ".heic", ".heif", ".hif", ".mpo", ".jp2", ".ppm", ".pgm"}
)
HEAD_BYTES = 256  # of a file tell its format: 16 would do, but for AVIF, which may name itself after sixty brands
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
AVIF_BRANDS = (b"avif", b"avis")


class PhotoFormat(Enum):
    """A readable format: its name in messages, and Pillow's plugin module and registry key."""

    JPEG = ("JPEG", "JpegImagePlugin", "JPEG")
    PNG = ("PNG", "PngImagePlugin", "PNG")
    WEBP = ("WebP", "WebPImagePlugin", "WEBP")
    GIF = ("GIF", "GifImagePlugin", "GIF")
    TIFF = ("TIFF", "TiffImagePlugin", "TIFF")
    BMP = ("BMP", "BmpImagePlugin", "BMP")
    AVIF = ("AVIF", "AvifImagePlugin", "AVIF")
    JPEG2000 = ("JPEG 2000", "Jpeg2KImagePlugin", "JPEG2000")
    PPM = ("PPM", "PpmImagePlugin", "PPM")
    HEIF = ("HEIC", "", "HEIF")

    def __init__(self, title: str, plugin: str, key: str) -> None:
        self.title = title
        self.plugin = plugin
        self.key = key


def is_photo(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder goes by the name of a photo, and is no folder itself."""
    # Names that begin with a dot are what systems leave beside photos: "._name.jpg" of macOS on foreign disks.
    if entry.name.startswith(".") or Path(entry.name).suffix.lower() not in PHOTO_SUFFIXES:
        return False
    try:
        return not entry.is_dir()
    except OSError:  # links in a circle, for example: reading it will say so
        return True


def sniff_format(head: bytes, name: str) -> PhotoFormat:
    """Tells the format from a file's first ``HEAD_BYTES``; the file name's suffix is not trusted.

    Raises:
        DecodeError: the file is empty, or its first bytes belong to none of the formats.
    """
    if not head:
        raise DecodeError(f"{name}: the file is empty; copy or download it again")
    if head[:3] == b"\xff\xd8\xff":
        return PhotoFormat.JPEG
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return PhotoFormat.PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return PhotoFormat.WEBP
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return PhotoFormat.GIF
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return PhotoFormat.TIFF
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return PhotoFormat.BMP
    if head[4:8] == b"ftyp":
        # "mif1" is a generic brand of both: an AVIF file then names its own among the compatible brands, which go on to
        # the end of their box.
        stop = min(int.from_bytes(head[:4], "big"), len(head))
        brands = (head[8:12], *(head[i : i + 4] for i in range(16, stop, 4)))
        if any(brand in AVIF_BRANDS for brand in brands):
            return PhotoFormat.AVIF
        if any(brand in HEIF_BRANDS for brand in brands):
            return PhotoFormat.HEIF
    if head[:12] == b"\0\0\0\x0cjP  \r\n\x87\n" or head[:4] == b"\xff\x4f\xff\x51":
        return PhotoFormat.JPEG2000
    if head[:1] == b"P" and head[1:2] in (b"2", b"3", b"5", b"6") and head[2:3].isspace():
        return PhotoFormat.PPM
    readable = ", ".join(photo_format.title for photo_format in PhotoFormat)
    raise DecodeError(f"{name}: not a photo, whatever its name says (readable: {readable}); export it as JPEG or PNG")


def has_heif_plugin() -> bool:
    """Registers pillow-heif with Pillow if it is installed, and says whether it is."""
    if PhotoFormat.HEIF.key not in Image.OPEN:
        try:
            pillow_heif = import_native("pillow_heif")
        except ImportError:
            return False
        pillow_heif.register_heif_opener()
    return PhotoFormat.HEIF.key in Image.OPEN


def open_with_plugin(stream: IO[bytes], photo_format: PhotoFormat, name: str) -> ImageFile.ImageFile:
    """Reads the header with the format's own plugin; pixels are decoded later, by ``load()``.

    Raises:
        DecodeError: this Pillow lacks the plugin.
        Exception: whatever the plugin raises on a damaged header.
    """
    if photo_format is PhotoFormat.HEIF:
        if not has_heif_plugin():
            raise DecodeError(f"{name}: HEIC needs pillow-heif: pip install pillow-heif")
    elif photo_format.key not in Image.OPEN:
        importlib.import_module(f"PIL.{photo_format.plugin}")
    if photo_format.key not in Image.OPEN:
        raise DecodeError(f"{name}: this Pillow was built without {photo_format.title}; save as JPEG")
    factory, accepts = Image.OPEN[photo_format.key]
    if accepts is not None:
        # A string instead of True says that the plugin is there but its codec library is not.
        answer = accepts(stream.read(16))
        stream.seek(0)
        if isinstance(answer, str) or not answer:
            raise DecodeError(f"{name}: this Pillow cannot read {photo_format.title}; save as JPEG")
    return factory(stream, "")
