"""What goes into the fixed file besides pixels, and what cannot be fixed without a loss."""

from __future__ import annotations

import io
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from edge_runtime.enhance.encode import choose_output_format, encode_fixed
from edge_runtime.enhance.exif import PREFIX, patch_exif
from edge_runtime.enhance.source import Source, read_source
from edge_runtime.errors import DecodeError, InputError
from edge_runtime.formats import PhotoFormat

MAKER_NOTE = bytes(range(256)) * 3  # offsets inside must survive, so every byte must
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6" dc:title="mug"/></x:xmpmeta>'


def make_exif(orientation: int = 6, thumbnail: bytes = b"\xff\xd8thumbnail\xff\xd9", order: str = "<") -> bytes:
    """An EXIF block as cameras write it: main directory, details with a maker's note, thumbnail."""
    words = {"<": b"II", ">": b"MM"}[order]

    def entry(tag: int, kind: int, count: int, value: int) -> bytes:
        short = kind == 3 and count == 1
        return struct.pack(f"{order}HHI", tag, kind, count) + struct.pack(
            f"{order}HH" if short else f"{order}I", *((value, 0) if short else (value,))
        )

    main, details = 8, 8 + 2 + 4 * 12 + 4
    note = details + 2 + 3 * 12 + 4
    small = note + len(MAKER_NOTE)
    picture = small + 2 + 2 * 12 + 4
    block = words + struct.pack(f"{order}HI", 42, main)
    block += struct.pack(f"{order}H", 4) + entry(0x0100, 3, 1, 4000) + entry(0x0101, 4, 1, 3000)
    block += entry(0x0112, 3, 1, orientation) + entry(0x8769, 4, 1, details)
    block += struct.pack(f"{order}IH", small, 3)
    block += entry(0x927C, 7, len(MAKER_NOTE), note) + entry(0xA002, 4, 1, 4000) + entry(0xA003, 3, 1, 3000)
    block += struct.pack(f"{order}I", 0) + MAKER_NOTE + struct.pack(f"{order}H", 2)
    block += entry(0x0201, 4, 1, picture) + entry(0x0202, 4, 1, len(thumbnail)) + struct.pack(f"{order}I", 0)
    return PREFIX + block + thumbnail


def save(path: Path, image: Image.Image, **settings: Any) -> Path:
    image.save(path, **settings)
    return path


@pytest.fixture(scope="module")
def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("order", "<>")
def test_exif_is_kept_to_the_byte_but_for_what_is_no_longer_true(order: str) -> None:
    block = make_exif(order=order)
    patched = patch_exif(block, 320, 240)
    assert patched is not None
    assert len(patched) == len(block)
    changed = [index for index, (one, other) in enumerate(zip(block, patched, strict=True)) if one != other]
    assert len(changed) < 30
    assert MAKER_NOTE in patched
    assert b"thumbnail" not in patched
    exif = Image.Exif()
    exif.load(patched)
    assert exif[0x0112] == 1
    assert (exif[0x0100], exif[0x0101]) == (320, 240)
    assert (exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003]) == (320, 240)
    assert not exif.get_ifd(1), "the thumbnail's directory is still linked"
    assert patch_exif(block.removeprefix(PREFIX), 320, 240) == patched.removeprefix(PREFIX)


@pytest.mark.parametrize("block", [b"", b"II*\0", b"nonsense", make_exif()[:40], PREFIX + b"MM\0*\xff\xff\xff\xff"])
def test_damaged_exif_is_left_out(block: bytes) -> None:
    assert patch_exif(block, 10, 10) is None


def list_orientations(*entries: tuple[int, int]) -> bytes:
    """EXIF with (type, value) of each orientation that it states."""
    packed = b"".join(struct.pack("<HHIi", 0x0112, kind, 1, value) for kind, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4)


@pytest.mark.parametrize("kinds", [(3,), (4,), (6,), (8,), (9,), (13,), (3, 3), (4, 8)])
def test_the_orientation_is_taken_back_whatever_its_type(kinds: tuple[int, ...]) -> None:
    patched = patch_exif(list_orientations(*((kind, 6) for kind in kinds)), 32, 16)
    assert patched is not None
    assert [struct.unpack_from("<i", patched, 18 + 12 * index)[0] for index in range(len(kinds))] == [1] * len(kinds)
    exif = Image.Exif()
    exif.load(patched)
    assert exif[0x0112] == 1


