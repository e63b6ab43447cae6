"""What came of a fix: frozen values, and their JSON form (a line of ``photogate fix --format jsonl``)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from edge_runtime.enhance.operations import Operation
from edge_runtime.formats import PhotoFormat
from edge_runtime.result import Reason, Score, Verdict

__all__ = ["FixResult", "FixTimings", "Outcome"]

Outcome = Literal["fixed", "nothing_kept", "nothing_to_do"]


@dataclass(frozen=True, slots=True)
class FixTimings:
    """Wall-clock time in milliseconds: first score and decoding, search, final file with its score, all of it."""

    read_ms: float
    search_ms: float
    verify_ms: float
    total_ms: float

    def to_dict(self) -> dict[str, float]:
        """Milliseconds rounded to one decimal, under the keys read, search, verify, total."""
        return {
            "read": round(self.read_ms, 1),
            "search": round(self.search_ms, 1),
            "verify": round(self.verify_ms, 1),
            "total": round(self.total_ms, 1),
        }


@dataclass(frozen=True, slots=True)
class FixResult:
    """One photo's fix.

    Attributes:
        outcome: "fixed": ``encoded`` is a better photo; "nothing_kept": something was tried, and nothing was good
            enough; "nothing_to_do": neither the reasons nor the picture called for anything.
        explanation: one sentence on the outcome.
        before, before_verdict: the original's score, and what the policy says of it.
        after, after_verdict: those of ``encoded``, scored from these very bytes; None unless fixed.
        operations: as applied to the full picture, in order; empty unless fixed.
        ssim, psnr_db: of the decoded ``encoded`` to the original; where pixels were moved, to the original moved in the
            same way. scikit-image's. None unless fixed.
        needs_retake: the photo is not sharp enough for the policy, and no program can bring back lost focus: whatever
            else was improved, it is to be taken again.
        encoded: the file's bytes; None unless fixed.
        format: of ``encoded``.
        tried: how many candidates were scored on the reduced picture.
        notes: what ``encoded`` lacks of the original, and what was done to compare them.
        timings: how long it took.
        path: where the photo came from; None for bytes, images and frames.
    """

    outcome: Outcome
    explanation: str
    before: Score
    before_verdict: Verdict
    timings: FixTimings
    after: Score | None = None
    after_verdict: Verdict | None = None
    operations: tuple[Operation, ...] = ()
    ssim: float | None = None
    psnr_db: float | None = None
    needs_retake: bool = False
    encoded: bytes | None = None
    format: PhotoFormat | None = None
    tried: int = 0
    notes: tuple[str, ...] = ()
    path: str | None = None

    @property
    def gain(self) -> float:
        """Points of quality won; 0 unless fixed."""
        return 0.0 if self.after is None else self.after.quality - self.before.quality

    @property
    def remaining(self) -> tuple[Reason, ...]:
        """What the policy still says: of the fixed photo, or of the original if there is none."""
        return (self.before_verdict if self.after_verdict is None else self.after_verdict).reasons

    def to_dict(self) -> dict[str, Any]:
        """The result as one JSON object, without the file's bytes."""
        document: dict[str, Any] = {} if self.path is None else {"path": self.path}
        after = None
        if self.after is not None and self.after_verdict is not None:
            after = _describe(self.after, self.after_verdict)
        return {
            **document,
            "outcome": self.outcome,
            "explanation": self.explanation,
            "gain": round(self.gain, 1),
            "needs_retake": self.needs_retake,
            "operations": [operation.to_dict() for operation in self.operations],
            "ssim": None if self.ssim is None else round(self.ssim, 6),
            "psnr_db": None if self.psnr_db is None or math.isinf(self.psnr_db) else round(self.psnr_db, 3),
            "before": _describe(self.before, self.before_verdict),
            "after": after,
            "advice": list(dict.fromkeys(reason.advice for reason in self.remaining)),
            "notes": list(self.notes),
            "tried": self.tried,
            "policy": self.before_verdict.policy,
            "timings_ms": self.timings.to_dict(),
            "model": self.before.model.to_dict(),
        }


def _describe(score: Score, verdict: Verdict) -> dict[str, Any]:
    document = score.to_dict(verdict)
    for key in ("path", "timings_ms", "model"):
        document.pop(key, None)
    return document
