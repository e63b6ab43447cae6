"""Sensor noise is no change; a thing moved, a lens smeared, a light that fades slowly are."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from edge_runtime.camera.change import ChangeDetector, sample_frame
from edge_runtime.camera.frames import Frame, PixelFormat
from edge_runtime.errors import UsageError

WIDTH_PX, HEIGHT_PX = 320, 180
SENSOR_NOISE = 2.0
EXAMPLES = ("mug-good.jpg", "coffee-good.jpg", "coffee-dark.jpg")

Shoot = Callable[..., Frame]


@pytest.fixture
def shoot() -> Shoot:
    """Takes a picture with a camera that has noise, new with each frame."""
    generator = np.random.default_rng(11)

    def take(scene: NDArray[np.float32], noise: float = SENSOR_NOISE) -> Frame:
        noisy = scene + generator.normal(0, noise, scene.shape)
        return Frame(noisy.clip(0, 255).round().astype(np.uint8), 0)

    return take


@pytest.fixture(params=EXAMPLES)
def image(request: pytest.FixtureRequest, examples_dir: Path) -> Image.Image:
    with Image.open(examples_dir / request.param) as image:
        return image.convert("RGB").resize((WIDTH_PX, HEIGHT_PX))


def to_scene(image: Image.Image) -> NDArray[np.float32]:
    return np.asarray(image).astype(np.float32)


def test_sensor_noise_is_no_change(image: Image.Image, shoot: Shoot) -> None:
    scene = to_scene(image)
    detector = ChangeDetector()
    detector.mark_scored(shoot(scene))
    assert all(detector.is_unchanged(shoot(scene)) for _ in range(20))


def test_moved_object_of_one_percent_is_seen_wherever_it_is(image: Image.Image, shoot: Shoot) -> None:
    scene = to_scene(image)
    detector = ChangeDetector()
    detector.mark_scored(shoot(scene))
    generator = np.random.default_rng(3)
    side_px = round((0.01 * WIDTH_PX * HEIGHT_PX) ** 0.5)
    for _ in range(20):
        left, top = generator.integers(0, WIDTH_PX - side_px), generator.integers(0, HEIGHT_PX - side_px)
        moved = scene.copy()
        place = moved[top : top + side_px, left : left + side_px]
        place += 25 if place.mean() < 128 else -25
        assert not detector.is_unchanged(shoot(moved))


def test_defocus_is_seen(image: Image.Image, shoot: Shoot) -> None:
    detector = ChangeDetector()
    detector.mark_scored(shoot(to_scene(image)))
    assert not detector.is_unchanged(shoot(to_scene(image.filter(ImageFilter.GaussianBlur(1)))))


def test_slow_light_is_compared_with_the_frame_that_was_scored(image: Image.Image, shoot: Shoot) -> None:
    scene = to_scene(image)
    detector = ChangeDetector()
    detector.mark_scored(shoot(scene))
    steps = [scene * np.float32(0.995) ** step for step in range(30)]
    seen = [not detector.is_unchanged(shoot(step)) for step in steps]
    assert not any(seen[:2])
    assert all(seen[-5:])
    # Each step by itself is too little to be seen.
    for former, step in pairwise(steps):
        detector.mark_scored(shoot(former))
        assert detector.is_unchanged(shoot(step))


def test_faint_change_all_over_a_block_is_seen(shoot: Shoot) -> None:
    scene = np.full((HEIGHT_PX, WIDTH_PX, 3), 120, np.float32)
    detector = ChangeDetector()
    detector.mark_scored(shoot(scene))
    scene[30:60, 40:80] += 6  # below the threshold of a single pixel, and a fiftieth of the frame
    assert not detector.is_unchanged(shoot(scene))


def test_threshold_bears_more_noise(image: Image.Image, shoot: Shoot) -> None:
    scene = to_scene(image)
    for threshold, is_unchanged in ((12, False), (36, True)):
        detector = ChangeDetector(threshold)
        detector.mark_scored(shoot(scene, noise=6))
        assert detector.is_unchanged(shoot(scene, noise=6)) is is_unchanged


@pytest.mark.parametrize("threshold", [0, -1, float("nan")])
def test_threshold_must_be_positive(threshold: float) -> None:
    with pytest.raises(UsageError, match="positive"):
        ChangeDetector(threshold)


@pytest.mark.parametrize("size", [(1280, 720), (640, 480), (64, 48), (20, 18), (16, 400)])
@pytest.mark.parametrize("pixel_format", get_args(PixelFormat))
def test_every_format_and_size(pixel_format: PixelFormat, size: tuple[int, int]) -> None:
    width, height = size
    channels = {"rgb": (3,), "bgr": (3,), "rgba": (4,), "bgra": (4,), "yuyv": (2,)}.get(pixel_format, ())
    rows = height * 3 // 2 if pixel_format in ("nv12", "nv21", "i420") else height
    pixels = np.random.default_rng(2).integers(0, 200, (rows, width, *channels), dtype=np.uint8)
    detector = ChangeDetector()
    assert not detector.is_unchanged(Frame(pixels, 0, pixel_format))
    detector.mark_scored(Frame(pixels, 0, pixel_format))
    assert detector.is_unchanged(Frame(pixels.copy(), 9, pixel_format))
    assert not detector.is_unchanged(Frame(pixels, 9, pixel_format, 180))
    assert not detector.is_unchanged(Frame(pixels + np.uint8(40), 0, pixel_format))
    detector.forget()
    assert not detector.is_unchanged(Frame(pixels, 0, pixel_format))


def test_every_color_is_looked_at(shoot: Shoot) -> None:
    scene = np.full((240, 320, 3), 120, np.float32)
    for channel in range(3):
        detector = ChangeDetector()
        detector.mark_scored(shoot(scene))
        tinted = scene.copy()
        tinted[..., channel] += 5
        assert not detector.is_unchanged(shoot(tinted))


def test_other_resolution_is_a_change(shoot: Shoot) -> None:
    detector = ChangeDetector()
    detector.mark_scored(shoot(np.full((240, 320, 3), 120, np.float32)))
    assert not detector.is_unchanged(shoot(np.full((480, 640, 3), 120, np.float32)))


@pytest.mark.parametrize("size", [(1280, 720), (639, 479), (63, 47), (20, 18)])
def test_samples_lie_all_over_the_frame(size: tuple[int, int]) -> None:
    width, height = size
    across = np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))
    down = np.tile(np.linspace(0, 255, height).astype(np.uint8)[:, np.newaxis], (1, width))
    (columns,), (rows,) = (sample_frame(Frame(pixels, 0, "gray")).values for pixels in (across, down))
    assert columns.shape == rows.shape == (24, 32)
    assert (columns == columns[0]).all() and (rows == rows[:, :1]).all()
    for line in (columns[0], rows[:, 0]):
        assert line[0] <= 10 and line[-1] >= 245
        assert np.diff(line).max() <= 20, "no part is passed over"