@pytest.mark.parametrize("kind", [2, 5, 11, 16, 99])
def test_exif_whose_orientation_cannot_be_taken_back_is_left_out(kind: int) -> None:
    assert patch_exif(list_orientations((3, 1), (kind, 6)), 32, 16) is None


@pytest.mark.parametrize("value", [None, 72, (72,), (0, 72), (-1, 72), (math.nan, 72), (72, 1e9), ("a", "b")])
def test_a_resolution_that_is_none_is_left_out(photo: Image.Image, value: object) -> None:
    picture = photo.copy()
    picture.info["dpi"] = value
    assert read_source(picture).dpi is None


def test_a_photo_of_other_colors_is_fixed_in_srgb(photo: Image.Image, tmp_path: Path, display_p3: bytes) -> None:
    """With its old profile the fixed pixels, which are sRGB, would be shown too strong."""
    path = save(tmp_path / "phone.png", photo, icc_profile=display_p3)
    source = read_source(path)
    assert source.icc_profile is None
    assert source.notes == ("the original has a colour profile of its own, the fixed photo is sRGB",)
    assert np.abs(source.pixels.astype(float) - np.asarray(photo)).max() > 10
    encoded, _ = encode_fixed(source.pixels, source, choose_output_format(source.format))
    with Image.open(io.BytesIO(encoded)) as image:
        assert "icc_profile" not in image.info
        np.testing.assert_array_equal(np.asarray(image), source.pixels)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_metadata_survives(photo: Image.Image, tmp_path: Path, profile: bytes, form: str) -> None:
    settings: dict = {"exif": make_exif(), "icc_profile": profile, "dpi": (300, 300)}
    if form in ("JPEG", "WEBP"):
        settings["xmp"] = XMP
    if form == "TIFF":
        tags = Image.Exif()
        tags[0x010F], tags[0x0131] = "Maker", "Program"
        settings["exif"] = tags
    path = save(tmp_path / f"photo.{form.lower()}", photo, **settings)
    source = read_source(path)
    upright = (480, 640, 3) if form == "TIFF" else (640, 480, 3)
    assert source.pixels.shape == upright
    encoded, notes = encode_fixed(source.pixels, source, choose_output_format(source.format))
    assert notes == ()
    image: Any
    with Image.open(io.BytesIO(encoded)) as image:
        image.load()
        assert image.format == form
        assert image.info["icc_profile"] == profile
        exif = image.getexif()
        if form == "TIFF":
            assert (exif[0x010F], exif[0x0131]) == ("Maker", "Program")
        else:
            patched = patch_exif(make_exif(), 480, 640)
            assert patched is not None
            assert PREFIX + image.info["exif"].removeprefix(PREFIX) == patched
            assert exif[0x0112] == 1
        assert image.size == upright[1::-1]
        if form != "WEBP":
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.02)
        if form in ("JPEG", "WEBP"):
            assert image.info["xmp"] == XMP.replace(b' tiff:Orientation="6"', b"")
        if form == "JPEG":
            assert image.layer[0][1:3] == (1, 1), "colour is stored at half the resolution"
        if form in ("PNG", "TIFF"):
            assert np.array_equal(np.asarray(image), source.pixels)


def test_webp_stays_as_it_was_stored(photo: Image.Image) -> None:
    for is_lossless in (True, False):
        stream = io.BytesIO()
        photo.save(stream, "WEBP", lossless=is_lossless, exif=make_exif(1))
        source = read_source(stream.getvalue())
        assert source.is_lossless is is_lossless
        encoded, _ = encode_fixed(source.pixels, source, PhotoFormat.WEBP)
        assert np.array_equal(read_source(encoded).pixels, source.pixels) is is_lossless


def test_grey_stays_grey(photo: Image.Image, tmp_path: Path) -> None:
    source = read_source(save(tmp_path / "grey.png", photo.convert("L")))
    encoded, _ = encode_fixed(source.pixels, source, PhotoFormat.PNG)
    with Image.open(io.BytesIO(encoded)) as image:
        assert image.mode == "L"


