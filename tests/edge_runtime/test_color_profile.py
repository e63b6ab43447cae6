"""Photos that are not sRGB are scored as people will see them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_runtime import PhotoScorer
from edge_runtime.color_profile import convert_to_srgb, is_other_than_srgb
from edge_runtime.contract import ViewSpec
from edge_runtime.decode import decode_image, decode_photo

# To XYZ, from IEC 61966-2-1 and SMPTE EG 432-1; both whites are D65.
SRGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
DISPLAY_P3 = np.array([[0.4866, 0.2657, 0.1982], [0.2290, 0.6917, 0.0793], [0.0, 0.0451, 1.0439]])


def store_as_display_p3(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What an iPhone stores of colours that are these in sRGB."""
    values = pixels / 255.0
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    other = np.clip(linear @ (np.linalg.inv(DISPLAY_P3) @ SRGB).T, 0.0, 1.0)
    stored = np.where(other <= 0.0031308, 12.92 * other, 1.055 * other ** (1 / 2.4) - 0.055)
    rounded: NDArray[np.uint8] = np.round(255.0 * stored).astype(np.uint8)
    return rounded


def encode(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


@pytest.fixture(scope="module")
def colors() -> NDArray[np.uint8]:
    """Patches of 16 pixels: greys, white, soft and strong colours."""
    patches = [
        (0, 0, 0),
        (128, 128, 128),
        (255, 255, 255),
        (200, 40, 30),
        (30, 160, 60),
        (40, 60, 210),
        (240, 200, 170),
    ]
    return np.repeat(np.repeat(np.array([patches], dtype=np.uint8), 16, axis=1), 16, axis=0)


@pytest.mark.parametrize(
    ("form", "options", "tolerance"),
    [("PNG", {}, 2), ("JPEG", {"quality": 98, "subsampling": 0}, 4), ("WEBP", {"lossless": True}, 2), ("TIFF", {}, 2)],
)
def test_display_p3_comes_out_as_the_same_colors_in_srgb(
    colors: NDArray[np.uint8], display_p3: bytes, form: str, options: dict[str, Any], tolerance: int
) -> None:
    stored = Image.fromarray(store_as_display_p3(colors))
    decoded = decode_photo(encode(stored, form, icc_profile=display_p3, **options)).image
    assert decoded.mode == "RGB" and "icc_profile" not in decoded.info
    np.testing.assert_allclose(np.asarray(decoded, dtype=float), colors, atol=tolerance)
    untold = np.asarray(decode_photo(encode(stored, form, **options)).image, dtype=float)
    assert np.abs(untold - colors).max() > 30  # without the profile they are duller


def test_a_reduced_jpeg_is_converted_too(colors: NDArray[np.uint8], display_p3: bytes) -> None:
    large = np.repeat(np.repeat(colors, 16, axis=0), 16, axis=1)
    data = encode(Image.fromarray(store_as_display_p3(large)), "JPEG", quality=98, icc_profile=display_p3)
    decoded = decode_photo(data, ViewSpec(32, 32)).image
    assert decoded.size == (large.shape[1] // 8, large.shape[0] // 8)
    np.testing.assert_allclose(np.asarray(decoded)[16, 16::32], colors[8, 8::16], atol=4)


def test_pixels_that_are_srgb_stay_as_they_are(photo: Image.Image, plain_srgb: bytes) -> None:
    tagged = photo.copy()
    tagged.info["icc_profile"] = plain_srgb
    assert not is_other_than_srgb(tagged) and convert_to_srgb(tagged) is tagged
    assert not is_other_than_srgb(photo) and convert_to_srgb(photo) is photo
    assert decode_photo(encode(photo, "PNG", icc_profile=plain_srgb)).image.tobytes() == photo.tobytes()


@pytest.mark.parametrize("profile", [b"none at all", b"\0" * 200, "half"])
def test_a_broken_profile_is_ignored(photo: Image.Image, display_p3: bytes, profile: bytes | str) -> None:
    broken = display_p3[: len(display_p3) // 2] if profile == "half" else profile
    decoded = decode_photo(encode(photo, "PNG", icc_profile=broken))
    assert decoded.image.tobytes() == photo.tobytes()


def test_an_image_with_something_else_in_the_profiles_place_is_scored_all_the_same(photo: Image.Image) -> None:
    for strange in (None, "Display P3", bytearray(b"x"), ()):
        tagged = photo.copy()
        tagged.info["icc_profile"] = strange
        assert decode_image(tagged).image.tobytes() == photo.tobytes()


def test_a_profile_of_another_kind_of_picture_is_ignored(photo: Image.Image, display_p3: bytes) -> None:
    for mode in ("L", "CMYK", "1"):  # a profile of lights says nothing about inks
        picture = photo.convert(mode)
        expected = decode_image(picture).image.tobytes()
        picture.info["icc_profile"] = display_p3
        assert decode_image(picture).image.tobytes() == expected


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_printing_inks_come_out_as_the_profile_says(grey_inks: bytes, form: str) -> None:
    for inks, lightness in (((0, 0, 0, 0), 100.0), ((0, 0, 0, 255), 16.0), ((255, 0, 0, 0), 55.0)):
        luminance = ((lightness + 16) / 116) ** 3  # CIE 15, for L* above 8
        expected = 255 * (1.055 * luminance ** (1 / 2.4) - 0.055)
        data = encode(Image.new("CMYK", (32, 32), inks), form, icc_profile=grey_inks)
        pixels = np.asarray(decode_photo(data).image, dtype=float)
        assert pixels.shape == (32, 32, 3)
        np.testing.assert_allclose(pixels, expected, atol=4)


def test_an_image_is_left_as_it_was(colors: NDArray[np.uint8], display_p3: bytes) -> None:
    stored = Image.fromarray(store_as_display_p3(colors))
    stored.info["icc_profile"] = display_p3
    before = stored.tobytes()
    assert decode_image(stored).image.tobytes() != before
    assert stored.tobytes() == before and stored.info["icc_profile"] == display_p3


def test_what_is_transparent_is_laid_on_white_behind_the_conversion(
    colors: NDArray[np.uint8], display_p3: bytes
) -> None:
    stored = Image.fromarray(store_as_display_p3(colors)).convert("RGBA")
    stored.paste((0, 0, 0, 0), (0, 0, 112, 8))
    decoded = np.asarray(decode_photo(encode(stored, "PNG", icc_profile=display_p3)).image, dtype=float)
    assert (decoded[:8] == 255).all()
    np.testing.assert_allclose(decoded[8:], colors[8:], atol=2)


def test_palette_and_color_key_go_by_the_numbers_in_the_file(colors: NDArray[np.uint8], display_p3: bytes) -> None:
    stored = Image.fromarray(store_as_display_p3(colors))
    palette = stored.quantize(16)
    decoded = decode_photo(encode(palette, "PNG", icc_profile=display_p3)).image
    np.testing.assert_allclose(np.asarray(decoded, dtype=float), colors, atol=3)
    key = stored.getpixel((3 * 16, 0))  # the red patch
    keyed = np.asarray(decode_photo(encode(stored, "PNG", icc_profile=display_p3, transparency=key)).image)
    assert (keyed[0, 3 * 16] == 255).all()
    np.testing.assert_allclose(keyed[0, 4 * 16], colors[0, 4 * 16], atol=2)


def test_a_photo_of_an_iphone_scores_as_the_same_photo_in_srgb(
    scorer: PhotoScorer, display_p3: bytes, examples_dir: Path
) -> None:
    for path in sorted(examples_dir.glob("*.jpg"))[:4]:
        picture = Image.open(path).convert("RGB")
        stored = Image.fromarray(store_as_display_p3(np.asarray(picture)))
        expected = scorer.score(np.asarray(picture))
        told = scorer.score(encode(stored, "PNG", icc_profile=display_p3))
        assert told.quality == pytest.approx(expected.quality, abs=1.0)
        assert told.attributes.color == pytest.approx(expected.attributes.color, abs=2.5)
