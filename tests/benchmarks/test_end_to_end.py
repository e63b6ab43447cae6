"""The 12-megapixel photo is what it claims to be, every time."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.end_to_end import build_frame, build_large_jpeg, load_source_photo


def test_large_jpeg_has_twelve_megapixels_a_phones_size_and_equal_bytes(examples_dir: Path) -> None:
    source = load_source_photo(examples_dir)
    jpeg = build_large_jpeg(source)
    with Image.open(io.BytesIO(jpeg)) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (4000, 3000), "RGB")
    assert 2.5e6 < len(jpeg) < 6e6
    assert build_large_jpeg(source) == jpeg


def test_a_folder_without_photos_gives_a_drawn_scene_of_realistic_size(tmp_path: Path) -> None:
    source = load_source_photo(tmp_path)
    assert np.asarray(source).std() > 20, "something is to be seen"
    assert 2.5e6 < len(build_large_jpeg(source)) < 6e6


def test_frame_is_what_a_camera_delivers(tmp_path: Path) -> None:
    frame = build_frame(load_source_photo(tmp_path))
    assert frame.shape == (720, 1280, 3)
    assert frame.dtype == np.uint8
