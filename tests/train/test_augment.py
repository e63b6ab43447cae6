"""Augmentation changes what no rater would mark: where the frame stands, and pixel values by a little."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

tf = pytest.importorskip("tensorflow")

from train.data import augment  # noqa: E402
from train.data.augment import MAX_SHIFT_SHARE, augment_view  # noqa: E402

SIDE_PX = 50
SHIFT_PX = int(SIDE_PX * MAX_SHIFT_SHARE)


def draw(view: NDArray[np.uint8], count: int) -> list[NDArray[np.uint8]]:
    function = tf.function(augment_view)
    return [function(tf.constant(view), tf.constant([7, index])).numpy() for index in range(count)]


@pytest.fixture(scope="module")
def smooth() -> NDArray[np.uint8]:
    noise = np.random.default_rng(2).normal(128, 400, (SIDE_PX, SIDE_PX, 3))
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 4), 20, 235).astype(np.uint8)


def test_equal_seeds_make_equal_views_and_others_others(smooth: NDArray[np.uint8]) -> None:
    views = [view.tobytes() for view in draw(smooth, 20)]
    assert views == [view.tobytes() for view in draw(smooth, 20)]
    assert len(set(views)) > 15


def test_mirror_and_shift_alone_move_pixels_and_change_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each result is one of the mirrored or plain views, shifted by no more than the limit, the rim reflected."""
    monkeypatch.setattr(augment, "_SHARE", 0.0)
    view = np.random.default_rng(1).integers(0, 256, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    possible: dict[bytes, tuple[bool, int, int]] = {}
    for is_mirrored in (False, True):
        plain = view[:, ::-1] if is_mirrored else view
        padded = np.pad(plain, [(SHIFT_PX, SHIFT_PX), (SHIFT_PX, SHIFT_PX), (0, 0)], mode="reflect")
        for y in range(2 * SHIFT_PX + 1):
            for x in range(2 * SHIFT_PX + 1):
                possible[padded[y : y + SIDE_PX, x : x + SIDE_PX].tobytes()] = (is_mirrored, y, x)
    assert SHIFT_PX == 2 and len(possible) == 50
    drawn = [possible[changed.tobytes()] for changed in draw(view, 120)]
    assert 30 < sum(is_mirrored for is_mirrored, _, _ in drawn) < 90
    assert {y for _, y, _ in drawn} == {x for _, _, x in drawn} == set(range(5))


def test_pixel_values_change_by_little(smooth: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    """The three further changes together, without the move of the frame, stay far under a visible fault."""
    monkeypatch.setattr(augment, "_SHARE", 1.0)
    monkeypatch.setattr(augment, "MAX_SHIFT_SHARE", 0.0)
    differences = []
    for changed in draw(smooth, 30):
        plain = min((smooth, smooth[:, ::-1]), key=lambda view: np.abs(changed.astype(int) - view).sum())
        differences.append(np.sqrt(np.mean((changed.astype(float) - plain) ** 2)))
    assert 0.5 < np.median(differences) < 4 and max(differences) < 7
