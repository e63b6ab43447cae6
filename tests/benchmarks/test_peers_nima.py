"""NIMA's score is the mean of its ten probabilities over the ratings one to ten."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.native_model import NativeModel
from benchmarks.peers.nima import NIMA_FILES, build_nima_predictor, compute_mean_rating, normalize_for_nima
from edge_runtime.decode import decode_photo
from edge_runtime.errors import ModelError


def test_mean_rating_of_known_distributions() -> None:
    assert compute_mean_rating(np.eye(10)[0]) == 1.0
    assert compute_mean_rating(np.eye(10)[9]) == 10.0
    assert compute_mean_rating(np.full((1, 10), 0.1)) == pytest.approx(5.5)
    assert compute_mean_rating(np.array([0, 0, 0.25, 0, 0, 0, 0.75, 0, 0, 0])) == pytest.approx(0.25 * 3 + 0.75 * 7)
    assert compute_mean_rating(np.full(10, 2.0)) == pytest.approx(5.5), "shares are scaled to sum to one"


@pytest.mark.parametrize("wrong", [np.ones(9), np.zeros(10), np.full(10, np.nan), -np.ones(10)])
def test_what_is_no_distribution_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ModelError, match="ten probabilities"):
        compute_mean_rating(wrong)


def test_normalization_spans_minus_one_to_one() -> None:
    scaled = normalize_for_nima(np.array([[[0, 255, 51]]], dtype=np.uint8))
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, [[[-1.0, 1.0, -0.6]]], atol=1e-6)


@pytest.mark.parametrize("name", NIMA_FILES.values())
def test_real_peer_scores_an_example_as_computed_by_hand(peers_dir: Path, examples_dir: Path, name: str) -> None:
    photo = sorted(examples_dir.glob("*.jpg"))[0]
    found = build_nima_predictor(peers_dir / name)(photo)

    from PIL import Image

    picture = decode_photo(photo).image.resize((224, 224), Image.Resampling.HAMMING, reducing_gap=1.0)
    model = NativeModel(peers_dir / name, num_threads=1)
    model.fill_input((np.asarray(picture, dtype=np.float32) / 127.5 - 1.0)[np.newaxis])
    model.invoke()
    shares = model.read_output()
    assert shares.sum() == pytest.approx(1.0, abs=1e-4)
    assert found == pytest.approx(sum((i + 1) * float(share) for i, share in enumerate(shares)), abs=1e-3)
    assert 1.0 < found < 10.0


def test_technical_peer_prefers_the_good_photo(peers_dir: Path, examples_dir: Path) -> None:
    good, blurred = examples_dir / "coffee-good.jpg", examples_dir / "coffee-blurred.jpg"
    predict = build_nima_predictor(peers_dir / NIMA_FILES["nima-technical"])
    assert predict(good) > predict(blurred)


def test_missing_peer_is_an_error_that_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.tflite"):
        build_nima_predictor(tmp_path / "absent.tflite")
