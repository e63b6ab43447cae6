"""The original: its pixels as the score sees them, and what goes into the fixed file besides pixels."""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.color_profile import is_other_than_srgb
from edge_runtime.decode import decode_image, decode_photo, say_pillow_errors
from edge_runtime.enhance.exif import copy_description
from edge_runtime.errors import DecodeError, InputError
from edge_runtime.formats import HEAD_BYTES, PhotoFormat, open_with_plugin, sniff_format
from edge_runtime.frame import check_frame
from edge_runtime.photo_file import read_photo_file
from edge_runtime.scorer import Photo

__all__ = ["Source", "read_source"]

IHDR_DEPTH = 24  # the byte of a PNG file that tells its bits a channel
BITS_PER_SAMPLE = 258  # TIFF's tag for them
LARGEST_DPI = 65535.0  # that every format can hold
XMP_ORIENTATION = re.compile(rb'\s*tiff:Orientation="[1-8]"|<tiff:Orientation>[1-8]</tiff:Orientation>')
# Such packets announce further pictures inside the file, which a fixed file has not.
XMP_OF_CONTAINERS = (b"GContainer", b"/container/", b"hdrgm", b"GCamera")


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One photo to fix.

    Attributes:
        pixels: sRGB uint8 (height, width, 3), upright, full size, never written to.
        format: of the file; None for a frame, and for an image that came from none.
        is_grey: whether the file holds shades of grey only, and the fixed one shall, too.
        is_lossless: whether it is stored without loss.
        exif, xmp, dpi: as they stand in the file; None: it has none.
        icc_profile: likewise, where ``pixels`` are still of that profile; see ``edge_runtime.color_profile``.
        notes: what the fixed file will lack.
    """

    pixels: NDArray[np.uint8]
    format: PhotoFormat | None = None
    is_grey: bool = False
    is_lossless: bool = True
    exif: bytes | None = None
    icc_profile: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()


def read_source(photo: Photo, color_order: str = "rgb") -> Source:
    """Reads a photo whole.

    Args:
        photo: as for ``PhotoScorer.score``.
        color_order: of a frame: "rgb" or "bgr".

    Raises:
        InputError: it cannot be read or decoded; or it is an animation, is partly transparent, or made of printing
            inks, of which a fixed copy would lose something that matters.
    """
    if isinstance(photo, np.ndarray):
        frame = check_frame(photo, color_order)
        return Source(np.ascontiguousarray(frame if color_order == "rgb" else frame[..., ::-1]))
    if isinstance(photo, Image.Image):
        name = str(getattr(photo, "filename", "") or "image")
        pixels = np.asarray(decode_image(photo).image)
        photo_format = _find_format(photo.format)
        with say_pillow_errors(name, photo.format or "image"):
            return _describe(photo, pixels, name, photo_format, is_lossless=photo_format is not PhotoFormat.JPEG)
    data, name = _read_bytes(photo)
    try:
        pixels = np.asarray(decode_photo(data).image)
    except DecodeError as error:
        raise DecodeError(f"{name}: {str(error).removeprefix('photo bytes: ')}") from error
    photo_format = sniff_format(data[:HEAD_BYTES], name)
    # The first picture may be whole, and what comes behind it damaged.
    with (
        say_pillow_errors(name, photo_format.title),
        open_with_plugin(io.BytesIO(data), photo_format, name) as image,
    ):
        return _describe(image, pixels, name, photo_format, _is_lossless(photo_format, data), data[:HEAD_BYTES])


def _read_bytes(photo: str | os.PathLike[str] | bytes | bytearray | memoryview) -> tuple[bytes, str]:
    if isinstance(photo, (bytes, bytearray, memoryview)):
        return bytes(photo), "photo bytes"
    name = os.fspath(photo)
    return read_photo_file(name), name


def _describe(
    image: Image.Image,
    pixels: NDArray[np.uint8],
    name: str,
    photo_format: PhotoFormat | None,
    is_lossless: bool,
    head: bytes = b"",
) -> Source:
    if getattr(image, "n_frames", 1) > 1 and photo_format is not PhotoFormat.JPEG:
        raise InputError(f"{name}: has several frames, and only one would be left; save the frame that you want alone")
    if image.mode in ("CMYK", "LAB"):
        raise InputError(f"{name}: its colours are {image.mode}, which would not come out the same; convert it to sRGB")
    if photo_format is not PhotoFormat.JPEG:
        image.load()  # a PNG may have its metadata behind the pixels
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise InputError(f"{name}: is partly transparent, which a fixed copy would lose; save it on a white background")
    notes = []
    if (depth_bits := _read_depth_bits(image, photo_format, head)) > 8:
        notes.append(f"the original has {depth_bits} bits a channel, the fixed photo 8")
    if image.mode == "1":
        notes.append("the original is black and white alone, the fixed photo has greys")
    info: dict[Any, Any] = image.info
    profile = info.get("icc_profile") or None
    if is_other_than_srgb(image):
        notes.append("the original has a colour profile of its own, the fixed photo is sRGB")
        profile = None
    exif = _read_exif(image)
    xmp = info.get("xmp", info.get("XML:com.adobe.xmp"))
    if isinstance(xmp, str):
        xmp = xmp.encode()
    if isinstance(xmp, bytes) and any(word in xmp for word in XMP_OF_CONTAINERS):
        notes.append("XMP is left out, for it announces further pictures in the file")
        xmp = None
    return Source(
        pixels,
        photo_format,
        image.mode in ("1", "L", "LA") or image.mode.startswith("I"),
        is_lossless,
        exif,
        profile,
        XMP_ORIENTATION.sub(b"", xmp) if isinstance(xmp, bytes) else None,
        _read_dpi(info.get("dpi")),
        tuple(notes),
    )


def _read_exif(image: Image.Image) -> bytes | None:
    """The block as it stands in the file; a TIFF, whose directory also says how it is stored, gets one made of it."""
    block = image.info.get("exif")
    if isinstance(block, bytes) and block:
        return block
    try:
        described = copy_description(image.getexif())
        return described.tobytes() if described else None
    except Exception:  # the parser raises struct.error, SyntaxError, ... on damaged metadata
        return None


def _read_depth_bits(image: Image.Image, photo_format: PhotoFormat | None, head: bytes) -> int:
    """Bits a channel in the file: Pillow makes 8 of 16 where there are several channels, and its mode does not tell."""
    if photo_format is PhotoFormat.PNG and len(head) > IHDR_DEPTH:
        return head[IHDR_DEPTH]
    if photo_format is PhotoFormat.TIFF and BITS_PER_SAMPLE in (tags := getattr(image, "tag_v2", {})):
        return int(np.max(tags[BITS_PER_SAMPLE]))
    return 16 if image.mode.startswith("I") else 8


def _read_dpi(value: Any) -> tuple[float, float] | None:
    """Dots per inch across and down, if they are any: 0/0 is in some files, and 1e9."""
    try:
        across, down = (float(number) for number in value)
    except (TypeError, ValueError):
        return None
    return (across, down) if 0 < across <= LARGEST_DPI and 0 < down <= LARGEST_DPI else None


def _find_format(key: str | None) -> PhotoFormat | None:
    wanted = "JPEG" if key == "MPO" else key  # a JPEG with further pictures behind it, as phones write depth
    return next((photo_format for photo_format in PhotoFormat if photo_format.key == wanted), None)


def _is_lossless(photo_format: PhotoFormat, data: bytes) -> bool:
    if photo_format is PhotoFormat.WEBP:
        return _is_webp_lossless(data)
    return photo_format in (PhotoFormat.PNG, PhotoFormat.GIF, PhotoFormat.TIFF, PhotoFormat.BMP, PhotoFormat.PPM)


def _is_webp_lossless(data: bytes) -> bool:
    """Whether the picture's chunk is "VP8L" rather than "VP8 "; an extended file has other chunks before it."""
    place = 12
    while place + 8 <= len(data):
        kind = data[place : place + 4]
        if kind in (b"VP8L", b"VP8 "):
            return kind == b"VP8L"
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8 + length + length % 2
    return False
