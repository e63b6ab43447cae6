"""An event opens after its minimum duration beyond one limit, and closes beyond the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.camera.monitor.hysteresis import Hysteresis
from edge_runtime.camera.monitor.kinds import RULES
from edge_runtime.camera.monitor.smoothing import Smoother

RULE = replace(RULES["blurred"], open_limit=0.5, close_limit=0.7, min_duration_s=3, close_after_s=2)


def feed(state: Hysteresis, values: list[float | None], start_s: int = 0) -> list[tuple[int, str]]:
    """One value a second; returns what changes, and when."""
    changes: list[tuple[int, str]] = []
    for second, value in enumerate(values, start_s):
        change = state.update(value, 1000 * second)
        if change is not None:
            changes.append((second, change))
        if change == "closed":
            state.end()
    return changes


def test_opens_after_the_minimum_duration_and_closes_after_its_own() -> None:
    state = Hysteresis(RULE)
    assert feed(state, [1, 0.4, 0.4, 0.4, 0.4, 0.4, 0.9, 0.9, 0.9, 0.9]) == [(4, "opened"), (8, "closed")]
    assert state.started_ms is None


def test_tells_when_it_began() -> None:
    state = Hysteresis(RULE)
    feed(state, [1, 0.4, 0.4, 0.4, 0.4])
    assert state.is_open
    assert state.started_ms == 1000


def test_what_passes_sooner_opens_nothing_however_often() -> None:
    state = Hysteresis(RULE)
    assert feed(state, [1, 0.2, 0.2, 0.2] * 50) == []
    assert state.is_pending


def test_between_the_limits_nothing_changes() -> None:
    state = Hysteresis(RULE)
    assert feed(state, [1, *[0.6] * 20]) == []
    feed(state, [0.4] * 4, 30)
    assert state.is_open
    assert feed(state, [0.6] * 20, 40) == []
    assert state.is_open


def test_unknown_values_count_for_neither_side() -> None:
    state = Hysteresis(RULE)
    assert feed(state, [0.4, 0.4, *[None] * 20, 0.4, 0.4, 0.4]) == [(24, "opened")]


def test_of_kinds_where_much_is_bad_the_sides_are_swapped() -> None:
    state = Hysteresis(replace(RULE, open_limit=0.5, close_limit=0.3, is_below=False))
    assert feed(state, [0.1, 0.6, 0.6, 0.6, 0.6, 0.2, 0.2, 0.2]) == [(4, "opened"), (7, "closed")]


@pytest.mark.parametrize(("is_below", "kinds"), [(True, {"dark", "blurred", "frozen"})])
def test_the_usual_limits_leave_a_band_between_them(is_below: bool, kinds: set[str]) -> None:
    assert {kind for kind, rule in RULES.items() if rule.is_below is is_below} == kinds
    for rule in RULES.values():
        assert (rule.close_limit > rule.open_limit) is rule.is_below
        assert rule.low <= min(rule.open_limit, rule.close_limit) <= max(rule.open_limit, rule.close_limit) <= rule.high


def test_an_open_event_goes_on_after_a_restart() -> None:
    state = Hysteresis(RULE)
    feed(state, [0.4] * 5)
    state.event_id = "abc"
    kept = state.to_dict(9000)
    assert kept is not None
    again = Hysteresis(RULE)
    again.restore(kept, 100_000)
    assert again.event_id == "abc"
    assert again.started_ms == 100_000 - 9000
    assert feed(again, [0.9] * 3, 100) == [(102, "closed")]


def test_the_median_passes_over_what_is_short() -> None:
    smoother = Smoother(window_s=2)
    values = [smoother.add(value, 500 * n) for n, value in enumerate([1, 1, 1, 1, 9, 9, 1, 1, 1])]
    assert values == [1] * 9
    assert smoother.add(None, 5000) is None


def test_the_exponential_mean_follows_with_its_time_constant() -> None:
    smoother = Smoother(window_s=0, ema_s=4)
    smoother.add(0.0, 0)
    values = [smoother.add(1.0, 1000 * second) for second in range(1, 5)]
    assert values[-1] == pytest.approx(1 - np.exp(-1))
    smoother.clear()
    assert smoother.add(5.0, 9000) == 5


def test_times_of_any_size_keep_the_newest_value() -> None:
    smoother = Smoother(window_s=0.5)
    assert smoother.add(50.0, 10**30) == 50.0
    assert smoother.add(70.0, 10**30 + 501) == 70.0
