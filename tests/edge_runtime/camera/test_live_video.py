"""Without a stream: a video is scored in order and whole, and a single frame as a photo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edge_runtime import PhotoScorer
from edge_runtime.camera import Frame, score_frame, score_video
from edge_runtime.errors import ModelError

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
BuildFrame = Callable[..., Frame]


def test_video_is_scored_in_order_and_whole(stub: Any, build_frame: BuildFrame) -> None:
    stub.faults = [ModelError("unwell")]
    frames = [build_frame(timestamp_ms) for timestamp_ms in (0, 40, 40, 20, 80)]
    results = list(score_video(stub, frames, keep_frames=True))
    assert [result.timestamp_ms for result in results] == [0, 40, 41, 42, 80]
    assert [result.frame for result in results] == frames
    assert [result.error is None for result in results] == [False, True, True, True, True]
    assert stub.levels == [int(frame.pixels[0, 0, 0]) for frame in frames]


def test_video_is_scored_lazily(stub: Any, build_frame: BuildFrame) -> None:
    results = score_video(stub, (build_frame(step) for step in range(10**9)))
    assert [next(results).timestamp_ms for _ in range(3)] == [0, 1, 2]
    assert len(stub.views) == 3


def test_one_frame(scorer: PhotoScorer) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    score = score_frame(scorer, Frame(pixels, 0, "bgr", 90), (10, 20, 90, 110))
    cut = np.ascontiguousarray(np.rot90(pixels[..., ::-1], -1)[20:110, 10:90])
    assert abs(score.quality - scorer.score(cut).quality) <= 5
    assert (score.image.width_px, score.image.height_px) == (80, 90)
