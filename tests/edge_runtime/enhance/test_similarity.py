"""SSIM and PSNR are scikit-image's, also where they are computed in strips."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edge_runtime.enhance import similarity
from edge_runtime.enhance.operations import Operation

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'photogate[fix]'")
metrics = pytest.importorskip("skimage.metrics", reason="needs scikit-image: pip install 'photogate[fix]'")


def test_strips_give_what_scikit_image_gives(photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    original = np.asarray(photo)
    changed = (original * 0.8).astype(np.uint8)
    expected = metrics.structural_similarity(original, changed, channel_axis=2)
    for rows in (1, 100, 473, 474, 475, 1000):
        monkeypatch.setattr(similarity, "STRIP_ROWS", rows)
        if rows == 1:  # each strip costs the same overhead: a short picture will do
            short = original[:20], changed[:20]
            assert similarity.compute_ssim(*short) == pytest.approx(
                metrics.structural_similarity(*short, channel_axis=2), abs=1e-9
            )
            continue
        assert similarity.compute_ssim(original, changed) == pytest.approx(expected, abs=1e-9)
        psnr_db = metrics.peak_signal_noise_ratio(original, changed)
        assert similarity.compute_psnr_db(original, changed) == pytest.approx(psnr_db, abs=1e-9)
    assert similarity.compute_ssim(original, original) == pytest.approx(1.0, abs=1e-12)
    assert similarity.compute_psnr_db(original, original) == float("inf")


def test_floor_does_not_ask_for_noise_back(photo: Image.Image) -> None:
    clean = np.asarray(photo.crop((0, 0, 320, 240)))
    noisy = (clean + np.random.default_rng(4).normal(0, 25, clean.shape)).clip(0, 255).astype(np.uint8)
    assert similarity.compute_ssim(noisy, clean) < 0.6
    step = Operation("denoise", (("method", "median"), ("strength", 3.0), ("coarse_scale", 1.0)))
    assert similarity.compute_floor_ssim(noisy, clean, [step]) > 0.8
    assert similarity.compute_floor_ssim(noisy, clean, []) == similarity.compute_ssim(noisy, clean)
    other = np.asarray(photo.crop((320, 240, 640, 480)))
    assert similarity.compute_floor_ssim(noisy, other, [step]) < 0.6, "another picture must not pass"
