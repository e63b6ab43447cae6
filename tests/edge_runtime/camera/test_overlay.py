"""What the viewfinder draws into a picture: the bar, the frame that says to shoot, and words in both languages."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.camera.overlay import COLORS, WORDS, Reading, draw_overlay, has_letters
from edge_runtime.gate.catalogue import LANGUAGES, load_catalogue


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
