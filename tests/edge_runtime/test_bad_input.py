"""What is not a photo is refused with a typed error that names it and says what to do."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime import formats
from edge_runtime.decode import decode_image, decode_photo
from edge_runtime.errors import DecodeError, FrameError, InputError
from edge_runtime.frame import check_frame


def encode(image: Image.Image, form: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form)
    return stream.getvalue()


def png_header(width_px: int, height_px: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.98])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_truncated_file(photo: Image.Image, tmp_path: Path, form: str, share: float) -> None:
    content = encode(photo, form)
    path = tmp_path / "cut.jpg"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DecodeError, match="copy or download it again") as caught:
        decode_photo(path)
    assert str(path) in str(caught.value)


def test_truncated_progressive_jpeg(photo: Image.Image) -> None:
    stream = io.BytesIO()
    photo.save(stream, "JPEG", progressive=True)
    with pytest.raises(DecodeError, match="truncated JPEG"):
        decode_photo(stream.getvalue()[: len(stream.getvalue()) * 2 // 3])


def test_truncated_pillow_image(photo: Image.Image) -> None:
    content = encode(photo, "JPEG")
    with pytest.raises(DecodeError, match="truncated"):
        decode_image(Image.open(io.BytesIO(content[: len(content) // 2])))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"these are words, not a photo\n" * 20, "not a photo"),
        (b"\xff\xd8\xff", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a photo"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a photo"),
        (b"\0" * 4096, "not a photo"),
        (png_header(100_000, 100_000), "limit of 200 million"),
        (png_header(1, 1), "at least 16 pixels"),
        (png_header(640, 15), "at least 16 pixels"),
        (png_header(640, 480), "PNG"),
    ],
)
def test_bytes_that_are_no_photo(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    for photo in (path, content):
        with pytest.raises(DecodeError, match=message) as caught:
            decode_photo(photo)
        assert ("photo.jpg" if photo is path else "photo bytes") in str(caught.value)


def test_pixel_limit_is_checked_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(self: object) -> None:
        raise AssertionError("pixels were decoded before the size was checked")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", explode)
    with pytest.raises(DecodeError, match="scale the photo down"):
        decode_photo(png_header(100_000, 100_000))


def test_pixel_limit_can_be_set(photo: Image.Image) -> None:
    content = encode(photo, "PNG")
    assert decode_photo(content, max_pixels=640 * 480).width_px == 640
    with pytest.raises(DecodeError, match="640 x 480"):
        decode_photo(content, max_pixels=640 * 480 - 1)


@pytest.mark.filterwarnings("error")
def test_pillows_own_lower_limit_does_not_interfere(monkeypatch: pytest.MonkeyPatch, photo: Image.Image) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    for form in ("JPEG", "PNG"):
        assert decode_photo(encode(photo, form)).width_px == 640


def test_tiny_pillow_image() -> None:
    with pytest.raises(DecodeError, match="at least 16 pixels"):
        decode_image(Image.new("RGB", (1, 1)))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.jpg: no such file"):
        decode_photo(tmp_path / "nowhere.jpg")


@pytest.mark.parametrize("address", ["https://example.org/a.jpg", "file:///tmp/a.jpg"])
def test_photos_are_not_fetched(address: str) -> None:
    with pytest.raises(InputError, match="download it and pass the file"):
        decode_photo(address)


def test_broken_link(tmp_path: Path) -> None:
    link = tmp_path / "link.jpg"
    link.symlink_to(tmp_path / "gone.jpg")
    with pytest.raises(InputError, match=r"link\.jpg: broken link"):
        decode_photo(link)


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        decode_photo(tmp_path)


@pytest.mark.parametrize("path", ["a\0b.jpg", "x" * 5000 + ".jpg", ""])
def test_impossible_path(path: str) -> None:
    with pytest.raises(InputError, match="check the path"):
        decode_photo(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_named_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="not a regular file"):
        decode_photo(tmp_path / "pipe.jpg")


def test_unreadable_file(tmp_path: Path, photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "locked.png"
    photo.save(path)
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser reads everything: let the system call say what it says to others

        def refuse(self: Path, *arguments: object, **options: object) -> None:
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"locked\.png: no permission"):
        decode_photo(path)


def test_heic_without_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)  # import raises ImportError
    content = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64
    with pytest.raises(DecodeError, match="HEIC needs pillow-heif: pip install pillow-heif"):
        decode_photo(content)


def test_heic_with_plugin(photo: Image.Image) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs pillow-heif: pip install '.[heif]'")
    assert formats.has_heif_plugin()
    stream = io.BytesIO()
    pillow_heif.from_pillow(photo).save(stream, quality=90)
    decoded = decode_photo(stream.getvalue())
    assert np.abs(np.asarray(decoded.image).astype(int) - np.asarray(photo)).mean() < 5


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (np.zeros((48, 64, 3), np.float32), "float32"),
        (np.zeros((48, 64, 3), np.uint16), "uint16"),
        (np.zeros((48, 64), np.uint8), "grey"),
        (np.zeros((48, 64, 1), np.uint8), "grey"),
        (np.zeros((48, 64, 4), np.uint8), "4 channels"),
        (np.zeros((3, 48, 64), np.uint8), "shape"),
        (np.zeros((1, 48, 64, 3), np.uint8), "shape"),
        (np.zeros((0, 64, 3), np.uint8), "at least 16"),
        (np.zeros((15, 64, 3), np.uint8), "at least 16"),
        (np.zeros(3, np.uint8), "shape"),
    ],
)
def test_wrong_frame(frame: np.ndarray, message: str) -> None:
    with pytest.raises(FrameError, match=message):
        check_frame(frame)


def test_wrong_color_order() -> None:
    with pytest.raises(FrameError, match="color_order"):
        check_frame(np.zeros((48, 64, 3), np.uint8), "hsv")
