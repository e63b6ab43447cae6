"""Watching takes no more memory with every frame and leaves no thread behind; the benchmark would see it if it did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.growth import compute_growth, count_threads
from benchmarks.synthetic_frames import build_small_frames
from edge_runtime.camera import ChangeDetector

MEGABYTE = 1_000_000

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc for exact memory and threads")


LEAKY_RUNS = """
import json, os
import numpy as np
from benchmarks.soak import run_endurance
from edge_runtime import PhotoScorer

class LeakyScorer:
    'Keeps some memory for each frame that it scores.'

    def __init__(self, template, contract, leak_bytes):
        self.template, self.contract, self.leak_bytes, self.kept = template, contract, leak_bytes, []

    def score(self, photo, color_order="rgb"):
        self.kept.append(bytearray(os.urandom(self.leak_bytes)))
        return self.template

with PhotoScorer.default() as scorer:
    template = scorer.score(np.zeros((64, 64, 3), np.uint8))
    runs = [run_endurance(LeakyScorer(template, scorer.contract, leak_bytes), 6_000) for leak_bytes in (0, 2000)]
print(json.dumps([[run["growth_bytes"], run["growth_bytes_a_frame"]] for run in runs]))
"""


@linux
def test_short_form_neither_grows_nor_leaves_threads(checkout: Path) -> None:
    """With the shipped model, in a process of its own, for other tests leave their memory behind."""
    code = (
        "import json\n"
        "from benchmarks.soak import SoakOptions, run_soak\n"
        "results = run_soak(SoakOptions(frames=3000, seconds=0.5, fps=20, size=(320, 240)))\n"
        "print(json.dumps(results))"
    )
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    output = subprocess.check_output(
        [sys.executable, "-c", code], env=environment, cwd=checkout, timeout=300, text=True
    )
    results = json.loads(output)
    assert results["schema"] == 1
    endurance, realtime = results["endurance"], results["realtime"]
    assert endurance["growth_bytes"] < MEGABYTE
    assert endurance["threads"]["after"] == endurance["threads"]["before"]
    counts = endurance["counts"]
    assert sum(counts.values()) == 3000
    assert counts["failed"] == 0
    assert min(counts["scored"], counts["unchanged"]) > 900  # both ways are gone
    assert counts["dropped"] > 0
    assert realtime["threads"]["after"] == realtime["threads"]["before"]
    live = realtime["counts"]
    assert live["received"] == 10
    assert live["scored"] + live["dropped_busy"] == 10
    latency = realtime["latency_ms"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["most"]
    assert 0 < realtime["cpu_share"] < 2


@linux
def test_leak_is_seen(checkout: Path) -> None:
    """Of 2 kB a scored frame, in a run too short to be told by the eye; in a process of its own, for what other tests
    have handed back would be taken first."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    output = subprocess.check_output(
        [sys.executable, "-c", LEAKY_RUNS], env=environment, cwd=checkout, timeout=300, text=True
    )
    (tight, _), (leaky, leaky_a_frame) = json.loads(output)
    assert leaky > MEGABYTE > tight
    assert leaky_a_frame > 100


@linux
def test_thread_that_is_left_is_counted() -> None:
    before = count_threads()
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        assert count_threads() == before + 1
    finally:
        end.set()
        thread.join()


@linux
def test_resident_memory_is_that_of_the_process(checkout: Path) -> None:
    # In a process of its own: this one holds memory of other tests, which a block may use again.
    code = (
        "import numpy as np; from benchmarks.growth import read_resident_bytes as read; before = read(); "
        f"block = np.ones({20 * MEGABYTE}, np.uint8); print(read() - before)"
    )
    grown = int(subprocess.check_output([sys.executable, "-c", code], cwd=checkout, text=True, timeout=120))
    assert 19 * MEGABYTE < grown < 30 * MEGABYTE


def test_growth_is_from_end_to_end_and_bears_jumps() -> None:
    readings = np.full(100, 50.0)
    assert compute_growth(readings) == 0
    readings[40] = 900
    assert compute_growth(readings) == 0
    assert compute_growth(np.arange(100.0)) == 90
    assert compute_growth(np.array([7.0])) == 0


def test_every_other_frame_is_like_the_one_before() -> None:
    frames = build_small_frames()
    assert {frame.pixel_format for frame in frames} == {"rgb", "bgr", "nv12", "gray"}
    assert len({(frame.width_px, frame.height_px) for frame in frames}) == 3
    detector = ChangeDetector()
    for first, second, third in zip(frames[::2], frames[1::2], [*frames[2::2], frames[0]], strict=True):
        detector.mark_scored(first)
        assert detector.is_unchanged(second)
        assert not detector.is_unchanged(third)


def test_text_names_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["soak", "--frames", "400", "--seconds", "0.3", "--width", "64", "--height", "48"]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    assert "endurance: 400 frames" in output
    assert "at 10 frames/s of 64 x 48" in output
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["realtime"]["counts"]["received"] == 3


@pytest.mark.parametrize("arguments", [["--frames", "-1"], ["--frames", "10"], ["--fps", "0"], ["--seconds", "-1"]])
def test_numbers_out_of_range(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["soak", *arguments]) == 2
    assert arguments[0] in capsys.readouterr().err
