"""The ratios with their limits, and the table as Markdown and JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.accuracy import Accuracy
from benchmarks.end_to_end import EndToEnd
from benchmarks.latency import LatencySummary
from benchmarks.memory import Footprint
from benchmarks.report import HEADER, Ratio, Results, compute_ratios, format_markdown, write_results
from benchmarks.rows import Row


def _build_summary(p50_ms: float, p95_ms: float | None = None) -> LatencySummary:
    return LatencySummary(p50_ms, p95_ms or p50_ms * 1.1, p50_ms * 0.9, 10)


def _build_rows() -> list[Row]:
    teacher = Row("teacher", "teacher", "teacher", Path("t"), latency={1: _build_summary(30.0)})
    float32 = Row("float", "student float32", "photogate", Path("f"), latency={1: _build_summary(2.0)})
    int8 = Row(
        "int8",
        "student int8",
        "photogate",
        Path("i"),
        accuracy={
            "all": Accuracy(20, 9, 0.8765, (0.81, 0.92), 0.871),
            "ss01": Accuracy(2, 1, reason="2 photos are too few"),
        },
        latency={1: _build_summary(1.0), 2: _build_summary(0.7, 2.1)},
        footprint=Footprint(12.34, 2.0, 13_800_000),
        size_bytes=1_323_477,
        sha256="abcdef" * 10,
        name="photogate-large",
        version="0.3.2",
    )
    absent = Row("nima-technical", "NIMA technical", "nima", Path("p"), note="not found: peers/p.tflite")
    return [teacher, float32, int8, absent]


def _build_end_to_end() -> EndToEnd:
    stages = {name: _build_summary(value) for name, value in (("decode", 40.0), ("total", 46.0))}
    return EndToEnd(
        jpeg_bytes=3_100_000,
        decode_alone=_build_summary(40.0),
        full_decode=_build_summary(100.0),
        photo_total=_build_summary(50.0),
        stages=stages,
        frame_total=_build_summary(1.4),
        frame_stages=stages,
        invoke=_build_summary(1.0),
    )


def _build_results(**changes: Any) -> Results:
    environment = {
        "cpu": "a cpu", "cores": 2, "cores_usable": 2, "os": "an os", "python": "3.11", "runtime": "rt 1",
        "source_revision": None, "started": "s", "finished": "f", "load_average_start": None, "load_average_end": None,
    }  # fmt: skip
    data = {"rated_photos": 20, "part": "test", "seed": 0, "groups": 9, "ss01_photos": 2}
    return Results({}, environment, data, **{"rows": _build_rows(), **changes})


def test_ratios_are_of_medians_and_know_their_limits() -> None:
    ratios = {ratio.name.split(",")[0]: ratio for ratio in compute_ratios(_build_rows(), _build_end_to_end())}
    int8_float = ratios["int8 / float student"]
    assert (int8_float.value, int8_float.is_met) == (0.5, True)
    teacher = ratios["teacher / int8 student"]
    assert (teacher.value, teacher.is_met) == (30.0, False)
    photo = ratios["12 MP JPEG to score / its decode alone"]
    assert (photo.value, photo.is_met) == (1.25, False)
    assert ratios["the same from the scorer's own timings: total / decode"].value == pytest.approx(1.15)
    frame = ratios["1280x720 frame to score / bare invoke"]
    assert (frame.value, frame.is_met) == (1.4, False)


def test_ratios_without_one_of_their_two_sides_are_left_out() -> None:
    assert compute_ratios(_build_rows()[:2], None) == []
    assert [ratio.at_most for ratio in compute_ratios(_build_rows()[1:], None)] == [0.65]


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Ratio("a", 0.7, at_most=0.7), "a: 0.70 (at most 0.7: met)"),
        (Ratio("a", 0.71, at_most=0.7), "a: 0.71 (at most 0.7: MISSED)"),
        (Ratio("a", 19.0, at_least=20.0), "a: 19.00 (at least 20: MISSED)"),
        (Ratio("a", 1.0), "a: 1.00"),
        (Ratio("a", 0.6, at_most=0.65, low=0.58, high=0.64), "a: 0.60 [0.58, 0.64] (at most 0.65: met)"),
        (Ratio("a", 0.6, at_most=0.65, low=0.58, high=0.66), "a: 0.60 [0.58, 0.66] (at most 0.65: too noisy to tell)"),
        (Ratio("a", 0.7, at_most=0.65, low=0.66, high=0.71), "a: 0.70 [0.66, 0.71] (at most 0.65: MISSED)"),
        (
            Ratio("a", 250.0, at_least=250.0, low=240.0, high=260.0),
            "a: 250.00 [240.00, 260.00] (at least 250: too noisy to tell)",
        ),
        (Ratio("a", 0.1, at_most=0.65, is_noisy=True), "a: 0.10 (at most 0.65: too noisy to tell)"),
    ],
)
def test_a_ratio_reads_as_a_sentence(ratio: Ratio, text: str) -> None:
    assert str(ratio) == text


def test_rows_are_compared_round_by_round() -> None:
    _, float32, int8, _ = _build_rows()
    vgg16 = Row("vgg16", "VGG16 float32", "classic", Path("v"), latency={1: _build_summary(215.0)})
    for row, latency_ms in ((float32, 2.0), (int8, 1.0), (vgg16, 215.0)):
        # The machine slows down to a third on the way: a matter of rounds, not of rows.
        row.rounds = [[latency_ms * (3.0 if number > 20 else 1.0)] for number in range(40)]
    int8_float, vgg16_int8 = compute_ratios([float32, int8, vgg16], None)
    assert (int8_float.low, int8_float.value, int8_float.high) == pytest.approx((0.5, 0.5, 0.5))
    assert (round(vgg16_int8.value, 6), vgg16_int8.at_least, vgg16_int8.verdict) == (215.0, 250.0, "MISSED")
    int8.rounds = int8.rounds[:9]
    few, _ = compute_ratios([float32, int8, vgg16], None)
    assert (few.low, few.high, few.verdict) == (None, None, "met"), "too few rounds for an interval"


def test_a_noisy_row_has_no_verdict() -> None:
    teacher, float32, int8, _ = _build_rows()
    int8.latency[1] = _build_summary(1.0, 2.1)
    assert [ratio.verdict for ratio in compute_ratios([teacher, float32, int8], None)] == ["too noisy to tell"] * 2
    noisy = replace(_build_end_to_end(), decode_alone=_build_summary(40.0, 90.0))
    assert [ratio.verdict for ratio in compute_ratios([], noisy)] == ["too noisy to tell", None, "MISSED"]


def test_the_table_has_every_row_with_every_column() -> None:
    lines = format_markdown(_build_results(end_to_end=_build_end_to_end())).splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("| model"))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start + 2 : start + 6]]
    assert all(len(row) == len(HEADER) for row in rows)
    assert [row[0] for row in rows] == ["teacher", "student float32", "student int8", "NIMA technical"]
    assert rows[2] == [
        "student int8", "0.876 [0.810, 0.920]", "0.871", "-", "-", "1.00 / 1.10", "0.70 / 2.10", "12.3", "13.8",
        "1.32", "too noisy at 2 thread(s): p95 over twice p50; no correlation: 2 photos are too few",
    ]  # fmt: skip
    assert rows[3][1:-1] == ["-"] * (len(HEADER) - 2)
    assert rows[3][-1] == "not found: peers/p.tflite"


def test_full_decoding_is_shown_with_its_condition() -> None:
    text = format_markdown(_build_results(end_to_end=_build_end_to_end()))
    assert "| its decode at full size, for comparison (as this process gets its memory) | 100.00 |" in text


def test_json_and_markdown_are_written_and_agree(tmp_path: Path) -> None:
    text = write_results(_build_results(end_to_end_note="not measured: why"), tmp_path)
    assert (tmp_path / "table.md").read_text(encoding="utf-8") == text
    assert "not measured: why" in text
    document = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert document["schema"] == 1
    assert (int8 := document["rows"][2])["name"] == "photogate-large"
    assert "- student int8: photogate-large 0.3.2, sha256 abcdefabcdef" in text.splitlines()
    assert int8["latency_by_threads"]["2"]["is_noisy"] is True
    assert int8["accuracy"]["all"]["srcc_interval"] == [0.81, 0.92]
    assert int8["footprint"]["peak_memory_bytes"] == 13_800_000
    assert [ratio["is_met"] for ratio in document["ratios"]] == [True, False]
    assert document["end_to_end"] is None
