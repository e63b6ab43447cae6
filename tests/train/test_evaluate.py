"""Agreement is reported side by side and for the headline slice, and only where there are photos enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from train.data.manifest import Photo
from train.evaluate import evaluate_quality, is_phone_product

MakePhoto = Callable[..., Photo]


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("biq2021/ss01_1.jpg", "object", True),
        ("biq2021/ss01_1.jpg", "food", True),
        ("biq2021/ss01_1.jpg", "scene", False),
        ("biq2021/ss02_1.jpg", "object", False),
        ("ss01/ss03_1.jpg", "object", False),
    ],
)
def test_the_headline_slice(make_photo: MakePhoto, file: str, content: str, expected: bool) -> None:
    assert is_phone_product(make_photo(file, extra={"content": content})) is expected


def test_sides_and_slices(make_photo: MakePhoto) -> None:
    photos, sides, predicted = [], [], []
    for side, sign, count in (("train", 1, 12), ("test", -1, 10), ("validation", 1, 4)):
        for i in range(count):
            name = "ss01" if i < 6 else "ss03"
            extra: dict[str, Any] = {"content": "object"}
            photos.append(make_photo(f"{name}_{side}{i}.jpg", mos=i / 12, extra=extra))
            sides.append(side)
            predicted.append([0.5 + sign * 0.4 * (i / 12) ** 2])
    report = evaluate_quality(photos, sides, np.array(predicted))
    assert report["train"]["all"]["count"] == 12 and report["train"]["all"]["srcc"]["value"] == pytest.approx(1)
    assert report["test"]["all"]["count"] == 10 and report["test"]["all"]["srcc"]["value"] == pytest.approx(-1)
    assert report["test"]["phone_products"]["count"] == 6
    assert report["validation"] == {}  # four photos say nothing


def test_constant_predictions_have_no_correlation(make_photo: MakePhoto) -> None:
    photos = [make_photo(f"{i}.jpg", mos=i / 10) for i in range(8)]
    assert evaluate_quality(photos, ["test"] * 8, np.full(8, 0.5))["test"] == {}
