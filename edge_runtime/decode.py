"""From a file, bytes or a Pillow image to one canonical picture: sRGB, upright, alpha on white, first frame.

A JPEG is decoded at 1/8, 1/4, 1/2 or full scale, whichever is the smallest that keeps both sides at least as long as
the model's view: decoding is nearly all of the time from bytes to score. The size is checked in the header, before a
pixel is decoded. Colours that an embedded ICC profile calls something else are brought to sRGB at that scale.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, TypeAlias

import numpy as np
from PIL import Image

from edge_runtime.color_profile import convert_to_srgb
from edge_runtime.contract import ViewSpec
from edge_runtime.errors import DecodeError, InputError, PhotogateError
from edge_runtime.formats import HEAD_BYTES, PhotoFormat, open_with_plugin, sniff_format
from edge_runtime.photo_file import open_photo_file

__all__ = [
    "MAX_PIXELS",
    "MIN_SIDE_PX",
    "TRANSPOSITIONS",
    "DecodedPhoto",
    "decode",
    "decode_image",
    "decode_photo",
    "read_orientation",
    "say_pillow_errors",
]

MAX_PIXELS = 200_000_000  # the largest phone sensors deliver 16,320 x 12,240 pixels = 199.8 million
MIN_SIDE_PX = 16  # below this nothing can be said about sharpness, noise or framing
WHITE = (255, 255, 255)
ORIENTATION_TAG = 0x0112  # EXIF 2.3, table 4
BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # TIFF 6.0, section 8
TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTING_METADATA = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")  # where Pillow looks for it
Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class DecodedPhoto:
    """A canonical picture.

    Attributes:
        image: Pillow image in mode RGB and in sRGB, upright, possibly decoded at a reduced scale.
        width_px, height_px: the photo's own size, upright, before any reduction.
        box: (left, top, right, bottom) of the photo in ``image``; None: all of it. A reduced JPEG whose size is no
            multiple of the reduction has a last row or column of which only a fraction belongs to the photo.
    """

    image: Image.Image
    width_px: int
    height_px: int
    box: Box | None = None


def decode(photo: object, view: ViewSpec | None = None) -> DecodedPhoto:
    """Whatever holds a photo, but for frames, as a canonical picture.

    Args:
        photo: a path, the bytes of a photo file, or a Pillow image.
        view: as for :func:`decode_photo`.

    Raises:
        InputError: of its kinds, as :func:`decode_photo` and :func:`decode_image` tell; or ``photo`` is something else.
    """
    if isinstance(photo, Image.Image):
        return decode_image(photo)
    if isinstance(photo, (str, os.PathLike, bytes, bytearray, memoryview)):
        return decode_photo(photo, view)
    raise InputError(
        f"cannot score a {type(photo).__name__}; pass a path, bytes, a Pillow image, "
        "or a uint8 array (height, width, 3)"
    )


def decode_photo(
    photo: str | os.PathLike[str] | bytes | bytearray | memoryview,
    view: ViewSpec | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
) -> DecodedPhoto:
    """Decodes a photo file.

    Args:
        photo: a path, or the bytes of a file.
        view: allows a JPEG to be decoded at a reduced scale that is still at least this size; None: full size.
        max_pixels: a header that announces more than this is refused before anything is decoded.

    Returns:
        The canonical picture.

    Raises:
        InputError: the path is missing, a folder, a broken link, not a regular file, or not readable.
        DecodeError: the bytes are empty, truncated, damaged, of an unknown format, or of an unusable size.
    """
    if isinstance(photo, (bytes, bytearray, memoryview)):
        # A view of every second byte, say, is no buffer that BytesIO takes.
        content = photo.tobytes() if isinstance(photo, memoryview) else photo
        return _decode_stream(io.BytesIO(content), "photo bytes", view, max_pixels)
    name = os.fspath(photo)
    with open_photo_file(name) as stream:
        try:
            return _decode_stream(stream, name, view, max_pixels)
        except OSError as error:
            raise InputError(f"{name}: cannot read the file: {error.strerror or error}") from error


def decode_image(image: Image.Image) -> DecodedPhoto:
    """Brings a Pillow image, which is left as it was, to the canonical form.

    Args:
        image: integers of modes I and I;16 are 16-bit grey, of which 65,535 is white.

    Raises:
        DecodeError: its file is truncated or damaged, or its mode, size or range of levels cannot be used.
    """
    name = getattr(image, "filename", "") or "image"
    _check_size(image.size, name, MAX_PIXELS)
    with say_pillow_errors(name, image.format or "image"):
        image.load()
    return _canonical(image, image.size, name)


@contextlib.contextmanager
def say_pillow_errors(name: str, title: str) -> Iterator[None]:
    """Turns what Pillow raises, which is nearly anything on a damaged file, into a DecodeError that says what to do.

    Args:
        name: the photo's, for the message.
        title: its format's.
    """
    try:
        yield
    except PhotogateError:
        raise
    except Exception as error:
        raise _translate(error, name, title) from error


def _decode_stream(stream: IO[bytes], name: str, view: ViewSpec | None, max_pixels: int) -> DecodedPhoto:
    photo_format = sniff_format(stream.read(HEAD_BYTES), name)
    stream.seek(0)
    with say_pillow_errors(name, photo_format.title):
        image = open_with_plugin(stream, photo_format, name)
    with image:
        size = image.size
        _check_size(size, name, max_pixels)
        with say_pillow_errors(name, photo_format.title):
            if view is not None and photo_format is PhotoFormat.JPEG:
                # draft() keeps both sides >= what it is asked for. A side that EXIF will swap must do for both.
                side = max(view.width_px, view.height_px)
                is_square = view.width_px == view.height_px
                image.draft("RGB", (view.width_px, view.height_px) if is_square else (side, side))
            image.load()
        # TIFF turns itself while it loads, so the size is read again unless draft() has changed it.
        return _canonical(image, size if photo_format is PhotoFormat.JPEG else image.size, name)


def _check_size(size: tuple[int, int], name: str, max_pixels: int) -> None:
    width_px, height_px = size
    if width_px * height_px > max_pixels:
        raise DecodeError(
            f"{name}: {width_px} x {height_px} pixels are more than the limit of {max_pixels / 1e6:.0f} million; "
            "scale the photo down"
        )
    if min(width_px, height_px) < MIN_SIDE_PX:
        raise DecodeError(
            f"{name}: {width_px} x {height_px} pixels are too few to judge; "
            f"each side needs at least {MIN_SIDE_PX} pixels"
        )


def _translate(error: Exception, name: str, title: str) -> DecodeError:
    """Pillow's exception as a DecodeError that says what to do."""
    if isinstance(error, MemoryError):
        return DecodeError(f"{name}: not enough memory to decode this {title}; scale the photo down")
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return DecodeError(f"{name}: too many pixels to decode this {title}; scale the photo down")
    text = " ".join(str(error).split())  # on one line
    if isinstance(error, EOFError) or any(words in text.lower() for words in ("truncated", "end of file")):
        return DecodeError(f"{name}: truncated {title}: {text or 'the file ends early'}; copy or download it again")
    return DecodeError(f"{name}: damaged {title}: {text or type(error).__name__}; copy or download it again")


