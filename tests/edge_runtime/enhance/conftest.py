"""A scorer that can be reasoned about, and photos to fix."""

from __future__ import annotations

import io
import os
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.decode import decode_photo
from edge_runtime.result import Attributes, ImageSize, Label, ModelInfo, Score, Timings

Judge = Callable[[NDArray[np.uint8]], "tuple[float, dict[str, float]]"]


class StubScorer:
    """Scores by a function of the pixels: (quality, attributes that are not 95)."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.scored_bytes: list[bytes] = []

    def score(self, photo: object, color_order: str = "rgb") -> Score:
        path = None
        if isinstance(photo, np.ndarray):
            pixels = photo if color_order == "rgb" else photo[..., ::-1]
        elif isinstance(photo, bytes):
            self.scored_bytes.append(photo)
            pixels = np.asarray(decode_photo(photo).image)
        elif isinstance(photo, Image.Image):
            pixels = np.asarray(photo.convert("RGB"))
        else:
            assert isinstance(photo, (str, os.PathLike))
            path = os.fspath(photo)
            pixels = np.asarray(decode_photo(path).image)
        quality, attributes = self._judge(pixels)
        return Score(
            quality=quality,
            band="medium",
            interval=(max(quality - 10, 0.0), min(quality + 10, 100.0)),
            interval_coverage=0.9,
            attributes=Attributes(**{**dict.fromkeys(Attributes.__slots__, 95.0), **attributes}),
            category=Label("toys", 0.9),
            style=Label("tabletop", 0.9),
            image=ImageSize(pixels.shape[1], pixels.shape[0]),
            timings=Timings(0.0, 0.0, 0.0, 0.0),
            model=ModelInfo("stub", "0", "0" * 64, "stub"),
            path=path,
        )


def judge_by_light(pixels: NDArray[np.uint8]) -> tuple[float, dict[str, float]]:
    """The lighter the better, up to a mean level of 150."""
    points = min(float(pixels.mean()), 150.0) / 1.5
    return points, {"exposure": points}


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """The bytes of a file: of pixels, in a form ("JPEG" ...), with Pillow's settings."""

    def run(pixels: NDArray[np.uint8], form: str = "JPEG", **settings: object) -> bytes:
        stream = io.BytesIO()
        options: dict = {"quality": 95, **settings} if form == "JPEG" else settings
        Image.fromarray(pixels).save(stream, form, **options)
        return stream.getvalue()

    return run


@pytest.fixture(scope="session")
def make_scorer() -> Callable[[Judge], StubScorer]:
    """A scorer by one's own judge: pixels to (quality, attributes that are not 95)."""
    return StubScorer


@pytest.fixture
def light_scorer() -> StubScorer:
    """Likes light."""
    return StubScorer(judge_by_light)


@pytest.fixture(scope="session")
def dark_pixels(photo: Image.Image) -> NDArray[np.uint8]:
    """The drawn scene at less than half its levels, 320 x 240 pixels."""
    return (np.asarray(photo.resize((320, 240))) * 0.45).astype(np.uint8)
