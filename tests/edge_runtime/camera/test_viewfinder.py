"""The viewfinder: when to shoot, what is drawn, which advice is given, and what a machine without windows shows."""

from __future__ import annotations

import io
import subprocess
import sys
import types
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime import PhotoScorer, Score
from edge_runtime.camera import Frame, FrameResult
from edge_runtime.camera.hint import ShutterHint
from edge_runtime.camera.overlay import COLORS, WORDS, Reading, draw_overlay, has_letters
from edge_runtime.camera.sources import Interruption
from edge_runtime.camera.viewfinder import Viewfinder, choose_advice, get_judged_quality, make_preview
from edge_runtime.camera.viewfinder_screens import TextScreen, WindowScreen, explain_no_window, format_reading
from edge_runtime.errors import ModelError, UsageError
from edge_runtime.gate.catalogue import LANGUAGES, load_catalogue
from edge_runtime.gate.policy import load_policy, parse_policy
from edge_runtime.result import Attributes, Reason, Verdict

GOOD, BAD = Attributes(90, 90, 90, 90, 90), Attributes(20, 90, 40, 90, 90)


@pytest.fixture(scope="module")
def template(scorer: PhotoScorer) -> Score:
    return scorer.score(np.zeros((64, 64, 3), np.uint8))


@dataclass
class ListScreen:
    """Keeps what it is shown."""

    has_pictures: bool = True
    shown: list[tuple[str, Reading, NDArray[np.uint8] | None]] = field(default_factory=list)

    def show(self, name: str, reading: Reading, picture: NDArray[np.uint8] | None) -> None:
        self.shown.append((name, reading, picture))

    def wait(self, seconds: float) -> bool:
        return False

    def close(self) -> None:
        self.shown.clear()


# -- the hint --------------------------------------------------------------------------------------------------------


def feed(hint: ShutterHint, qualities: list[float | None], start_ms: int = 0, step_ms: int = 100) -> list[bool]:
    return [hint.update(start_ms + step_ms * number, quality) for number, quality in enumerate(qualities)]


def test_hint_comes_after_a_steady_second() -> None:
    hint = ShutterHint(60)
    answers = feed(hint, [70.0] * 15)
    assert answers.index(True) == 8  # four fifths of the second
    assert all(answers[8:])
    assert hint.spread == 0


@pytest.mark.parametrize(
    "qualities",
    [
        [59.0] * 30,  # steady, but not good
        [70.0, 76.0] * 15,  # good, but not steady
        [40.0 + number for number in range(40)],  # rising: 10 points a second
        [70.0, None] * 15,  # every other frame fails
    ],
)
def test_hint_does_not_come(qualities: list[float | None]) -> None:
    assert not any(feed(ShutterHint(60), qualities))


def test_hint_needs_more_than_one_reading_a_second() -> None:
    assert not any(feed(ShutterHint(60), [70.0] * 10, step_ms=1000))
    assert any(feed(ShutterHint(60), [70.0] * 10, step_ms=900))


def test_hint_does_not_flicker_at_its_limits() -> None:
    hint = ShutterHint(60, most_spread=5)
    feed(hint, [61.0] * 10)
    assert hint.is_ready
    assert all(feed(hint, [59.0, 61.0] * 10, start_ms=1000))  # within 2 points below
    assert all(feed(hint, [60.0, 66.0] * 10, start_ms=3000))  # within one and a half times the spread
    assert not feed(hint, [57.0], start_ms=5000)[0]
    assert not any(feed(hint, [59.0, 61.0] * 10, start_ms=5100))


def test_hint_starts_anew_after_a_pause_or_without_a_score() -> None:
    hint = ShutterHint(60)
    feed(hint, [70.0] * 10)
    assert not hint.update(3000, 70.0)
    feed(hint, [70.0] * 10, start_ms=4000)
    assert hint.is_ready
    assert not hint.update(5000, None)
    assert hint.spread is None


