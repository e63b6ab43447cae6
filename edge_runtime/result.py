"""What the runtime answers: frozen values, and their one JSON form (a line of ``photogate score --format jsonl``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "Attributes",
    "Band",
    "Decides",
    "Decision",
    "ImageSize",
    "Label",
    "ModelInfo",
    "Reason",
    "Score",
    "ScoreFailure",
    "Timings",
    "Verdict",
]

Band = Literal["high", "medium", "low"]
Decision = Literal["accept", "review", "reject"]
Decides = Literal["reject", "review", None]


@dataclass(frozen=True, slots=True)
class Attributes:
    """Five properties of a photo, each in points, 0-100, higher is better (``noise`` 100 means free of noise)."""

    sharpness: float
    noise: float
    exposure: float
    color: float
    composition: float

    def to_dict(self) -> dict[str, float]:
        """Points rounded to one decimal, keyed by attribute, in the order of ``contract.ATTRIBUTE_NAMES``."""
        return {
            "sharpness": round(self.sharpness, 1),
            "noise": round(self.noise, 1),
            "exposure": round(self.exposure, 1),
            "color": round(self.color, 1),
            "composition": round(self.composition, 1),
        }


@dataclass(frozen=True, slots=True)
class Label:
    """The likeliest class of a head, or "unknown" when even that one's ``probability`` (0-1) is low."""

    label: str
    probability: float

    def to_dict(self) -> dict[str, Any]:
        """The label and its probability rounded to three decimals."""
        return {"label": self.label, "probability": round(self.probability, 3)}


@dataclass(frozen=True, slots=True)
class Timings:
    """Wall-clock time of each step in milliseconds; ``total_ms`` also holds what lies between the steps."""

    decode_ms: float
    preprocess_ms: float
    inference_ms: float
    total_ms: float

    def to_dict(self) -> dict[str, float]:
        """Milliseconds rounded to two decimals under the keys decode, preprocess, inference, total."""
        return {
            "decode": round(self.decode_ms, 2),
            "preprocess": round(self.preprocess_ms, 2),
            "inference": round(self.inference_ms, 2),
            "total": round(self.total_ms, 2),
        }


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model gave a score: its name, version, the flatbuffer's SHA-256, and the interpreter that ran it."""

    name: str
    version: str
    sha256: str
    runtime: str

    def to_dict(self) -> dict[str, str]:
        """All four, as they are."""
        return {"name": self.name, "version": self.version, "sha256": self.sha256, "runtime": self.runtime}


@dataclass(frozen=True, slots=True)
class ImageSize:
    """The photo's own size before any scaled decoding, upright (EXIF orientation applied)."""

    width_px: int
    height_px: int

    def to_dict(self) -> dict[str, int]:
        """Both sides, in pixels."""
        return {"width_px": self.width_px, "height_px": self.height_px}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a photo is not as good as the policy asks: ``value`` fell below ``limit`` (both in points).

    ``decides`` is the verdict that it asks for, None where it only advises. A reason that explains a low quality asks
    for what the quality does.
    """

    code: str
    attribute: str
    value: float
    limit: float
    message: str
    advice: str
    decides: Decides = None

    def to_dict(self) -> dict[str, Any]:
        """The reason's JSON object; points to one decimal, or to as many as leave the value below its limit."""
        return {
            "code": self.code,
            "decides": self.decides,
            "attribute": self.attribute,
            "value": _round_below(self.value, self.limit),
            "limit": self.limit,
            "message": self.message,
            "advice": self.advice,
        }


def _round_below(value: float, limit: float) -> float:
    """To one decimal, or more where these would put it on a limit that it misses: 49.96 under one of 50 is not 50."""
    decimals = 1
    while value < limit <= round(value, decimals):
        decimals += 1
    return round(value, decimals)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A policy's decision on one score, with its reasons: those that decided first."""

    decision: Decision
    reasons: tuple[Reason, ...]
    policy: str


@dataclass(frozen=True, slots=True)
class Score:
    """One photo's score.

    Attributes:
        quality: 0-100, the mean rating people would give times 100; higher is better. Not rounded.
        band: "high", "medium" or "low", by the limits in the model's contract.
        interval: (low, high) in points; the rating of people lies inside in ``interval_coverage`` (0-1) of all photos.
        attributes: five properties, 0-100 each.
        category, style: what is shown, and how.
        image: the photo's own size in pixels.
        timings: how long each step took.
        model: which model and interpreter gave the score.
        path: where the photo came from; None for bytes, images and frames.
    """

    quality: float
    band: Band
    interval: tuple[float, float]
    interval_coverage: float
    attributes: Attributes
    category: Label
    style: Label
    image: ImageSize
    timings: Timings
    model: ModelInfo
    path: str | None = None

    def to_dict(self, verdict: Verdict | None = None) -> dict[str, Any]:
        """The score as one JSON object of the public contract.

        Args:
            verdict: a policy's decision on this score; adds the keys "verdict" and "reasons".

        Returns:
            A dict of JSON types. "path" stands first and only when the photo came from a path.
        """
        document: dict[str, Any] = {} if self.path is None else {"path": self.path}
        document["quality"] = round(self.quality, 1)
        document["interval"] = [round(self.interval[0], 1), round(self.interval[1], 1)]
        document["interval_coverage"] = self.interval_coverage
        document["band"] = self.band
        if verdict is not None:
            document["verdict"] = verdict.decision
        document["attributes"] = self.attributes.to_dict()
        document["category"] = self.category.to_dict()
        document["style"] = self.style.to_dict()
        if verdict is not None:
            document["reasons"] = [reason.to_dict() for reason in verdict.reasons]
        document["image"] = self.image.to_dict()
        document["timings_ms"] = self.timings.to_dict()
        document["model"] = self.model.to_dict()
        return document


@dataclass(frozen=True, slots=True)
class ScoreFailure:
    """A photo that could not be scored.

    Attributes:
        path: its path, or "#3" for the fourth thing of ``score_many`` when that was no path.
        error: the PhotogateError; its message says what is wrong and what to do.
    """

    path: str
    error: Exception

    def to_dict(self) -> dict[str, Any]:
        """The failure as one JSON object of the public contract."""
        return {"path": self.path, "error": {"type": type(self.error).__name__, "message": str(self.error)}}
