"""The lines, counts and names of ``photogate watch``."""

from __future__ import annotations

import argparse
import io
import json
import re
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime import Score
from edge_runtime.camera import FrameResult
from edge_runtime.camera.sources import Interruption, SourceCounts
from edge_runtime.camera.sources.timeline import Timeline
from edge_runtime.cli.watch_best import BestShotFile
from edge_runtime.cli.watch_lines import LineWriter, describe_summary
from edge_runtime.cli.watch_options import add_watch_options, name_sources
from edge_runtime.cli.watch_tally import LatencyHistogram, Tally, merge_tallies, sum_counts
from edge_runtime.errors import FrameError, ModelError, SourceError, UsageError
from edge_runtime.gate.policy import evaluate, load_policy

LOST = Interruption(200, "door: unplugged; plug it in", 1, 500)


# -- lines -----------------------------------------------------------------------------------------------------------


def test_result_as_json(template: Score) -> None:
    stream = io.StringIO()
    verdict = evaluate(template, load_policy())
    lines = LineWriter(stream, "jsonl")
    lines.write_result("door", FrameResult(40, template, latency_ms=3.14159, dropped=2), verdict)
    lines.write_result("door", FrameResult(80, None, error=FrameError("too small")), None)
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first == {
        "type": "result",
        "timestamp_ms": 40,
        "source": "door",
        "quality": 72.0,
        "band": template.band,
        "verdict": "accept",
        "reasons": ["bad_exposure"],
        "attributes": {"sharpness": 90, "noise": 80, "exposure": 20, "color": 60, "composition": 50},
        "is_unchanged": False,
        "latency_ms": 3.14,
        "dropped": 2,
    }
    assert second["error"] == {"type": "FrameError", "message": "too small"}
    assert "quality" not in second


def test_thinned_output_loses_no_drops_and_no_change_of_state(template: Score) -> None:
    stream = io.StringIO()
    lines = LineWriter(stream, "jsonl", every_s=1)
    for timestamp_ms in range(0, 2000, 100):
        lines.write_result("door", FrameResult(timestamp_ms, template, dropped=1), None)
        lines.write_result("shelf", FrameResult(timestamp_ms + 5, template), None)
    for timestamp_ms in range(2000, 4000, 100):
        lines.write_interruption("door", replace(LOST, timestamp_ms=timestamp_ms))
    lines.write_result("door", FrameResult(4000, template), None)
    lines.write_result("door", FrameResult(4100, template), None)
    printed = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["type"], line["timestamp_ms"]) for line in printed if line["source"] == "door"] == [
        ("result", 0),
        ("result", 1000),
        ("interruption", 2000),
        ("interruption", 3000),
        ("result", 4000),
    ]
    assert [line["timestamp_ms"] for line in printed if line["source"] == "shelf"] == [5, 1005]
    assert [line["dropped"] for line in printed if line["type"] == "result" and line["source"] == "door"] == [1, 10, 9]


def test_text_for_people(template: Score) -> None:
    stream = io.StringIO()
    lines = LineWriter(stream, "text")
    verdict = evaluate(template, load_policy())
    lines.write_result("door", FrameResult(1234, template, latency_ms=3.14, dropped=2), verdict)
    lines.write_result("door", FrameResult(1334, template, is_unchanged=True), verdict)
    lines.write_result("door", FrameResult(1434, None, error=FrameError("too\x1b small")), None)
    lines.write_interruption("door", LOST)
    lines.write_error("door", SourceError("door: gone"))
    scored, same, failed, lost, error = stream.getvalue().splitlines()
    assert scored.split()[:5] == ["1.234", "door", "72.0", "accept", "sharp"]
    assert scored.endswith("3.1 ms  dropped 2")
    assert same.endswith("same")
    assert failed.endswith("FrameError: too? small")
    assert lost.endswith("door  no signal: unplugged; plug it in (attempt 1 in 0.5 s)")
    assert error == "door  SourceError: gone"


def test_silent_writer_prints_nothing(template: Score) -> None:
    lines = LineWriter(None, "jsonl")
    lines.write_result("door", FrameResult(0, template), None)
    lines.write_interruption("door", LOST)
    lines.write_summary({})


def test_event_lines() -> None:
    event = {"camera": "door", "region": None, "kind": "dark", "state": "opened", "time": "2026", "advice": "Light it."}
    for form, wanted in (("jsonl", {"type": "event", **event}), ("text", "2026  door  dark opened  Light it.\n")):
        stream = io.StringIO()
        LineWriter(stream, form).write_event(event)  # type: ignore[arg-type]
        assert (json.loads(stream.getvalue()) if form == "jsonl" else stream.getvalue()) == wanted


# -- counts ----------------------------------------------------------------------------------------------------------


def test_percentiles_are_within_one_percent() -> None:
    values = np.random.default_rng(0).lognormal(1, 1.5, 20_000)
    histogram = LatencyHistogram()
    for value in values:
        histogram.add(float(value))
    for percent in (1, 50, 95, 99, 100):
        wanted = float(np.percentile(values, percent, method="inverted_cdf"))
        assert histogram.compute_percentile(percent) == pytest.approx(wanted, rel=0.0101)


