"""New limits for a policy from what people said, and whether they are better on photos they were not fitted to.

The limits ``accept_from`` and ``reject_below`` are those of the least cost on the corrections. To accept what people
reject, or the other way round, costs ``WRONG_COST``, every other disagreement 1. With 3 a photo is left to review where
the chance of being wrong about it is between 1/3 and 2/3 (Chow 1970, the reject option); with 2 or less nothing would
ever be left to review. Whether the new limits are better is asked by cross-validation: those fitted on four fifths of
the photos are held against the rest, five times. Unless that costs less than the policy as it was, by more than one
standard error, the policy is kept: of shops that agree with it, chance would else change the limits of one in five.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from edge_runtime.feedback.correction import VERDICTS, Correction
from edge_runtime.gate.policy import Policy, evaluate, get_judged_quality
from edge_runtime.result import Decision

__all__ = ["FEWEST", "FOLDS", "HeldOut", "Recalibration", "recalibrate"]

FOLDS = 5
FEWEST = 2 * FOLDS  # below this a fold has a single photo, and nothing can be said of the others
WRONG_COST = 3
STEP_POINTS = 0.5
NEVER = 101.0  # a limit above all points


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How a policy did on photos that its limits were not fitted to.

    Attributes:
        photos: how many.
        wrong_accepts: accepted, but people said review or reject.
        wrong_rejects: rejected, but people said review or accept.
        needless_reviews: left to review, but people had an opinion.
        cost: ``WRONG_COST`` for each accept of a reject and reject of an accept, 1 for each other disagreement.
    """

    photos: int
    wrong_accepts: int
    wrong_rejects: int
    needless_reviews: int
    cost: int

    def to_dict(self) -> dict[str, int]:
        """All five."""
        return {
            "photos": self.photos,
            "wrong_accepts": self.wrong_accepts,
            "wrong_rejects": self.wrong_rejects,
            "needless_reviews": self.needless_reviews,
            "cost": self.cost,
        }


