"""``photogate score`` in processes of its own: their memory, whether it grows, and what a second process brings.

``python -m benchmarks.footprint_report.scoring --count N PHOTO ...`` is such a process: it runs the command itself, in
Python, while a thread reads the resident memory, and prints one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import threading
import time
from array import array
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fresh_process import run_python
from edge_runtime.errors import UsageError

__all__ = ["measure_scoring", "measure_two_processes"]

READING_S = 0.02
WARM_UP_SHARE = 0.1
MIN_READINGS = 20  # two at either end, to tell growth by


def measure_scoring(model: Path, photos: Sequence[Path], count: int, jobs: int = 1) -> dict[str, Any]:
    """Runs ``photogate score`` on ``count`` photos, ``photos`` over and over.

    Args:
        model: a photogate .tflite file.
        photos: files.
        count: see above.
        jobs: as ``--jobs``; the memory told is that of the first process alone.

    Returns:
        ``photos``; ``seconds``, Python's start left out; ``peak_bytes``: the most resident memory, Python and libraries
        included, None where the system does not tell; ``growth_bytes``: median of the last tenth of the readings less
        that of the first after a warm-up, None where there are too few; ``readings``.

    Raises:
        UsageError: the command fails.
    """
    numbers = ["--count", str(count), "--jobs", str(jobs)]
    arguments = ["--model", str(model.resolve()), *numbers, *(str(path.resolve()) for path in photos)]
    output = run_python(("-m", "benchmarks.footprint_report.scoring", *arguments), timeout_s=max(300.0, 0.5 * count))
    found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return found


def measure_two_processes(model: Path, photos: Sequence[Path], count: int, turns: int = 3) -> dict[str, Any]:
    """Photos a second of ``photogate score`` against ``photogate score --jobs 2``, in turns.

    The start of the further processes is timed, Python's own is not.

    Returns:
        ``photos``, ``one_per_s`` and ``two_per_s`` (medians), and ``gain``, the ratio.

    Raises:
        UsageError: the command fails, or ``count`` is below 2.
    """
    if count < 2:
        raise UsageError("throughput needs 2 photos or more")
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(turns):
        for jobs, measured in rates.items():
            measured.append(count / measure_scoring(model, photos, count, jobs)["seconds"])
    one, two = (float(np.median(measured)) for measured in rates.values())
    return {"photos": count, "one_per_s": one, "two_per_s": two, "gain": two / one}


def _score_here(model: str, photos: Sequence[str], count: int, jobs: int) -> dict[str, Any]:
    from edge_runtime.cli.main import main as run_photogate

    memory = _MemoryLog()
    paths = list(islice(cycle(photos), count))
    start = time.perf_counter()
    with Path(os.devnull).open("w", encoding="utf-8") as sink, contextlib.redirect_stdout(sink), memory:
        code = run_photogate(["score", "--model", model, "--jobs", str(jobs), "--format", "jsonl", *paths])
    seconds = time.perf_counter() - start
    if code != 0:
        raise UsageError(f"photogate score ended with {code}")
    return {"photos": count, "seconds": seconds, **memory.summarize()}


class _MemoryLog:
    """Reads this process's resident memory from a thread while it is entered."""

    def __init__(self) -> None:
        self._readings = array("q")
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read_on, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exception: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _read_on(self) -> None:
        from benchmarks.memory import rss_bytes

        while not self._is_over.wait(READING_S):
            reading = rss_bytes()
            if reading is not None:
                self._readings.append(reading)

    def summarize(self) -> dict[str, Any]:
        from benchmarks.growth import compute_growth
        from benchmarks.memory import peak_rss_bytes

        peak_bytes = peak_rss_bytes()
        warm = np.array(self._readings)[int(WARM_UP_SHARE * len(self._readings)) :]
        growth_bytes = compute_growth(warm) if len(warm) >= MIN_READINGS else None
        return {"peak_bytes": peak_bytes, "growth_bytes": growth_bytes, "readings": len(self._readings)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry of the fresh process: prints one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footprint_report.scoring", description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("photos", nargs="+")
    options = parser.parse_args(arguments)
    print(json.dumps(_score_here(options.model, options.photos, options.count, options.jobs)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
