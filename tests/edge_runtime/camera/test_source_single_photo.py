"""A photo is no video, whatever its name says; what holds several pictures is one."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from edge_runtime.camera.sources import SourceOptions, open_source
from edge_runtime.errors import SourceError


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_photo_is_no_video_whatever_its_name_says(form: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    content = encode_photo(form)
    path.write_bytes(content[: round(share * len(content))])
    with pytest.raises(SourceError, match=r"clip\.mp4: a photo, whatever its name says"):
        open_source(str(path))


def test_webp_is_no_video_even_if_it_moves(tmp_path: Path) -> None:
    path = tmp_path / "clip.webp"
    pictures = [Image.new("RGB", (64, 48), (80 * index,) * 3) for index in range(3)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40)
    with pytest.raises(SourceError, match=r"clip\.webp: a photo, not a video"):
        open_source(str(path))


def test_the_thumbnail_of_a_photo_that_is_cut_off_makes_it_no_video(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    thumbnail = encode_photo("JPEG")
    length = (len(thumbnail) + 2).to_bytes(2, "big")
    path.write_bytes(thumbnail[:2] + b"\xff\xe2" + length + thumbnail + thumbnail[2 : len(thumbnail) // 2])
    with pytest.raises(SourceError, match="a photo, whatever its name says"):
        open_source(str(path))


@pytest.mark.parametrize(("decoder", "module"), [("pyav", "av"), ("opencv", "cv2")])
def test_jpegs_one_after_another_are_a_video(tmp_path: Path, decoder: Literal["pyav", "opencv"], module: str) -> None:
    pytest.importorskip(module, reason="needs the extras stream and camera")
    path = tmp_path / "clip.mjpeg"
    path.write_bytes(5 * encode_photo("JPEG"))
    with open_source(str(path), SourceOptions(decoder=decoder)) as source:
        assert len(list(source)) == 5


def test_a_moving_png_is_a_video(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs PyAV: pip install 'photogate[stream]'")
    path = tmp_path / "clip.mov"
    pictures = [Image.new("RGB", (64, 48), (80 * index,) * 3) for index in range(3)]
    pictures[0].save(path, "PNG", save_all=True, append_images=pictures[1:], duration=40)
    with open_source(str(path), SourceOptions(decoder="pyav")) as source:
        assert len(list(source)) == 3


def encode_photo(form: str) -> bytes:
    """A photo with texture, whose half is a half of its pixels."""
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(pixels).save(stream, form)
    return stream.getvalue()