@pytest.mark.parametrize("settings", [(101,), (-1,), (60, -1), (60, 5, 0), (float("nan"),)])
def test_hint_refuses_numbers_out_of_range(settings: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="not possible"):
        ShutterHint(*settings)  # type: ignore[arg-type]


# -- what is drawn ---------------------------------------------------------------------------------------------------


def count_color(picture: NDArray[np.uint8], color: tuple[int, int, int]) -> int:
    return int((picture == np.array(color, np.uint8)).all(axis=-1).sum())


def test_bar_is_as_long_as_the_score_and_has_the_verdicts_color() -> None:
    picture = np.full((480, 640, 3), 128, np.uint8)
    before = picture.copy()
    lengths = {}
    for quality in (20.0, 40.0, 80.0):
        drawn = draw_overlay(picture, Reading(quality, "review", "Hold still."))
        lengths[quality] = count_color(drawn, COLORS["review"])
    assert lengths[40.0] == pytest.approx(2 * lengths[20.0], rel=0.05)
    assert lengths[80.0] == pytest.approx(4 * lengths[20.0], rel=0.05)
    assert np.array_equal(picture, before)
    assert count_color(draw_overlay(picture, Reading(80.0, "reject")), COLORS["reject"]) > 0
    assert count_color(draw_overlay(picture, Reading()), COLORS["accept"]) == 0


def test_frame_all_around_says_shoot() -> None:
    picture = np.full((480, 640, 3), 128, np.uint8)
    waiting = draw_overlay(picture, Reading(80.0, "accept"))
    ready = draw_overlay(picture, Reading(80.0, "accept", is_ready=True))
    for corner in ((0, 0), (0, -1), (240, 0), (-1, -1)):
        assert tuple(ready[corner]) == COLORS["accept"]
    assert tuple(waiting[0, 0]) == (128, 128, 128)
    assert np.array_equal(waiting[:240, 20:-20], picture[:240, 20:-20])


def test_words_stay_within_the_band_however_many_they_are() -> None:
    picture = np.full((480, 640, 3), 128, np.uint8)
    short = draw_overlay(picture, Reading(50.0, "review", "Hold still."))
    long = draw_overlay(picture, Reading(50.0, "review", "Hold the camera still. " * 50))
    endless = draw_overlay(picture, Reading(50.0, "review", "A" * 1000))
    for drawn in (short, long, endless):
        assert np.array_equal(drawn[:360], picture[:360])
        assert np.array_equal(drawn[:, :5] < 60, short[:, :5] < 60)  # the band is of one height
    assert not np.array_equal(short, long)


@pytest.mark.parametrize("size", [(16, 16), (16, 300), (300, 16), (48, 64), (720, 1280)])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_size_and_language_can_be_drawn(size: tuple[int, int], language: str) -> None:
    picture = np.zeros((*size, 3), np.uint8)
    advice = load_catalogue(language).say("bad_exposure.advice")
    drawn = draw_overlay(picture, Reading(50.0, "review", advice), language)
    assert drawn.shape == picture.shape
    assert drawn.dtype == np.uint8
    assert drawn.any()


def test_languages_have_the_same_words() -> None:
    assert set(WORDS) == set(LANGUAGES)
    assert {tuple(words) for words in WORDS.values()} == {tuple(WORDS["en"])}
    assert has_letters("en")


def test_reading_in_words() -> None:
    assert Reading().describe() == "Waiting for a picture"
    assert Reading(50.0, "review", "Hold still.").describe() == "Hold still."
    assert Reading(80.0, "accept", "More light.", is_ready=True).describe() == "Steady: shoot now"
    assert Reading(80.0, "accept").describe() == "Good. Hold still."
    assert Reading(80.0, "accept", note="no signal").describe() == "no signal"


# -- the viewfinder --------------------------------------------------------------------------------------------------


def test_advice_is_that_of_the_attribute_furthest_below_its_limit() -> None:
    def because(name: str, value: float, limit: float) -> Reason:
        return Reason(name, name, value, limit, "message", f"mend {name}")

    reasons = (because("noise", 40, 45), because("exposure", 10, 45), because("color", 30, 45))
    assert choose_advice(Verdict("review", reasons, "p")) == "mend exposure"
    assert choose_advice(Verdict("accept", (), "p")) is None


