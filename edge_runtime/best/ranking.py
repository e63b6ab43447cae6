"""What ranking answers: the photos in order, and words for why the first is first."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.result import Score, ScoreFailure, Verdict

__all__ = ["LEAD_POINTS", "TIE_POINTS", "Comparison", "Lead", "RankedPhoto", "Ranking", "compare"]

# What the score cannot tell. A photo and its mirror image are equally good; of 275 phone photos the two scores differ
# by up to 2.9 points in nine of ten. And of two shots of one scene that lie within 3 points, people prefer the one that
# scores higher in only 58 %; within one point it is a coin's throw.
TIE_POINTS = 3.0
# The same for single attributes: of 275 rated photos nine of ten mirror images stay within 6 points in exposure and
# color, 3 in composition, 2 in sharpness and noise (photogate-large 0.4.0).
LEAD_POINTS = 5.0
FEWEST_FOR_MEDIAN = 3
NAMED_TIES = 5


@dataclass(frozen=True, slots=True)
class Lead:
    """By how many points a photo is ahead in one attribute; behind if negative."""

    attribute: str
    points: float

    def to_dict(self) -> dict[str, Any]:
        """Points rounded to one decimal."""
        return {"attribute": self.attribute, "points": round(self.points, 1)}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The best photo held against another, or against the median of its near-duplicates.

    Attributes:
        against: "runner_up", or "median": of the other photos of its cluster (of all others, where near-duplicates were
            not looked for).
        name: of the runner-up; None for the median.
        count: photos compared with.
        quality: points of the quality that the policy judges by, by which the best is ahead; negative when it stands
            first for another reason.
        attributes: those that differ by ``LEAD_POINTS`` or more, the greatest lead first.
    """

    against: Literal["runner_up", "median"]
    name: str | None
    count: int
    quality: float
    attributes: tuple[Lead, ...]

    def to_dict(self) -> dict[str, Any]:
        """Points rounded to one decimal."""
        return {
            "against": self.against,
            "path": self.name,
            "count": self.count,
            "quality": round(self.quality, 1),
            "attributes": [lead.to_dict() for lead in self.attributes],
        }


@dataclass(frozen=True, slots=True)
class RankedPhoto:
    """One photo at its place.

    Attributes:
        rank: 1 is the best.
        name: its path, or "#3" for the fourth photo when that was none.
        score: the model's answer.
        verdict: the policy's.
        weighted_quality: the mean of the attributes by the policy's weights, 0-100.
        judged_quality: whichever of ``score.quality`` and ``weighted_quality`` the policy judges by.
        is_as_good_as_best: the score cannot tell it from the best; true of the best itself.
        cluster: number of its cluster of near-duplicates, from 1 in order of rank; None: they were not looked for.
        duplicate_of: the best photo of the cluster; None for that one itself.
        distance_bits: of the two photos' hashes, 0-64; None where ``duplicate_of`` is.
        identical_to: the first photo of the cluster whose file holds the same bytes; None: there is none before it.
    """

    rank: int
    name: str
    score: Score
    verdict: Verdict
    weighted_quality: float
    judged_quality: float
    is_as_good_as_best: bool
    cluster: int | None = None
    duplicate_of: str | None = None
    distance_bits: int | None = None
    identical_to: str | None = None

    @property
    def pixels(self) -> int:
        """Width times height of the photo."""
        return self.score.image.width_px * self.score.image.height_px

    def to_dict(self) -> dict[str, Any]:
        """The score's JSON object with the verdict, led by the photo's place."""
        document = self.score.to_dict(self.verdict)
        document.pop("path", None)
        quality = document.pop("quality")
        return {
            "path": self.name,
            "rank": self.rank,
            "is_best": self.rank == 1,
            "is_as_good_as_best": self.is_as_good_as_best,
            "cluster": self.cluster,
            "duplicate_of": self.duplicate_of,
            "distance_bits": self.distance_bits,
            "identical_to": self.identical_to,
            "quality": quality,
            "weighted_quality": round(self.weighted_quality, 1),
            **document,
        }


