"""From photos to a ranking: score, find near-duplicates, put in order.

The order is that of the quality the policy judges by, after its verdict: a photo that a policy accepts stands before
one to review, whatever its points. Blends with the weighted attributes were tried on scenes that people rated, and so
were the weighted attributes as judges between photos within 3 points, and the mean over mirrored and cut copies: none
picked better than the quality alone on both the training and the validation scenes (``python -m benchmarks best``). So
the weighted attributes, and then the number of pixels, decide only between photos of equal points as they are shown.
"""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.best.duplicates import DEFAULT_MAX_DISTANCE, HASH_BITS, Hasher, compute_distances, load_hasher
from edge_runtime.best.ranking import TIE_POINTS, RankedPhoto, Ranking, compare
from edge_runtime.errors import InputError, UsageError
from edge_runtime.gate.catalogue import load_catalogue
from edge_runtime.gate.policy import Policy, evaluate, get_judged_quality, load_policy
from edge_runtime.gate.weights import compute_weighted_quality
from edge_runtime.result import Attributes, Score, ScoreFailure, Verdict
from edge_runtime.scorer import Photo, PhotoScorer, name_photo

__all__ = ["Candidate", "order_candidates", "rank"]

ORDER_OF_DECISIONS = ("accept", "review", "reject")
# Of two near-duplicates that are as good as each other, the larger is taken only if it is clearly larger.
MUCH_LARGER = 2.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A scored photo.

    Attributes:
        name: for messages: its path, or "#3".
        score: the model's answer.
        hash: 8 bytes; None: near-duplicates are not looked for.
    """

    name: str
    score: Score
    hash: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True)
class _Judged:
    candidate: Candidate
    verdict: Verdict
    quality: float  # the one that the policy judges by
    weighted: float
    index: int

    @property
    def pixels(self) -> int:
        return self.candidate.score.image.width_px * self.candidate.score.image.height_px

    def build_key(self) -> tuple[float, ...]:
        decision = ORDER_OF_DECISIONS.index(self.verdict.decision)
        return decision, -round(self.quality, 1), -self.weighted, -self.pixels, self.index


def rank(
    photos: Iterable[Photo | ScoreFailure],
    scorer: PhotoScorer,
    *,
    policy: Policy | str | Path | None = None,
    max_distance: int | None = DEFAULT_MAX_DISTANCE,
    color_order: str = "rgb",
    language: str = "en",
) -> Ranking:
    """Ranks photos and names the best.

    Args:
        photos: as for ``PhotoScorer.score``; failures among them are passed on.
        scorer: scores the photos; it stays its owner's to close.
        policy: gives the verdicts, and says which quality counts; None: the default policy.
        max_distance: photos whose hashes differ by so many bits (0-64) are near-duplicates; None: do not look for any.
        color_order: of frames: "rgb" or "bgr".
        language: of the reasons' messages and advice: "en" or "zh".

    Returns:
        The ranking. Photos that cannot be scored stand in its ``failures``; all others take part.

    Raises:
        UsageError: ``photos`` is a single path, ``max_distance`` is impossible, the language is unknown, imagehash is
            not installed, or the scorer is closed.
        PolicyError: the policy cannot be used.
    """
    if isinstance(photos, (str, bytes, os.PathLike)):  # whose letters would be taken for photos
        raise UsageError("one photo alone, or a folder, cannot be ranked; pass a list of photos")
    judge = load_policy(policy)
    load_catalogue(language)
    if max_distance is not None and not 0 <= max_distance <= HASH_BITS:
        raise UsageError(f"a distance of {max_distance} bits is not possible; pass 0 to {HASH_BITS}, or None")
    hasher = None if max_distance is None else load_hasher()
    candidates: list[Candidate] = []
    failures: list[ScoreFailure] = []
    for index, photo in enumerate(photos):
        if isinstance(photo, ScoreFailure):
            failures.append(photo)
            continue
        name = name_photo(photo, index)
        try:
            candidates.append(_score(photo, name, scorer, hasher, color_order))
        except InputError as error:
            failures.append(ScoreFailure(name, error))
    return order_candidates(candidates, judge, max_distance=max_distance, failures=failures, language=language)


def order_candidates(
    candidates: Sequence[Candidate],
    policy: Policy,
    *,
    max_distance: int | None = None,
    failures: Sequence[ScoreFailure] = (),
    language: str = "en",
) -> Ranking:
    """Ranks photos that were scored already.

    Args:
        candidates: with hashes if ``max_distance`` is given.
        policy: gives the verdicts, and says which quality counts.
        max_distance: see :func:`rank`.
        failures: to stand in the ranking.
        language: of the reasons' messages and advice: "en" or "zh".
    """
    judged = []
    for index, candidate in enumerate(candidates):
        score = candidate.score
        weighted = compute_weighted_quality(score.attributes, policy.weights)
        quality = get_judged_quality(score, policy)
        judged.append(_Judged(candidate, evaluate(score, policy, language), quality, weighted, index))
    judged.sort(key=_Judged.build_key)
    leaders: dict[int, tuple[_Judged, int]] = {}
    if max_distance is not None:
        judged, leaders = _cluster(judged, max_distance)
    numbers: dict[int, int] = {}
    equals: dict[tuple[float, Attributes], list[Candidate]] = {}
    photos = []
    for place, entry in enumerate(judged, 1):
        leader, distance = leaders.get(entry.index, (entry, 0))
        is_copy = leader is not entry
        # Equal files have equal scores to the last bit.
        same_scores = equals.setdefault((entry.candidate.score.quality, entry.candidate.score.attributes), [])
        photos.append(
            RankedPhoto(
                rank=place,
                name=entry.candidate.name,
                score=entry.candidate.score,
                verdict=entry.verdict,
                weighted_quality=entry.weighted,
                judged_quality=entry.quality,
                is_as_good_as_best=_is_as_good(entry, judged[0], policy),
                cluster=numbers.setdefault(leader.index, len(numbers) + 1) if max_distance is not None else None,
                duplicate_of=leader.candidate.name if is_copy else None,
                distance_bits=distance if is_copy else None,
                identical_to=_find_identical(entry.candidate, same_scores) if is_copy else None,
            )
        )
        same_scores.append(entry.candidate)
    ordered = tuple(photos)
    return Ranking(ordered, tuple(failures), compare(ordered), policy.name, max_distance)


def _score(photo: Photo, name: str, scorer: PhotoScorer, hasher: Hasher | None, color_order: str) -> Candidate:
    """Scores and hashes one photo, decoded once."""
    if hasher is None:
        return Candidate(name, scorer.score(photo, color_order))
    # The hash is of the grey picture, so the order of the colours matters little; it shall not matter at all.
    score, decoded = scorer.score_and_decode(photo, color_order)
    return Candidate(name, score, hasher(decoded.image))


def _cluster(ordered: list[_Judged], max_distance: int) -> tuple[list[_Judged], dict[int, tuple[_Judged, int]]]:
    """Stars around the best: the best photo takes all that are near to it, the best of the rest does the same.

    Joining whatever is near to any member (union-find) would chain the frames of a slow pan, or one white background to
    the next, into a cluster whose ends have nothing in common. Asking that all members are near to each other (complete
    linkage) cuts a drifting burst where the hash happens to. Here each photo left out is near to the one kept, which is
    all that "near-duplicate of" says, and the order of the arguments does not matter.

    Returns:
        The order, in which a much larger copy that is as good stands before the best of its star, and for each index
        the star's best and the distance to it in bits.
    """
    hashes = np.array([entry.candidate.hash for entry in ordered], dtype=np.uint8).reshape(-1, HASH_BITS // 8)
    is_free = np.ones(len(ordered), dtype=bool)
    order: list[_Judged] = []
    leaders: dict[int, tuple[_Judged, int]] = {}
    heads: dict[int, _Judged] = {}
    for place, entry in enumerate(ordered):
        if is_free[place]:
            distances = compute_distances(hashes[place], hashes)
            near = np.flatnonzero(is_free & (distances <= max_distance))
            chosen = next((other for other in near if _is_better_copy(ordered[other], entry)), place)
            if chosen != place:
                distances = compute_distances(hashes[chosen], hashes)
                near = np.flatnonzero(is_free & (distances <= max_distance))
                heads[place] = ordered[chosen]
            is_free[near] = False
            for other in near:
                leaders[ordered[other].index] = ordered[chosen], int(distances[other])
    moved = {head.index for head in heads.values()}
    for place, entry in enumerate(ordered):
        if place in heads:
            order.append(heads[place])
        if entry.index not in moved:
            order.append(entry)
    return order, leaders


def _is_as_good(entry: _Judged, best: _Judged, policy: Policy) -> bool:
    """Within ``TIE_POINTS`` of the best, and not held back by the policy for anything but these points."""
    by_points = "accept" if entry.quality >= policy.accept_from else "review"
    by_points = "reject" if entry.quality < policy.reject_below else by_points
    return abs(entry.quality - best.quality) < TIE_POINTS and entry.verdict.decision in (
        best.verdict.decision,
        by_points,
    )


def _is_better_copy(copy: _Judged, entry: _Judged) -> bool:
    return (
        copy.pixels >= MUCH_LARGER * entry.pixels
        and copy.verdict.decision == entry.verdict.decision
        and abs(copy.quality - entry.quality) < TIE_POINTS
    )


def _find_identical(candidate: Candidate, others: Sequence[Candidate]) -> str | None:
    """The first of the others whose file holds the same bytes."""
    path = candidate.score.path
    for other in others:
        try:
            if path and other.score.path and filecmp.cmp(path, other.score.path, shallow=False):
                return other.name
        except OSError:  # one is gone meanwhile: then nobody can say so
            continue
    return None
