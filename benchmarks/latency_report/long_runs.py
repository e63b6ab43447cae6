"""One model alone for a while: as MLPerf's single stream counts it, and until it is as warm as it gets."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from typing import Any

from benchmarks.energy import EnergyMeter
from benchmarks.latency import Measure, compute_profile

__all__ = ["measure_single_stream", "measure_sustained"]

WARMUP_CALLS = 10


def measure_single_stream(
    measure: Measure,
    *,
    min_queries: int = 1024,
    min_seconds: float = 60.0,
    now_s: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Query after query, each sent when the last is answered, as MLPerf Mobile's single stream does.

    Args:
        measure: one timed query.
        min_queries, min_seconds: it ends when both are reached; MLPerf asks for 1,024 and 60 (Reddi et al. 2020,
            "MLPerf Mobile Inference Benchmark", section 4).
        now_s: a clock in seconds.

    Returns:
        ``queries``, ``seconds``, ``score_ms`` (the 90th percentile) and ``latency``, a profile's fields.
    """
    for _ in range(WARMUP_CALLS):
        measure()
    latencies_ms = array("d")
    start = now_s()
    while len(latencies_ms) < min_queries or now_s() - start < min_seconds:
        latencies_ms.append(measure())
    profile = compute_profile(latencies_ms)
    return {
        "queries": len(latencies_ms),
        "seconds": now_s() - start,
        "score_ms": profile.p90_ms,
        "latency": vars(profile),
    }


def measure_sustained(
    measure: Measure,
    *,
    seconds: float = 1800.0,
    window_s: float = 60.0,
    meter: EnergyMeter | str,
    now_s: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Calls without a pause, and how the median moves from window to window.

    Args:
        measure: one timed call.
        seconds: of the run.
        window_s: of a window; the last one may be cut short, and does not count if it is below half of that.
        meter: of the energy, or why there is none.
        now_s: a clock in seconds.

    Returns:
        ``windows`` (``end_s``, ``calls``, ``p50_ms``, ``p99_ms``), ``calls``, ``last_over_first`` (of the windows'
        medians: above 1, it throttled or was disturbed), ``slowest_over_fastest``, ``energy_source``,
        ``energy_mj_per_call`` (None where it cannot be read).
    """
    for _ in range(WARMUP_CALLS):
        measure()
    windows: list[dict[str, Any]] = []
    calls = 0
    start = now_s()
    while (begun := now_s() - start) < seconds:
        latencies_ms = array("d")
        end = min(begun + window_s, seconds)
        while not latencies_ms or now_s() - start < end:  # a window shorter than a call holds one all the same
            latencies_ms.append(measure())
        calls += len(latencies_ms)
        if isinstance(meter, EnergyMeter):
            meter.read()
        if end - begun >= window_s / 2 or not windows:
            profile = compute_profile(latencies_ms)
            windows.append({"end_s": end, "calls": profile.calls, "p50_ms": profile.p50_ms, "p99_ms": profile.p99_ms})
    medians = [window["p50_ms"] for window in windows]
    return {
        "windows": windows,
        "calls": calls,
        "last_over_first": medians[-1] / medians[0],
        "slowest_over_fastest": max(medians) / min(medians),
        "energy_source": meter.source if isinstance(meter, EnergyMeter) else meter,
        "energy_mj_per_call": 1e3 * meter.used_j / calls if isinstance(meter, EnergyMeter) else None,
    }
