"""Operations on pixels: known answers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.enhance.facts import measure_noise
from edge_runtime.enhance.filters import DENOISE_METHODS, denoise, sharpen
from edge_runtime.enhance.geometry import compute_upright_share, crop, deskew
from edge_runtime.enhance.operations import OPERATION_NAMES, Operation, apply_operations, check_names, order_operations
from edge_runtime.enhance.tone import (
    SRGB_TO_LINEAR,
    apply_clahe,
    apply_exposure,
    apply_gamma,
    balance_white,
    stretch_contrast,
)
from edge_runtime.errors import UsageError

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'photogate[fix]'")


def draw_ramp() -> NDArray[np.uint8]:
    return np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)


def test_what_changes_nothing_changes_nothing() -> None:
    ramp = draw_ramp()
    for result in (
        balance_white(ramp, (1.0, 1.0, 1.0)),
        apply_exposure(ramp, 0.0),
        apply_gamma(ramp, 1.0),
        stretch_contrast(ramp, 0.0, 255.0),
        apply_clahe(ramp, 2.0, 0.0),
        crop(ramp, 0.0, 0.0, 1.0, 1.0),
    ):
        assert np.array_equal(result, ramp)


def test_one_stop_doubles_linear_light() -> None:
    ramp = draw_ramp()
    brighter = apply_exposure(ramp, 1.0)[0, :, 0]
    light = SRGB_TO_LINEAR
    expected = np.minimum(2.0 * light, 1.0)
    assert np.abs(light[brighter] - expected).max() < 0.005
    darker = apply_exposure(ramp, -1.0)[0, :, 0]
    assert np.abs(light[darker] - light / 2).max() < 0.005


def test_linear_light_is_srgb() -> None:
    assert SRGB_TO_LINEAR[0] == 0.0
    assert SRGB_TO_LINEAR[255] == pytest.approx(1.0)
    assert SRGB_TO_LINEAR[188] == pytest.approx(0.5029, abs=1e-3)  # the level of half the light


def test_stretch_reaches_black_and_white_and_turns_no_hue() -> None:
    ramp = stretch_contrast(draw_ramp(), 50.0, 200.0)[0, :, 0]
    assert (ramp[50], ramp[200], ramp[125]) == (0, 255, pytest.approx(128, abs=1))
    picture = np.full((32, 32, 3), (100, 120, 140), np.uint8)
    red, green, blue = stretch_contrast(picture, 80.0, 160.0)[0, 0].astype(int)
    assert blue - green == pytest.approx(green - red, abs=1)


def test_clahe_brings_out_a_faint_pattern(photo: Image.Image) -> None:
    picture = (np.asarray(photo) * 0.2 + 100).astype(np.uint8)
    result = apply_clahe(picture, 2.0, 1.0)
    assert result.std() > 1.05 * picture.std()


@pytest.mark.parametrize(
    ("method", "strength"), [("median", 3), ("gaussian", 1.0), ("bilateral", 40), ("non_local_means", 12)]
)
@pytest.mark.parametrize("coarse_scale", [1.0, 2.5])
def test_denoising_brings_the_clean_picture_nearer(
    photo: Image.Image, method: str, strength: float, coarse_scale: float
) -> None:
    assert method in DENOISE_METHODS
    clean = np.asarray(photo.crop((0, 0, 320, 240)))
    noise = np.random.default_rng(1).normal(0, 12, clean.shape)
    noisy = (clean + noise).clip(0, 255).astype(np.uint8)
    kept = noisy.copy()
    result = denoise(noisy, method, strength, coarse_scale)
    assert np.array_equal(noisy, kept), "the input must be left as it is"
    error = np.square(result.astype(float) - clean).mean()
    assert error < 0.8 * np.square(noisy.astype(float) - clean).mean()


def test_coarse_pass_takes_blotches_that_a_fine_one_leaves() -> None:
    small = np.random.default_rng(2).normal(128, 12, (60, 80, 3)).clip(0, 255).astype(np.uint8)
    blotches = np.asarray(Image.fromarray(small).resize((320, 240), Image.Resampling.BICUBIC))
    fine, both = (denoise(blotches, "gaussian", 1.0, scale).astype(float).std() for scale in (1.0, 4.0))
    assert both < 0.8 * fine


def test_sharpening_makes_edges_steeper_and_leaves_even_places_alone() -> None:
    picture = np.full((40, 40, 3), 100, np.uint8)
    picture[:, 20:] = 150
    result = sharpen(picture, 1.0, 0.5).astype(int)
    assert result[20, 20, 0] - result[20, 19, 0] > 50
    assert np.array_equal(result[:, :12], picture[:, :12])
    faint = np.where(picture == 150, 102, 100).astype(np.uint8)
    assert np.array_equal(sharpen(faint, 1.0, 0.5), faint), "a difference of 2 levels is noise"


def test_noise_is_measured() -> None:
    flat = np.full((256, 256), 120.0)
    for sigma in (2.0, 6.0, 12.0):
        noisy = (flat + np.random.default_rng(3).normal(0, sigma, flat.shape)).clip(0, 255).astype(np.uint8)
        assert measure_noise(noisy) == pytest.approx(sigma, rel=0.2)
    assert measure_noise(flat.astype(np.uint8)) == 0.0
    assert measure_noise(np.full((64, 64), 255, np.uint8)) == 0.0


def test_upright_share_is_the_largest() -> None:
    assert compute_upright_share(300, 200, 0.0) == 1.0
    share = compute_upright_share(300, 200, 5.0)
    assert share == compute_upright_share(300, 200, -5.0)

    def fits(share: float) -> bool:
        angle = np.radians(5.0)
        corners = np.array([(x, y) for x in (-150, 150) for y in (-100, 100)]) * share
        turned = corners @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return bool((np.abs(turned) <= (150 + 1e-9, 100 + 1e-9)).all())

    assert fits(share)
    assert not fits(share * 1.01)


@pytest.mark.parametrize("angle", [-5.0, 3.0])
def test_deskew_leaves_no_empty_corner_and_levels_a_line(angle: float) -> None:
    import cv2

    level = np.full((400, 600, 3), 255, np.uint8)
    level[190:210] = 0
    matrix = cv2.getRotationMatrix2D((299.5, 199.5), -angle, 1.0)
    tilted = cv2.warpAffine(level, matrix, (600, 400), borderValue=(90, 90, 90))
    result = deskew(tilted, angle)
    assert result.shape[1] / result.shape[0] == pytest.approx(1.5, abs=0.01)
    corner = result[:5, :5]
    assert not ((corner > 60) & (corner < 120)).all(axis=2).any(), "a grey corner is left"
    rows = [int(np.flatnonzero(result[:, column, 0] < 128).mean()) for column in (20, result.shape[1] - 20)]
    assert abs(rows[0] - rows[1]) <= 1


def test_operations_scale_order_and_report() -> None:
    steps = [
        Operation("sharpen", (("sigma_px", 1.0), ("amount", 0.3))),
        Operation("denoise", (("method", "median"), ("strength", 3.0), ("coarse_scale", 1.0))),
        Operation("crop", (("left", 0.25), ("top", 0.0), ("right", 0.75), ("bottom", 1.0))),
    ]
    ordered = order_operations(steps)
    assert [step.name for step in ordered] == ["crop", "denoise", "sharpen"]
    assert dict(steps[0].scale(3.0).parameters) == {"sigma_px": 3.0, "amount": 0.3}
    assert dict(steps[1].scale(3.0).parameters)["coarse_scale"] == 3.0
    assert steps[2].scale(3.0) == steps[2]
    assert apply_operations(np.zeros((40, 80, 3), np.uint8), ordered).shape == (40, 40, 3)
    assert steps[1].to_dict()["parameters"]["method"] == "median"


def test_unknown_operations_are_named() -> None:
    assert check_names(OPERATION_NAMES) == frozenset(OPERATION_NAMES)
    with pytest.raises(UsageError, match="did you mean 'sharpen'"):
        check_names(["sharpn"])
    with pytest.raises(UsageError, match="no operation is allowed"):
        check_names([])
