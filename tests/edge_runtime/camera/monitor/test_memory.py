"""Months of watching take no more memory than hours."""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.camera import Frame
from edge_runtime.camera.monitor import Monitor, MonitorConfig
from edge_runtime.camera.monitor.config import BaselineConfig, EvidenceConfig
from edge_runtime.camera.sources import Interruption

ROUNDS = 3
FRAMES_PER_ROUND = 7_000
MAX_GROWTH_BYTES = 1_000_000


def read_resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def watch_for_long(folder: Path, stub: Any) -> dict[str, Any]:
    """What three rounds of watching leave behind; in a process of its own, for others' memory comes and goes."""
    rng = np.random.default_rng(0)
    shelf = np.kron(rng.integers(40, 200, (12, 16, 3)), np.ones((2, 2, 1))).astype(np.uint8)
    noise = rng.integers(0, 4, (50, *shelf.shape), dtype=np.uint8)
    config = MonitorConfig(
        folder=folder,
        interval_ms=0,
        log_mb=0.01,
        baseline=BaselineConfig(learn_s=30),
        evidence=EvidenceConfig(max_mb=0.02),
    )
    sizes = []
    events = 0
    threads = threading.active_count()
    with Monitor(config, stub) as monitor:
        now_ms = 0
        for _ in range(ROUNDS):
            for number in range(FRAMES_PER_ROUND):
                now_ms += 500
                item: Frame | Interruption = Frame(shelf + noise[number % 50], now_ms)
                if number % 500 > 470:
                    item = Frame((shelf + noise[number % 50]) // 8, now_ms)
                elif number % 500 > 440:
                    item = Interruption(now_ms, "away", 1, 1000)
                events += len(monitor.feed(item, "aisle"))
            sizes.append(read_resident_bytes())
        more_threads = threading.active_count() - threads
    return {"sizes": sizes, "events": events, "more_threads": more_threads}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc, as Linux has it")
def test_tens_of_thousands_of_frames_with_events_and_losses_leave_nothing_behind(
    tmp_path: Path, package_environment: dict[str, str]
) -> None:
    command = [sys.executable, __file__, str(tmp_path)]
    left = json.loads(subprocess.check_output(command, env=package_environment, text=True, timeout=600))
    assert left["more_threads"] == 0
    assert left["events"] >= ROUNDS * 14 * 3
    # The first round fills caches and the allocator's pools; what leaks goes on doing so.
    assert left["sizes"][-1] - left["sizes"][-2] < MAX_GROWTH_BYTES, left["sizes"]
    assert sum(path.stat().st_size for path in tmp_path.glob("events*.jsonl")) < 4 * 10_000 + 1000
    assert sum(path.stat().st_size for path in (tmp_path / "evidence").iterdir()) <= 20_000


def test_a_crowd_that_never_ends_is_looked_through(stub: Any, camera: Any) -> None:
    config = replace(camera.monitor.config, baseline=BaselineConfig(learn_s=10, busy_s=30))
    camera.monitor = Monitor(config, stub)
    camera.watch(15)

    def crowd(picture: np.ndarray) -> np.ndarray:
        dark = (picture * 0.15).astype(np.uint8)
        left = 40 if camera.now_ms % 1000 else 200
        dark[:, left : left + 60] = 90
        return dark

    events = camera.watch(25, crowd)
    assert events == []
    assert "dark" in [event.kind for event in camera.watch(20, crowd)]


if __name__ == "__main__":
    stub = importlib.import_module("conftest").StubScorer()  # beside this file, which is the first place looked in
    print(json.dumps(watch_for_long(Path(sys.argv[1]), stub)))