def test_percentiles_of_nothing_and_of_extremes() -> None:
    histogram = LatencyHistogram()
    assert histogram.to_dict() == {"p50": None, "p95": None, "p99": None}
    histogram.add(0.0)
    assert histogram.to_dict()["p50"] == 0.01
    other = LatencyHistogram()
    other.add(1e9)
    histogram.merge(other)
    assert histogram.compute_percentile(100) == pytest.approx(1e6, rel=0.02)


def test_tallies_add_up(template: Score) -> None:
    first, second = Tally(), Tally()
    first.add(FrameResult(0, template, latency_ms=2, dropped=3), "accept")
    first.add(FrameResult(1, template, is_unchanged=True), "accept")
    second.add(FrameResult(0, replace(template, quality=22.0), latency_ms=4), "reject")
    second.add(FrameResult(1, None, error=ModelError("x")), None)
    second.interruptions = 2
    counts = sum_counts([SourceCounts(2, 0, 0, 1, 5), SourceCounts(2, 7, 1)])
    merged = merge_tallies([first, second]).to_dict(counts)
    assert merged == {
        "frames": 4,
        "scored": 2,
        "unchanged": 1,
        "failed": 1,
        "dropped": 4,
        "thinned": 5,
        "corrupt": 7,
        "interruptions": 2,
        "reconnects": 1,
        "verdicts": {"accept": 2, "review": 0, "reject": 1},
        "quality": {"mean": 47.0, "least": 22.0, "most": 72.0},
        "latency_ms": merged["latency_ms"],
    }
    assert merged["latency_ms"]["p50"] == pytest.approx(2, rel=0.011)
    assert "2 scored, 1 unchanged, 1 failed, 4 dropped" in describe_summary({"duration_s": 1.0, **merged})
    assert Tally().to_dict(SourceCounts(0, 0, 0))["quality"] is None


def test_summary_of_a_monitor_tells_of_frames_and_events() -> None:
    counts = Tally(interruptions=1).to_dict(SourceCounts(7, 2, 0))
    text = describe_summary({"duration_s": 1.0, **counts, "events": 0, "monitor": {}})
    assert text == "1.0 s, 7 frames, 0 events, 2 corrupt, 1 interruptions"


# -- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("--best-seconds", "1e306", "pass 0 to 1000000000"),
        ("--best-seconds", "nan", "pass 0 to 1000000000"),
        ("--every", "1e10", "pass 0 to 1000000000"),
        ("--duration", "-1", "pass 0 to 1000000000"),
        ("--fps", "1e-310", "pass 0.000001 or more"),
        ("--fps", "1e-10", "pass 0.000001 or more"),
        ("--max-fps", "0", "pass 0.000001 or more"),
        ("--max-fps", "inf", "pass 0.000001 or more"),
    ],
)
def test_numbers_that_nobody_can_wait_for(
    option: str, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_watch_options(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["0", option, text])
    assert words in capsys.readouterr().err


def test_the_largest_numbers_can_be_used(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_watch_options(parser)
    options = parser.parse_args(["0", "--best-seconds", "1e9", "--fps", "1e-6", "--max-fps", "1e-6"])
    BestShotFile(tmp_path / "best.jpg", round(1e3 * options.best_seconds))
    assert Timeline(step_ms=1e3 / options.fps).place(None) == 0
    assert 1 / options.fps < threading.TIMEOUT_MAX


# -- names -----------------------------------------------------------------------------------------------------------


def test_names_of_sources(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd=name").mkdir()
    texts = ["door=rtsp://a/b?c=d", "http://a/b?user=x", "0", "odd=name", "/dev/video=1", "aisle-3=1"]
    assert name_sources(texts) == [
        ("door", "rtsp://a/b?c=d"),
        (None, "http://a/b?user=x"),
        (None, "0"),
        (None, "odd=name"),
        (None, "/dev/video=1"),
        ("aisle-3", "1"),
    ]


@pytest.mark.parametrize("texts", [["a=0", "a=1"], ["0", "0"], ["a=0", "b=0"]])
def test_sources_that_cannot_be_told_apart(texts: list[str]) -> None:
    with pytest.raises(UsageError):
        name_sources(texts)


def test_password_of_a_repeated_address_is_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        name_sources(["rtsp://ann:secret@a/b", "rtsp://ann:secret@a/b"])
    assert "secret" not in str(caught.value)


def test_page_names_no_option_that_is_not_there(checkout: Path) -> None:
    parser = argparse.ArgumentParser()
    add_watch_options(parser)
    named = set(re.findall(r"--[a-z][a-z-]+", (checkout / "docs" / "camera.md").read_text(encoding="utf-8")))
    known = set(re.findall(r"--[a-z][a-z-]+", parser.format_help()))
    assert len(named) > 15
    assert named - known == {"--json"}  # of the benchmark