@dataclass(frozen=True, slots=True)
class Ranking:
    """Photos from the best to the worst.

    Attributes:
        photos: in order of rank; empty if none could be scored.
        failures: photos that could not be scored, in the order given.
        comparisons: why the first is first: against the runner-up, then the median where it means something.
        policy: the policy's name.
        max_distance: bits within which photos counted as near-duplicates; None: they were not looked for.
    """

    photos: tuple[RankedPhoto, ...]
    failures: tuple[ScoreFailure, ...]
    comparisons: tuple[Comparison, ...]
    policy: str
    max_distance: int | None

    @property
    def best(self) -> RankedPhoto | None:
        """The photo to take; None if none could be scored."""
        return self.photos[0] if self.photos else None

    @property
    def distinct(self) -> tuple[RankedPhoto, ...]:
        """The best photo of each cluster, in order: what to put into a listing."""
        return tuple(photo for photo in self.photos if photo.duplicate_of is None)

    @property
    def ties(self) -> tuple[RankedPhoto, ...]:
        """Other photos that the score cannot tell from the best."""
        return tuple(photo for photo in self.photos[1:] if photo.is_as_good_as_best)

    def explain(self) -> str:
        """Why the best is the best, in a few English sentences."""
        if not self.photos:
            return "No photo could be scored, so there is no best."
        best = self.photos[0]
        rejected = ["The policy rejects even this one: take the photo again."] * (best.verdict.decision == "reject")
        if len(self.photos) == 1:
            alone = "the only photo that could be scored" if self.failures else "the only photo"
            return " ".join([f"{best.name} is {alone}.", *rejected])
        parts = [_explain(comparison, best, self.photos[1]) for comparison in self.comparisons]
        others = [photo.name for photo in self.ties]
        if others:
            more = f" and {len(others) - NAMED_TIES} more" if len(others) > NAMED_TIES else ""
            parts.append(
                f"As good as it: {', '.join(others[:NAMED_TIES])}{more} (within {TIE_POINTS:g} points, which the score "
                "cannot tell apart)."
            )
        return f"{best.name} is the best of {len(self.photos)}: {' '.join(parts + rejected)}"

    def to_dict(self) -> dict[str, Any]:
        """One JSON object."""
        clusters: dict[int, list[str]] = {}
        for photo in self.photos:
            if photo.cluster is not None:
                clusters.setdefault(photo.cluster, []).append(photo.name)
        return {
            "best": self.photos[0].name if self.photos else None,
            "why": self.describe_choice(),
            "as_good_as_best": [photo.name for photo in self.ties],
            "clusters": [clusters[number] for number in sorted(clusters)],
            "max_distance": self.max_distance,
            "policy": self.policy,
            "photos": [photo.to_dict() for photo in self.photos],
            "failures": [failure.to_dict() for failure in self.failures],
        }

    def describe_choice(self) -> dict[str, Any]:
        """The words and figures for the choice, as a JSON object."""
        return {"summary": self.explain(), "comparisons": [comparison.to_dict() for comparison in self.comparisons]}


def compare(photos: tuple[RankedPhoto, ...]) -> tuple[Comparison, ...]:
    """Holds the first of the photos, which are in order, against the second and against the median of its cluster."""
    if len(photos) < 2:
        return ()
    best, runner_up = photos[:2]
    found = [_compare(best, [runner_up], "runner_up")]
    kin = [photo for photo in photos[1:] if photo.cluster == best.cluster]
    if len(kin) >= FEWEST_FOR_MEDIAN:
        found.append(_compare(best, kin, "median"))
    return tuple(found)


def _compare(best: RankedPhoto, others: list[RankedPhoto], against: Literal["runner_up", "median"]) -> Comparison:
    leads = []
    for name in ATTRIBUTE_NAMES:
        usual = median(getattr(photo.score.attributes, name) for photo in others)
        points = getattr(best.score.attributes, name) - usual
        if abs(points) >= LEAD_POINTS:
            leads.append(Lead(name, points))
    return Comparison(
        against,
        others[0].name if against == "runner_up" else None,
        len(others),
        best.judged_quality - median(photo.judged_quality for photo in others),
        tuple(sorted(leads, key=lambda lead: -lead.points)),
    )


def _explain(comparison: Comparison, best: RankedPhoto, runner_up: RankedPhoto) -> str:
    details = ", ".join(f"{lead.attribute} {lead.points:+.0f}" for lead in comparison.attributes)
    if comparison.against == "median":
        what = "near-duplicates" if best.cluster is not None else "photos"
        side = "above" if comparison.quality >= 0 else "below"
        text = f"{abs(comparison.quality):.1f} points {side} the median of the {comparison.count} other {what}"
    elif runner_up.identical_to == best.name:
        return f"{runner_up.name} is the same file."
    elif comparison.quality < 0 and runner_up.verdict.decision != best.verdict.decision:
        text = (
            f"{runner_up.name} scores {-comparison.quality:.1f} points more, but the policy says "
            f"{runner_up.verdict.decision} to it and {best.verdict.decision} to this"
        )
    elif comparison.quality < 0 and best.pixels > runner_up.pixels:
        text = f"as good as {runner_up.name}, with {best.pixels / runner_up.pixels:.1f} times its pixels"
    else:
        text = f"{comparison.quality:.1f} points ahead of {runner_up.name}"
    return f"{text} ({details or f'no single attribute differs by {LEAD_POINTS:g} points'})."
