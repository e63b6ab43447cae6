"""The viewfinder: the newest picture of each source with its score, in a window, or as a line of text without one.

Results come from the threads that score; a window belongs to the main thread of a program. So results are only noted,
and :meth:`Viewfinder.refresh` draws, from the main thread.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_runtime.camera.frames import Frame
from edge_runtime.camera.hint import ShutterHint
from edge_runtime.camera.overlay import Reading, draw_overlay
from edge_runtime.camera.scoring import FrameResult
from edge_runtime.camera.sources import Interruption
from edge_runtime.camera.view import make_camera_view, to_rgb
from edge_runtime.contract import ViewSpec
from edge_runtime.gate.policy import Policy, evaluate, get_judged_quality
from edge_runtime.result import Verdict

__all__ = ["Screen", "Viewfinder", "choose_advice", "make_preview"]

LARGEST_PX = (960, 720)


class Screen(Protocol):
    """Where readings are shown; used from one thread."""

    @property
    def has_pictures(self) -> bool:
        """Whether pictures are shown, too."""

    def show(self, name: str, reading: Reading, picture: NDArray[np.uint8] | None) -> None:
        """Shows the newest reading of a source, with its picture if there is one: RGB uint8 (height, width, 3)."""

    def wait(self, seconds: float) -> bool:
        """Lets the screen work for a moment. Returns whether somebody has asked for the end."""

    def close(self) -> None:
        """Takes everything off the screen."""


class Viewfinder:
    """Turns results into what is shown. Results may be noted by any thread, for several sources."""

    def __init__(self, screen: Screen, policy: Policy, language: str = "en") -> None:
        """Shows nothing yet.

        Args:
            screen: where; closed by whoever made it.
            policy: decides, advises, and from its ``accept_from`` on a steady score is the moment to shoot.
            language: "en" or "zh".
        """
        self._screen = screen
        self._policy = policy
        self._language = language
        self._lock = Lock()
        self._hints: dict[str, ShutterHint] = {}
        self._frames: dict[str, Frame] = {}
        self._readings: dict[str, Reading] = {}
        self._news: set[str] = set()

    def note_frame(self, name: str, frame: Frame) -> None:
        """Takes the newest picture of a source, to be shown with the newest score that there is."""
        if self._screen.has_pictures:
            with self._lock:
                self._frames[name] = frame
                self._news.add(name)

    def note(self, name: str, item: FrameResult | Interruption) -> None:
        """Takes the newest result of a source, or the news that there is no signal."""
        with self._lock:
            hint = self._hints.setdefault(name, ShutterHint(self._policy.accept_from))
            self._readings[name] = self._read(item, hint)
            self._news.add(name)

    def note_end(self, name: str, why: str) -> None:
        """Says below a source's last picture why no more comes."""
        with self._lock:
            self._readings[name] = replace(self._readings.get(name, Reading()), note=why, is_ready=False)
            self._news.add(name)

    def refresh(self, seconds: float) -> bool:
        """Shows what is new, and lets the screen work for a moment. Returns whether somebody has asked for the end."""
        with self._lock:
            news = [(name, self._readings.get(name, Reading()), self._frames.get(name)) for name in sorted(self._news)]
            self._news.clear()
        for name, reading, frame in news:
            picture = None
            if self._screen.has_pictures and frame is not None:
                picture = draw_overlay(make_preview(frame), reading, self._language)
            self._screen.show(name, reading, picture)
        return self._screen.wait(seconds)

    def _read(self, item: FrameResult | Interruption, hint: ShutterHint) -> Reading:
        if isinstance(item, Interruption):
            hint.reset()
            return Reading(note=item.reason)
        if item.score is None:
            hint.reset()
            return Reading(note=str(item.error))
        quality = get_judged_quality(item.score, self._policy)
        verdict = evaluate(item.score, self._policy, self._language)
        is_ready = hint.update(item.timestamp_ms, quality) and verdict.decision == "accept"
        return Reading(quality, verdict.decision, choose_advice(verdict), is_ready)


def choose_advice(verdict: Verdict) -> str | None:
    """What to do about the attribute that is furthest below its limit; None where none is."""
    if not verdict.reasons:
        return None
    return max(verdict.reasons, key=lambda reason: reason.limit - reason.value).advice


def make_preview(frame: Frame, largest_px: tuple[int, int] = LARGEST_PX) -> NDArray[np.uint8]:
    """The frame upright, made smaller to fit into (width, height); RGB uint8 (height, width, 3). Never made larger."""
    scale = min(largest_px[0] / frame.width_px, largest_px[1] / frame.height_px)
    if scale >= 1:
        return to_rgb(frame)
    width_px, height_px = (max(1, round(side * scale)) for side in (frame.width_px, frame.height_px))
    return make_camera_view(frame, ViewSpec(width_px, height_px))
