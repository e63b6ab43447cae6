"""Photographs whose content is known, written where a test can load them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from train.data.manifest import Photo

MakePhoto = Callable[..., Photo]


@pytest.fixture
def make_photo(tmp_path: Path) -> MakePhoto:
    """Makes a Photo; with a ``picture`` its file exists, as PNG."""

    def make(file: str, picture: NDArray[np.uint8] | None = None, **fields: Any) -> Photo:
        path = tmp_path / file
        if picture is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
        known = {"mos": None, "category": "", "style": "", "group": file, "licence": "", **fields}
        return Photo(file=file, path=path, **known)

    return make


@pytest.fixture
def textured() -> NDArray[np.uint8]:
    """A colourful picture with detail at every scale, 64 x 96: every technical degradation can be seen on it."""
    rng = np.random.default_rng(3)
    coarse = np.kron(rng.integers(60, 190, (8, 12, 3)), np.ones((8, 8, 1), dtype=np.int64))
    return np.asarray((coarse + rng.integers(-25, 26, coarse.shape)).clip(0, 255), dtype=np.uint8)


@pytest.fixture
def framed_product() -> NDArray[np.uint8]:
    """A striped box, whole and in the middle of a white ground, 160 x 160."""
    picture = np.full((160, 160, 3), 250, dtype=np.uint8)
    picture[35:125, 30:130] = (180, 60, 40)
    picture[35:125:6, 30:130] = (40, 70, 150)
    return picture
