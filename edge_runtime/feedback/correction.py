"""One correction: what a person says of a photo, beside what the model said."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import Any, get_args

from edge_runtime.result import Attributes, Decision, ImageSize, Label, ModelInfo, Score, Timings

__all__ = ["LONGEST_TEXT", "VERDICTS", "Correction", "is_finite_number", "pack_score", "unpack_score"]

VERDICTS: tuple[Decision, ...] = get_args(Decision)
# Of a note and a group, in characters. Python's reader of CSV takes no cell above 131,072, and a manifest joins the
# notes on one photo.
LONGEST_TEXT = 10_000


@dataclass(frozen=True, slots=True)
class Correction:
    """One row of the store.

    Attributes:
        id: never used again, also when the correction is removed.
        created_utc: when it was added, ISO 8601, to the second.
        photo_sha256: of the photo's file: the verdict is on these very bytes.
        photo_path: where it lay then, absolute; "" if it was no file.
        kept_file: name of the store's own copy, relative to its folder of photos; None: there is none.
        verdict: the person's.
        quality: the person's, 0-100; None if not given.
        note: free text, may be empty.
        group: what belongs together, e.g. a listing's number; may be empty.
        score: the model's at that time, unrounded, with the model's SHA-256.
    """

    id: int
    created_utc: str
    photo_sha256: str
    photo_path: str
    kept_file: str | None
    verdict: Decision
    quality: float | None
    note: str
    group: str
    score: Score

    def to_dict(self) -> dict[str, Any]:
        """One JSON object; what the model said stands under "model_score"."""
        document = self.score.to_dict()
        document.pop("path", None)
        return {
            "id": self.id,
            "created_utc": self.created_utc,
            "path": self.photo_path,
            "sha256": self.photo_sha256,
            "is_kept": self.kept_file is not None,
            "verdict": self.verdict,
            "quality": self.quality,
            "note": self.note,
            "group": self.group,
            "model_score": document,
        }


def is_finite_number(value: object) -> bool:
    """Whether ``value`` is a number that a float can hold, neither NaN nor infinite; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return -sys.float_info.max <= value <= sys.float_info.max


def pack_score(score: Score) -> str:
    """A score as JSON text from which :func:`unpack_score` makes the same score again, to the last bit."""
    return json.dumps(asdict(score), allow_nan=False)


def unpack_score(text: str) -> Score:
    """A score from the text of :func:`pack_score`.

    Raises:
        ValueError: it is not such a text.
    """
    try:
        values = json.loads(text)
        low, high = values["interval"]
        score = Score(
            **{
                **values,
                "interval": (low, high),
                "attributes": Attributes(**values["attributes"]),
                "category": Label(**values["category"]),
                "style": Label(**values["style"]),
                "image": ImageSize(**values["image"]),
                "timings": Timings(**values["timings"]),
                "model": ModelInfo(**values["model"]),
            }
        )
        _check_types(score)
    except (KeyError, RecursionError, TypeError) as error:
        raise ValueError(f"not a score: {error}") from error
    return score


def _check_types(score: Score) -> None:
    """JSON may hold anything under these names, also the numbers NaN and Infinity.

    Raises:
        TypeError: a field is not of its type.
    """
    numbers = {"quality": score.quality, "interval_coverage": score.interval_coverage}
    numbers |= {"the interval's low end": score.interval[0], "the interval's high end": score.interval[1]}
    numbers |= {**asdict(score.attributes), **asdict(score.image), **asdict(score.timings)}
    texts = {"band": score.band, **asdict(score.model)}
    for what, label in (("category", score.category), ("style", score.style)):
        numbers[f"{what}'s probability"] = label.probability
        texts[f"{what}'s label"] = label.label
    if score.path is not None:
        texts["path"] = score.path
    for name, number in numbers.items():
        if not is_finite_number(number):
            raise TypeError(f"{name} is no number")
    for name, text in texts.items():
        if not isinstance(text, str):
            raise TypeError(f"{name} is no text")
