"""How a live stream is scored, and the count of what became of its frames."""

from __future__ import annotations

from dataclasses import dataclass, fields

from edge_runtime.camera.change import DEFAULT_THRESHOLD
from edge_runtime.camera.frames import Box
from edge_runtime.errors import UsageError

__all__ = ["LiveCounts", "LiveOptions"]


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How a live stream is scored.

    Attributes:
        max_fps: frames a second of the stream that are looked at, by their timestamps; 0: all.
        skip_unchanged: whether a frame that looks like the last scored one gets that one's score.
        change_threshold: of ChangeDetector, in levels of 255.
        max_age_ms: after so long without a scored frame the next is scored, changed or not; 0: never for that.
        box: the part of the upright frame that is scored; None: all of it. A change is looked for in all of it.
        copy: whether ``submit`` copies the pixels of a frame that shall be scored, so that the producer may reuse its
            buffer at once. It takes a twentieth of the time of scoring; a source that makes a new array for every frame
            can do without.
        keep_frames: whether the results of scored frames carry the frame.
        max_waiting_results: for ``results``; beyond it the oldest is lost, and counted.

    Raises:
        UsageError: a number out of range.
    """

    max_fps: float = 0.0
    skip_unchanged: bool = True
    change_threshold: float = DEFAULT_THRESHOLD
    max_age_ms: int = 10_000
    box: Box | None = None
    copy: bool = True
    keep_frames: bool = False
    max_waiting_results: int = 64

    def __post_init__(self) -> None:
        if not 0 <= self.max_fps < float("inf"):
            raise UsageError(f"max_fps is {self.max_fps}; pass frames a second, or 0 for no limit")
        if self.max_age_ms < 0:
            raise UsageError(f"max_age_ms is {self.max_age_ms}; pass milliseconds, or 0 for no limit")
        if self.max_waiting_results < 1:
            raise UsageError(f"max_waiting_results is {self.max_waiting_results}; pass 1 or more")


@dataclass(frozen=True, slots=True)
class LiveCounts:
    """How many frames met which end; ``received`` is the sum of those up to ``failed``, and of at most two under way.

    Attributes:
        received: frames submitted while open.
        scored: with a score.
        unchanged: like the last scored one.
        dropped_busy: pushed out by a newer one before the worker came to it, or left over when it was closed.
        dropped_late: not newer than one before.
        dropped_rate: beyond ``max_fps``.
        failed: scoring raised an error.
        callback_errors: results whose callback raised an error.
        results_lost: results that nobody fetched from ``results`` in time.
        clock_steps: times that the stream's clock was set back.
    """

    received: int = 0
    scored: int = 0
    unchanged: int = 0
    dropped_busy: int = 0
    dropped_late: int = 0
    dropped_rate: int = 0
    failed: int = 0
    callback_errors: int = 0
    results_lost: int = 0
    clock_steps: int = 0

    def to_dict(self) -> dict[str, int]:
        """All of them by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
