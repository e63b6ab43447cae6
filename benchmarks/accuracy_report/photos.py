"""The photos of one part, scored by every model; which of them are flawless, and which show a product on white."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageStat

from benchmarks.rows import Row
from edge_runtime import PhotoScorer, Score
from edge_runtime.contract import ViewSpec
from edge_runtime.decode import decode_photo
from edge_runtime.errors import InputError, PhotogateError
from train.data.composition import find_product
from train.data.manifest import Photo
from train.progress import track

__all__ = [
    "DEFAULT_TRAINING",
    "CleanPhoto",
    "ScoredPhoto",
    "find_clean",
    "load_picture",
    "open_models",
    "score_photos",
]

# Its [samples] say which photos are taken for flawless.
DEFAULT_TRAINING = Path(__file__).resolve().parents[2] / "train" / "configs" / "teacher.toml"
PICTURE_MIN_SIDE_PX = 512  # of pictures to degrade: larger than any view, small enough for thousands of them
BRIGHTNESS_VIEW = ViewSpec(64, 64)  # a mean needs no detail
EXIF_MODEL_TAG = 0x0110  # EXIF 2.3, table 4: the camera's name


@dataclass(frozen=True)
class ScoredPhoto:
    """A photo that could be decoded.

    Attributes:
        photo: the manifest's row.
        scores: by the model's key.
        brightness: mean luma of its pixels (ITU-R BT.601 weights), 0-255.
        device: the manifest's column ``device``, or the camera that EXIF names, or "".
    """

    photo: Photo
    scores: Mapping[str, Score]
    brightness: float
    device: str = ""


@dataclass(frozen=True)
class CleanPhoto:
    """A photo without a fault as far as is known.

    Attributes:
        scored: the photo.
        has_product: whether it shows a product before an even, near-white background.
        is_well_framed: whether that product is whole, large and in the middle, so that its framing can be spoilt.
    """

    scored: ScoredPhoto
    has_product: bool
    is_well_framed: bool


def open_models(rows: Sequence[Row], stack: ExitStack) -> dict[str, PhotoScorer]:
    """The photogate models that open, by key; a row whose file does not open is marked as failed."""
    scorers = {}
    for row in rows:
        if row.kind != "photogate" or not row.is_usable or row.path is None:
            continue
        try:
            scorers[row.key] = stack.enter_context(PhotoScorer.from_file(row.path))
        except PhotogateError as error:
            row.fail(str(error))
    return scorers


def score_photos(
    photos: Sequence[Photo], scorers: Mapping[str, PhotoScorer]
) -> tuple[list[ScoredPhoto], list[dict[str, str]]]:
    """Scores every photo's file with every model.

    Returns:
        The scored photos in their order, and ``{"file", "error"}`` for each that cannot be decoded.
    """
    scored, failures = [], []
    for photo in track(photos, "scores"):
        try:
            content = photo.path.read_bytes()
            picture = decode_photo(photo.path, BRIGHTNESS_VIEW).image
            scores = {key: scorer.score(content) for key, scorer in scorers.items()}
        except (InputError, OSError) as error:
            failures.append({"file": photo.file, "error": str(error)})
            continue
        brightness = float(ImageStat.Stat(picture.convert("L")).mean[0])
        scored.append(ScoredPhoto(photo, scores, brightness, _find_device(photo)))
    return scored, failures


def load_picture(photo: Photo) -> NDArray[np.uint8]:
    """The photo to degrade: RGB uint8 (height, width, 3), both sides at least 512 px where it has that much.

    Raises:
        InputError: it cannot be decoded.
    """
    view = ViewSpec(PICTURE_MIN_SIDE_PX, PICTURE_MIN_SIDE_PX)
    return np.asarray(decode_photo(photo.path, view).image, dtype=np.uint8)


def find_clean(scored: Sequence[ScoredPhoto], clean_from_mos: float, clean_sources: Sequence[str]) -> list[CleanPhoto]:
    """The photos that training takes for flawless, by the same rule, and what is known about their framing.

    Args:
        scored: the part's photos.
        clean_from_mos: a rated photo counts from this rating on, 0-1.
        clean_sources: an unrated photo counts if its ``source`` is one of these.
    """
    clean = []
    for entry in track(scored, "clean photos"):
        mos = entry.photo.mos
        if mos < clean_from_mos if mos is not None else entry.photo.source not in clean_sources:
            continue
        product = find_product(load_picture(entry.photo))
        clean.append(CleanPhoto(entry, product is not None, product is not None and product.is_well_framed))
    return clean


def _find_device(photo: Photo) -> str:
    named = photo.extra.get("device", "")
    if named:
        return named
    try:
        with Image.open(photo.path) as image:
            value: Any = image.getexif().get(EXIF_MODEL_TAG, "")
    except Exception:  # damaged metadata raises nearly anything, and is no reason to leave the photo out
        return ""
    return value.strip("\0 ") if isinstance(value, str) else ""
