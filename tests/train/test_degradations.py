"""Degradations are deterministic, grow with strength, look alike at any resolution, and lower what they say."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.errors import FrameError, UsageError
from train.data import blur
from train.data.degradations import (
    COMPOSITION_KINDS,
    KINDS,
    TECHNICAL_KINDS,
    Degradation,
    apply,
    attribute_targets,
    is_visible,
    random_degradation,
)
from train.data.perceptual import compute_delta_e, compute_gmsd, compute_ssim

Picture = NDArray[np.uint8]
VIEW_PX = 320
TONE_KINDS = tuple(kind for kind, attribute in KINDS.items() if attribute in ("exposure", "color"))
DETAIL_KINDS = tuple(kind for kind, attribute in KINDS.items() if attribute in ("sharpness", "noise"))


def render_scene(height: int, width: int, seed: int = 0) -> Picture:
    """Coloured ellipses and fine lines on a soft ground: edges, flat parts and texture, drawn at any size."""
    rng = np.random.default_rng(seed)
    scale = 4
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    ground = np.stack([90 + 90 * x, 120 + 60 * y, 150 - 50 * x * y], axis=-1).astype(np.uint8)
    canvas = cv2.resize(ground, (width * scale, height * scale))
    side = min(height, width) * scale
    for _ in range(14):
        center = (int(rng.uniform(0, width * scale)), int(rng.uniform(0, height * scale)))
        axes = (int(side * rng.uniform(0.04, 0.16)), int(side * rng.uniform(0.04, 0.16)))
        color = [int(c) for c in rng.integers(20, 235, 3)]
        cv2.ellipse(canvas, center, axes, float(rng.uniform(0, 180)), 0, 360, color, -1, cv2.LINE_AA)
    for position in np.linspace(0.1, 0.5, 12):
        start, end = (int(position * side), int(0.2 * side)), (int((position + 0.1) * side), int(0.8 * side))
        cv2.line(canvas, start, end, (245, 245, 240), max(1, side // 250), cv2.LINE_AA)
    return np.asarray(cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def render_product(height: int = 320, width: int = 400, background: int = 250) -> Picture:
    """A box with a handle, whole and in the middle of an even ground."""
    picture = np.full((height, width, 3), background, np.uint8)
    top, left = round(0.2 * height), round(0.25 * width)
    cv2.rectangle(picture, (left, top), (width - left, height - top), (40, 90, 160), -1)
    cv2.circle(picture, (width // 2, height // 2), height // 8, (200, 60, 40), -1, cv2.LINE_AA)
    return picture


def view(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    factor = VIEW_PX / min(height, width)
    size = (round(width * factor), round(height * factor))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _compute_dissimilarity(reference: Picture, distorted: Picture) -> float:
    return 1.0 - compute_ssim(reference, distorted)


def picture_for(kind: str) -> Picture:
    return render_product() if kind in COMPOSITION_KINDS else render_scene(320, 420)


@pytest.mark.parametrize("kind", KINDS)
def test_shape_type_and_determinism(kind: str) -> None:
    picture = picture_for(kind)
    before = picture.copy()
    for strength in (0.05, 0.5, 1.0):
        degraded = apply(picture, Degradation(kind, strength, seed=5))
        assert degraded.shape == picture.shape and degraded.dtype == np.uint8
        assert np.array_equal(degraded, apply(picture, Degradation(kind, strength, seed=5)))
        assert not np.shares_memory(degraded, picture)
    assert np.array_equal(picture, before)


@pytest.mark.parametrize(
    "kind", ["motion", "sensor_noise", "grain", "low_contrast", "uneven", "white_balance", "too_small"]
)
def test_seed_decides_what_strength_leaves_open(kind: str) -> None:
    picture = picture_for(kind)
    variants = {apply(picture, Degradation(kind, 0.6, seed)).tobytes() for seed in range(10)}
    assert len(variants) >= 4


@pytest.mark.parametrize("kind", TECHNICAL_KINDS)
@pytest.mark.parametrize("size", [(9, 9), (31, 200), (224, 224), (641, 479)])
def test_odd_sizes_and_views_into_larger_arrays(kind: str, size: tuple[int, int]) -> None:
    large = render_scene(size[0] + 6, size[1] + 4)
    part = large[3:-3, 2:-2]
    degraded = apply(part, Degradation(kind, 0.7, 1))
    assert degraded.shape == (*size, 3)
    assert np.array_equal(degraded, apply(np.ascontiguousarray(part), Degradation(kind, 0.7, 1)))


@pytest.mark.parametrize("kind", TECHNICAL_KINDS)
def test_damage_grows_with_strength(kind: str) -> None:
    measure = compute_delta_e if kind in TONE_KINDS else compute_gmsd
    if kind in ("sensor_noise", "grain"):  # flat parts dominate these scenes, where GMSD soon has nothing left to lose
        measure = _compute_dissimilarity
    scenes = [render_scene(320, 400, seed) for seed in range(5)]
    damage = []
    for strength in (0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0):
        values = [measure(view(s), view(apply(s, Degradation(kind, strength, i)))) for i, s in enumerate(scenes)]
        damage.append(float(np.median(values)))
    assert damage[0] > 0.0
    assert all(after > before for before, after in pairwise(damage)), damage
    assert damage[-1] > 3.0 * damage[1], damage  # a strength of 1 is far from one of 0.1


@pytest.mark.parametrize("kind", DETAIL_KINDS)
@pytest.mark.parametrize("strength", [0.3, 0.8])
def test_looks_alike_at_two_resolutions(kind: str, strength: float) -> None:
    small, large = render_scene(448, 560), render_scene(896, 1120)
    damage = [compute_gmsd(view(s), view(apply(s, Degradation(kind, strength, 2)))) for s in (small, large)]
    assert 0.6 < damage[1] / damage[0] < 1.6, damage


@pytest.mark.parametrize("kind", TECHNICAL_KINDS)
def test_pictures_of_one_color_stay_defined(kind: str) -> None:
    for value in (0, 255):
        degraded = apply(np.full((64, 64, 3), value, np.uint8), Degradation(kind, 1.0, 0))
        assert degraded.shape == (64, 64, 3)


def test_blur_keeps_brightness_and_lowers_contrast_of_detail() -> None:
    scene = render_scene(320, 420)
    for kind in ("defocus", "motion", "upscaled"):
        blurred = apply(scene, Degradation(kind, 0.6, 1))
        assert abs(float(blurred.mean()) - float(scene.mean())) < 3.0
        assert cv2.Laplacian(blurred, cv2.CV_64F).var() < 0.3 * cv2.Laplacian(scene, cv2.CV_64F).var()


def test_pieces_of_a_motion_blur_make_the_whole_line() -> None:
    scene = render_scene(320, 420)
    for seed in range(5):
        strength = 0.9
        length_px = 2.2 + 8.0 * strength + 13.0 * strength**2
        angle = np.random.default_rng(seed).uniform(0.0, np.pi)
        kernel = blur._build_kernel(blur._sample_line(length_px, angle))
        whole = cv2.filter2D(scene, -1, kernel, borderType=cv2.BORDER_REFLECT)
        difference = np.abs(whole.astype(int) - apply(scene, Degradation("motion", strength, seed)))
        assert difference.mean() < 0.6


def test_exposure_works_in_linear_light() -> None:
    grey = np.full((32, 32, 3), 188, np.uint8)  # half of full light, by the sRGB curve
    darker = apply(grey, Degradation("underexposed", (1 - 0.15) / 4.6, 0))  # exactly one stop
    assert int(darker[0, 0, 0]) == pytest.approx(137, abs=1)  # a quarter of full light
    assert apply(grey, Degradation("overexposed", 1.0, 0)).min() == 255


def test_color_faults_keep_luminance() -> None:
    scene = render_scene(320, 420)
    grey = cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY).mean()
    for kind in ("white_balance", "undersaturated"):
        faulty = apply(scene, Degradation(kind, 0.6, 1))
        assert cv2.cvtColor(faulty, cv2.COLOR_RGB2GRAY).mean() == pytest.approx(grey, rel=0.12)
    colorless = apply(scene, Degradation("undersaturated", 1.0, 0))
    assert int(np.ptp(colorless.astype(int), axis=-1).max()) <= 1


def test_noise_has_no_bias_in_the_mid_tones() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    for kind in ("sensor_noise", "grain"):
        noisy = apply(grey, Degradation(kind, 0.5, 3)).astype(np.float64)
        assert abs(noisy.mean() - 128) < 1.5
        assert 10 < noisy.std() < 30
    dark, light = (apply(np.full((200, 200, 3), v, np.uint8), Degradation("sensor_noise", 0.3, 3)) for v in (60, 200))
    assert dark.std() > 1.2 * light.std()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strength", [0.05, 0.4, 1.0])
def test_targets(kind: str, strength: float) -> None:
    targets = attribute_targets(kind, strength)
    assert tuple(targets) == ATTRIBUTE_NAMES
    assert targets[KINDS[kind]] == pytest.approx(1.0 - strength)
    assert all(1.0 - strength <= value <= 1.0 for value in targets.values())
    assert min(targets, key=lambda name: targets[name]) == KINDS[kind]


def test_what_cannot_be_seen_is_told() -> None:
    grey = cv2.cvtColor(cv2.cvtColor(render_scene(200, 200), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    assert not is_visible(grey, apply(grey, Degradation("undersaturated", 1.0, 0)))
    white = np.full((100, 100, 3), 255, np.uint8)
    assert not is_visible(white, apply(white, Degradation("overexposed", 1.0, 0)))
    scene = render_scene(200, 200)
    assert all(is_visible(scene, apply(scene, Degradation(kind, 0.5, 0))) for kind in TECHNICAL_KINDS)


@pytest.mark.parametrize(
    ("kind", "strength", "seed"), [("blurry", 0.5, 0), ("defocus", 0.0, 0), ("defocus", 1.01, 0), ("jpeg", 0.5, -1)]
)
def test_impossible_degradations(kind: str, strength: float, seed: int) -> None:
    with pytest.raises(UsageError):
        Degradation(kind, strength, seed)


@pytest.mark.parametrize("shape", [(20, 20), (20, 20, 4), (0, 20, 3)])
def test_not_a_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(FrameError):
        apply(np.zeros(shape, np.uint8), Degradation("defocus", 0.5))
    with pytest.raises(FrameError):
        apply(np.zeros((20, 20, 3), np.float32), Degradation("defocus", 0.5))  # type: ignore[arg-type]


def test_draws_are_repeatable_and_cover_everything() -> None:
    first, second = np.random.default_rng(9), np.random.default_rng(9)
    drawn = [random_degradation(first) for _ in range(400)]
    assert drawn == [random_degradation(second) for _ in range(400)]
    assert {entry.kind for entry in drawn} == set(TECHNICAL_KINDS)
    strengths = [entry.strength for entry in drawn]
    assert 0.05 <= min(strengths) < 0.1 and 0.95 < max(strengths) <= 1.0
    assert {random_degradation(first, ["jpeg"]).kind for _ in range(5)} == {"jpeg"}
    with pytest.raises(UsageError):
        random_degradation(first, [])


def test_measures_against_known_values() -> None:
    scene = render_scene(128, 128)
    assert compute_gmsd(scene, scene) == 0.0
    assert compute_ssim(scene, scene) == pytest.approx(1.0)
    assert compute_delta_e(scene, scene) == 0.0
    black, white = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)
    assert compute_delta_e(black, white) == pytest.approx(100.0, abs=0.1)  # L* runs from 0 to 100
    assert compute_ssim(black, white) == pytest.approx((0.01 * 255) ** 2 / (255**2 + (0.01 * 255) ** 2), rel=1e-3)
    assert compute_gmsd(black, white) == 0.0  # neither has a gradient
    # One half flat in both, the other with a gradient in one only: similarity 1 and c / (g² + c) in equal parts.
    ramp = np.zeros((64, 128, 3), np.uint8)
    ramp[:, 64:] = (np.arange(64) * 4).astype(np.uint8)[None, :, None]
    step = 16.0  # per halved pixel the ramp rises by 8, Prewitt over 3 spans two of them
    similarity = 170.0 / (step**2 + 170.0)
    assert compute_gmsd(ramp, np.zeros_like(ramp)) == pytest.approx((1 - similarity) / 2, rel=0.05)
    with pytest.raises(ValueError, match="one shape"):
        compute_ssim(scene, scene[:-1])


@pytest.mark.parametrize("kind", KINDS)
def test_is_fast_enough_for_training(kind: str) -> None:
    """At most 10 ms for 512x512 on one core of the development machine; ten times that where the machine is busy."""
    picture = render_product(512, 512) if kind in COMPOSITION_KINDS else render_scene(512, 512)
    times_ms = []
    for seed in range(5):
        start = time.perf_counter()
        apply(picture, Degradation(kind, 0.8, seed))
        times_ms.append(1000 * (time.perf_counter() - start))
    assert min(times_ms) < (100 if os.environ.get("CI") or (os.cpu_count() or 1) <= 2 else 30)


def test_strengths_are_spread_evenly_on_real_photos(shared_data: Path) -> None:
    """The calibration that degradations.py claims, on the Kodak photographs."""
    files = sorted((shared_data / "pristine").glob("*.png"))[:6]
    photos = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    for kind in ("defocus", "motion", "upscaled"):
        damage = [
            np.median([compute_gmsd(view(p), view(apply(p, Degradation(kind, s, i)))) for i, p in enumerate(photos)])
            for s in (0.1, 0.5, 1.0)
        ]
        assert 0.005 < damage[0] < 0.04, (kind, damage)
        assert 0.3 < (damage[1] - damage[0]) / (damage[2] - damage[0]) < 0.65, (kind, damage)
