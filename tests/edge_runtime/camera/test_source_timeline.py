"""Timestamps grow strictly whatever clocks and streams do; rates are limited evenly; waits grow up to a limit."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from edge_runtime.camera.sources.backoff import Backoff
from edge_runtime.camera.sources.timeline import RateLimit, Timeline


def test_positions_start_at_zero_and_keep_their_distances() -> None:
    timeline = Timeline()
    assert [timeline.place(position) for position in (1400.0, 1440.0, 1480.0, 2480.0)] == [0, 40, 80, 1080]


def test_positions_that_jump_back_go_on_from_where_they_were() -> None:
    timeline = Timeline()
    positions = [0.0, 20.0, 40.0, 0.0, 20.0, 40.0, 40.0, 60.0]
    assert [timeline.place(position) for position in positions] == [0, 20, 40, 60, 80, 100, 120, 140]


def test_frames_without_position_follow_at_the_step() -> None:
    timeline = Timeline(step_ms=100)
    assert [timeline.place(position) for position in (None, None, None)] == [0, 100, 200]


def test_clock_that_goes_backwards() -> None:
    times = iter([100.0, 100.5, 99.0, 99.2, 100.5, 101.0])
    timeline = Timeline(clock=lambda: next(times))
    assert [timeline.now() for _ in range(5)] == [500, 501, 502, 503, 1000]


def test_any_positions_grow_strictly() -> None:
    randomness = random.Random(3)
    timeline = Timeline()
    stamps = [timeline.place(randomness.choice([None, randomness.uniform(-1e4, 1e4)])) for _ in range(2_000)]
    assert all(later > earlier for earlier, later in pairwise(stamps))


@pytest.mark.parametrize(("max_fps", "taken"), [(0, 300), (30, 300), (60, 300), (10, 100), (7.5, 75), (1, 10)])
def test_rate_is_limited_evenly_and_jitter_costs_nothing(max_fps: float, taken: int) -> None:
    randomness = random.Random(1)
    limit = RateLimit(max_fps)
    stamps = [round(index * 1000 / 30 + randomness.uniform(-4, 4)) for index in range(300)]
    admitted = [stamp for stamp in stamps if limit.admits(stamp)]
    assert len(admitted) == pytest.approx(taken, abs=1)
    if 0 < max_fps < 30:
        gaps = [later - earlier for earlier, later in pairwise(admitted)]
        assert max(gaps) < 1000 / max_fps + 45
        assert min(gaps) > 1000 / max_fps - 45


def test_a_pause_is_not_made_up_for() -> None:
    limit = RateLimit(10)
    assert limit.admits(0)
    assert limit.admits(10_000)
    assert not limit.admits(10_020)
    assert not limit.admits(10_040)
    assert limit.admits(10_100)


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(500, 30_000)
    assert [backoff.compute_wait_ms(n) for n in (1, 2, 3, 6, 7, 8, 10_000)] == [
        *(500, 1000, 2000, 16_000, 30_000, 30_000, 30_000)
    ]


def test_jitter_is_bounded_and_follows_its_seed() -> None:
    def compute_waits(seed: int) -> list[int]:
        backoff = Backoff(1000, 1000, jitter=0.2, seed=seed)
        return [backoff.compute_wait_ms(1) for _ in range(50)]

    waits = compute_waits(1)
    assert waits == compute_waits(1)
    assert waits != compute_waits(2)
    assert min(waits) >= 1000
    assert 1050 < max(waits) <= 1200
