"""Faults around a live stream: each is told and counted, none ends it, and impossible options are refused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from edge_runtime import PhotoScorer
from edge_runtime.camera import Frame, FrameResult, LiveCounts, LiveOptions, LiveScorer
from edge_runtime.errors import FrameError, ModelError, UsageError

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
BuildFrame = Callable[..., Frame]
SubmitEach = Callable[[LiveScorer, Sequence[Frame], list[FrameResult]], None]
WaitFor = Callable[[Callable[[], bool]], None]
EVERY = LiveOptions(skip_unchanged=False)


def test_callback_that_raises_is_reported_and_the_stream_goes_on(
    stub: Any, build_frame: BuildFrame, submit_each: SubmitEach, caplog: pytest.LogCaptureFixture
) -> None:
    results: list[FrameResult] = []

    def raise_after_noting(result: FrameResult) -> None:
        results.append(result)
        if result.timestamp_ms < 30:
            raise ValueError("the viewer's own fault")

    with caplog.at_level(logging.ERROR), LiveScorer(stub, raise_after_noting, EVERY) as live:
        submit_each(live, [build_frame(10 * step) for step in range(5)], results)
    assert live.counts == LiveCounts(received=5, scored=5, callback_errors=3)
    assert "the viewer's own fault" in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize("fault", [ModelError("the interpreter is unwell"), RuntimeError("unforeseen")])
def test_fault_of_the_scorer_is_a_result_and_the_stream_goes_on(
    stub: Any, build_frame: BuildFrame, submit_each: SubmitEach, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    stub.faults = [fault]
    results: list[FrameResult] = []
    with LiveScorer(stub, results.append) as live:
        # The second looks like the first, but that one has no score to pass on.
        submit_each(live, [build_frame(10 * step, level=80) for step in range(3)], results)
    assert [result.error for result in results] == [fault, None, None]
    assert [result.score is None for result in results] == [True, False, False]
    assert [result.is_unchanged for result in results] == [False, False, True]
    assert live.counts == LiveCounts(received=3, scored=1, unchanged=1, failed=1)
    assert str(fault) in caplog.text
    assert results[0].to_dict()["error"] == {"type": type(fault).__name__, "message": str(fault)}


def test_unchanged_frame_shares_the_fault_of_the_one_that_it_equals(
    stub: Any, build_frame: BuildFrame, submit_each: SubmitEach, wait_for: WaitFor
) -> None:
    stub.faults = [ModelError("unwell")]
    stub.gate.clear()
    results: list[FrameResult] = []
    with LiveScorer(stub, results.append) as live:
        live.submit(build_frame(0, level=80))
        stub.wait_until_begun()
        live.submit(build_frame(10, level=80))
        stub.gate.set()
        wait_for(lambda: len(results) == 2)
        submit_each(live, [build_frame(20, level=80)], results)
    assert [result.score is None for result in results] == [True, True, False]
    assert results[1].is_unchanged
    assert results[1].error is results[0].error


def test_camera_may_change_its_resolution_and_format(scorer: PhotoScorer, submit_each: SubmitEach) -> None:
    frames = [
        Frame(np.full((48, 64, 3), 90, np.uint8), 0),
        Frame(np.full((720, 1280, 3), 90, np.uint8), 10),
        Frame(np.full((72, 64), 90, np.uint8), 20, "nv12"),
        Frame(np.full((48, 64), 90, np.uint8), 30, "gray", 90),
    ]
    results: list[FrameResult] = []
    with LiveScorer(scorer, results.append, LiveOptions(box=(0, 0, 60, 40))) as live:
        submit_each(live, frames, results)
    # The box does not fit into the last frame, which stands upright.
    assert [result.is_unchanged for result in results] == [False] * 4
    assert [type(result.error) for result in results] == [type(None)] * 3 + [FrameError]
    assert live.counts == LiveCounts(received=4, scored=3, failed=1)


@pytest.mark.parametrize(
    "options",
    [{"max_fps": -1}, {"max_fps": float("nan")}, {"max_age_ms": -1}, {"max_waiting_results": 0}],
)
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="pass"):
        LiveOptions(**options)  # type: ignore[arg-type]


def test_threshold_out_of_range_leaves_no_thread(stub: Any) -> None:
    with pytest.raises(UsageError, match="threshold"):
        LiveScorer(stub, options=LiveOptions(change_threshold=0))
