"""From the start of a process to its first score, against a process that only imports numpy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.comparison import compare_rounds
from benchmarks.fresh_process import run_python
from benchmarks.latency import TurnPlan, build_measure, compute_profile, interleave_rounds, join_turns

__all__ = ["measure_cold_start"]

SCORE_CODE = "import sys; from edge_runtime import PhotoScorer; PhotoScorer.from_file(sys.argv[1]).score(sys.argv[2])"


def measure_cold_start(model: Path, photo: Path, rounds: int) -> dict[str, Any]:
    """Times whole processes in turns, from their start to their end.

    Args:
        model: a photogate .tflite file.
        photo: what is scored first.
        rounds: fresh processes of each kind, after two uncounted ones: the first may have to write byte code.

    Returns:
        ``numpy``, ``score`` (through the Python API) and ``command`` (``photogate score``): each its latency profile,
        the last two with ``over_numpy``, a comparison.

    Raises:
        UsageError: one of the processes fails.
    """
    arguments = {
        "numpy": ("-c", "import numpy"),
        "score": ("-c", SCORE_CODE, str(model.resolve()), str(photo.resolve())),
        "command": ("-m", "edge_runtime", "score", "--model", str(model.resolve()), str(photo.resolve())),
    }

    def build(given: tuple[str, ...]) -> Callable[[], str]:
        return lambda: run_python(given)

    measures = {name: build_measure(build(given)) for name, given in arguments.items()}
    found = interleave_rounds(measures, TurnPlan(rounds=rounds, turn_ms=1.0), warmup_calls=2)
    results: dict[str, Any] = {}
    for name, turns in found.items():
        results[name] = vars(compute_profile(join_turns(turns)))
        if name != "numpy":
            results[name] |= {"over_numpy": compare_rounds(turns, found["numpy"]).to_json()}
    return results
