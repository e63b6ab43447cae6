"""The search: single operations first, then what improves the best of them, while the score rises.

It works on a reduced picture and asks the scorer itself. What it finds is a promise only: the full picture is scored
again, from the bytes of the finished file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.enhance.cast import PLAIN_CAST
from edge_runtime.enhance.operations import Operation, apply_operations, order_operations
from edge_runtime.enhance.similarity import compute_floor_ssim
from edge_runtime.result import Attributes, Score
from edge_runtime.scorer import PhotoScorer

__all__ = ["MAX_ATTRIBUTE_LOSS", "Candidate", "Search", "find_loss", "format_missing"]

BEAM_WIDTH = 4
MAX_OPERATIONS = 4
MIN_STEP = 1.0  # points that a further operation must add: what adds less is not worth another change of the pixels
MIN_AIM_STEP = 1.0  # points by which it must improve the attribute that it is there for
CAST_CREDIT = 6.0  # points in the order of candidates for taking a plain cast away whole,
MAX_CAST_COST = 2.0  # which may cost so many: few of the photos that people rated had one, so the score hardly sees it
MAX_NEWLY_CLIPPED = 0.03  # share of the pixels that may reach the top of a channel, or pure black, and had not
MAX_ATTRIBUTE_LOSS = 12.0  # points: nothing is bought by spoiling something else
KEPT_PICTURES = 24  # of up to a megapixel: results of the first steps, which many chains share


@dataclass(frozen=True, slots=True)
class Candidate:
    """Operations in their order, and what the scorer says of the result."""

    operations: tuple[Operation, ...]
    score: Score


@dataclass
class Search:
    """One photo's search.

    Attributes:
        picture: RGB uint8 (height, width, 3), reduced.
        scorer: asked for every candidate.
        min_ssim: floor of the similarity to the original.
        tried: how many candidates have been scored.
        best_gain: points that the best of them gains, kept or not.
    """

    picture: NDArray[np.uint8]
    scorer: PhotoScorer
    min_ssim: float
    tried: int = 0
    best_gain: float = 0.0
    _best: tuple[Operation, ...] = ()
    _objections: dict[tuple[Operation, ...], str] = field(default_factory=dict)
    _rungs: dict[Operation, int] = field(default_factory=dict)
    _pictures: dict[tuple[Operation, ...], NDArray[np.uint8]] = field(default_factory=dict)

    @property
    def best_objection(self) -> str:
        """A clause on what speaks against the best of what was tried; "" if nothing does."""
        return self._objections.get(self._best, "")

    def run(self, proposals: Sequence[Operation]) -> list[Candidate]:
        """Combines the proposals.

        Returns:
            What is better than the original, similar enough to it and no worse in any attribute; the best first.
        """
        start = Candidate((), self.scorer.score(self.picture))
        beam, found = [start], []
        self._rungs = _number_rungs(proposals)
        seen: set[tuple[Operation, ...]] = set()
        for _ in range(MAX_OPERATIONS):
            grown = []
            for parent in beam:
                for operation in proposals:
                    if any(operation.subject == used.subject for used in parent.operations):
                        continue
                    chain = order_operations((*parent.operations, operation))
                    if chain in seen:
                        continue
                    seen.add(chain)
                    candidate = Candidate(chain, self._score(chain))
                    gain = candidate.score.quality - start.score.quality
                    if gain > self.best_gain:
                        self.best_gain, self._best = gain, chain
                    self._objections[chain] = _find_objection(start.score, parent, candidate, operation)
                    if not self._objections[chain]:
                        grown.append(candidate)
            beam = self._choose(grown)
            for candidate in beam:
                if loss := find_loss(start.score, candidate.score, candidate.operations):
                    self._objections[candidate.operations] = _tell_loss(loss)
                else:
                    found.append(candidate)
            if not beam:
                break
        return sorted(found, key=lambda candidate: -self._rank(candidate))

    def _rank(self, candidate: Candidate) -> float:
        """Points of quality, less what stronger operations must be better by than milder ones of their kind.

        A cast that is measured with certainty counts, too: what brings out contrast makes it worse, and the model may
        not mind. The finished file must gain by its score alone all the same.
        """
        points = candidate.score.quality - MIN_STEP * sum(self._rungs[step] for step in candidate.operations)
        return points + CAST_CREDIT * sum(_corrects_plain_cast(step) for step in candidate.operations)

    def _choose(self, candidates: list[Candidate]) -> list[Candidate]:
        """The best few of different kinds that are similar enough; similarity takes longest, so it is asked last."""
        chosen: list[Candidate] = []
        kinds = set()
        for candidate in sorted(candidates, key=lambda candidate: -self._rank(candidate)):
            if len(chosen) == BEAM_WIDTH:
                break
            names = tuple(operation.name for operation in candidate.operations)
            if names in kinds:  # three exposures in a beam would leave no room for anything else
                continue
            moved = tuple(operation for operation in candidate.operations if operation.is_geometric)
            reference, changed = self._apply(moved), self._apply(candidate.operations)
            if _count_clipped(changed) - _count_clipped(reference) > MAX_NEWLY_CLIPPED:
                self._objections[candidate.operations] = (
                    "it would leave too many pixels pure black or at the top of a channel"
                )
                continue
            ssim = compute_floor_ssim(reference, changed, candidate.operations)
            if ssim < self.min_ssim:
                missing = format_missing(ssim, self.min_ssim, 3)
                self._objections[candidate.operations] = f"its SSIM is {missing}, {self.min_ssim:g} is asked for"
                continue
            chosen.append(candidate)
            kinds.add(names)
        return chosen

    def _score(self, chain: tuple[Operation, ...]) -> Score:
        self.tried += 1
        return self.scorer.score(self._apply(chain))

    def _apply(self, chain: tuple[Operation, ...]) -> NDArray[np.uint8]:
        if not chain:
            return self.picture
        if chain not in self._pictures:
            # Only the first steps are worth keeping: denoising is slow, and stands near the beginning.
            result = apply_operations(self._apply(chain[:-1]), chain[-1:])
            if len(chain) > 2 or len(self._pictures) >= KEPT_PICTURES:
                return result
            self._pictures[chain] = result
        return self._pictures[chain]


def format_missing(value: float, limit: float, decimals: int) -> str:
    """A value below a limit, with ``decimals``, or as many more as it takes for the text to be below the limit, too."""
    while float(text := f"{value:.{decimals}f}") >= limit:
        decimals += 1
    return text


def _find_objection(start: Score, parent: Candidate, grown: Candidate, operation: Operation) -> str:
    """A clause on why an operation does not improve the whole, and for the reason that it is there for; "" if it does.

    Without the second, the model is easily pleased: nearly any photo scores higher with more contrast.
    """
    if _corrects_plain_cast(operation):  # which may darken the picture: a further step can make that good
        is_cheap = grown.score.quality >= parent.score.quality - MAX_CAST_COST
        return "" if is_cheap else f"its {operation.name} costs more than {MAX_CAST_COST:g} points"
    if loss := find_loss(start, grown.score, grown.operations):
        return _tell_loss(loss)
    if grown.score.quality < parent.score.quality + MIN_STEP:
        return f"its {operation.name} adds less than {MIN_STEP:g} point"
    reached, had = (_read(score.attributes, operation.aim) for score in (grown.score, parent.score))
    if reached < had + MIN_AIM_STEP:
        return f"its {operation.name} does not raise {operation.aim} by {MIN_AIM_STEP:g} point, which it is there for"
    return ""


def _tell_loss(attribute: str) -> str:
    return f"it would lose too much {attribute}"


def find_loss(before: Score, after: Score, operations: Sequence[Operation]) -> str:
    """The attribute that one of the ``operations`` has spoilt; "" if none did."""
    risks = frozenset[str]().union(*(operation.risks for operation in operations))
    for name in ATTRIBUTE_NAMES:
        if name in risks and _read(before.attributes, name) - _read(after.attributes, name) > MAX_ATTRIBUTE_LOSS:
            return name
    return ""


def _number_rungs(proposals: Sequence[Operation]) -> dict[Operation, int]:
    """0 for the mildest of each kind, 1 for the next; proposals stand in this order, those of a kind together."""
    counts: dict[tuple[str, ...], int] = {}
    rungs = {}
    for operation in proposals:
        kind = (operation.name, *(value for _, value in operation.parameters if isinstance(value, str)))
        rungs[operation] = counts.get(kind, 0)
        counts[kind] = rungs[operation] + 1
    return rungs


def _corrects_plain_cast(operation: Operation) -> float:
    """How much of a cast that anybody sees, on a backdrop that the product bears out, is taken away: 0-1."""
    values = dict(operation.parameters)
    if operation.name != "white_balance" or values["estimate"] != "backdrop" or float(values["cast"]) < PLAIN_CAST:
        return 0.0
    return float(values["strength"])


def _count_clipped(picture: NDArray[np.uint8]) -> float:
    """Share (0-1) of the pixels that are black, or of which a channel is at the top, where light turns its hue.

    A single channel at the bottom does not count: vivid colours have one. On 43 photos, counting it refused no fix that
    was worse, and made one of 11 gain a point less.
    """
    return float(((picture.max(axis=2) >= 254) | (picture.max(axis=2) <= 1)).mean())


def _read(attributes: Attributes, name: str) -> float:
    return float(getattr(attributes, name))