@dataclass(frozen=True, slots=True)
class Recalibration:
    """What became of a policy.

    Attributes:
        policy: the one to use from now on: fitted to all corrections, or the old one.
        is_kept: it is the old one.
        old: the policy as it was.
        photos: distinct photos with corrections.
        superseded: corrections that do not count, for a later one of the same photo has another verdict.
        before: the old policy on the held-out photos.
        after: policies fitted without the photos they are held against.
    """

    policy: Policy
    is_kept: bool
    old: Policy
    photos: int
    superseded: int
    before: HeldOut
    after: HeldOut

    def to_dict(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "is_kept": self.is_kept,
            "photos": self.photos,
            "superseded": self.superseded,
            "old": {"accept_from": self.old.accept_from, "reject_below": self.old.reject_below},
            "new": {"accept_from": self.policy.accept_from, "reject_below": self.policy.reject_below},
            "held_out_before": self.before.to_dict(),
            "held_out_after": self.after.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class _Opinion:
    """A photo's points, what people say, and the policy's decision if the points are low, medium or high."""

    points: float
    verdict: Decision
    decisions: tuple[Decision, Decision, Decision]


def recalibrate(corrections: Sequence[Correction], policy: Policy, min_count: int = 20) -> Recalibration:
    """Refits ``accept_from`` and ``reject_below``; everything else in the policy stays, and is taken into account.

    Args:
        corrections: all scored by one model, the oldest first; the latest verdict on a photo counts.
        policy: to begin with.
        min_count: distinct photos needed, ``FEWEST`` or more.

    Raises:
        UsageError: too few photos, or all have one verdict or one group; several models scored them; or people reject
            what scores high and accept what scores low, so that no limits would do.
    """
    if min_count < FEWEST:
        raise UsageError(f"--min-count {min_count} is too small to say anything; pass {FEWEST} or more")
    # A dict keeps the last of a key: who has changed their mind has said so there.
    latest = {correction.photo_sha256: correction for correction in corrections}
    photos = list(latest.values())
    superseded = sum(correction.verdict != latest[correction.photo_sha256].verdict for correction in corrections)
    models = {correction.score.model.sha256 for correction in photos}
    if len(models) > 1:
        raise UsageError(f"{len(models)} models scored these photos; score them again with one (score_again)")
    if len(photos) < min_count:
        raise UsageError(
            f"{len(photos)} photos have corrections, {min_count} are needed; add more with `photogate feedback add`, "
            f"or ask for fewer with --min-count ({FEWEST} or more)"
        )
    opinions = [_build_opinion(correction, policy) for correction in photos]
    _check_verdicts(opinions)
    folds = _assign_folds([correction.group.strip() or correction.photo_sha256 for correction in photos])
    if folds.max() == 0:
        raise UsageError("all corrections are of one group, so none can be held out; add photos of other groups")
    before, after = [], []
    for fold in range(int(folds.max()) + 1):
        rest = [opinion for opinion, number in zip(opinions, folds, strict=True) if number != fold]
        held_out = [opinion for opinion, number in zip(opinions, folds, strict=True) if number == fold]
        fitted = _fit(rest, policy)
        before += [(_decide(opinion, policy.accept_from, policy.reject_below), opinion.verdict) for opinion in held_out]
        after += [(_decide(opinion, *fitted), opinion.verdict) for opinion in held_out]
    accept_from, reject_below = _fit(opinions, policy)
    old, new = _count(before), _count(after)
    is_same = (accept_from, reject_below) == (policy.accept_from, policy.reject_below)
    is_kept = is_same or not _is_gain(before, after)
    fitted_policy = policy
    if not is_kept:
        name = policy.name if policy.name.endswith(", recalibrated") else f"{policy.name}, recalibrated"
        fitted_policy = replace(policy, name=name, accept_from=accept_from, reject_below=reject_below)
    return Recalibration(fitted_policy, is_kept, policy, len(photos), superseded, old, new)


def _build_opinion(correction: Correction, policy: Policy) -> _Opinion:
    """The gate itself says what it decides at low, medium and high points: limits of attributes are in that."""
    score = correction.score
    limits = ((NEVER, NEVER), (NEVER, 0.0), (0.0, 0.0))
    low, medium, high = (
        evaluate(score, replace(policy, accept_from=accept_from, reject_below=reject_below)).decision
        for accept_from, reject_below in limits
    )
    return _Opinion(get_judged_quality(score, policy), correction.verdict, (low, medium, high))


def _check_verdicts(opinions: Sequence[_Opinion]) -> None:
    found = sorted({opinion.verdict for opinion in opinions}, key=VERDICTS.index)
    if len(found) == 1:
        raise UsageError(
            f"all {len(opinions)} corrections say {found[0]}: that sets no limit; add photos with other verdicts, also "
            "such that photogate judges rightly"
        )
    better = [opinion.points for opinion in opinions if opinion.verdict == found[0]]
    worse = [opinion.points for opinion in opinions if opinion.verdict == found[-1]]
    # Below 0 when the area under the ROC curve is below 1/2: a photo with the better verdict scores rather lower.
    order = np.sign(np.subtract.outer(better, worse)).mean()
    if order < 0:
        raise UsageError(
            f"the verdicts contradict the score: photos of the verdict {found[-1]} score {median(worse):.1f} points in "
            f"the middle, those of {found[0]} only {median(better):.1f}. No limits would do; check the corrections "
            "with `photogate feedback list`"
        )


def _assign_folds(groups: Sequence[str]) -> NDArray[np.int64]:
    """A fold for each photo, whole groups together, by a hash of the group: the same on every machine."""
    ordered = sorted(set(groups), key=lambda group: hashlib.sha256(group.encode()).digest())
    fold_of = {group: place % FOLDS for place, group in enumerate(ordered)}
    return np.array([fold_of[group] for group in groups])


def _cost(decision: Decision, verdict: Decision) -> int:
    if decision == verdict:
        return 0
    return 1 if "review" in (decision, verdict) else WRONG_COST


def _decide(opinion: _Opinion, accept_from: float, reject_below: float) -> Decision:
    low, medium, high = opinion.decisions
    return low if opinion.points < reject_below else high if opinion.points >= accept_from else medium


def _count(pairs: Sequence[tuple[Decision, Decision]]) -> HeldOut:
    wrong = [decision for decision, verdict in pairs if decision != verdict]
    return HeldOut(
        len(pairs),
        wrong.count("accept"),
        wrong.count("reject"),
        wrong.count("review"),
        sum(_cost(decision, verdict) for decision, verdict in pairs),
    )


def _is_gain(before: Sequence[tuple[Decision, Decision]], after: Sequence[tuple[Decision, Decision]]) -> bool:
    """Whether the cost falls by more than the standard error of its fall, as if photo by photo it were chance."""
    gains = [_cost(*old) - _cost(*new) for old, new in zip(before, after, strict=True)]
    return sum(gains) > math.sqrt(sum(gain * gain for gain in gains))


def _fit(opinions: Sequence[_Opinion], policy: Policy) -> tuple[float, float]:
    """(accept_from, reject_below) of the least cost, on a grid of half points.

    Of several that cost the same, those that leave the policy's limits as they are win, else the middle one: the least
    certain place to put a limit is right beside a photo.
    """
    steps = np.arange(0.0, 100.0 + STEP_POINTS, STEP_POINTS)
    grid = np.unique(np.concatenate([steps, [policy.accept_from, policy.reject_below]]))
    grid = grid[(grid == 0.0) | (grid >= 1.0)]  # a policy with a limit between them would be taken for one of 0 to 1
    points = np.array([opinion.points for opinion in opinions])
    costs = np.array([[_cost(decision, opinion.verdict) for decision in opinion.decisions] for opinion in opinions])
    # Total cost of the photos under each limit, in each of the three zones: (limits, 3).
    under = (points[None, :] < grid[:, None]).astype(np.int64) @ costs
    # low under the lower limit r, medium from there to the upper limit a, high above: a sum of one term in r, one in a.
    lower = under[:, 0] - under[:, 1]
    upper = under[:, 1] - under[:, 2]
    is_possible = np.tri(len(grid), dtype=bool).T  # r up to a
    total = np.where(is_possible, lower[:, None] + upper, np.iinfo(np.int64).max)
    pairs = grid[np.argwhere(total == total.min())]  # (n, 2): reject_below, accept_from
    start = np.array([policy.reject_below, policy.accept_from])
    for same in ((pairs == start).all(axis=1), pairs[:, 1] == start[1], pairs[:, 0] == start[0]):
        if same.any():
            pairs = pairs[same]
            break
    reject_below, accept_from = pairs[np.abs(pairs - pairs.mean(axis=0)).sum(axis=1).argmin()]
    return float(accept_from), float(reject_below)
