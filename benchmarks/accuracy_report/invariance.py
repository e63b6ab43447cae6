"""What must not matter: how many megapixels a photo has, that it was saved again, in Display P3, mirrored or turned."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from benchmarks.accuracy import thin_out
from benchmarks.accuracy_report.photos import ScoredPhoto
from edge_runtime import PhotoScorer
from edge_runtime.decode import ORIENTATION_TAG, decode_photo
from train.progress import track

__all__ = ["GOAL_POINTS", "KINDS", "SIZES_MP", "measure_invariance", "store_as_display_p3", "summarise", "write_jpeg"]

SIZES_MP = (12.0, 3.0, 2.0, 1.0, 0.3, 0.12)  # the last is just above a view of 320 x 320
ENLARGED_MP = (12.0, 3.0)  # adds no detail: shows what size alone does on the way to the view
LISTING_MP = 0.3  # the smallest size a listing shows; the spread is taken over sizes from here on
LARGE_MP = 1.0  # photos of this size are taken first: the others say little about sizes
GOAL_POINTS = 3.0  # a photo's sizes may differ by so much
KINDS: Mapping[str, str] = {
    "spread": f"between a photo's sizes of {LISTING_MP:g} MP or more",
    "sizes": "reduced to",
    "enlarged": "enlarged to (adds no detail)",
    "encodings": "saved again",
}
"""Of the tables that a model has, what they hold."""
JPEG_QUALITY = 95  # of every picture made here, where nothing else is said
# The profile that iPhones put into their photos, in the parts that count: sRGB's curve, the primaries of SMPTE EG 432-1
# adapted to D50.
DISPLAY_P3 = Path(__file__).with_name("display_p3.icc")
TURNED = 6  # EXIF orientation: to be turned by 90 degrees clockwise to stand upright

Values = dict[str, list[float]]


def measure_invariance(scored: Sequence[ScoredPhoto], scorers: Mapping[str, PhotoScorer], limit: int) -> dict[str, Any]:
    """Scores the same photos at other sizes and in other encodings, all of them JPEG files.

    Args:
        scored: photos to choose from.
        scorers: by the model's key.
        limit: this many photos at most, those of a megapixel or more first.

    Returns:
        ``photos``, ``large_photos``, ``listing_mp``, ``goal_points``, and in ``models`` for every model summaries
        (:func:`summarise`) in points of quality: ``spread`` between a photo's sizes of 0.3 megapixels or more;
        ``sizes`` and ``enlarged``, the difference from the photo's own size; ``encodings``: JPEG at 95 and 85 against
        the file as it is; in Display P3, mirrored and turned by EXIF against the JPEG at 95.
    """
    chosen = _choose(scored, limit)
    found: dict[str, dict[str, Values]] = {key: {kind: {} for kind in KINDS} for key in scorers}
    for entry in track(chosen, "invariance"):
        picture = decode_photo(entry.photo.path).image
        versions = _build_versions(picture)
        for key, scorer in scorers.items():
            own = entry.scores[key].quality
            points = {name: scorer.score(content).quality for name, content in versions.items()}
            _collect(found[key], picture.width * picture.height / 1e6, own, points)
    return {
        "photos": len(chosen),
        "large_photos": sum(_count_megapixels(entry) >= LARGE_MP for entry in chosen),
        "listing_mp": LISTING_MP,
        "goal_points": GOAL_POINTS,
        "models": {
            key: {
                kind: {name: summarise(table[name]) for name in sorted(table, key=_rank)}
                for kind, table in kinds.items()
            }
            for key, kinds in found.items()
        },
    }


def summarise(differences: Sequence[float]) -> dict[str, float]:
    """Count, median, 90th percentile and maximum of absolute differences in points, and the share within the goal."""
    values: NDArray[np.float64] = np.abs(np.asarray(differences, dtype=np.float64))
    return {
        "photos": len(values),
        "p50_points": float(np.quantile(values, 0.5)),
        "p90_points": float(np.quantile(values, 0.9)),
        "max_points": float(values.max()),
        "within_goal_share": float((values <= GOAL_POINTS).mean()),
    }


def write_jpeg(
    picture: Image.Image,
    quality: int = JPEG_QUALITY,
    *,
    orientation: int | None = None,
    profile: bytes | None = None,
) -> bytes:
    """The bytes of a JPEG file; ``orientation`` goes into its EXIF, ``profile`` is its ICC profile."""
    stream = io.BytesIO()
    exif = Image.Exif()
    if orientation is not None:
        exif[ORIENTATION_TAG] = orientation
    picture.save(stream, "JPEG", quality=quality, exif=exif, icc_profile=profile)
    return stream.getvalue()


def store_as_display_p3(picture: Image.Image) -> bytes:
    """The bytes of a JPEG file that looks the same, with other numbers: as iPhones store their photos."""
    profile = DISPLAY_P3.read_bytes()
    source, target = ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(io.BytesIO(profile))
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    converted = ImageCms.profileToProfile(picture, source, target, renderingIntent=intent, outputMode="RGB")
    assert converted is not None  # a conversion in place alone returns nothing
    return write_jpeg(converted, profile=profile)


def _choose(scored: Sequence[ScoredPhoto], limit: int) -> list[ScoredPhoto]:
    large = [entry for entry in scored if _count_megapixels(entry) >= LARGE_MP]
    small = [entry for entry in scored if _count_megapixels(entry) < LARGE_MP]
    chosen = thin_out(large, limit)
    return chosen + (thin_out(small, limit - len(chosen)) if len(chosen) < limit else [])


def _count_megapixels(entry: ScoredPhoto) -> float:
    size = next(iter(entry.scores.values())).image
    return size.width_px * size.height_px / 1e6


def _build_versions(picture: Image.Image) -> dict[str, bytes]:
    own_mp = picture.width * picture.height / 1e6
    sizes = [size for size in SIZES_MP if size < own_mp] + [size for size in ENLARGED_MP if size > own_mp]
    versions = {f"{size:g} MP": write_jpeg(_resize(picture, size)) for size in sizes}
    versions["JPEG 95"] = write_jpeg(picture, 95)
    versions["JPEG 85"] = write_jpeg(picture, 85)
    versions["in Display P3"] = store_as_display_p3(picture)
    versions["mirrored"] = write_jpeg(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    # Stored lying on its side, as a phone held upright stores it.
    versions["turned by EXIF"] = write_jpeg(picture.transpose(Image.Transpose.ROTATE_90), orientation=TURNED)
    return versions


def _read_megapixels(name: str) -> float | None:
    """Of a version's name; None of an encoding's."""
    return float(name.removesuffix(" MP")) if name.endswith(" MP") else None


def _rank(name: str) -> float:
    """Large sizes first; encodings stay in their order."""
    return -(_read_megapixels(name) or 0.0)


def _resize(picture: Image.Image, megapixels: float) -> Image.Image:
    scale = math.sqrt(megapixels * 1e6 / (picture.width * picture.height))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)


def _collect(found: dict[str, Values], own_mp: float, own: float, points: Mapping[str, float]) -> None:
    """Sorts one photo's scores into the tables."""
    at_listing_size = [own] if own_mp >= LISTING_MP else []
    for name, value in points.items():
        size_mp = _read_megapixels(name)
        if size_mp is not None:
            found["sizes" if size_mp < own_mp else "enlarged"].setdefault(name, []).append(value - own)
            if LISTING_MP <= size_mp < own_mp:
                at_listing_size.append(value)
        else:
            reference = own if name.startswith("JPEG") else points["JPEG 95"]
            found["encodings"].setdefault(name, []).append(value - reference)
    if len(at_listing_size) > 1:
        found["spread"].setdefault("spread", []).append(max(at_listing_size) - min(at_listing_size))
