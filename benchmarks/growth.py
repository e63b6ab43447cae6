"""Whether a process that runs for long takes more and more: its resident memory and threads, and how readings grow.

Resident memory is the kernel's exact count, ``Rss`` of /proc/self/smaps_rollup (Linux 4.14 and later); the quicker
counters of /proc/self/statm and status lag behind by up to 64 pages a thread (proc(5)), a quarter of a megabyte.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.memory import rss_bytes
from edge_runtime.errors import UsageError

__all__ = ["compute_growth", "compute_slope", "count_threads", "read_resident_bytes", "wait_for_threads"]

SMAPS = Path("/proc/self/smaps_rollup")
TASKS = Path("/proc/self/task")
ENDS_SHARE = 0.1  # of the readings, at either end


def compute_growth(readings: np.ndarray) -> int:
    """Median of the last tenth of the readings less that of the first tenth, in their unit."""
    count = max(1, round(ENDS_SHARE * len(readings)))
    return int(np.median(readings[-count:]) - np.median(readings[:count]))


def read_resident_bytes() -> int:
    """Resident memory of this process, exact on Linux.

    Raises:
        UsageError: the system does not tell.
    """
    try:
        text = SMAPS.read_text(encoding="ascii")
    except OSError:
        found = rss_bytes()
        if found is None:
            raise UsageError("this system does not tell a process its resident memory; run it on Linux") from None
        return found
    return 1024 * int(next(line for line in text.splitlines() if line.startswith("Rss:")).split()[1])


def count_threads() -> int:
    """Threads of this process, those of native libraries included where the system tells them."""
    return sum(1 for _ in TASKS.iterdir()) if TASKS.exists() else threading.active_count()


def wait_for_threads(before: int) -> int:
    """Threads, once those that have ended are gone: the system's list of them lags behind by a moment."""
    deadline = time.monotonic() + 1
    while (count := count_threads()) > before and time.monotonic() < deadline:
        time.sleep(0.001)
    return count


def compute_slope(readings: np.ndarray) -> float:
    """Of the straight line through the readings, by least squares; per reading."""
    return float(np.polyfit(np.arange(len(readings)), readings, 1)[0]) if len(readings) > 1 else 0.0