def _canonical(image: Image.Image, size: tuple[int, int], name: str) -> DecodedPhoto:
    """RGB and upright; ``size`` is the stored picture's full (width, height), before EXIF turns it."""
    orientation = read_orientation(image)
    try:
        picture = _to_rgb(convert_to_srgb(image), name)
        box = _find_box(picture.size, size, orientation)
        if orientation in TRANSPOSITIONS:
            picture = picture.transpose(TRANSPOSITIONS[orientation])
            # What said so goes: whoever reads it in the picture again would turn that once more.
            for key in ORIENTING_METADATA:
                picture.info.pop(key, None)
    except (ValueError, OSError, MemoryError) as error:
        raise _translate(error, name, f"picture of mode {image.mode}") from error
    width_px, height_px = size if orientation < 5 else (size[1], size[0])
    return DecodedPhoto(picture, width_px, height_px, box)


def _find_box(reduced: tuple[int, int], full: tuple[int, int], orientation: int) -> Box | None:
    """Where the photo of ``full`` size lies in its ``reduced`` picture once ``orientation`` has turned that."""
    divisor = next(divisor for divisor in (1, 2, 4, 8) if -(-full[0] // divisor) == reduced[0])
    if not full[0] % divisor and not full[1] % divisor:
        return None
    (width, height), (right, bottom) = reduced, (full[0] / divisor, full[1] / divisor)
    if orientation >= 5:
        width, height, right, bottom = height, width, bottom, right
    left = width - right if orientation in (2, 3, 6, 7) else 0.0
    top = height - bottom if orientation in (3, 4, 7, 8) else 0.0
    return left, top, left + right, top + bottom


def read_orientation(image: Image.Image) -> int:
    """EXIF orientation 1-8; 1 when absent or unreadable, for broken metadata is no reason to refuse a good picture."""
    try:
        value: Any = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # the parser raises struct.error, SyntaxError, ... on damaged metadata
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return _scale_integers(image, name)
    if image.mode == "F":
        raise DecodeError(f"{name}: floating-point pixels have no agreed white; save the photo with 8 bits a channel")
    if image.has_transparency_data:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        canvas = Image.new("RGB", layer.size, WHITE)
        canvas.paste(layer, mask=layer.getchannel("A"))
        return canvas
    return image.convert("RGB")


def _scale_integers(image: Image.Image, name: str) -> Image.Image:
    """Grey of more than 8 bits, in Pillow's modes I;16, I;16B, I;16L, I;16N or I, to 8-bit RGB: the top becomes 255.

    The top is 65,535, in mode I too, which was Pillow's for 16-bit PNG files; a TIFF file may say that it has 12 bits.
    """
    values = np.asarray(image)
    if values.dtype.itemsize > 2 and (values.min() < 0 or values.max() > 65_535):
        raise DecodeError(f"{name}: 32-bit pixels have no agreed white; save the photo with 8 or 16 bits a channel")
    if image.mode == "I" and image.format is None and 0 < values.max() <= 255:
        raise DecodeError(
            f"{name}: levels up to {values.max()} in Pillow's mode I, whose white is 65535, are next to black; "
            "convert 8-bit levels to mode L"
        )
    tags = getattr(image, "tag_v2", {})  # of a TIFF file
    depth_bits = int(np.max(tags.get(BITS_PER_SAMPLE, 16)))
    top = (1 << min(depth_bits, 16)) - 1
    grey = ((values.astype(np.uint32) * 255 + top // 2) // top).astype(np.uint8)  # rounded
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:  # Pillow turns 8 bits around itself, and no more
        grey = 255 - grey
    if isinstance(transparent := image.info.get("transparency"), int):
        grey[values == transparent] = WHITE[0]
    return Image.fromarray(grey).convert("RGB")