def test_sixteen_bits_are_noted(tmp_path: Path) -> None:
    levels = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    source = read_source(save(tmp_path / "deep.png", Image.fromarray(levels)))
    assert source.is_grey
    assert any("16 bits" in note for note in source.notes)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_one_bit_is_noted(photo: Image.Image, tmp_path: Path, suffix: str) -> None:
    source = read_source(save(tmp_path / f"scan{suffix}", photo.convert("1")))
    assert source.is_grey
    assert source.notes == ("the original is black and white alone, the fixed photo has greys",)
    assert read_source(save(tmp_path / f"grey{suffix}", photo.convert("L"))).notes == ()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_of_colour_are_noted(photo: Image.Image, tmp_path: Path, suffix: str) -> None:
    cv2 = pytest.importorskip("cv2", reason="Pillow writes no such files")
    path = tmp_path / f"deep{suffix}"
    for levels, notes in (
        (np.asarray(photo), ()),
        (np.asarray(photo).astype(np.uint16) * 257, ("the original has 16 bits a channel, the fixed photo 8",)),
    ):
        cv2.imwrite(str(path), levels[..., ::-1])
        assert read_source(path).notes == read_source(path.read_bytes()).notes == notes


def test_opaque_alpha_is_no_transparency(photo: Image.Image, tmp_path: Path) -> None:
    source = read_source(save(tmp_path / "opaque.png", photo.convert("RGBA")))
    assert np.array_equal(source.pixels, np.asarray(photo))


@pytest.mark.parametrize("kind", ["transparent", "animated", "cmyk"])
def test_what_would_lose_something_is_refused(photo: Image.Image, tmp_path: Path, kind: str) -> None:
    if kind == "transparent":
        layer = photo.convert("RGBA")
        layer.putpixel((3, 3), (1, 2, 3, 100))
        path, words = save(tmp_path / "a.png", layer), "partly transparent"
    elif kind == "animated":
        second = photo.rotate(90)
        path, words = save(tmp_path / "a.gif", photo, save_all=True, append_images=[second]), "several frames"
    else:
        path, words = save(tmp_path / "a.jpg", photo.convert("CMYK")), "CMYK"
    with pytest.raises(InputError, match=words) as caught:
        read_source(path)
    assert str(path) in str(caught.value)


