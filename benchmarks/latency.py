"""Latency of models, measured in interleaved turns so that a noisy machine treats all of them alike.

One after the other, a model that happens to be timed while another program works looks slow. Here every model gets a
short turn in every round; what disturbs one round disturbs all models in it, and the ratio of two medians stays fair.
Runs on the device too: needs the runtime and numpy only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.native_model import NativeModel, read_networks
from edge_runtime.timing_noise import is_noisy

__all__ = [
    "LatencyProfile",
    "LatencySummary",
    "Measure",
    "TurnPlan",
    "build_invoke_call",
    "build_measure",
    "build_network_calls",
    "build_running_clock",
    "compute_profile",
    "compute_ratio",
    "compute_summary",
    "interleave",
    "interleave_rounds",
    "join_turns",
    "read_waited_ns",
]

Measure = Callable[[], float]
"""Makes one call of a model and returns that call's latency in milliseconds."""


@dataclass(frozen=True)
class TurnPlan:
    """How the turns are dealt out.

    Attributes:
        rounds: turns a model gets at most.
        turn_ms: length aimed at for one turn; a fast model makes several calls in it.
        max_calls_per_turn: limit of those.
        budget_s: a model that has used this much time leaves the rounds early, after ``min_rounds`` at least.
        min_rounds: see ``budget_s``.
    """

    rounds: int = 40
    turn_ms: float = 30.0
    max_calls_per_turn: int = 10
    budget_s: float = 25.0
    min_rounds: int = 8


@dataclass(frozen=True)
class LatencySummary:
    """What a list of latencies comes to; all times in milliseconds."""

    p50_ms: float
    p95_ms: float
    min_ms: float
    calls: int

    @property
    def is_noisy(self) -> bool:
        """Whether the spread forbids trusting the median; see ``edge_runtime.timing_noise``."""
        return is_noisy(self.p50_ms, self.p95_ms)


@dataclass(frozen=True)
class LatencyProfile(LatencySummary):
    """With the tail that a user meets; percentiles as :func:`compute_summary` takes them."""

    p90_ms: float
    p99_ms: float


def compute_summary(samples_ms: Sequence[float]) -> LatencySummary:
    """Median, 95th percentile (linear interpolation between order statistics) and minimum.

    Raises:
        ValueError: no samples.
    """
    if not samples_ms:
        raise ValueError("no latency samples: nothing was measured")
    p50, p95 = np.percentile(np.asarray(samples_ms, dtype=np.float64), [50.0, 95.0])
    return LatencySummary(float(p50), float(p95), float(min(samples_ms)), len(samples_ms))


def compute_profile(samples_ms: Sequence[float]) -> LatencyProfile:
    """:func:`compute_summary` and the 90th and 99th percentile.

    Raises:
        ValueError: no samples.
    """
    summary = compute_summary(samples_ms)
    p90, p99 = np.percentile(np.asarray(samples_ms, dtype=np.float64), [90.0, 99.0])
    return LatencyProfile(**vars(summary), p90_ms=float(p90), p99_ms=float(p99))


def compute_ratio(numerator: LatencySummary, denominator: LatencySummary) -> float:
    """The ratio of the medians."""
    return numerator.p50_ms / denominator.p50_ms


def build_measure(call: Callable[[], Any], clock_ns: Callable[[], int] = time.perf_counter_ns) -> Measure:
    """Wraps ``call`` so that it returns its own duration in milliseconds."""

    def measure() -> float:
        start = clock_ns()
        call()
        return (clock_ns() - start) / 1e6

    return measure


def build_running_clock(schedstat: Path = Path("/proc/thread-self/schedstat")) -> Callable[[], int]:
    """A clock in nanoseconds that stands still while this thread waits for a processor that others are using.

    For :func:`build_measure` where a machine is shared: time slices of some milliseconds, dealt out in the rhythm of
    the turns, can make one model look several times as slow as another, round after round. What is waited for
    otherwise, a lock or a disk, counts. Work that a model leaves to other threads does not wait on this one's account:
    it is a clock for one thread.

    Args:
        schedstat: the kernel's account of this thread, its second number being the nanoseconds it has waited to run
            (Documentation/scheduler/sched-stats.rst). Where there is none, the clock is ``time.perf_counter_ns``.
    """
    try:
        descriptor = os.open(schedstat, os.O_RDONLY)  # stays with the thread that opens it, and until the process ends
        int(os.pread(descriptor, 100, 0).split()[1])
    except (OSError, ValueError, IndexError):
        return time.perf_counter_ns

    def read_waited() -> int:
        return int(os.pread(descriptor, 100, 0).split()[1])

    def read_running() -> int:
        before = read_waited()
        while True:
            now, after = time.perf_counter_ns(), read_waited()
            if before == after:
                return now - after
            before = after  # the thread lost its processor between the two readings: they are not of one moment

    return read_running


