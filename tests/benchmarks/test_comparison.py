"""Who is faster, on simulated machines whose noise and drift are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.comparison import Comparison, compare_rounds
from benchmarks.latency import Measure, TurnPlan, interleave_rounds


def simulate(
    latency_ms: dict[str, float], seed: int, noise: float, slowness: Callable[[float], float], rounds: int = 100
) -> Comparison:
    """Interleaves two models on a clock of its own, and compares "a" with "b".

    Args:
        latency_ms: of "a" and "b" on the undisturbed machine.
        seed: of the noise.
        noise: standard deviation of a call's log latency, and of a whole turn's; one turn in ten is disturbed by more.
        slowness: seconds since the beginning → how many times as slow the machine is.
    """
    generator = np.random.default_rng(seed)
    now_ms = 0.0
    last_name, turn_factor = "", 1.0

    def build(name: str) -> Measure:
        def measure() -> float:
            nonlocal now_ms, last_name, turn_factor
            if name != last_name:
                last_name = name
                turn_factor = float(np.exp(generator.normal(0.0, noise)))
                turn_factor *= 3.0 if generator.random() < 0.1 else 1.0
            taken_ms = latency_ms[name] * slowness(now_ms / 1e3) * turn_factor
            taken_ms *= float(np.exp(generator.normal(0.0, noise)))
            now_ms += taken_ms
            return taken_ms

        return measure

    found = interleave_rounds({name: build(name) for name in latency_ms}, TurnPlan(rounds=rounds, turn_ms=10.0))
    return compare_rounds(found["a"], found["b"])


def throttle(seconds: float) -> float:
    """Three times as slow after two thirds of a second, with a slow swing besides."""
    return (1.0 if seconds < 0.66 else 3.0) * (1.0 + 0.2 * np.sin(seconds * 5.0))


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.4])
def test_a_tie_under_noise_never_has_a_winner(noise: float) -> None:
    found = [simulate({"a": 2.0, "b": 2.0}, seed, noise, lambda _: 1.0) for seed in range(30)]
    assert {one.verdict for one in found} <= {"too noisy to tell", "equal"}
    assert "too noisy to tell" in {one.verdict for one in found}
    assert sum(one.low <= 1.0 <= one.high for one in found) >= 29


def test_a_tenth_is_found_under_a_drift_that_hits_both() -> None:
    found = [simulate({"a": 1.8, "b": 2.0}, seed, 0.03, throttle) for seed in range(20)]
    verdicts = [one.verdict for one in found]
    assert verdicts.count("faster") >= 18
    assert "slower" not in verdicts
    assert np.mean([one.ratio for one in found]) == pytest.approx(0.9, abs=0.01)
    turned = [simulate({"a": 2.0, "b": 1.8}, seed, 0.03, throttle).verdict for seed in range(20)]
    assert turned.count("slower") >= 18
    assert "faster" not in turned


def test_medians_of_all_calls_would_be_led_astray_by_that_drift() -> None:
    """One after the other instead of in turns, the tenth would be lost: what the rounds are for."""
    before, after = 2.0 * throttle(0.1), 1.8 * throttle(1.0)
    assert after > before


def test_an_effect_of_order_cancels_out() -> None:
    """Whoever comes second in a round is 30 % slower; the order turns around from round to round."""
    first, second = [2.0] * 3, [2.6] * 3
    a = [first if number % 2 == 0 else second for number in range(40)]
    b = [second if number % 2 == 0 else first for number in range(40)]
    found = compare_rounds(a, b)
    assert found.ratio == pytest.approx(1.0)
    assert found.verdict == "equal"


def test_disturbances_that_last_for_rounds_have_no_winner_either() -> None:
    """Neither model is faster; each is slowed for some rounds on end, whatever the other one does."""
    generator = np.random.default_rng(0)

    def wander() -> list[list[float]]:
        logs = generator.normal(0.0, 0.1, 60)
        for number in range(1, 60):
            logs[number] = 0.7 * logs[number - 1] + 0.7 * logs[number]
        return [[float(value)] for value in np.exp(logs)]

    found = [compare_rounds(wander(), wander()) for _ in range(40)]
    assert sum(one.verdict in ("faster", "slower") for one in found) <= 1


def test_few_rounds_tell_nothing() -> None:
    found = compare_rounds([[1.0]] * 19, [[2.0]] * 19)
    assert (found.ratio, found.low, found.high) == (0.5, 0.0, float("inf"))
    assert found.verdict == "too noisy to tell"
    assert compare_rounds([[1.0]] * 20, [[2.0]] * 20).verdict == "faster"


def test_rounds_that_one_left_early_are_left_out() -> None:
    assert compare_rounds([[1.0]] * 30 + [[90.0]] * 30, [[2.0]] * 30).ratio == 0.5
    with pytest.raises(ValueError, match="no round in common"):
        compare_rounds([], [[1.0]])


@pytest.mark.parametrize(
    ("comparison", "text"),
    [
        (Comparison(0.625, 0.588, 0.667, 40), "faster than float by 1.60x [1.50, 1.70]"),
        (Comparison(1.6, 1.5, 1.7, 40), "slower than float by 1.60x [1.50, 1.70]"),
        (Comparison(1.0, 0.99, 1.01, 40), "as fast as float: time over float's 1.00 [0.99, 1.01]"),
        (Comparison(0.9, 0.7, 1.1, 40), "too noisy to tell: time over float's 0.90 [0.70, 1.10]"),
        (Comparison(0.9, 0.0, float("inf"), 4), "too noisy to tell: time over float's 0.90, with no interval"),
        (Comparison(1.015, 1.011, 1.03, 40), "too noisy to tell: time over float's 1.01 [1.01, 1.03]"),
    ],
)
def test_verdicts_in_words(comparison: Comparison, text: str) -> None:
    assert comparison.describe("float") == text
