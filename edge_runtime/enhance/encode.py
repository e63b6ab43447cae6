"""From fixed pixels to the bytes of a file, with the original's EXIF, colour profile, XMP and resolution."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from edge_runtime.enhance.exif import PREFIX, SUB_DIRECTORIES, copy_description, patch_exif
from edge_runtime.enhance.source import Source
from edge_runtime.errors import UsageError
from edge_runtime.formats import PhotoFormat

__all__ = ["OUTPUT_SUFFIXES", "choose_output_format", "encode_fixed"]

JPEG_QUALITY = 95
WEBP_QUALITY = 95
JPEG_SEGMENT_BYTES = 65533
XMP_TAG = 700
WITHOUT_LOSS = (None, PhotoFormat.GIF, PhotoFormat.BMP, PhotoFormat.PPM)  # None: frames and images of no file
# Suffix → format of what can be written. The first suffix of a format is its usual one.
OUTPUT_SUFFIXES = {
    ".jpg": PhotoFormat.JPEG,
    ".jpeg": PhotoFormat.JPEG,
    ".jpe": PhotoFormat.JPEG,
    ".jfif": PhotoFormat.JPEG,
    ".png": PhotoFormat.PNG,
    ".webp": PhotoFormat.WEBP,
    ".tif": PhotoFormat.TIFF,
    ".tiff": PhotoFormat.TIFF,
}


def choose_output_format(photo_format: PhotoFormat | None) -> PhotoFormat:
    """The original's own format if it can be written, else PNG for what has lost nothing and JPEG for the others."""
    if photo_format in OUTPUT_SUFFIXES.values() and photo_format is not None:
        return photo_format
    return PhotoFormat.PNG if photo_format in WITHOUT_LOSS else PhotoFormat.JPEG


def encode_fixed(
    pixels: NDArray[np.uint8], source: Source, output_format: PhotoFormat
) -> tuple[bytes, tuple[str, ...]]:
    """Encodes.

    JPEG with quality 95 and full colour resolution; WebP without loss if the original is, else with quality 95; PNG
    and TIFF without loss.

    Args:
        pixels: RGB uint8 (height, width, 3), upright.
        source: the original.
        output_format: one of ``OUTPUT_SUFFIXES``.

    Returns:
        The file's bytes, and notes on what of the original they lack.

    Raises:
        UsageError: the picture does not fit the format, or this Pillow cannot write it.
    """
    image = Image.fromarray(pixels)
    if source.is_grey:
        image = image.convert("L")
    notes = []
    settings: dict[str, Any] = {"icc_profile": source.icc_profile}
    if source.exif is not None:
        block = patch_exif(source.exif, image.width, image.height)
        exif = _load_description(block) if block is not None and output_format is PhotoFormat.TIFF else block
        if exif is None:
            notes.append("EXIF is left out, for it is damaged")
        elif isinstance(exif, Image.Exif):
            settings["exif"] = exif
        elif output_format is PhotoFormat.JPEG and len(exif) + len(PREFIX) > JPEG_SEGMENT_BYTES:
            notes.append("EXIF is left out, for it is too long for a JPEG")
        else:
            settings["exif"] = PREFIX + exif.removeprefix(PREFIX)
    if source.xmp is not None:
        if output_format is PhotoFormat.TIFF:  # Pillow takes tags of one place alone
            settings["exif"] = settings.get("exif") or Image.Exif()
            settings["exif"][XMP_TAG] = source.xmp
        elif output_format is PhotoFormat.PNG:
            settings["pnginfo"] = PngImagePlugin.PngInfo()
            settings["pnginfo"].add_itxt("XML:com.adobe.xmp", source.xmp.decode("utf-8", "replace"))
        elif output_format is PhotoFormat.JPEG and len(source.xmp) > JPEG_SEGMENT_BYTES - 29:
            notes.append("XMP is left out, for it is too long for a JPEG")
        else:
            settings["xmp"] = source.xmp
    if source.dpi is not None and output_format is not PhotoFormat.WEBP:  # WebP has no place for it
        settings["dpi"] = source.dpi
    if output_format is PhotoFormat.JPEG:
        settings |= {"quality": JPEG_QUALITY, "subsampling": 0, "optimize": True}
    elif output_format is PhotoFormat.WEBP:
        settings |= {"lossless": True} if source.is_lossless else {"quality": WEBP_QUALITY}
    elif output_format is PhotoFormat.TIFF and not any(tag in settings.get("exif", ()) for tag in SUB_DIRECTORIES):
        settings["compression"] = "tiff_adobe_deflate"  # by libtiff, which Pillow cannot hand directories to
    stream = io.BytesIO()
    try:
        image.save(stream, output_format.key, **{key: value for key, value in settings.items() if value is not None})
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(
            f"cannot write {image.width} x {image.height} pixels as {output_format.title}: {text}; choose another type"
        ) from error
    return stream.getvalue(), tuple(notes)


def _load_description(block: bytes) -> Image.Exif | None:
    """The tags for a TIFF; None if they are damaged."""
    exif = Image.Exif()
    try:
        exif.load(block)
        return copy_description(exif)
    except Exception:  # mangled types raise struct.error, TypeError, AttributeError, ZeroDivisionError, ...
        return None
