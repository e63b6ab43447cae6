"""Category and style, class by class and source by source; and when nothing but the picture tells the source.

A class often comes from one source, whose photos have one size, one shape and one encoder. A head that went by these
would be right, and useless elsewhere. So the photos are asked about again in one size, in one shape and through one
encoder; what counts most is photos of a source that nothing was learnt from.
"""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from PIL import Image

from benchmarks.accuracy_report.photos import ScoredPhoto
from edge_runtime import PhotoScorer, Score
from edge_runtime.decode import decode_photo
from train.data.imagenet_products import NO_PRODUCT
from train.data.manifest import Photo
from train.progress import track

__all__ = ["HEADS", "is_told", "measure_labels", "summarise_answers"]

HEADS = ("category", "style")
SIDE_PX = 336  # a little more than a view, and too little for a second look
JPEG_QUALITY = 50
UNKNOWN = "unknown"  # as edge_runtime.result.Label says

Words: TypeAlias = Mapping[str, Mapping[str, str]]
Answer: TypeAlias = "tuple[str, str]"
"""A photo's label by its manifest, and the one that a model gave it."""


def is_told(photo: Photo, words: Words) -> bool:
    """Whether a photo's manifest says anything that labels are held against."""
    return photo.category == NO_PRODUCT or any(_find_label(photo, head, words) for head in HEADS)


def measure_labels(
    scored: Sequence[ScoredPhoto], scorers: Mapping[str, PhotoScorer], subject: str, words: Words
) -> dict[str, Any]:
    """Holds the labels that models give against the manifests'.

    Args:
        scored: photos; those whose manifest names a category or style that ``words`` knows are looked at.
        scorers: by the model's key.
        subject: key of the model that is looked at closely.
        words: head → manifest's word → label of the head.

    Returns:
        ``heads``: by head with labelled photos, ``models`` (key → :func:`summarise_answers`), ``sources`` (of the
        subject: ``source``, ``photos``, ``accuracy``, ``unknown_share``) and ``confusion`` (of the subject: label →
        what it was called → photos). ``normalised``: name of a change → head → summary of the subject on the same
        photos so changed. ``no_product``: key → ``photos`` that show none, and ``claimed_share`` of them to which a
        category is given all the same; empty where no manifest says so of a photo.
    """
    labelled = [entry for entry in scored if any(_find_label(entry.photo, head, words) for head in HEADS)]
    heads: dict[str, Any] = {}
    for head in HEADS:
        known = [entry for entry in labelled if _find_label(entry.photo, head, words)]
        if not known:
            continue
        answers = {key: [_read(entry, head, words, entry.scores[key]) for entry in known] for key in scorers}
        by_source: dict[str, list[Answer]] = {}
        confusion: dict[str, Counter[str]] = {}
        for entry, (truth, said) in zip(known, answers[subject], strict=True):
            by_source.setdefault(entry.photo.source, []).append((truth, said))
            confusion.setdefault(truth, Counter())[said] += 1
        heads[head] = {
            "models": {key: summarise_answers(values) for key, values in answers.items()},
            "sources": [{"source": name, **_count(by_source[name])} for name in sorted(by_source)],
            "confusion": {truth: dict(confusion[truth]) for truth in sorted(confusion)},
        }
    return {
        "heads": heads,
        "normalised": _measure_normalised(labelled, scorers[subject], words),
        "no_product": _count_claims([entry for entry in scored if entry.photo.category == NO_PRODUCT], list(scorers)),
    }


def summarise_answers(answers: Sequence[Answer]) -> dict[str, Any]:
    """How often labels are right, and class by class.

    "unknown" is never right, and takes no other class's precision away: who says nothing claims nothing.

    Returns:
        ``photos``, ``accuracy``, ``unknown_share``, ``macro_f1`` (mean over the classes that have photos), and
        ``classes``: for each label that is a photo's, or was given, ``label``, ``photos``, ``precision`` (None:
        never given), ``recall`` (None: no photo has it) and ``f1`` (harmonic mean of both; None: no photo has it).
    """
    truths, given = Counter(truth for truth, _ in answers), Counter(said for _, said in answers)
    right = Counter(truth for truth, said in answers if truth == said)
    classes = []
    for label in sorted({*truths, *given} - {UNKNOWN}):
        classes.append(
            {
                "label": label,
                "photos": truths[label],
                "precision": right[label] / given[label] if given[label] else None,
                "recall": right[label] / truths[label] if truths[label] else None,
                "f1": 2 * right[label] / (truths[label] + given[label]) if truths[label] else None,
            }
        )
    scores = [2 * right[label] / (count + given[label]) for label, count in truths.items()]
    return {**_count(answers), "macro_f1": sum(scores) / len(scores), "classes": classes}


def _count(answers: Sequence[Answer]) -> dict[str, Any]:
    return {
        "photos": len(answers),
        "accuracy": sum(truth == said for truth, said in answers) / len(answers),
        "unknown_share": sum(said == UNKNOWN for _, said in answers) / len(answers),
    }


def _count_claims(entries: Sequence[ScoredPhoto], keys: Sequence[str]) -> dict[str, Any]:
    if not entries:
        return {}
    claims = {key: sum(entry.scores[key].category.label != UNKNOWN for entry in entries) for key in keys}
    return {key: {"photos": len(entries), "claimed_share": count / len(entries)} for key, count in claims.items()}


def _measure_normalised(labelled: Sequence[ScoredPhoto], scorer: PhotoScorer, words: Words) -> dict[str, Any]:
    answers: dict[str, dict[str, list[Answer]]] = {name: {head: [] for head in HEADS} for name in _CHANGES}
    for entry in track(labelled, "labels"):
        picture = decode_photo(entry.photo.path).image
        for name, change in _CHANGES.items():
            score = scorer.score(change(picture))
            for head in HEADS:
                if _find_label(entry.photo, head, words):
                    answers[name][head].append(_read(entry, head, words, score))
    return {
        name: {head: summarise_answers(values) for head, values in found.items() if values}
        for name, found in answers.items()
    }


def _find_label(photo: Photo, head: str, words: Words) -> str | None:
    return words[head].get(getattr(photo, head))


def _read(entry: ScoredPhoto, head: str, words: Words, score: Score) -> Answer:
    return words[head][getattr(entry.photo, head)], getattr(score, head).label


def _crop_square(picture: Image.Image) -> Image.Image:
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    return picture.crop((left, top, left + side, top + side))


def _resize(picture: Image.Image) -> Image.Image:
    """To as many pixels as a square of SIDE_PX has."""
    scale = SIDE_PX / math.sqrt(picture.width * picture.height)
    size = (max(1, round(scale * picture.width)), max(1, round(scale * picture.height)))
    return picture.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)


def _encode(picture: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=JPEG_QUALITY)
    return Image.open(stream)


_CHANGES: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "as they are": lambda picture: picture,  # decoded in full, as the others are, and not at the file's smaller scale
    "one size": _resize,
    "one shape": _crop_square,
    "one encoder": _encode,
    "all three": lambda picture: _encode(_resize(_crop_square(picture))),
}
