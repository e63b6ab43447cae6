"""Interleaved timing on clocks that the tests wind up, and the arithmetic on its results."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks.latency import (
    LatencySummary,
    Measure,
    TurnPlan,
    build_measure,
    build_running_clock,
    compute_profile,
    compute_ratio,
    compute_summary,
    interleave,
    interleave_rounds,
)


def test_percentiles_interpolate_between_samples() -> None:
    summary = compute_summary([float(value) for value in range(101, 0, -1)])
    assert (summary.p50_ms, summary.p95_ms, summary.min_ms, summary.calls) == (51.0, 96.0, 1.0, 101)
    # Between the 19th and 20th of 20 samples: position 0.95 * 19 = 18.05.
    assert compute_summary([float(value) for value in range(1, 21)]).p95_ms == pytest.approx(19.05)


def test_no_samples_are_an_error() -> None:
    with pytest.raises(ValueError, match="no latency samples"):
        compute_summary([])


def test_a_model_is_noisy_only_beyond_twice_the_median() -> None:
    assert not LatencySummary(p50_ms=2.0, p95_ms=4.0, min_ms=1.0, calls=9).is_noisy
    assert LatencySummary(p50_ms=2.0, p95_ms=4.1, min_ms=1.0, calls=9).is_noisy


def test_the_ratio_is_of_medians_and_outliers_do_not_move_it() -> None:
    int8 = compute_summary([0.9, 1.0, 1.1, 50.0, 1.0])
    float32 = compute_summary([2.0, 2.0, 2.0, 2.0, 90.0])
    assert compute_ratio(int8, float32) == 0.5
    assert compute_ratio(float32, int8) == 2.0


def test_a_measure_reads_the_clock_around_the_call() -> None:
    moments = iter([1_000_000, 3_500_000])
    called: list[str] = []
    measure = build_measure(lambda: called.append("call"), clock_ns=lambda: next(moments))
    assert measure() == 2.5
    assert called == ["call"]


def _build_fakes(latencies_ms: dict[str, float]) -> tuple[dict[str, Measure], list[str]]:
    """Measures of constant latency, and the log of who was called."""
    log: list[str] = []

    def build(name: str) -> Measure:
        def measure() -> float:
            log.append(name)
            return latencies_ms[name]

        return measure

    return {name: build(name) for name in latencies_ms}, log


def test_turns_go_round_and_back() -> None:
    measures, log = _build_fakes({"a": 1.0, "b": 1.0, "c": 1.0})
    plan = TurnPlan(rounds=3, turn_ms=1.0)
    samples = interleave(measures, plan, warmup_calls=2)
    assert log[:6] == ["a", "a", "b", "b", "c", "c"]  # warm-up
    assert log[6:] == ["a", "b", "c", "c", "b", "a", "a", "b", "c"]
    assert samples == {"a": [1.0] * 3, "b": [1.0] * 3, "c": [1.0] * 3}


def test_a_fast_model_calls_several_times_a_turn_and_the_first_does_not_count() -> None:
    measures, log = _build_fakes({"fast": 2.0, "slow": 100.0})
    samples = interleave(measures, TurnPlan(rounds=4, turn_ms=10.0, max_calls_per_turn=10), warmup_calls=2)
    assert len(samples["fast"]) == 4 * 5
    assert len(samples["slow"]) == 4
    turns = log[4:]
    assert turns.count("fast") == 4 * (5 + 1)
    assert turns.count("slow") == 4  # one call fills its turn: nothing to warm within it


def test_calls_a_turn_are_limited() -> None:
    measures, _ = _build_fakes({"fast": 0.001})
    assert len(interleave(measures, TurnPlan(rounds=2, max_calls_per_turn=3), warmup_calls=2)["fast"]) == 6


def test_a_slow_model_leaves_when_its_time_is_used_up_but_not_before_the_least_rounds() -> None:
    measures, _ = _build_fakes({"fast": 1.0, "slow": 1000.0})
    plan = TurnPlan(rounds=20, turn_ms=1.0, budget_s=5.0, min_rounds=3)
    samples = interleave(measures, plan, warmup_calls=2)
    assert len(samples["slow"]) == 6  # over 5 s after the sixth
    assert len(samples["fast"]) == 20
    patient = interleave(measures, TurnPlan(rounds=20, turn_ms=1.0, budget_s=0.5, min_rounds=9), warmup_calls=2)
    assert len(patient["slow"]) == 9


def test_a_disturbance_hits_all_models_alike() -> None:
    """The machine slows to a third halfway: the ratio stays, where timing one after the other would give 6."""
    calls = 0

    def build(latency_ms: float) -> Measure:
        def measure() -> float:
            nonlocal calls
            calls += 1
            return latency_ms * (3.0 if calls > 44 else 1.0)

        return measure

    samples = interleave({"a": build(10.0), "b": build(20.0)}, TurnPlan(rounds=40, turn_ms=1.0), warmup_calls=2)
    assert compute_ratio(compute_summary(samples["b"]), compute_summary(samples["a"])) == pytest.approx(2.0)


def test_rounds_are_kept_apart_and_end_where_a_model_leaves() -> None:
    measures, _ = _build_fakes({"fast": 2.0, "slow": 1000.0})
    plan = TurnPlan(rounds=6, turn_ms=10.0, budget_s=2.5, min_rounds=2)
    rounds = interleave_rounds(measures, plan, warmup_calls=2)
    assert rounds == {"fast": [[2.0] * 5] * 6, "slow": [[1000.0]] * 3}


def test_a_profile_has_the_tail() -> None:
    profile = compute_profile([float(value) for value in range(101)])
    assert (profile.p50_ms, profile.p90_ms, profile.p95_ms, profile.p99_ms) == (50.0, 90.0, 95.0, 99.0)
    assert (profile.min_ms, profile.calls) == (0.0, 101)


def test_the_running_clock_leaves_out_what_was_waited_for_a_processor(tmp_path: Path) -> None:
    schedstat = tmp_path / "schedstat"
    schedstat.write_text("500 0 7\n", encoding="ascii")
    clock = build_running_clock(schedstat)
    start = clock()
    schedstat.write_text("900 5000000000 8\n", encoding="ascii")
    assert -5.1e9 < clock() - start < -4e9
    assert build_running_clock(tmp_path / "absent") is time.perf_counter_ns
    (tmp_path / "empty").touch()
    assert build_running_clock(tmp_path / "empty") is time.perf_counter_ns


def test_the_running_clock_never_runs_backwards_when_it_is_interrupted_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The processor is taken away for 50 ns between reading the time and reading what was waited for."""
    schedstat = tmp_path / "schedstat"
    schedstat.write_text("0 0 0\n", encoding="ascii")
    wall_ns, interruptions = 1000, [0, 50, 0, 0]

    def read_wall() -> int:
        nonlocal wall_ns
        wall_ns += 10
        read, lost = wall_ns, interruptions.pop(0)
        wall_ns += lost
        if lost:
            schedstat.write_text(f"0 {lost} 1\n", encoding="ascii")
        return read

    monkeypatch.setattr("benchmarks.latency.time.perf_counter_ns", read_wall)
    clock = build_running_clock(schedstat)
    start = clock()
    assert clock() - start == 20, "two readings of the time, and nothing of the 50 ns"


def test_the_running_clock_goes_on_while_a_call_sleeps() -> None:
    assert build_measure(lambda: time.sleep(0.02), build_running_clock())() >= 20.0
