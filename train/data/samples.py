"""Samples: a photograph, as it is or degraded in a known way, and what is known about it.

The plan of samples is a pure function of the manifest, the split, the config and a seed, so that the teacher's
training, its labelling and the student's training speak of the same pictures without handing pixels around.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ATTRIBUTE_NAMES, ViewSpec
from edge_runtime.decode import decode_photo
from train.config import LabelsConfig, SamplesConfig
from train.data.composition import find_product, reframe
from train.data.degradations import (
    COMPOSITION_KINDS,
    KINDS,
    TECHNICAL_KINDS,
    Degradation,
    apply,
    attribute_targets,
    is_visible,
    random_degradation,
)
from train.data.manifest import Photo

__all__ = ["Sample", "collect_labels", "has_white_background", "load_sample", "plan_samples"]

_UNKNOWN = np.float32(np.nan)
_DOMINANT = 0.5  # from this strength on a fault outweighs whatever a photo brought along
_REFRAMED_SHARE = 0.25  # good framings among the reframed views
_CROP_SIDES = (0.6, 0.95)  # of the photo's sides; smaller ones show too little of a product to be told what it is
# "tilted" counts once, the others twice: not every product has a horizontal to be tilted from.
_FRAMING_KINDS = tuple(kind for kind in COMPOSITION_KINDS for _ in range(1 if kind == "tilted" else 2))


@dataclass(frozen=True)
class Sample:
    """A photo and what is done to it, if anything.

    Attributes:
        side: "train", "test" or "validation".
        is_clean: the photo itself is flawless as far as is known, so the attributes of its views are known.
        reframe_seed: instead of a degradation, frame the product well anew, through the steps that bad framing takes.
        crop_seed: instead, show a part of the photo. Nobody rated that; a teacher can.
    """

    photo: Photo
    side: str
    is_clean: bool
    degradation: Degradation | None = None
    reframe_seed: int | None = None
    crop_seed: int | None = None

    @property
    def is_original(self) -> bool:
        """Whether the sample is the photo's own pixels, which its rating belongs to."""
        return self.degradation is None and self.reframe_seed is None and self.crop_seed is None

    @property
    def key(self) -> str:
        """Names the sample's pixels: equal keys of the same file, equal pictures."""
        if self.reframe_seed is not None:
            return f"{self.photo.file}|reframed:{self.reframe_seed}"
        if self.crop_seed is not None:
            return f"{self.photo.file}|crop:{self.crop_seed}"
        if self.degradation is None:
            return self.photo.file
        fault = self.degradation
        return f"{self.photo.file}|{fault.kind}:{fault.strength:.6f}:{fault.seed}"

    @property
    def evidence(self) -> str:
        """Names all that the known attributes rest on: equal evidence of the same file, equal attributes, too."""
        marks = ("clean", self.is_clean), ("white", has_white_background(self.photo))
        return "|".join([self.key, *(mark for mark, is_set in marks if is_set)])


def plan_samples(photos: Sequence[Photo], split: Mapping[str, str], config: SamplesConfig, seed: int) -> list[Sample]:
    """All originals, then the other views; those of one photo depend on the seed and the photo alone.

    Only photos to train on have other views: they widen what is learnt, and nothing is measured on them. Of the other
    sides there are rated photos alone, for teacher and student are held against ratings.
    """
    wanted = [photo for photo in photos if _is_wanted(photo, split[photo.file], config)]
    limited = _limit(wanted, config.photo_limit, seed)
    samples = []
    for photo in limited:
        is_clean = _is_clean(photo, config)
        samples.append(Sample(photo, split[photo.file], is_clean))
        if split[photo.file] != "train":
            continue
        rng = np.random.default_rng(_hash(seed, photo.file))
        count = config.degraded_per_clean if is_clean else config.degraded_per_photo
        may_reframe = has_white_background(photo)
        for _ in range(count):
            if not (may_reframe and rng.uniform() < config.composition_share):
                fault = random_degradation(rng, TECHNICAL_KINDS)
                samples.append(Sample(photo, "train", is_clean, fault))
            elif rng.uniform() < _REFRAMED_SHARE:
                samples.append(Sample(photo, "train", is_clean, reframe_seed=int(rng.integers(2**31))))
            else:
                fault = random_degradation(rng, _FRAMING_KINDS)
                samples.append(Sample(photo, "train", is_clean, fault))
        seeds = np.random.default_rng(_hash(seed, f"crops of {photo.file}")).integers(
            2**31, size=config.crops_per_photo
        )
        samples += [Sample(photo, "train", is_clean, crop_seed=int(crop_seed)) for crop_seed in seeds]
    return sorted(samples, key=lambda sample: not sample.is_original)


