"""One frame's score, and the scores of a whole video in order: the running modes image and video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Protocol

from edge_runtime.camera.change import ChangeDetector, sample_frame
from edge_runtime.camera.frames import Box, Frame
from edge_runtime.camera.view import make_camera_view
from edge_runtime.contract import ModelContract
from edge_runtime.errors import PhotogateError
from edge_runtime.result import ImageSize, Score
from edge_runtime.scorer import Photo

__all__ = ["FrameResult", "FrameScorer", "score_frame", "score_video"]


class FrameScorer(Protocol):
    """What is needed of a scorer; a PhotoScorer has it."""

    @property
    def contract(self) -> ModelContract:
        """Says which view to make."""
        ...

    def score(self, photo: Photo, color_order: str = "rgb") -> Score:
        """Scores a view."""
        ...


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What is known of one frame.

    Attributes:
        timestamp_ms: the frame's, larger than that of every result before: where the camera's clock was set back, it
            goes on from where it stood.
        score: None if scoring failed; of an unchanged frame, the score of the frame that it equals.
        is_unchanged: whether it was not scored since it looks like the last frame that was.
        latency_ms: from the frame's arrival to its result; of a video, the time that scoring took.
        dropped: frames dropped since the result before.
        error: why there is no score.
        frame: the frame itself, where it was asked for and the result is not of an unchanged frame.
    """

    timestamp_ms: int
    score: Score | None
    is_unchanged: bool = False
    latency_ms: float = 0.0
    dropped: int = 0
    error: Exception | None = None
    frame: Frame | None = None

    def to_dict(self) -> dict[str, Any]:
        """The result's JSON object, without the frame."""
        entry: dict[str, Any] = {
            "timestamp_ms": self.timestamp_ms,
            "is_unchanged": self.is_unchanged,
            "latency_ms": round(self.latency_ms, 2),
            "dropped": self.dropped,
        }
        if self.score is not None:
            entry["score"] = self.score.to_dict()
        if self.error is not None:
            entry["error"] = {"type": type(self.error).__name__, "message": str(self.error)}
        return entry


def score_frame(scorer: FrameScorer, frame: Frame, box: Box | None = None) -> Score:
    """Scores one frame, or a part of it.

    Args:
        scorer: a PhotoScorer.
        frame: in any format, turned however.
        box: (left, top, right, bottom) in pixels of the upright frame; None: all of it.

    Returns:
        The score; its ``image`` is the size of the part that was scored.

    Raises:
        FrameError: the box is not inside the frame.
        UsageError: the scorer is closed.
        ModelError: the interpreter fails.
    """
    started = perf_counter()
    view = make_camera_view(frame, scorer.contract.view, box)
    preprocess_ms = 1e3 * (perf_counter() - started)
    score = scorer.score(view)
    width_px, height_px = (frame.width_px, frame.height_px) if box is None else (box[2] - box[0], box[3] - box[1])
    timings = replace(
        score.timings,
        preprocess_ms=score.timings.preprocess_ms + preprocess_ms,
        total_ms=1e3 * (perf_counter() - started),
    )
    return replace(score, image=ImageSize(int(width_px), int(height_px)), timings=timings)


def score_video(
    scorer: FrameScorer,
    frames: Iterable[Frame],
    *,
    box: Box | None = None,
    detector: ChangeDetector | None = None,
    keep_frames: bool = False,
) -> Iterator[FrameResult]:
    """Scores frames one after another, lazily and in order; none is dropped, and one that fails stops no other.

    A timestamp that does not grow, as in files that were cut and joined, is replaced by one millisecond after that of
    the frame before.

    Args:
        scorer: a PhotoScorer.
        frames: of one video.
        box: the part to score; None: all of it.
        detector: frames that look like the last one that was scored are not scored again; None: every frame is.
        keep_frames: whether results of scored frames carry the frame.

    Yields:
        A result for each frame.
    """
    newest_ms: int | None = None
    score: Score | None = None
    for frame in frames:
        started = perf_counter()
        newest_ms = frame.timestamp_ms if newest_ms is None else max(frame.timestamp_ms, newest_ms + 1)
        samples = sample_frame(frame) if detector is not None else None
        if detector is not None and samples is not None and score is not None and detector.is_unchanged(samples):
            yield FrameResult(newest_ms, score, is_unchanged=True, latency_ms=1e3 * (perf_counter() - started))
            continue
        error: PhotogateError | None = None
        try:
            score = score_frame(scorer, frame, box)
        except PhotogateError as fault:
            score, error = None, fault
        if detector is not None and samples is not None:
            detector.mark_scored(samples)
        yield FrameResult(
            newest_ms,
            score,
            latency_ms=1e3 * (perf_counter() - started),
            error=error,
            frame=frame if keep_frames else None,
        )
