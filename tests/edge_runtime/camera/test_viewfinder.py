"""The viewfinder: when it says to shoot, which advice it gives, and which reading it shows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime import PhotoScorer, Score
from edge_runtime.camera import Frame, FrameResult
from edge_runtime.camera.hint import ShutterHint
from edge_runtime.camera.overlay import Reading
from edge_runtime.camera.sources import Interruption
from edge_runtime.camera.viewfinder import Viewfinder, choose_advice, make_preview
from edge_runtime.errors import ModelError, UsageError
from edge_runtime.gate.catalogue import LANGUAGES, load_catalogue
from edge_runtime.gate.policy import get_judged_quality, load_policy, parse_policy
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


# -- the hint ----------------------------------------------------------------------------------------------------------


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


# -- the viewfinder ----------------------------------------------------------------------------------------------------


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