def load_sample(sample: Sample, min_side_px: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Decodes the photo, at a scale not under ``min_side_px`` where it has that much, and degrades it.

    Returns:
        The picture, RGB uint8 (height, width, 3), and its five attributes, NaN where unknown.

    Raises:
        DecodeError: the photo cannot be decoded.
    """
    view = ViewSpec(min_side_px, min_side_px)  # a scaled JPEG decode keeps both sides at least this long
    image = np.asarray(decode_photo(sample.photo.path, view).image)
    attributes = np.full(len(ATTRIBUTE_NAMES), _UNKNOWN, dtype=np.float32)
    if sample.crop_seed is not None:
        return _crop(image, np.random.default_rng(sample.crop_seed)), attributes
    composition = ATTRIBUTE_NAMES.index("composition")
    product = find_product(image) if has_white_background(sample.photo) else None
    if sample.reframe_seed is not None:
        if product is None:
            return image, attributes
        attributes[:] = 1.0 if sample.is_clean else _UNKNOWN
        attributes[composition] = 1.0
        return reframe(image, np.random.default_rng(sample.reframe_seed)), attributes
    is_well_framed = product is not None and product.is_well_framed
    if sample.degradation is None:
        attributes[:] = 1.0 if sample.is_clean else _UNKNOWN
        attributes[composition] = 1.0 if is_well_framed else _UNKNOWN
        return image, attributes
    fault = sample.degradation
    is_framing = fault.kind in COMPOSITION_KINDS
    if is_framing and product is None:
        return image, attributes  # the plan hoped for a plain background; the photo stays as it is, nothing is known
    degraded = apply(image, fault)
    if not is_visible(image, degraded):
        return degraded, attributes
    targets = attribute_targets(fault.kind, fault.strength)
    touched = KINDS[fault.kind]
    if sample.is_clean:
        attributes[:] = [targets[name] for name in ATTRIBUTE_NAMES]
        if not is_framing:
            attributes[composition] = 1.0 if is_well_framed else _UNKNOWN
    elif is_framing or fault.strength >= _DOMINANT:
        # Whatever the photo was before, this attribute is now at most what the fault leaves of a flawless one.
        attributes[ATTRIBUTE_NAMES.index(touched)] = targets[touched]
    return degraded, attributes


def collect_labels(config: LabelsConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels of the category and the style head, sorted."""
    return tuple(sorted(set(config.category.values()))), tuple(sorted(set(config.style.values())))


def has_white_background(photo: Photo) -> bool:
    """Whether it is worth looking for a product before a plain background."""
    return "white" in photo.style


def _crop(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A part somewhere in the picture, each of its sides a share of the picture's own."""
    height_px, width_px = (round(side * rng.uniform(*_CROP_SIDES)) for side in image.shape[:2])
    top, left = (
        int(rng.integers(whole - part + 1)) for whole, part in zip(image.shape, (height_px, width_px), strict=False)
    )
    return image[top : top + height_px, left : left + width_px]


def _is_wanted(photo: Photo, side: str, config: SamplesConfig) -> bool:
    return (side == "train" or photo.mos is not None) and (side == "test" or not _is_left_out(photo, config))


def _is_left_out(photo: Photo, config: SamplesConfig) -> bool:
    return any(fnmatchcase(photo.file, pattern) for pattern in config.leave_out)


def _is_clean(photo: Photo, config: SamplesConfig) -> bool:
    if photo.mos is not None:
        return photo.mos >= config.clean_from_mos
    return photo.source in config.clean_sources


def _limit(photos: Sequence[Photo], limit: int, seed: int) -> Sequence[Photo]:
    """``limit`` photos (0: all), drawn by hash."""
    if not limit or limit >= len(photos):
        return photos
    return sorted(photos, key=lambda photo: _hash(seed, photo.file))[:limit]


def _hash(seed: int, text: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{text}".encode()).digest()[:8], "big")
