"""Corrections that another model scored: ask today's model again, for limits in points are limits of one model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from edge_runtime.errors import InputError
from edge_runtime.feedback.correction import Correction
from edge_runtime.feedback.photos import find_photo
from edge_runtime.scorer import PhotoScorer

__all__ = ["score_again"]


def score_again(
    corrections: Sequence[Correction], photos: Path, model_sha256: str, open_scorer: Callable[[], PhotoScorer]
) -> tuple[list[Correction], list[Correction]]:
    """Brings all corrections to one model.

    Args:
        corrections: of whichever models.
        photos: the store's folder of photos.
        model_sha256: of the model wanted.
        open_scorer: opens it; called only if a photo must be scored again.

    Returns:
        Those with a score of that model, in order, and those that cannot have one, for their photo is gone.

    Raises:
        Whatever ``open_scorer`` does.
    """
    usable: list[Correction] = []
    lost: list[Correction] = []
    scorer: PhotoScorer | None = None
    # Equal bytes have equal scores: a later verdict on a photo needs no photo where an earlier one has the score.
    known = {
        correction.photo_sha256: correction.score
        for correction in corrections
        if correction.score.model.sha256 == model_sha256
    }
    try:
        for correction in corrections:
            if correction.score.model.sha256 == model_sha256:
                usable.append(correction)
                continue
            if correction.photo_sha256 in known:
                usable.append(replace(correction, score=known[correction.photo_sha256]))
                continue
            place = find_photo(correction, photos)
            if place is None:
                lost.append(correction)
                continue
            scorer = scorer or open_scorer()
            try:
                usable.append(replace(correction, score=scorer.score(place)))
            except InputError:
                lost.append(correction)
    finally:
        if scorer is not None:
            scorer.close()
    return usable, lost
