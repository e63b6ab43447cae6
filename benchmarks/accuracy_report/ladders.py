"""Faults of known kind and growing strength on flawless photos: does the score fall, and is the right fault named?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.accuracy import thin_out
from benchmarks.accuracy_report.photos import CleanPhoto, load_picture
from edge_runtime import PhotoScorer, Score
from edge_runtime.contract import ATTRIBUTE_NAMES
from train.data.degradations import COMPOSITION_KINDS, KINDS, TECHNICAL_KINDS, Degradation, apply, is_visible
from train.data.manifest import Photo
from train.progress import track

__all__ = ["CULPRIT_STRENGTH", "LIGHT_STRENGTH", "STRENGTHS", "KindTally", "measure_ladders"]

STRENGTHS = (0.2, 0.4, 0.6, 0.8, 1.0)
CULPRIT_STRENGTH = 0.5
LIGHT_STRENGTH = 0.25

Attributes = NDArray[np.float64]
Answers = dict[str, tuple[float, Attributes]]  # model's key → quality, attributes, in points


@dataclass
class KindTally:
    """What one model answered to one kind of fault.

    Attributes:
        kind: of the fault.
        photos: how many photos were degraded.
        steps: from each visible strength to the next; how many of them lowered or raised quality and the attribute
            that the kind touches. The rest left them equal, as int8 does at either end of its scale.
        culprits: photos at :data:`CULPRIT_STRENGTH`; for how many of them which attribute is lowest, and fell most.
        light_culprits: photos at :data:`LIGHT_STRENGTH`, and for how many of them the right attribute is lowest.
        quality_sums, attribute_sums: over the photos, at strength 0 and each of :data:`STRENGTHS`.
    """

    kind: str
    photos: int = 0
    steps: int = 0
    quality_falls: int = 0
    quality_rises: int = 0
    attribute_falls: int = 0
    attribute_rises: int = 0
    culprits: int = 0
    light_culprits: int = 0
    light_lowest_right: int = 0
    lowest: list[int] = field(default_factory=lambda: [0] * len(ATTRIBUTE_NAMES))
    fell_most: list[int] = field(default_factory=lambda: [0] * len(ATTRIBUTE_NAMES))
    quality_sums: list[float] = field(default_factory=lambda: [0.0] * (1 + len(STRENGTHS)))
    attribute_sums: list[float] = field(default_factory=lambda: [0.0] * (1 + len(STRENGTHS)))

    @property
    def touched(self) -> int:
        """Index of the attribute that the kind lowers."""
        return ATTRIBUTE_NAMES.index(KINDS[self.kind])

    def add_step(self, before: tuple[float, Attributes], after: tuple[float, Attributes]) -> None:
        """Counts one step from a weaker to a stronger fault."""
        self.steps += 1
        self.quality_falls += after[0] < before[0]
        self.quality_rises += after[0] > before[0]
        self.attribute_falls += bool(after[1][self.touched] < before[1][self.touched])
        self.attribute_rises += bool(after[1][self.touched] > before[1][self.touched])

    def add_culprit(self, original: Attributes, degraded: Attributes) -> None:
        """Counts which attribute is blamed."""
        self.culprits += 1
        self.lowest[int(np.argmin(degraded))] += 1
        self.fell_most[int(np.argmax(original - degraded))] += 1

    def add_light_culprit(self, degraded: Attributes) -> None:
        """Counts whether the right attribute is blamed for a light fault."""
        self.light_culprits += 1
        self.light_lowest_right += int(np.argmin(degraded)) == self.touched

    def add_level(self, level: int, answer: tuple[float, Attributes]) -> None:
        """Adds to the mean curve; ``level`` 0 is the photo as it is."""
        self.photos += level == 0
        self.quality_sums[level] += answer[0]
        self.attribute_sums[level] += float(answer[1][self.touched])

    def to_json(self) -> dict[str, Any]:
        """Counts, shares and mean curves; a share is None where nothing was counted."""
        count = max(self.photos, 1)
        return {
            "attribute": KINDS[self.kind],
            "photos": self.photos,
            **_count_shares([self]),
            "lowest": dict(zip(ATTRIBUTE_NAMES, self.lowest, strict=True)),
            "fell_most": dict(zip(ATTRIBUTE_NAMES, self.fell_most, strict=True)),
            "mean_quality_points": [total / count for total in self.quality_sums],
            "mean_attribute_points": [total / count for total in self.attribute_sums],
        }


def measure_ladders(
    clean: Sequence[CleanPhoto], scorers: Mapping[str, PhotoScorer], photos_per_kind: int
) -> dict[str, Any]:
    """Degrades flawless photos in every way and asks every model.

    Args:
        clean: see :func:`benchmarks.accuracy_report.photos.find_clean`.
        scorers: by the model's key.
        photos_per_kind: how many photos to degrade, evenly spaced over those that a kind can be applied to.

    Returns:
        The strengths, and for every model: ``kinds`` (see :meth:`KindTally.to_json`) and ``all``, the shares over all
        steps and photos together.
    """
    whole = thin_out(clean, photos_per_kind)
    framed = thin_out([entry for entry in clean if entry.is_well_framed], photos_per_kind)
    kinds_of: dict[str, list[str]] = {}
    by_file = {entry.scored.photo.file: entry.scored.photo for entry in [*whole, *framed]}
    for chosen, kinds in ((whole, TECHNICAL_KINDS), (framed, COMPOSITION_KINDS)):
        for entry in chosen:
            kinds_of.setdefault(entry.scored.photo.file, []).extend(kinds)
    tallies = {key: {kind: KindTally(kind) for kind in KINDS} for key in scorers}
    for file, kinds_wanted in track(kinds_of.items(), "ladders", total=len(kinds_of)):
        image = load_picture(by_file[file])
        original = _ask(image, scorers)
        for kind in kinds_wanted:
            _climb(by_file[file], kind, image, original, scorers, {key: tallies[key][kind] for key in scorers})
    return {
        "strengths": [0.0, *STRENGTHS],
        "culprit_strength": CULPRIT_STRENGTH,
        "light_strength": LIGHT_STRENGTH,
        "photos": {"technical": len(whole), "composition": len(framed)},
        "models": {
            key: {
                "all": _count_shares(list(by_kind.values())),
                "kinds": {kind: tally.to_json() for kind, tally in by_kind.items()},
            }
            for key, by_kind in tallies.items()
        },
    }


def _climb(
    photo: Photo,
    kind: str,
    image: NDArray[np.uint8],
    original: Answers,
    scorers: Mapping[str, PhotoScorer],
    tallies: Mapping[str, KindTally],
) -> None:
    """One photo, one kind. Steps that nobody can see, like taking the colour from a grey picture, do not count."""
    seed = int.from_bytes(hashlib.sha256(f"{kind}:{photo.file}".encode()).digest()[:4], "big")
    for key, tally in tallies.items():
        tally.add_level(0, original[key])
    weaker_image, weaker = image, original
    for level, strength in enumerate(STRENGTHS, 1):
        stronger_image = apply(image, Degradation(kind, strength, seed))
        stronger = _ask(stronger_image, scorers)
        is_step = is_visible(weaker_image, stronger_image)
        for key, tally in tallies.items():
            tally.add_level(level, stronger[key])
            if is_step:
                tally.add_step(weaker[key], stronger[key])
        if is_step:
            weaker_image, weaker = stronger_image, stronger
    for strength in (CULPRIT_STRENGTH, LIGHT_STRENGTH):
        degraded = apply(image, Degradation(kind, strength, seed))
        if is_visible(image, degraded):
            for key, (_, attributes) in _ask(degraded, scorers).items():
                if strength == LIGHT_STRENGTH:
                    tallies[key].add_light_culprit(attributes)
                else:
                    tallies[key].add_culprit(original[key][1], attributes)


def _ask(image: NDArray[np.uint8], scorers: Mapping[str, PhotoScorer]) -> Answers:
    picture = Image.fromarray(image)  # not a frame: photos take the exact way to the view, frames a short cut
    return {key: _read(scorer.score(picture)) for key, scorer in scorers.items()}


def _read(score: Score) -> tuple[float, Attributes]:
    return score.quality, np.array([getattr(score.attributes, name) for name in ATTRIBUTE_NAMES])


def _count_shares(tallies: Sequence[KindTally]) -> dict[str, Any]:
    """Counts and shares of several kinds taken together."""
    steps, culprits = sum(tally.steps for tally in tallies), sum(tally.culprits for tally in tallies)
    light = sum(tally.light_culprits for tally in tallies)
    right_lowest = sum(tally.lowest[tally.touched] for tally in tallies)
    right_fell = sum(tally.fell_most[tally.touched] for tally in tallies)
    return {
        "steps": steps,
        "quality_falls_share": _divide(sum(tally.quality_falls for tally in tallies), steps),
        "quality_rises_share": _divide(sum(tally.quality_rises for tally in tallies), steps),
        "attribute_falls_share": _divide(sum(tally.attribute_falls for tally in tallies), steps),
        "attribute_rises_share": _divide(sum(tally.attribute_rises for tally in tallies), steps),
        "culprits": culprits,
        "lowest_right_share": _divide(right_lowest, culprits),
        "fell_most_right_share": _divide(right_fell, culprits),
        "light_culprits": light,
        "light_lowest_right_share": _divide(sum(tally.light_lowest_right for tally in tallies), light),
    }


def _divide(part: int, whole: int) -> float | None:
    return part / whole if whole else None
