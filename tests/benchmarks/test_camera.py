"""The camera's benchmark measures what it says, of frames that a still camera would deliver."""

from __future__ import annotations

import json
from typing import get_args

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.camera import build_noisy_frames
from edge_runtime.camera import ChangeDetector, Frame, PixelFormat

WAYS = ("view", "frame scored", "submit to callback")


@pytest.mark.parametrize("pixel_format", get_args(PixelFormat))
def test_frames_are_of_one_still_scene_with_new_noise(pixel_format: PixelFormat) -> None:
    first, second = build_noisy_frames((320, 240), pixel_format, count=2)
    detector = ChangeDetector()
    detector.mark_scored(Frame(first, 0, pixel_format))
    assert detector.is_unchanged(Frame(second, 1, pixel_format))
    assert 2 < (second.astype(float) - first).std() < 4
    assert first.std() > 10


def test_every_way_is_measured_and_the_idle_shelf_is_not_scored(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["camera", "--width", "320", "--height", "240", "--rounds", "1", "--frames", "5", "--json"]
    assert main([*arguments, "--formats", "nv12", "--cpu-time"]) == 0
    results = json.loads(capsys.readouterr().out)
    assert results["schema"] == 1
    assert set(results["latency"]) == {"invoke", *(f"nv12 {way}" for way in WAYS)}
    assert results["latency"]["invoke"]["over_invoke"] == 1
    assert all(np.isfinite(row["p50_ms"]) and row["p50_ms"] > 0 for row in results["latency"].values())
    assert results["cpu"]["nv12"]["idle_scored"] == 0
    assert 0 < results["cpu"]["nv12"]["idle_ms"] < results["cpu"]["nv12"]["busy_ms"]


def test_tables_name_the_clock(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["camera", "--width", "64", "--height", "48", "--rounds", "1", "--frames", "2", "--formats", "rgb"]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    assert "wall time" in output
    assert "| rgb frame scored" in output


def test_no_rounds_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["camera", "--rounds", "0"]) == 2
    assert "--rounds" in capsys.readouterr().err