def test_quality_is_the_one_that_the_policy_looks_at(template: Score) -> None:
    text = '[quality]\naccept_from = 60\nreject_below = 40\njudged_by = "weighted"\n[weights]\nsharpness = 1\n'
    score = replace(template, quality=80.0, attributes=replace(GOOD, sharpness=33.0))
    assert get_judged_quality(score, parse_policy(text, "own")) == 33
    assert get_judged_quality(score, load_policy()) == 80


@pytest.mark.parametrize("language", LANGUAGES)
def test_newest_reading_is_shown_with_its_picture(template: Score, language: str) -> None:
    screen = ListScreen()
    viewfinder = Viewfinder(screen, load_policy(), language)
    viewfinder.note_frame("door", Frame(np.full((720, 1280, 3), 128, np.uint8), 0))
    viewfinder.refresh(0)
    viewfinder.note("door", FrameResult(0, replace(template, quality=50.0, attributes=BAD)))
    viewfinder.note("shelf", FrameResult(0, replace(template, quality=70.0, attributes=GOOD)))
    viewfinder.refresh(0)
    viewfinder.refresh(0)  # nothing new
    (_, first, _), (_, second, picture), (name, third, none) = screen.shown
    assert first.quality is None
    assert second == Reading(50.0, "review", load_catalogue(language).say("blurred.advice"))
    assert picture is not None
    assert picture.shape == (540, 960, 3)
    assert (name, third, none) == ("shelf", Reading(70.0, "accept"), None)


def test_steady_good_scores_give_the_hint_and_a_lost_signal_takes_it(template: Score) -> None:
    screen = ListScreen(has_pictures=False)
    viewfinder = Viewfinder(screen, load_policy())
    good = replace(template, quality=75.0, attributes=GOOD)
    for timestamp_ms in range(0, 1500, 100):
        viewfinder.note("0", FrameResult(timestamp_ms, good, is_unchanged=timestamp_ms > 0))
    viewfinder.refresh(0)
    assert screen.shown[-1][1] == Reading(75.0, "accept", is_ready=True)
    viewfinder.note("0", Interruption(1600, "camera 0: unplugged", 1, 500))
    viewfinder.refresh(0)
    assert screen.shown[-1][1].note == "camera 0: unplugged"
    viewfinder.note("0", FrameResult(1700, good))
    viewfinder.note("0", FrameResult(1800, None, error=ModelError("broken")))
    viewfinder.refresh(0)
    assert screen.shown[-1][1] == Reading(note="broken")
    viewfinder.note("0", FrameResult(1900, good))
    viewfinder.note_end("0", "it is over")
    viewfinder.refresh(0)
    assert screen.shown[-1][1] == Reading(75.0, "accept", note="it is over")


def test_rejected_photo_is_none_to_shoot_however_steady(template: Score) -> None:
    text = "[quality]\naccept_from = 60\nreject_below = 40\n[attributes.sharpness]\nreject_below = 50\n"
    screen = ListScreen(has_pictures=False)
    viewfinder = Viewfinder(screen, parse_policy(text, "own"))
    for timestamp_ms in range(0, 1500, 100):
        viewfinder.note("0", FrameResult(timestamp_ms, replace(template, quality=75.0, attributes=BAD)))
    viewfinder.refresh(0)
    assert not screen.shown[-1][1].is_ready


def test_preview_is_upright_and_never_larger() -> None:
    assert make_preview(Frame(np.zeros((720, 1280, 3), np.uint8), 0, rotation=90)).shape == (720, 405, 3)
    assert make_preview(Frame(np.zeros((48, 64, 3), np.uint8), 0)).shape == (48, 64, 3)
    assert make_preview(Frame(np.zeros((3240, 3840), np.uint8), 0, "nv12")).shape == (540, 960, 3)


# -- screens ---------------------------------------------------------------------------------------------------------


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