def read_waited_ns(tasks: Path = Path("/proc/self/task")) -> int | None:
    """How long the present threads of this process have waited for a processor so far, in all; None where unknown."""
    try:
        return sum(int((task / "schedstat").read_text(encoding="ascii").split()[1]) for task in tasks.iterdir())
    except (OSError, ValueError, IndexError):
        return None


def build_invoke_call(path: Path, num_threads: int) -> Callable[[], None]:
    """The bare ``invoke`` of the model at ``path``, its input filled once with noise.

    Of a model with two networks it is that of the one that looks at the whole of a photo.

    Raises:
        ModelError: the model cannot be loaded.
    """
    return _bind_invoke(NativeModel(path, num_threads))


def build_network_calls(path: Path, num_threads: int) -> list[Callable[[], None]]:
    """Like :func:`build_invoke_call`, of each network of the model, in the order of the looks that they take."""
    return [_bind_invoke(NativeModel(path, num_threads, flatbuffer)) for flatbuffer in read_networks(path)]


def _bind_invoke(model: NativeModel) -> Callable[[], None]:
    model.fill_input_with_noise()
    invoke: Callable[[], None] = model.invoke
    return invoke


def interleave(measures: Mapping[str, Measure], plan: TurnPlan, warmup_calls: int = 5) -> dict[str, list[float]]:
    """:func:`interleave_rounds` without the rounds: name → latencies in milliseconds, in the order they were taken."""
    rounds = interleave_rounds(measures, plan, warmup_calls)
    return {name: join_turns(turns) for name, turns in rounds.items()}


def join_turns(turns: Iterable[Sequence[float]]) -> list[float]:
    """The latencies of all turns, in the order they were taken."""
    return [latency for turn in turns for latency in turn]


def interleave_rounds(
    measures: Mapping[str, Measure],
    plan: TurnPlan,
    warmup_calls: int = 5,
    begin_round: Callable[[int], None] = lambda number: None,
) -> dict[str, list[list[float]]]:
    """Times all ``measures`` in round-robin turns after a warm-up.

    A turn's first call is not counted when the turn has several: it brings the model's weights back into the caches
    that the other models have filled. The order turns around from one round to the next, so that no model always
    follows the same neighbour's disturbance.

    Args:
        measures: name → one timed call.
        plan: turns, and when a slow model stops.
        warmup_calls: uncounted calls of each model first; a slow one makes fewer (its turn's length, at least 2).
        begin_round: gets the number of each round, from 0, before its first turn.

    Returns:
        name → a list for each round, of the turn's latencies in milliseconds; shorter where a model left early.
    """
    calls_per_turn: dict[str, int] = {}
    for name, measure in measures.items():
        first_ms = measure()
        warm_ms = measure()
        for _ in range(min(max(warmup_calls - 2, 0), int(plan.turn_ms * 10 / max(warm_ms, 1e-3)))):
            warm_ms = min(warm_ms, measure())
        fastest_ms = max(min(first_ms, warm_ms), 1e-3)
        calls_per_turn[name] = int(np.clip(plan.turn_ms / fastest_ms, 1, plan.max_calls_per_turn))
    turns: dict[str, list[list[float]]] = {name: [] for name in measures}
    used_ms = dict.fromkeys(measures, 0.0)
    for round_number in range(plan.rounds):
        begin_round(round_number)
        order = list(measures) if round_number % 2 == 0 else list(measures)[::-1]
        for name in order:
            is_over_budget = used_ms[name] > plan.budget_s * 1e3
            if is_over_budget and round_number >= plan.min_rounds:
                continue
            if calls_per_turn[name] > 1:
                measures[name]()
            turns[name].append([measures[name]() for _ in range(calls_per_turn[name])])
            used_ms[name] += sum(turns[name][-1])
    return turns
