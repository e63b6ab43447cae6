"""How fast photos are scored here: the measuring, and ``photogate bench`` around it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime import PhotoScorer
from edge_runtime.decode import decode
from edge_runtime.errors import DecodeError
from edge_runtime.models import list_models
from edge_runtime.result import ModelInfo, Timings
from edge_runtime.speed import MIN_ROUNDS, Speed, draw_frame, draw_jpeg, measure_speed

Run = Callable[..., "subprocess.CompletedProcess[str]"]


class _Scorer:
    """Takes as many milliseconds as it is told, a call after the other."""

    def __init__(self, name: str, log: list[tuple[str, Any]], *totals: float) -> None:
        self.info = ModelInfo(name, "1", "0" * 64, "none")
        self.log, self.totals = log, iter(totals) if totals else count(1.0)

    def score(self, photo: Any) -> Any:
        self.log.append((self.info.name, photo))
        total = next(self.totals)
        return type("Score", (), {"model": self.info, "timings": Timings(total / 2, total / 4, total / 8, total)})


def test_models_and_photos_take_turns_and_the_first_round_does_not_count() -> None:
    log: list[tuple[str, Any]] = []
    totals = [1000.0] + [8.0] * 9 + [4.0]
    scorers = {name: _Scorer(name, log, *totals, *totals) for name in ("a", "b")}
    found = measure_speed(scorers, {"x": "x.jpg", "y": "y.jpg"}, seconds=0)  # type: ignore[arg-type]
    turn = [("a", "x.jpg"), ("b", "x.jpg"), ("a", "y.jpg"), ("b", "y.jpg")]
    assert log == turn * (MIN_ROUNDS + 1)
    assert [(each.photo, each.model.name, each.calls) for each in found] == [
        (photo, name, MIN_ROUNDS) for photo in "xy" for name in "ab"
    ]


def test_percentiles_and_medians_of_the_steps() -> None:
    scorer = _Scorer("a", [], 900.0, *range(10, 110, 10))  # type: ignore[arg-type]
    (found,) = measure_speed({"a": scorer}, {"x": "x.jpg"}, seconds=0, threads=3)  # type: ignore[dict-item]
    assert (found.p50_ms, found.min_ms, found.threads) == (55.0, 10.0, 3)
    assert found.p95_ms == pytest.approx(95.5)
    assert found.steps_ms == {"decode": 27.5, "preprocess": 13.75, "inference": 6.875}
    assert not found.is_noisy
    assert json.loads(json.dumps(found.to_dict()))["steps_ms"]["preprocess"] == 13.75


def test_it_goes_on_for_the_time_given() -> None:
    ticks = count(0.0, 0.5)  # two rounds a second
    scorer = _Scorer("a", [])
    (found,) = measure_speed({"a": scorer}, {"x": "x"}, seconds=20, clock=lambda: next(ticks))  # type: ignore[dict-item]
    assert found.calls == 40 + MIN_ROUNDS - 1  # the clock is not asked in the first rounds


def test_slow_calls_beyond_twice_the_median_are_noise() -> None:
    info = ModelInfo("a", "1", "0" * 64, "none")
    assert not Speed("x", info, 1, 5.0, 10.0, 4.0, {}, 10).is_noisy
    assert Speed("x", info, 1, 5.0, 10.1, 4.0, {}, 10).is_noisy


def test_the_drawn_photo_is_like_a_phones(scorer: PhotoScorer) -> None:
    data = draw_jpeg()
    assert 1e6 < len(data) < 6e6
    photo = decode(data, scorer.decode_view)
    assert (photo.width_px, photo.height_px) == (4000, 3000)
    frame = draw_frame(64, 48)
    assert frame.shape == (48, 64, 3) and frame.dtype == np.uint8
    assert np.array_equal(frame, draw_frame(64, 48))


def test_a_photo_that_goes_away_is_said(scorer: PhotoScorer, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no photo")
    with pytest.raises(DecodeError):
        measure_speed({"m": scorer}, {"a": tmp_path / "a.jpg"}, seconds=0)


def test_bench_prints_a_row_for_each_photo_and_model(run_command: Run, tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"no photo")
    result = run_command("bench", "a.jpg", "b.jpg", "--seconds", "1", "--format", "csv", cwd=tmp_path)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert result.returncode == 1
    assert [(row["photo"], row["model"]) for row in rows] == [
        *(("a.jpg", path.stem) for path in list_models()),
        ("b.jpg", ""),
    ]
    for row in rows[:-1]:
        steps = sum(float(row[f"{step}_ms"]) for step in ("decode", "preprocess", "inference"))
        assert 0 < float(row["min_ms"]) <= float(row["p50_ms"]) <= float(row["p95_ms"])
        assert steps == pytest.approx(float(row["p50_ms"]), rel=0.5)
    assert rows[-1]["error_type"] == "DecodeError"


def test_bench_without_photos_draws_some(run_command: Run) -> None:
    result = run_command("bench", "--model", "photogate-small", "--seconds", "1", "--format", "jsonl")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 0
    assert [record["photo"] for record in records] == ["drawn 12 MP JPEG", "drawn 1280x720 frame"]
    assert all(record["model"]["name"] == "photogate-small" for record in records)
    assert records[0]["steps_ms"]["decode"] > records[1]["steps_ms"]["decode"] == 0.0


def test_bench_needs_a_model(run_command: Run) -> None:
    assert run_command("bench", "--model", "none.tflite").returncode == 2
    assert "none.tflite" in run_command("bench", "--model", "none.tflite").stderr
    assert run_command("bench", "--seconds", "0").returncode == 2
