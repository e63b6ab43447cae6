"""The viewfinder's screens: a window of OpenCV's for each source, or one line of text that is written over and over."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import unicodedata
from importlib import import_module
from time import monotonic, sleep
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from edge_runtime.camera.overlay import WORDS, Reading
from edge_runtime.printable import blank_unprintable

__all__ = ["TextScreen", "WindowScreen", "explain_no_window"]

PROBE_TIMEOUT_S = 20.0
PROBE = "import cv2; cv2.namedWindow('photogate'); cv2.waitKey(1); cv2.destroyAllWindows()"
QUIT_KEYS = (ord("q"), ord("Q"), 27)
TERMINAL_INTERVAL_S = 0.1  # between two writings of the line
PLAIN_INTERVAL_S = 1.0  # between two lines of a log
BAR_LETTERS = 20


def explain_no_window() -> str | None:
    """Why no window can be opened here; None if one can.

    OpenCV's Qt windows end the whole process where the display does not answer, so a process of its own tries first.
    """
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "this machine has no display"
    try:
        cv2 = import_module("cv2")
    except ImportError:
        return "OpenCV is not installed; pip install 'photogate[camera]'"
    gui = [line for line in cv2.getBuildInformation().splitlines() if line.strip().startswith("GUI:")]
    if any(line.split()[-1] == "NONE" for line in gui):
        return "this OpenCV has no windows; pip uninstall opencv-python-headless, then pip install 'photogate[camera]'"
    try:
        done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, timeout=PROBE_TIMEOUT_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return "the display does not answer"
    return "the display cannot be used" if done.returncode else None


class WindowScreen:
    """A window for each source; q, Escape or closing the last one asks for the end."""

    has_pictures = True

    def __init__(self) -> None:
        """Opens nothing yet; :func:`explain_no_window` has found no objection."""
        self._cv2: Any = import_module("cv2")
        self._windows: set[str] = set()
        self._closed: set[str] = set()

    def show(self, name: str, reading: Reading, picture: NDArray[np.uint8] | None) -> None:
        """See Screen."""
        if picture is None or name in self._closed:
            return
        if name not in self._windows:
            self._windows.add(name)
            # Of the picture's size, and without the tools for looking at pictures that Qt's windows come with.
            self._cv2.namedWindow(name, self._cv2.WINDOW_AUTOSIZE | self._cv2.WINDOW_GUI_NORMAL)
        self._cv2.imshow(name, picture[..., ::-1])

    def wait(self, seconds: float) -> bool:
        """See Screen."""
        if not self._windows:
            sleep(seconds)  # without a window OpenCV does not wait
            return bool(self._closed)
        key = self._cv2.waitKey(max(1, round(1e3 * seconds)))
        for name in list(self._windows):
            if not self._is_visible(name):
                self._windows.remove(name)
                self._closed.add(name)
        return key & 0xFF in QUIT_KEYS or (bool(self._closed) and not self._windows)

    def close(self) -> None:
        """See Screen."""
        self._cv2.destroyAllWindows()

    def _is_visible(self, name: str) -> bool:
        try:
            return bool(self._cv2.getWindowProperty(name, self._cv2.WND_PROP_VISIBLE) >= 1)
        except self._cv2.error:  # Qt's windows, when the last of them was closed
            return False


class TextScreen:
    """One line, written over and over on a terminal; in a file or a log, a new line once a second."""

    has_pictures = False

    def __init__(self, stream: TextIO, language: str = "en") -> None:
        """Args: where to write, and "en" or "zh"."""
        self._stream = stream
        self._language = language
        self._is_terminal = stream.isatty()
        self._interval_s = TERMINAL_INTERVAL_S if self._is_terminal else PLAIN_INTERVAL_S
        self._lines: dict[str, str] = {}
        self._is_new = False
        self._written = -float("inf")

    def show(self, name: str, reading: Reading, picture: NDArray[np.uint8] | None) -> None:
        """See Screen."""
        self._lines[name] = f"{name} {format_reading(reading, self._language)}"
        self._is_new = True
        self._write()

    def wait(self, seconds: float) -> bool:
        """See Screen."""
        self._write()
        sleep(seconds)
        return False

    def close(self) -> None:
        """See Screen."""
        self._write(is_last=True)
        if self._is_terminal and self._lines:
            self._stream.write("\n")
            self._stream.flush()

    def _write(self, *, is_last: bool = False) -> None:
        now = monotonic()
        if not self._is_new or (now - self._written < self._interval_s and not is_last):
            return
        self._is_new, self._written = False, now
        text = " | ".join(self._lines[name] for name in sorted(self._lines))
        text = blank_unprintable(text)
        if self._is_terminal:
            text = f"\r{_cut(text, shutil.get_terminal_size().columns - 1)}\x1b[K"
        self._stream.write(text if self._is_terminal else f"{text}\n")
        self._stream.flush()


def format_reading(reading: Reading, language: str = "en") -> str:
    """ "[##############......] 70 accept  Good. Hold still." """
    words = reading.describe(language)
    if reading.quality is None:
        return f"[{'.' * BAR_LETTERS}]  {words}"
    filled = round(min(max(reading.quality, 0.0), 100.0) / 100 * BAR_LETTERS)
    bar = "#" * filled + "." * (BAR_LETTERS - filled)
    decision = "" if reading.decision is None else WORDS[language][reading.decision]
    return f"[{bar}] {reading.quality:3.0f} {decision}  {words}"


def _cut(text: str, columns: int) -> str:
    """As much of the text as fits; wide letters take two columns."""
    used = 0
    for index, letter in enumerate(text):
        used += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if used > columns:
            return text[:index]
    return text
