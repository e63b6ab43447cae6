"""Framing is changed only where it is known, and changed the way its name says."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.errors import UsageError
from train.data.composition import Product, find_product, reframe
from train.data.degradations import COMPOSITION_KINDS, Degradation, apply
from train.data.manifest import load_manifest

Picture = NDArray[np.uint8]


def render(
    background: tuple[int, int, int] = (250, 250, 248), box: tuple[int, int, int, int] = (100, 60, 300, 260)
) -> Picture:
    """A blue box, 400x320 px, on even ground."""
    picture = np.empty((320, 400, 3), np.uint8)
    picture[:] = background
    left, top, right, bottom = box
    picture[top:bottom, left:right] = (40, 90, 160)
    return picture


def found(picture: Picture) -> Product:
    product = find_product(picture)
    assert product is not None
    return product


def test_finds_the_box_and_the_ground() -> None:
    product = found(render())
    assert product.box == (100, 60, 300, 260)
    assert product.background.tolist() == [250, 250, 248]
    assert product.mask.sum() == 200 * 200
    assert product.fill_share == pytest.approx(200 / 320)
    assert product.is_well_framed


def test_noise_of_compression_is_no_product() -> None:
    rng = np.random.default_rng(0)
    noisy = np.clip(render().astype(int) + rng.integers(-3, 4, (320, 400, 3)), 0, 255).astype(np.uint8)
    box = found(noisy).box
    assert max(abs(a - b) for a, b in zip(box, (100, 60, 300, 260), strict=True)) <= 4


def test_holes_and_white_parts_belong_to_the_product() -> None:
    picture = render()
    picture[120:180, 160:240] = 250  # a white window in the box
    picture[60:260, 300:330] = 240  # a nearly white side that hangs on to it
    product = found(picture)
    assert product.mask[150, 200]
    assert product.box[2] == 330


@pytest.mark.parametrize(
    "picture",
    [
        render(background=(120, 120, 120)),  # grey ground
        render(box=(0, 0, 400, 260)),  # full to the frame
        render(box=(0, 60, 200, 260)),  # cut by the left edge
        render(box=(195, 155, 205, 165)),  # a speck
        np.full((320, 400, 3), 255, np.uint8),  # nothing
        np.random.default_rng(0).integers(0, 256, (320, 400, 3)).astype(np.uint8),
        np.tile(np.linspace(200, 255, 400).astype(np.uint8)[None, :, None], (320, 1, 3)),  # uneven ground
        np.full((6, 6, 3), 255, np.uint8),
    ],
)
def test_says_when_the_framing_is_unknown(picture: Picture) -> None:
    assert find_product(picture) is None
    for kind in COMPOSITION_KINDS:
        with pytest.raises(UsageError, match="near-white background"):
            apply(picture, Degradation(kind, 0.5, 0))


@pytest.mark.parametrize("kind", COMPOSITION_KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_the_ground_is_extended_without_a_seam(kind: str, seed: int) -> None:
    picture = render()
    picture[:] = np.where(picture == 250, picture - (np.arange(400)[None, :, None] % 3 == 0), picture)
    changed = apply(picture, Degradation(kind, 0.7, seed))
    background = found(picture).background.astype(int)
    rest = changed[np.abs(changed.astype(int) - background).max(axis=-1) <= 8]
    assert len(rest) > 0.2 * 320 * 400
    assert np.abs(rest.astype(int) - background).max() <= 8 and (rest == background).all(axis=-1).mean() > 0.95


@pytest.mark.parametrize("seed", range(5))
def test_too_small(seed: int) -> None:
    shares = [found(apply(render(), Degradation("too_small", s, seed))).fill_share for s in (0.1, 0.4, 0.7)]
    assert shares[0] < 0.625 and shares == sorted(shares, reverse=True)
    tiny = apply(render(), Degradation("too_small", 1.0, seed))
    assert 0.0 < (tiny[..., 2] < 200).mean() < 0.03


@pytest.mark.parametrize("seed", range(5))
def test_off_center_stays_whole(seed: int) -> None:
    distances = []
    for strength in (0.1, 0.5, 1.0):
        product = found(apply(render(), Degradation("off_center", strength, seed)))
        left, top, right, bottom = product.box
        assert left > 0 and top > 0 and right < 400 and bottom < 320
        distances.append(float(np.hypot((left + right) / 800 - 0.5, (top + bottom) / 640 - 0.5)))
    assert distances == sorted(distances) and distances[2] > 0.18


@pytest.mark.parametrize("seed", range(5))
def test_cut_off_loses_part_of_the_product(seed: int) -> None:
    def shown(picture: Picture) -> int:
        return int((picture[..., 0] < 150).sum())

    whole = shown(render())
    areas = [shown(apply(render(), Degradation("cut_off", s, seed))) for s in (0.2, 0.6, 1.0)]
    assert areas == sorted(areas, reverse=True) and 0.05 * whole < areas[2] < 0.65 * whole
    changed = apply(render(), Degradation("cut_off", 0.6, seed))
    edges = [changed[0], changed[-1], changed[:, 0], changed[:, -1]]
    assert max((edge[..., 0] < 150).mean() for edge in edges) > 0.2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("strength", [0.1, 0.5, 1.0])
def test_tilted_by_the_angle_it_says(seed: int, strength: float) -> None:
    product = found(apply(render(box=(120, 110, 280, 210)), Degradation("tilted", strength, seed)))
    left, top, right, bottom = product.box
    assert left > 0 and top > 0 and right < 400 and bottom < 320
    contours, _ = cv2.findContours(product.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    angle = cv2.minAreaRect(max(contours, key=len))[2] % 90
    assert min(angle, 90 - angle) == pytest.approx(4 + 41 * strength, abs=1.5)


def test_reframe_is_no_fault() -> None:
    for seed in range(8):
        off = apply(render(), Degradation("off_center", 0.9, seed))
        product = found(reframe(off, np.random.default_rng(seed)))
        assert product.is_well_framed and 0.66 < product.fill_share < 0.92


def test_many_shop_photos_have_a_known_framing(shared_data: Path) -> None:
    photos = [p for p in load_manifest(shared_data / "manifest.csv") if p.file.startswith(("flipkart", "pristine"))]
    known = [p for p in photos if find_product(np.asarray(Image.open(p.path).convert("RGB"))) is not None]
    assert not any(p.file.startswith("pristine") for p in known)
    assert sum(p.style == "studio_white" for p in known) > 150
