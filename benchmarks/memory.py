"""Load time and peak memory of one model, taken in a fresh process: ``python -m benchmarks.memory MODEL``.

Only a fresh process gives the peak of one model alone. On Linux the peak is ``VmHWM`` of /proc/self/status, reset just
before the model is read (proc(5), ``clear_refs``): ``ru_maxrss`` survives ``exec`` there, so a child of a large parent
would report its parent's peak. Elsewhere it is the growth of ``ru_maxrss``; Windows has neither.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fresh_process import run_python
from edge_runtime.errors import ModelError, UsageError

__all__ = ["Footprint", "compute_growth_bytes", "measure_footprint", "peak_rss_bytes", "reset_peak_rss", "rss_bytes"]

PROC_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Footprint:
    """What a model costs before and while it runs.

    Attributes:
        load_ms: reading the file, checking it, building the interpreter and its tensors; median of the processes.
        first_invoke_ms: the first call, which may still allocate; of a model with two networks, of both.
        peak_memory_bytes: growth of the process's peak memory from before the file is read to after the calls; None
            where the system does not tell.
    """

    load_ms: float
    first_invoke_ms: float
    peak_memory_bytes: int | None


def rss_bytes() -> int | None:
    """Resident memory of this process now (Linux), its peak so far (elsewhere), or None where neither is known."""
    return _proc_status_bytes("VmRSS") if PROC_STATUS.exists() else _ru_maxrss_bytes()


def peak_rss_bytes() -> int | None:
    """Peak resident memory of this process, on Linux since :func:`reset_peak_rss`; None where it is not known."""
    return _proc_status_bytes("VmHWM") if PROC_STATUS.exists() else _ru_maxrss_bytes()


def reset_peak_rss() -> None:
    """Sets the peak back to the present size where the system allows it (Linux; value 5 of proc(5) clear_refs)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def compute_growth_bytes(before_bytes: int | None, peak_bytes: int | None) -> int | None:
    """How far the peak rose above ``before_bytes``, never negative; None where either is not known."""
    return None if before_bytes is None or peak_bytes is None else max(peak_bytes - before_bytes, 0)


def measure_footprint(path: Path, num_threads: int = 1, processes: int = 3, timeout_s: float = 300.0) -> Footprint:
    """Loads ``path`` in ``processes`` fresh processes, one after the other, and takes the medians.

    Raises:
        ModelError: the model cannot be loaded; the message is the child's last line.
    """
    found = [_run_child(path, num_threads, timeout_s) for _ in range(processes)]
    peaks = [one.peak_memory_bytes for one in found if one.peak_memory_bytes is not None]
    return Footprint(
        load_ms=statistics.median(one.load_ms for one in found),
        first_invoke_ms=statistics.median(one.first_invoke_ms for one in found),
        peak_memory_bytes=None if len(peaks) < len(found) else int(statistics.median(peaks)),
    )


def _run_child(path: Path, num_threads: int, timeout_s: float) -> Footprint:
    arguments = ("-m", "benchmarks.memory", str(path.resolve()), "--threads", str(num_threads))
    try:
        output = run_python(arguments, timeout_s=timeout_s)
    except UsageError as error:
        raise ModelError(f"{path}: cannot be loaded in a fresh process: {error}") from error
    return Footprint(**json.loads(output.strip().splitlines()[-1]))


def _measure_here(path: Path, num_threads: int) -> Footprint:
    from benchmarks.latency import build_network_calls
    from edge_runtime.interpreter import select_runtime

    # The interpreter's library is part of the runtime, not of the model: its import comes before the baseline.
    select_runtime()
    reset_peak_rss()
    before_bytes = rss_bytes()
    start = time.perf_counter()
    calls = build_network_calls(path, num_threads)
    loaded = time.perf_counter()
    for call in calls:
        call()
    first = time.perf_counter()
    for call in calls:
        call()
    return Footprint(
        load_ms=(loaded - start) * 1e3,
        first_invoke_ms=(first - loaded) * 1e3,
        peak_memory_bytes=compute_growth_bytes(before_bytes, peak_rss_bytes()),
    )


def _proc_status_bytes(key: str) -> int:
    for line in PROC_STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{PROC_STATUS} has no line {key}")


def _ru_maxrss_bytes() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main(arguments: list[str] | None = None) -> int:
    """Entry of the fresh process: prints one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description="Load time and peak memory.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    footprint = _measure_here(options.model, options.threads)
    print(json.dumps(footprint.__dict__))
    return 0


if __name__ == "__main__":
    sys.exit(main())
