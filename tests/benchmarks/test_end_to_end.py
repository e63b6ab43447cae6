"""The 12-megapixel photo is what it claims to be, every time."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.end_to_end import (
    PHOTO_FORMATS,
    PHOTO_SIZES_PX,
    build_frame,
    build_large_jpeg,
    build_photo,
    build_picture,
    load_source_photo,
    measure_verdicts,
)
from benchmarks.latency import TurnPlan
from edge_runtime.models import DEFAULT_MODEL, find_model


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


@pytest.mark.parametrize("name", PHOTO_FORMATS)
def test_photos_of_every_format_hold_the_picture(tmp_path: Path, name: str) -> None:
    picture = build_picture(load_source_photo(tmp_path), PHOTO_SIZES_PX["0.3"])
    with Image.open(io.BytesIO(build_photo(picture, name))) as image:
        assert (image.format.upper() if image.format else "") == name.upper()
        assert image.size == (640, 480)
        apart = np.asarray(image.convert("RGB"), dtype=float) - np.asarray(picture, dtype=float)
    assert np.abs(apart).mean() < 6.0
    assert build_photo(picture, name) == build_photo(build_picture(load_source_photo(tmp_path), (640, 480)), name)


def test_the_largest_photo_can_be_written_as_webp(examples_dir: Path) -> None:
    """libwebp's quicker methods overflow its first partition with this one."""
    largest = build_picture(load_source_photo(examples_dir), PHOTO_SIZES_PX["48"])
    assert len(build_photo(largest, "WebP")) > 5_000_000


def test_sizes_are_the_megapixels_that_they_are_named_after() -> None:
    for name, (width_px, height_px) in PHOTO_SIZES_PX.items():
        assert width_px * height_px / 1e6 == pytest.approx(float(name), rel=0.03)


def test_verdicts_of_photos_take_longer_than_their_decoding(tmp_path: Path) -> None:
    model = find_model(DEFAULT_MODEL)
    plan = TurnPlan(rounds=20, turn_ms=1.0)
    (found,) = measure_verdicts(model, load_source_photo(tmp_path), ("0.3",), ("PNG",), plan)
    assert (found["megapixels"], found["format"]) == ("0.3", "PNG")
    assert found["verdict_over_decode"]["ratio"] > 1
    assert found["verdict"]["p99_ms"] >= found["verdict"]["p50_ms"] > 0
