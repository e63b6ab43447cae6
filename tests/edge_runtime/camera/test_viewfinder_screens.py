"""The screens of the viewfinder: lines on a terminal or in a log, windows, and what a machine without them says."""

from __future__ import annotations

import io
import subprocess
import sys
import types
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.camera.overlay import Reading
from edge_runtime.camera.viewfinder_screens import TextScreen, WindowScreen, explain_no_window, format_reading


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_line_is_written_over_on_a_terminal() -> None:
    stream = Terminal()
    screen = TextScreen(stream)
    screen.show("door", Reading(50.0, "review", "Hold\x1b still."), None)
    screen.show("door", Reading(60.0, "review", "Hold still."), None)
    screen.close()
    first, second = stream.getvalue().split("\r")[1:]
    assert first.startswith("door [##########..........]  50 review  Hold? still.")
    assert second.startswith("door [############........]  60")
    assert second.endswith("\n")


def test_log_gets_a_line_a_second() -> None:
    stream = io.StringIO()
    screen = TextScreen(stream)
    for number in range(50):
        screen.show("door", Reading(float(number), "reject"), None)
    screen.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert "\r" not in stream.getvalue()
    assert " 49 reject" in lines[-1]


def test_reading_as_text() -> None:
    assert format_reading(Reading()) == "[....................]  Waiting for a picture"
    assert format_reading(Reading(100.0, "accept"), "zh").startswith("[####################] 100 通过  画面良好")


def test_machine_without_a_display_has_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert explain_no_window() == "this machine has no display"
    monkeypatch.setenv("DISPLAY", ":77")
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert "photogate[camera]" in str(explain_no_window())
    headless = types.SimpleNamespace(getBuildInformation=lambda: "  GUI:                           NONE\n")
    monkeypatch.setitem(sys.modules, "cv2", headless)
    assert "no windows" in str(explain_no_window())


def test_display_that_ends_the_process_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":77")
    windowed = types.SimpleNamespace(getBuildInformation=lambda: "  GUI:                           QT5\n")
    monkeypatch.setitem(sys.modules, "cv2", windowed)

    def answer(returncode: int) -> Any:
        return lambda *arguments, **settings: subprocess.CompletedProcess([], returncode)

    monkeypatch.setattr(subprocess, "run", answer(-6))  # as Qt's abort()
    assert explain_no_window() == "the display cannot be used"
    monkeypatch.setattr(subprocess, "run", answer(0))
    assert explain_no_window() is None

    def hang(*arguments: Any, **settings: Any) -> Any:
        raise subprocess.TimeoutExpired("cv2", 20)

    monkeypatch.setattr(subprocess, "run", hang)
    assert explain_no_window() == "the display does not answer"


class FakeCv2(types.SimpleNamespace):
    """OpenCV's windows, as far as they are used."""

    WND_PROP_VISIBLE, WINDOW_AUTOSIZE, WINDOW_GUI_NORMAL = 4, 1, 16

    def __init__(self) -> None:
        super().__init__(pictures={}, windows=[], key=-1, is_visible=1.0, is_destroyed=False, error=ValueError)

    def namedWindow(self, name: str, flags: int) -> None:  # noqa: N802
        self.windows.append((name, flags))

    def imshow(self, name: str, picture: NDArray[np.uint8]) -> None:
        self.pictures[name] = np.array(picture)

    def waitKey(self, delay_ms: int) -> int:  # noqa: N802
        assert delay_ms >= 1  # 0 would wait for ever
        return int(self.key)

    def getWindowProperty(self, name: str, prop: int) -> float:  # noqa: N802
        if self.is_visible is None:
            raise self.error("NULL guiReceiver")
        return float(self.is_visible)

    def destroyAllWindows(self) -> None:  # noqa: N802
        self.is_destroyed = True


@pytest.mark.parametrize("invisible", [0.0, None])  # None: what Qt's windows answer once all are closed
def test_window_shows_pictures_and_ends_by_key_or_by_being_closed(
    monkeypatch: pytest.MonkeyPatch, invisible: float | None
) -> None:
    cv2 = FakeCv2()
    monkeypatch.setitem(sys.modules, "cv2", cv2)
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[..., 0] = 200
    screen = WindowScreen()
    assert not screen.wait(0)
    screen.show("door", Reading(), None)
    screen.show("door", Reading(), picture)
    assert tuple(cv2.pictures["door"][0, 0]) == (0, 0, 200)  # BGR
    screen.show("door", Reading(), picture)
    assert cv2.windows == [("door", 17)]
    assert not screen.wait(0.001)
    for key in (ord("q"), 27):
        cv2.key = key
        assert screen.wait(0)
    cv2.key, cv2.is_visible = -1, invisible
    assert screen.wait(0)
    cv2.pictures.clear()
    screen.show("door", Reading(), picture)  # closed by its user: it does not come back
    assert not cv2.pictures
    assert screen.wait(0)
    screen.close()
    assert cv2.is_destroyed
