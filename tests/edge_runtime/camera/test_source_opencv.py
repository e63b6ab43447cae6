"""A camera that OpenCV reads: failures that pass, and those that do not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from edge_runtime.camera.frames import Frame
from edge_runtime.camera.sources import Interruption, Source, SourceOptions, open_source, opencv_capture
from edge_runtime.camera.sources.capture import SignalError
from edge_runtime.camera.sources.live_source import LiveSource
from edge_runtime.camera.sources.opencv_capture import (
    MAX_FAILURES,
    OpenCvCapture,
    open_camera,
    open_video_with_opencv,
)

cv2 = pytest.importorskip("cv2", reason="needs OpenCV: pip install 'photogate[camera]'")

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
Play = Callable[[Source, int], "list[Frame | Interruption]"]


class FakeVideoCapture:
    """A ``cv2.VideoCapture`` whose grabs succeed as told: once by one of the list, then always."""

    def __init__(self, grabs: Sequence[bool]) -> None:
        self.grabs = list(grabs)
        self.settings: dict[int, float] = {}
        self.is_released = False

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def set(self, key: int, value: float) -> bool:
        self.settings[key] = value
        return True

    def get(self, key: int) -> float:
        return 0.0

    def grab(self) -> bool:
        time.sleep(0.005)
        return self.grabs.pop(0) if self.grabs else True

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.full((48, 64, 3), (1, 2, 3), np.uint8)

    def release(self) -> None:
        self.is_released = True


def open_fake(captures: list[FakeVideoCapture], options: SourceOptions) -> LiveSource:
    waiting = list(captures)
    return LiveSource("camera 0", lambda _: open_camera(0, "camera 0", options, lambda *_: waiting.pop(0)), options)


def test_camera_that_fails_now_and_then_is_not_lost(play: Play) -> None:
    camera = FakeVideoCapture([True, False, False, True, *[False] * (MAX_FAILURES - 1)])
    with open_fake([camera], SourceOptions()) as source:
        items = play(source, 4)
    assert all(isinstance(item, Frame) for item in items)
    assert source.counts.corrupt == 2 + MAX_FAILURES - 1
    assert source.counts.reconnects == 0
    frame = items[0]
    assert isinstance(frame, Frame)
    assert (frame.pixel_format, frame.pixels.shape) == ("bgr", (48, 64, 3))
    assert camera.is_released


def test_camera_that_is_unplugged_and_plugged_in_again(play: Play) -> None:
    options = SourceOptions(first_retry_ms=1, longest_retry_ms=1, size=(1280, 720), fps=15)
    cameras = [FakeVideoCapture([True, *[False] * MAX_FAILURES]), FakeVideoCapture([])]
    with open_fake(cameras, options) as source:
        items = play(source, 3)
    assert [type(item) for item in items] == [Frame, Interruption, Frame, Frame]
    assert source.counts.reconnects == 1
    assert all(camera.is_released for camera in cameras)
    assert cameras[1].settings[cv2.CAP_PROP_FRAME_WIDTH] == 1280
    assert cameras[1].settings[cv2.CAP_PROP_FPS] == 15


def test_stream_that_opencv_cannot_read_any_more_is_lost_at_once() -> None:
    capture = OpenCvCapture(FakeVideoCapture([True, False]), cv2, "stream", is_stream=True, is_finite=False)
    assert capture.grab()
    with pytest.raises(SignalError, match="delivers no pictures any more"):
        capture.grab()


def test_camera_that_was_waited_for_in_vain_is_lost_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_runtime.camera.sources.opencv_capture.LONG_S", 0.001)
    capture = OpenCvCapture(FakeVideoCapture([False]), cv2, "camera 0", is_stream=False, is_finite=False)
    with pytest.raises(SignalError):
        capture.grab()


def test_camera_may_be_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    options = SourceOptions(waits_for_signal=True, first_retry_ms=1, longest_retry_ms=1)
    with open_source("971", options) as source:
        item = next(iter(source))
    assert isinstance(item, Interruption)
    assert "no such camera" in item.reason or "cannot be opened" in item.reason


def test_each_stream_has_its_own_transport_unless_the_environment_says_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def open_capture(*_: object) -> FakeVideoCapture:
        seen.append(os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"])
        return FakeVideoCapture([])

    monkeypatch.setattr(cv2, "VideoCapture", open_capture)
    monkeypatch.setattr(opencv_capture, "_transport", None)
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "")
    monkeypatch.delenv("OPENCV_FFMPEG_CAPTURE_OPTIONS")
    for transport in ("tcp", "udp"):
        open_video_with_opencv("rtsp://a/b", "a", SourceOptions(rtsp_transport=transport), cv2, is_file=False)
    assert seen == ["rtsp_transport;tcp", "rtsp_transport;udp"]
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "stimeout;5000000")
    open_video_with_opencv("rtsp://a/b", "a", SourceOptions(), cv2, is_file=False)
    assert seen[-1] == "stimeout;5000000"
