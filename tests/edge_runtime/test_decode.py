"""Every kind of picture comes out as upright RGB with the right colours, at the right scale."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.contract import ViewSpec
from edge_runtime.decode import TRANSPOSITIONS, DecodedPhoto, decode_image, decode_photo
from edge_runtime.errors import DecodeError
from edge_runtime.formats import PhotoFormat, sniff_format
from edge_runtime.views import make_view

SIZE = (64, 48)
INVERSE = {
    Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
    Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
}


def encode(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def read_color(decoded: DecodedPhoto, x: int = 20, y: int = 20) -> tuple[int, int, int]:
    assert decoded.image.mode == "RGB"
    red, green, blue = np.asarray(decoded.image)[y, x].tolist()
    return red, green, blue


@pytest.mark.parametrize(
    ("mode", "color", "form", "expected"),
    [
        ("RGB", (200, 30, 60), "PNG", (200, 30, 60)),
        ("L", 120, "PNG", (120, 120, 120)),
        ("L", 120, "JPEG", (120, 120, 120)),
        ("1", 1, "PNG", (255, 255, 255)),
        ("RGBA", (200, 30, 60, 255), "PNG", (200, 30, 60)),
        ("RGBA", (200, 30, 60, 0), "PNG", (255, 255, 255)),
        ("RGBA", (200, 30, 60, 0), "WEBP", (255, 255, 255)),
        ("RGBA", (0, 0, 0, 51), "PNG", (204, 204, 204)),
        ("LA", (0, 51), "PNG", (204, 204, 204)),
        ("I;16", 257 * 100, "PNG", (100, 100, 100)),
        ("I;16", 65_535, "PNG", (255, 255, 255)),
        ("I;16", 257 * 100, "TIFF", (100, 100, 100)),
        ("I", 257 * 100, "TIFF", (100, 100, 100)),
        ("RGB", (200, 30, 60), "BMP", (200, 30, 60)),
        ("RGB", (200, 30, 60), "TIFF", (200, 30, 60)),
        ("RGB", (200, 30, 60), "PPM", (200, 30, 60)),
        ("RGB", (200, 200, 200), "GIF", (200, 200, 200)),
    ],
)
def test_lossless_modes_keep_their_colors(mode: str, color: Any, form: str, expected: tuple[int, int, int]) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    decoded = decode_photo(encode(Image.new(mode, SIZE, color), form, **options))
    assert np.abs(np.subtract(read_color(decoded), expected)).max() <= 1
    assert (decoded.width_px, decoded.height_px) == SIZE


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "TIFF"])
def test_cmyk_and_lossy_colors_are_close(form: str) -> None:
    mode = "CMYK" if form != "WEBP" else "RGB"
    color = (0, 200, 180, 20) if mode == "CMYK" else (235, 50, 69)
    # JPEG: Pillow writes CMYK as Adobe does, inverted and with Adobe's marker.
    content = encode(Image.new(mode, SIZE, color), form)
    assert (b"Adobe" in content) == (form == "JPEG")
    expected = (235, 50, 69)  # (255 - ink) * (255 - black) / 255
    assert np.abs(np.subtract(read_color(decode_photo(content)), expected)).max() <= 4


def test_sixteen_bit_ramp_is_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65_535, 256 * 32).round().astype(np.uint16).reshape(32, 256)
    grey = np.asarray(decode_photo(encode(Image.fromarray(ramp), "PNG")).image)[..., 0]
    assert np.abs(grey - ramp / 257.0).max() <= 0.5


def build_grey_tiff(levels: np.ndarray, depth_bits: int, photometric: int) -> bytes:
    """A TIFF file of 12 or 16 bits a pixel as scanners write it; ``photometric`` 0: its lowest level is white."""
    height, width = levels.shape
    data = levels.astype("<u2").tobytes()
    if depth_bits == 12:  # two pixels in three bytes, the first one's high bits first
        bits = (levels[..., None] >> np.arange(11, -1, -1)) & 1
        data = np.packbits(bits.astype(np.uint8)).tobytes()
    entries = {256: width, 257: height, 258: depth_bits, 259: 1, 262: photometric, 273: 8 + 2 + 9 * 12 + 4}
    entries |= {277: 1, 278: height, 279: len(data)}
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    return struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + directory + bytes(4) + data


@pytest.mark.parametrize(("depth_bits", "photometric"), [(12, 1), (16, 1), (16, 0)])
def test_grey_of_a_tiff_is_read_as_its_tags_say(depth_bits: int, photometric: int) -> None:
    top = 2**depth_bits - 1
    ramp = np.linspace(0, top, 32 * 32).round().astype(np.uint16).reshape(32, 32)
    content = build_grey_tiff(ramp, depth_bits, photometric)
    expected = (ramp if photometric else top - ramp) * (255.0 / top)
    for decoded in (decode_photo(content), decode_image(Image.open(io.BytesIO(content)))):
        assert np.abs(np.asarray(decoded.image)[..., 0] - expected).max() <= 0.51


def test_eight_bits_in_a_mode_of_sixteen_are_refused() -> None:
    with pytest.raises(DecodeError, match="convert 8-bit levels to mode L"):
        decode_image(Image.new("L", SIZE, 200).convert("I"))
    assert read_color(decode_image(Image.new("I", SIZE, 257 * 200))) == (200, 200, 200)


def test_palette_with_transparent_entry_is_laid_on_white() -> None:
    image = Image.new("P", SIZE, 1)
    image.putpalette([10, 20, 30, 200, 30, 60])
    assert read_color(decode_photo(encode(image, "PNG"))) == (200, 30, 60)
    assert read_color(decode_photo(encode(image, "PNG", transparency=1))) == (255, 255, 255)
    assert read_color(decode_photo(encode(image, "PNG", transparency=0))) == (200, 30, 60)


def test_rgb_with_a_transparent_color_is_laid_on_white() -> None:
    image = Image.new("RGB", SIZE, (1, 2, 3))
    image.paste((200, 30, 60), (0, 0, 32, 48))
    decoded = decode_photo(encode(image, "PNG", transparency=(1, 2, 3)))
    assert read_color(decoded, 10) == (200, 30, 60)
    assert read_color(decoded, 50) == (255, 255, 255)


def test_sixteen_bits_of_grey_with_a_transparent_level_are_laid_on_white() -> None:
    pixels = np.full(SIZE[::-1], 40_000, np.uint16)
    pixels[:, 32:] = 256
    decoded = decode_photo(encode(Image.fromarray(pixels), "PNG", transparency=256))
    assert read_color(decoded, 10) == (156, 156, 156)
    assert read_color(decoded, 50) == (255, 255, 255)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_animation_gives_its_first_frame(form: str) -> None:
    frames = [Image.new("RGB", SIZE, color) for color in ((250, 0, 0), (0, 250, 0), (0, 0, 250))]
    content = encode(frames[0], form, save_all=True, append_images=frames[1:], duration=100)
    assert Image.open(io.BytesIO(content)).n_frames == 3  # type: ignore[attr-defined]
    red, green, blue = read_color(decode_photo(content))
    assert red > 230
    assert green < 20
    assert blue < 20


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_exif_orientation_is_applied(photo: Image.Image, form: str, orientation: int) -> None:
    stored = photo
    if orientation in TRANSPOSITIONS:
        turn = TRANSPOSITIONS[orientation]
        stored = photo.transpose(INVERSE.get(turn, turn))
    exif = Image.Exif()
    exif[0x0112] = orientation
    format_options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 98, "subsampling": 0},
        "WEBP": {"lossless": True},
    }
    options = format_options.get(form, {})
    decoded = decode_photo(encode(stored, form, exif=exif, **options))
    assert (decoded.width_px, decoded.height_px) == photo.size
    difference = np.abs(np.asarray(decoded.image).astype(int) - np.asarray(photo))
    assert difference.mean() <= (1.5 if form == "JPEG" else 0)
    again = decode_image(decoded.image)
    assert np.array_equal(np.asarray(again.image), np.asarray(decoded.image)), "turned a second time"


@pytest.mark.parametrize("key", ["exif", "xmp"])
def test_an_image_that_is_turned_stays_as_it_was(photo: Image.Image, key: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'
    image = photo.copy()
    image.info[key] = exif.tobytes() if key == "exif" else xmp
    decoded = decode_image(image)
    assert (decoded.width_px, decoded.height_px) == photo.size[::-1]
    assert np.array_equal(np.asarray(decode_image(decoded.image).image), np.asarray(decoded.image))
    assert key in image.info


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_is_ignored(photo: Image.Image) -> None:
    content = encode(photo, "JPEG", exif=b"Exif\0\0" + b"MM\0*\0\0\0\x08\xff\xff broken")
    assert decode_photo(content).image.size == photo.size


@pytest.mark.parametrize("size", [(4000, 3000), (1000, 3000), (641, 5000)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_jpeg_is_decoded_at_the_smallest_scale_that_covers_the_view(size: tuple[int, int], orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    view = ViewSpec(width_px=320, height_px=320)
    decoded = decode_photo(encode(Image.new("RGB", size, (90, 90, 90)), "JPEG", exif=exif), view)
    upright = size if orientation == 1 else size[::-1]
    assert (decoded.width_px, decoded.height_px) == upright
    divisor = max(d for d in (1, 2, 4, 8) if min(size) // d >= 320)
    assert decoded.image.size == (-(-upright[0] // divisor), -(-upright[1] // divisor))
    assert min(decoded.image.size) >= 320


def test_jpeg_covers_a_view_that_is_not_square_under_any_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    view = ViewSpec(width_px=480, height_px=240)
    decoded = decode_photo(encode(Image.new("RGB", (2000, 4000)), "JPEG", exif=exif), view)
    assert decoded.image.width >= 480
    assert decoded.image.height >= 240


def test_path_bytes_and_image_agree(photo: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "scene.png"
    photo.save(path)
    pictures = [
        decode_photo(path),
        decode_photo(str(path)),
        decode_photo(path.read_bytes()),
        decode_photo(memoryview(path.read_bytes())),
        decode_image(photo),
        decode_image(Image.open(path)),
    ]
    for picture in pictures:
        assert np.array_equal(np.asarray(picture.image), np.asarray(photo))


def test_pillow_image_is_turned_and_left_as_it_was(photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(io.BytesIO(encode(photo, "PNG", exif=exif)))
    decoded = decode_image(image)
    assert decoded.image.size == (480, 640)
    assert image.size == (640, 480)
    assert image.getexif()[0x0112] == 6


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pixels_without_a_known_white_are_refused(mode: str) -> None:
    with pytest.raises(DecodeError, match="no agreed white"):
        decode_image(Image.new(mode, SIZE, 1_000_000))


@pytest.mark.parametrize("size", [(3001, 2251), (3000, 2250), (2563, 5122)])
def test_fractions_of_a_pixel_of_a_reduced_jpeg_do_not_shift_the_view(
    photo: Image.Image, size: tuple[int, int]
) -> None:
    view = ViewSpec(width_px=320, height_px=320)
    upright = photo.resize(size, Image.Resampling.BICUBIC)
    views = []
    for orientation in range(1, 9):
        turn = TRANSPOSITIONS.get(orientation)
        stored = upright if turn is None else upright.transpose(INVERSE.get(turn, turn))
        exif = Image.Exif()
        exif[0x0112] = orientation
        decoded = decode_photo(encode(stored, "JPEG", quality=95, subsampling=0, exif=exif), view)
        views.append(make_view(decoded.image, view, decoded.box).astype(int))
    for other in views[1:]:
        assert np.abs(other - views[0]).mean() <= 0.8  # 0.6 comes from coding mirrored blocks, a shift adds 1 or more


def test_a_view_that_skips_bytes_is_read_as_what_it_shows(photo: Image.Image) -> None:
    content = encode(photo, "PNG")
    spread = bytearray(2 * len(content))
    spread[::2] = content
    assert decode_photo(memoryview(spread)[::2]).image.size == photo.size


def build_ftyp(*brands: bytes) -> bytes:
    content = b"".join((b"ftyp", brands[0], bytes(4), *brands[1:]))
    return struct.pack(">I", 4 + len(content)) + content


def test_an_avif_file_may_name_itself_late() -> None:
    many = [b"mif1", b"miaf", b"MA1B", b"MA1A", b"iso8", b"mif2", b"unif"]
    assert sniff_format(build_ftyp(*many, b"avif"), "x") is PhotoFormat.AVIF
    assert sniff_format(build_ftyp(*many, b"heic"), "x") is PhotoFormat.HEIF
    # What stands behind the box is no brand.
    assert sniff_format(build_ftyp(b"mif1", b"heic") + b"\0\0\0\x08avif", "x") is PhotoFormat.HEIF
