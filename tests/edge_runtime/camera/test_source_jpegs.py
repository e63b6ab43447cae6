"""JPEGs are cut out of a stream of bytes whole, over damage, gaps and any division of the bytes."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image, ImageOps

from edge_runtime.camera.sources.capture import CorruptPictureError
from edge_runtime.camera.sources.jpeg import decode_jpeg
from edge_runtime.camera.sources.jpeg_splitter import JpegSplitter


def make_jpeg(seed: int = 0, size: tuple[int, int] = (64, 48), mode: str = "RGB", **settings: object) -> bytes:
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **settings)
    return file.getvalue()


def split(data: bytes, piece: int = 0, splitter: JpegSplitter | None = None) -> tuple[list[bytes], int]:
    splitter = splitter or JpegSplitter()
    found: list[bytes] = []
    for start in range(0, len(data), piece or len(data)):
        found.extend(splitter.feed(data[start : start + (piece or len(data))]))
    found.extend(splitter.finish())
    return found, splitter.corrupt


@pytest.fixture(scope="module")
def jpegs() -> list[bytes]:
    """Plain, progressive (several scans), with restart markers and a header's thumbnail, grey."""
    thumbnail = make_jpeg(9, (32, 32))
    return [
        make_jpeg(1),
        make_jpeg(2, progressive=True),
        make_jpeg(3, restart_marker_blocks=2, exif=b"Exif\0\0" + thumbnail),
        make_jpeg(4, mode="L", comment=b"\xff\xd9\xff\xd8\xff"),
    ]


@pytest.mark.parametrize("piece", [0, 1, 7, 100])
def test_pictures_come_out_as_they_went_in(jpegs: list[bytes], piece: int) -> None:
    multipart = b"".join(b"--x\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n" for jpeg in jpegs)
    assert split(multipart, piece) == (jpegs, 0)
    assert split(b"".join(jpegs), piece) == (jpegs, 0)


def test_cut_off_picture_costs_only_itself(jpegs: list[bytes]) -> None:
    first, second, third = jpegs[0], jpegs[1], jpegs[3]
    for length in (3, 30, 300, len(second) // 2, len(second) - 2):
        found, corrupt = split(first + second[:length] + b"\r\n--x\r\n\r\n" + third)
        assert (found, corrupt) == ([first, third], 1), length


def test_cut_off_at_the_end_is_counted(jpegs: list[bytes]) -> None:
    assert split(jpegs[0] + jpegs[1][:-1]) == ([jpegs[0]], 1)


def test_wrong_length_of_a_segment_does_not_swallow_the_next_picture(jpegs: list[bytes]) -> None:
    broken = bytearray(jpegs[0])
    broken[4:6] = b"\x7f\xff"  # of the first segment: far into the pictures that follow
    for count in (1, 40):  # ending within that length, and beyond
        found, corrupt = split(bytes(broken) + jpegs[0] * count, 1000)
        assert found == [jpegs[0]] * count
        assert corrupt == 1


def test_random_damage_never_stops_the_stream(jpegs: list[bytes]) -> None:
    randomness = random.Random(5)
    for _ in range(60):
        damaged = bytearray(jpegs[0])
        for _ in range(randomness.randrange(1, 60)):
            damaged[randomness.randrange(2, len(damaged))] = randomness.randrange(256)
        found, _ = split(bytes(damaged) + jpegs[3] * 3, 512)
        # A damaged length may reach past one picture, and then that one is lost, too.
        assert found[-2:] == [jpegs[3]] * 2


def test_memory_is_bounded() -> None:
    splitter = JpegSplitter(max_picture_bytes=10_000)
    jpeg = make_jpeg(1)
    head = jpeg[: jpeg.index(b"\xff\xda") + 14]
    for _ in range(50):
        assert not list(splitter.feed(head + bytes(5_000)))  # a scan without end
        assert len(splitter._buffer) <= 16_000
    for _ in range(50):
        assert not list(splitter.feed(bytes(5_000)))
        assert len(splitter._buffer) <= 16_000
    assert splitter.corrupt >= 1
    assert list(splitter.feed(jpeg[:8_000] if len(jpeg) > 8_000 else jpeg)) == [jpeg]


def test_decoded_pictures() -> None:
    rgb = decode_jpeg(make_jpeg(1))
    assert (rgb.pixels.shape, rgb.pixel_format) == ((48, 64, 3), "rgb")
    gray = decode_jpeg(make_jpeg(1, mode="L"))
    assert (gray.pixels.shape, gray.pixel_format) == ((48, 64), "gray")


def test_decoder_refuses_what_is_no_picture() -> None:
    jpeg = make_jpeg(1)
    huge = bytearray(jpeg)
    frame = huge.index(b"\xff\xc0")
    huge[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"  # 65,535 x 65,535 pixels
    for data in (jpeg[: len(jpeg) // 2], bytes(huge), b"\xff\xd8\xff\xd9", make_jpeg(1, (8, 8)), b""):
        with pytest.raises(CorruptPictureError):
            decode_jpeg(data)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_as_its_exif_says(orientation: int, mode: str) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    data = make_jpeg(3, mode=mode, exif=tags)
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image)
    picture = decode_jpeg(data)
    assert picture.rotation == 0
    np.testing.assert_array_equal(picture.pixels, np.asarray(upright))
