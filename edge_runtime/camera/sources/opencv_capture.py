"""Cameras, and video where PyAV is not installed, by OpenCV's VideoCapture."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from edge_runtime.camera.sources.capture import CorruptPictureError, Picture, SignalError
from edge_runtime.camera.sources.extras import load_cv2
from edge_runtime.camera.sources.options import SourceOptions
from edge_runtime.paths import exists

__all__ = ["OpenCvCapture", "open_camera", "open_video_with_opencv"]

FFMPEG_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
LONG_S = 1.0  # a camera that fails only after so long has been waited for, and is lost
MAX_FAILURES = 10  # in a row: a camera that has been unplugged fails at once each time, a flaky cable only sometimes


class OpenCvCapture:
    """A ``cv2.VideoCapture`` that is open."""

    def __init__(self, capture: Any, cv2: Any, name: str, *, is_stream: bool, is_finite: bool) -> None:
        """Takes ``capture`` over.

        Args:
            capture: an open VideoCapture.
            cv2: the module.
            name: of the source.
            is_stream: read by FFmpeg, which has tried again by itself when it fails.
            is_finite: as Capture has it.
        """
        self._capture = capture
        self._cv2 = cv2
        self._name = name
        self._is_stream = is_stream
        self._failures = 0
        self.is_finite = is_finite
        self.position_ms: float | None = None

    def grab(self) -> bool:
        """See Capture. A recording ends where OpenCV can read no further, also if it is damaged there."""
        started = monotonic()
        try:
            is_grabbed = self._capture.grab()
        except self._cv2.error as error:
            raise SignalError(f"{self._name}: OpenCV cannot read it ({_one_line(error)}); check the device") from None
        if is_grabbed:
            if self.is_finite:
                self.position_ms = self._capture.get(self._cv2.CAP_PROP_POS_MSEC)
            return True
        if self.is_finite:
            return False
        self._fail(is_lost=self._is_stream or monotonic() - started >= LONG_S)
        return False

    def retrieve(self) -> Picture:
        """See Capture."""
        try:
            is_decoded, pixels = self._capture.retrieve()
        except self._cv2.error:
            is_decoded, pixels = False, None
        if not is_decoded or pixels is None or not pixels.size:
            if self.is_finite:
                raise CorruptPictureError(f"{self._name}: a picture that cannot be decoded")
            self._fail(is_lost=False)
        self._failures = 0
        if pixels.ndim == 2 or pixels.shape[2] == 1:
            return Picture(pixels.reshape(pixels.shape[:2]), "gray")
        return Picture(np.asarray(pixels, np.uint8), "bgr" if pixels.shape[2] == 3 else "bgra")

    def interrupt(self) -> None:
        """Not possible: OpenCV comes back by itself after its time-out."""

    def close(self) -> None:
        """See Capture."""
        self._capture.release()

    def _fail(self, *, is_lost: bool) -> None:
        self._failures += 1
        if is_lost or self._failures >= MAX_FAILURES:
            raise SignalError(f"{self._name}: delivers no pictures any more; check its cable, power and network")
        raise CorruptPictureError(f"{self._name}: a picture that cannot be read")


def open_camera(
    camera: int | str, name: str, options: SourceOptions, open_capture: Callable[..., Any] | None = None
) -> OpenCvCapture:
    """Opens a camera of this machine.

    Args:
        camera: its number, or on Linux the path of its device.
        name: for messages.
        options: size and rate are asked for; the camera may deliver others.
        open_capture: in place of ``cv2.VideoCapture``.

    Raises:
        SignalError: there is no such camera, or it cannot be opened.
        SourceError: OpenCV is not installed.
    """
    cv2 = load_cv2("a camera of this machine")
    is_linux = sys.platform.startswith("linux")
    device = f"/dev/video{camera}" if is_linux and isinstance(camera, int) else str(camera)
    if is_linux and open_capture is None:
        _check_device(device, name)
    with _quiet(cv2):
        try:
            capture = (open_capture or cv2.VideoCapture)(
                device if is_linux else camera, cv2.CAP_V4L2 if is_linux else cv2.CAP_ANY
            )
            is_open = capture.isOpened()
        except cv2.error:
            is_open = False
    if not is_open:
        hint = " (many cameras have a second device that carries no pictures: try the next number)" if is_linux else ""
        raise SignalError(
            f"{name}: cannot be opened as a camera; close other programs that use it, or try another{hint}"
        )
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # old frames are of no use
    if options.size is not None:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, options.size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, options.size[1])
    if options.fps is not None:
        capture.set(cv2.CAP_PROP_FPS, options.fps)
    return OpenCvCapture(capture, cv2, name, is_stream=False, is_finite=False)


def open_video_with_opencv(place: str, name: str, options: SourceOptions, cv2: Any, *, is_file: bool) -> OpenCvCapture:
    """Opens a file or an address.

    Raises:
        SignalError: it cannot be opened, which OpenCV gives no reason for.
    """
    _set_transport(options.rtsp_transport)
    timeouts = [
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, options.open_timeout_ms),
        *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, options.read_timeout_ms),
    ]
    with _quiet(cv2):
        try:
            capture = cv2.VideoCapture(place, cv2.CAP_FFMPEG, [] if is_file else timeouts)
            is_open = capture.isOpened()
        except cv2.error:
            is_open = False
    if not is_open:
        remedy = "it is no video, or damaged" if is_file else "check the address, and user and password"
        raise SignalError(f"{name}: OpenCV cannot open it as a video; {remedy}")
    # By RTSP even what has a length is a camera's: when it breaks off, FFmpeg reports the same as at its end.
    is_finite = is_file or (place.lower().startswith("http") and capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0)
    return OpenCvCapture(capture, cv2, name, is_stream=not is_file, is_finite=is_finite)


_transport: str | None = None  # as it stands in FFMPEG_OPTIONS because of us


def _set_transport(transport: str) -> None:
    """OpenCV takes FFmpeg's options from the environment, when it opens something; those of somebody else stay."""
    global _transport
    if os.environ.get(FFMPEG_OPTIONS) == _transport:
        _transport = os.environ[FFMPEG_OPTIONS] = f"rtsp_transport;{transport}"


def _check_device(device: str, name: str) -> None:
    """Says what OpenCV does not: why a device of Linux cannot be opened."""
    path = Path(device)
    if not exists(path):
        found = ", ".join(sorted(str(other) for other in Path("/dev").glob("video*"))) or "none"
        raise SignalError(
            f"{name}: no such camera: {device} does not exist; cameras of this machine: {found}; plug it in, "
            "or name another"
        )
    if not os.access(path, os.R_OK | os.W_OK):
        raise SignalError(
            f"{name}: no permission to use {device}; add the user to its group: sudo usermod -aG video $USER, "
            "and log in again"
        )


@contextlib.contextmanager
def _quiet(cv2: Any) -> Iterator[None]:
    """OpenCV's warnings held back: they go to standard error, and show addresses with their passwords."""
    logging = getattr(getattr(cv2, "utils", None), "logging", None)
    if logging is None:
        yield
        return
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)


def _one_line(error: object) -> str:
    return " ".join(str(error).split())