def test_damaged_files_are_named(photo: Image.Image, tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", photo)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DecodeError, match=r"a\.jpg: truncated JPEG"):
        read_source(path)
    with pytest.raises(InputError, match=r"missing\.jpg: no such file"):
        read_source(tmp_path / "missing.jpg")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("is_file", [True, False])
def test_a_tiff_whose_second_page_is_cut_off_is_a_damaged_photo(
    photo: Image.Image, tmp_path: Path, is_file: bool
) -> None:
    path = save(tmp_path / "pages.tif", photo)
    stream = io.BytesIO()
    photo.save(stream, "TIFF", save_all=True, append_images=[photo])
    with Image.open(stream) as pages:
        second = pages._TiffImageFile__next  # type: ignore[attr-defined] # where the second directory starts
    path.write_bytes(stream.getvalue()[: second + 10])
    with pytest.raises(DecodeError, match=r"pages\.tif: .*TIFF.*download it again"):
        read_source(path if is_file else Image.open(path))


def test_xmp_that_announces_further_pictures_is_left_out(photo: Image.Image, tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", photo, xmp=b"<x:xmpmeta><hdrgm:Version>1.0</hdrgm:Version></x:xmpmeta>")
    source = read_source(path)
    assert source.xmp is None
    assert any("XMP is left out" in note for note in source.notes)


def test_formats_that_cannot_be_written_become_others() -> None:
    assert choose_output_format(PhotoFormat.JPEG) is PhotoFormat.JPEG
    assert choose_output_format(PhotoFormat.GIF) is PhotoFormat.PNG
    assert choose_output_format(PhotoFormat.HEIF) is PhotoFormat.JPEG
    assert choose_output_format(None) is PhotoFormat.PNG


@pytest.mark.parametrize("directories", [(), (0x8769,), (0x8825,), (0x8769, 0x8825)])
@pytest.mark.parametrize("xmp", [None, XMP])
def test_a_tiff_keeps_what_cameras_write(
    photo: Image.Image, tmp_path: Path, directories: tuple[int, ...], xmp: bytes | None
) -> None:
    values = {0x8769: {0x9003: "2026:11:29 08:00:00"}, 0x8825: {1: "N"}}
    tags = Image.Exif()
    tags[0x010F], tags[0x8298] = "Maker", "(c) me"
    for directory in directories:
        tags.get_ifd(directory).update(values[directory])
    source = read_source(save(tmp_path / "photo.jpg", photo, exif=tags, **({"xmp": xmp} if xmp else {})))
    encoded, notes = encode_fixed(source.pixels, source, PhotoFormat.TIFF)
    assert notes == ()
    with Image.open(io.BytesIO(encoded)) as image:
        exif = image.getexif()
        assert (exif[0x010F], exif[0x8298]) == ("Maker", "(c) me")
        for directory in directories:
            assert exif.get_ifd(directory).items() >= values[directory].items()
        assert ("dc:title" in str(image.info.get("xmp"))) == bool(xmp)
        np.testing.assert_array_equal(np.asarray(image), source.pixels)


@pytest.mark.parametrize(
    ("tag", "value"),
    [(256, 4000), (257, 3000), (262, 6), (266, 2), (278, 0), (284, 2), (320, (0, 1, 2)), (338, 0), (33723, 1)],
)
@pytest.mark.parametrize("has_details", [False, True])
def test_a_tiff_takes_no_word_of_how_the_jpeg_was_stored(
    photo: Image.Image, tmp_path: Path, tag: int, value: Any, has_details: bool
) -> None:
    tags = Image.Exif()
    tags[tag], tags[0x0110] = value, "Model"
    if has_details:
        tags.get_ifd(0x8769)[0x9003] = "2026:11:29 08:00:00"
    source = read_source(save(tmp_path / "photo.jpg", photo, exif=tags))
    encoded, notes = encode_fixed(source.pixels, source, PhotoFormat.TIFF)
    assert notes == ()
    np.testing.assert_array_equal(read_source(encoded).pixels, source.pixels)
    with Image.open(io.BytesIO(encoded)) as image:
        exif = image.getexif()
        assert exif[0x0110] == "Model"
        assert (0x9003 in exif.get_ifd(0x8769)) is has_details


@pytest.mark.parametrize(
    ("main", "details"),
    [((0x0132, 4), (0x9003, 4)), ((0x0200, 4), (0x9000, 11)), ((0x0200, 4), (0xA005, 7))],
    ids=["date that is a number", "version that is a number", "directory that is none"],
)
@pytest.mark.parametrize("xmp", [None, XMP.replace(b"6", b"1")])
def test_what_no_tiff_can_hold_is_left_out_aloud(
    photo: Image.Image, main: tuple[int, int], details: tuple[int, int], xmp: bytes | None
) -> None:
    def build(*entries: tuple[int, int, int]) -> bytes:
        packed = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
        return struct.pack("<H", len(entries)) + packed + bytes(4)

    start = 8 + len(build((0, 0, 0), (0, 0, 0)))
    block = b"II*\0" + struct.pack("<I", 8) + build((*main, 7), (0x8769, 4, start)) + build((*details, 7))
    pixels = np.asarray(photo)
    encoded, notes = encode_fixed(pixels, Source(pixels, exif=block, xmp=xmp), PhotoFormat.TIFF)
    assert notes == ("EXIF is left out, for it is damaged",)
    source = read_source(encoded)
    np.testing.assert_array_equal(source.pixels, pixels)
    assert (source.xmp is None) is (xmp is None)


def test_a_tiff_of_details_alone_keeps_them(photo: Image.Image, tmp_path: Path) -> None:
    tags = Image.Exif()
    tags.get_ifd(0x8769)[0x9003] = "2026:11:29 08:00:00"
    tags[0x8769] = dict(tags.get_ifd(0x8769))
    source = read_source(save(tmp_path / "photo.tif", photo, exif=tags.tobytes()))
    encoded, _ = encode_fixed(source.pixels, source, PhotoFormat.TIFF)
    with Image.open(io.BytesIO(encoded)) as image:
        assert image.getexif().get_ifd(0x8769)[0x9003] == "2026:11:29 08:00:00"


def test_a_jpeg_with_further_pictures_is_read_from_pillow_as_from_its_file(photo: Image.Image, tmp_path: Path) -> None:
    path = save(tmp_path / "phone.jpg", photo, format="MPO", save_all=True, append_images=[photo.resize((80, 60))])
    with Image.open(path) as image:
        assert image.format == "MPO"
        opened = read_source(image)
    source = read_source(path)
    assert (opened.format, opened.is_lossless) == (source.format, source.is_lossless) == (PhotoFormat.JPEG, False)
    np.testing.assert_array_equal(opened.pixels, source.pixels)
