"""The two libraries that decode video, imported when a source is opened and not before."""

from __future__ import annotations

import os
from typing import Any

from edge_runtime.camera.sources.options import Decoder
from edge_runtime.errors import SourceError
from edge_runtime.interrupts import import_native

__all__ = ["choose_decoder", "load_cv2"]

BOTH = "pip install 'photogate[camera]' for OpenCV, or 'photogate[stream]' for PyAV"
CAMERA_SILENCE_MS = 3_000


def load_cv2(purpose: str) -> Any:
    """The module ``cv2``.

    Args:
        purpose: what cannot be done without, for the message.

    Raises:
        SourceError: OpenCV is not installed, or does not load here.
    """
    # Read once, when OpenCV loads: for how long it waits for a camera's picture (10 s otherwise, and a closed source
    # has to wait for it), and whether its copy of FFmpeg writes to standard error, addresses with passwords included.
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(CAMERA_SILENCE_MS // 1000))
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    return _load("cv2", "OpenCV", purpose, "pip install 'photogate[camera]'")


def choose_decoder(decoder: Decoder, purpose: str) -> tuple[str, Any]:
    """Which library decodes, by name ("opencv" or "pyav"), and its module.

    Raises:
        SourceError: the one that is asked for, or either, is not installed or does not load.
    """
    if decoder == "opencv":
        return "opencv", load_cv2(purpose)
    if decoder == "pyav":
        return "pyav", _load("av", "PyAV", purpose, "pip install 'photogate[stream]'")
    try:
        return "pyav", _load("av", "PyAV", purpose, BOTH)
    except SourceError:
        try:
            return "opencv", load_cv2(purpose)
        except SourceError as error:
            raise SourceError(f"{purpose} needs OpenCV or PyAV, and neither can be imported: {BOTH}") from error


def _load(module: str, title: str, purpose: str, remedy: str) -> Any:
    try:
        return import_native(module)
    except ImportError as error:  # also what a missing library of the system ends in
        raise SourceError(f"{purpose} needs {title}, which cannot be imported ({error}): {remedy}") from error
