"""What ``photogate watch`` is made of: its lines, its counts, its names, and what becomes of faults."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime import PhotoScorer, Score
from edge_runtime.camera import Frame, FrameResult
from edge_runtime.camera.sources import Interruption, SourceCounts
from edge_runtime.camera.viewfinder import Viewfinder
from edge_runtime.cli.watch_lines import LineWriter, describe_summary
from edge_runtime.cli.watch_options import add_watch_options, name_sources
from edge_runtime.cli.watch_session import Watch
from edge_runtime.cli.watch_streams import WatchedSource
from edge_runtime.cli.watch_tally import LatencyHistogram, Tally, merge_tallies, sum_counts
from edge_runtime.contract import ModelContract
from edge_runtime.errors import FrameError, ModelError, SourceError, UsageError
from edge_runtime.gate.policy import evaluate, load_policy
from edge_runtime.result import Attributes
from edge_runtime.scorer import Photo

PATIENCE_S = 30.0
LOST = Interruption(200, "door: unplugged; plug it in", 1, 500)


@dataclass
class ScriptedSource:
    """Yields what it is given, raises errors among it, and then ends, or waits for its end if it is ``endless``."""

    script: Iterable[Frame | Interruption | Exception]
    name: str = "scripted"
    is_endless: bool = False
    frames: int = 0
    closed: threading.Event = field(default_factory=threading.Event)

    @property
    def counts(self) -> SourceCounts:
        return SourceCounts(self.frames, 1, 2)

    def __iter__(self) -> Iterator[Frame | Interruption]:
        for item in self.script:
            if isinstance(item, Exception):
                raise item
            if self.closed.is_set():
                return
            self.frames += isinstance(item, Frame)
            yield item
        if self.is_endless:
            assert self.closed.wait(PATIENCE_S)

    def close(self) -> None:
        self.closed.set()

    def __enter__(self) -> ScriptedSource:
        return self

    def __exit__(self, *arguments: object) -> None:
        self.close()


@dataclass
class StubScorer:
    """Every score is the same, but for the frames that make it fail."""

    template: Score
    contract: ModelContract
    is_failing: bool = False

    def score(self, photo: Photo, color_order: str = "rgb") -> Score:
        if self.is_failing:
            raise ModelError("the interpreter has failed")
        return self.template


@pytest.fixture(scope="module")
def template(scorer: PhotoScorer) -> Score:
    score = scorer.score(np.zeros((64, 64, 3), np.uint8))
    return replace(score, quality=72.0, attributes=Attributes(90, 80, 20, 60, 50))


@pytest.fixture
def stub(scorer: PhotoScorer, template: Score) -> StubScorer:
    return StubScorer(template, scorer.contract)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def build_frames(count: int, start_ms: int = 0, step_ms: int = 100) -> list[Frame]:
    """All different."""
    return [Frame(np.full((48, 64, 3), 30 * (n % 8), np.uint8), start_ms + step_ms * n) for n in range(count)]


def slowly(count: int) -> Iterator[Frame]:
    """So that a live scorer keeps up."""
    for frame in build_frames(count):
        time.sleep(0.05)
        yield frame


@dataclass
class Desk:
    """A watch with sources, and what it prints."""

    watch: Watch
    stream: io.StringIO
    stub: StubScorer

    def add(self, name: str, source: ScriptedSource, *, is_live: bool = False) -> None:
        self.watch.add(
            WatchedSource(name, source, self.stub, self.watch, is_live=is_live, is_endless=is_live, keep_frames=False)
        )

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def desk(stub: StubScorer) -> Desk:
    stream = io.StringIO()
    return Desk(Watch(LineWriter(stream, "jsonl"), load_policy()), stream, stub)


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


# -- sources together ------------------------------------------------------------------------------------------------


def test_several_sources_share_a_scorer_and_keep_their_order(desk: Desk) -> None:
    for name in ("a", "b", "c"):
        desk.add(name, ScriptedSource(build_frames(50)))
    desk.watch.run()
    for name in ("a", "b", "c"):
        assert [line["timestamp_ms"] for line in desk.lines if line["source"] == name] == list(range(0, 5000, 100))
    summary = desk.watch.build_summary()
    assert [source["source"] for source in summary["sources"]] == ["a", "b", "c"]
    assert (summary["frames"], summary["scored"], summary["corrupt"], summary["reconnects"]) == (150, 150, 3, 6)
    assert desk.watch.choose_exit_code() == 0


def test_two_sources_of_one_name_are_refused(desk: Desk) -> None:
    desk.add("a", ScriptedSource([]))
    with pytest.raises(UsageError, match="left=0 right=1"):
        desk.add("a", ScriptedSource([]))


@pytest.mark.parametrize("is_live", [True, False])
def test_source_that_fails_in_the_middle_does_not_stop_the_others(desk: Desk, is_live: bool) -> None:
    desk.add("bad", ScriptedSource([*build_frames(3), SourceError("bad: gone")]), is_live=is_live)
    desk.add("good", ScriptedSource(build_frames(200)))
    desk.watch.run()
    assert {"type": "error", "source": "bad", "error": {"type": "SourceError", "message": "bad: gone"}} in desk.lines
    assert sum(line["source"] == "good" for line in desk.lines) == 200
    bad, good = desk.watch.build_summary()["sources"]
    assert bad["error"]["message"] == "bad: gone"
    assert "error" not in good
    assert desk.watch.choose_exit_code() == 1


def test_losses_of_signal_are_printed_and_counted(desk: Desk) -> None:
    lost = [replace(LOST, timestamp_ms=time_ms) for time_ms in (200, 300)]
    again = replace(LOST, timestamp_ms=600)
    desk.add("door", ScriptedSource([*build_frames(2), *lost, *build_frames(1, 500), again, *build_frames(1, 700)]))
    desk.watch.run()
    assert sum(line["type"] == "interruption" for line in desk.lines) == 3
    assert desk.lines[2]["reason"] == LOST.reason
    assert desk.watch.build_summary()["interruptions"] == 2


def test_frames_that_cannot_be_scored_are_lines_and_the_exit_code(desk: Desk) -> None:
    desk.stub.is_failing = True
    desk.add("door", ScriptedSource(build_frames(3)))
    desk.watch.run()
    assert [line["error"]["type"] for line in desk.lines] == ["ModelError"] * 3
    assert desk.watch.build_summary()["failed"] == 3
    assert desk.watch.choose_exit_code() == 1


def test_source_without_a_picture_is_a_failure(desk: Desk) -> None:
    desk.add("door", ScriptedSource([]))
    desk.watch.run()
    assert desk.watch.choose_exit_code() == 1


class ClosedPipe(io.StringIO):
    """Nobody reads from the third line on."""

    def write(self, text: str) -> int:
        if self.getvalue().count("\n") >= 2:
            raise BrokenPipeError
        return super().write(text)


@pytest.mark.parametrize("is_live", [True, False])
def test_output_that_nobody_reads_ends_everything(stub: StubScorer, is_live: bool) -> None:
    desk = Desk(Watch(LineWriter(ClosedPipe(), "jsonl"), load_policy()), io.StringIO(), stub)
    source = ScriptedSource(slowly(100), is_endless=is_live)
    desk.add("a", source, is_live=is_live)
    idle = ScriptedSource(build_frames(1), is_endless=True)
    desk.add("b", idle, is_live=True)
    with pytest.raises(BrokenPipeError):
        desk.watch.run()
    assert idle.closed.is_set()
    assert source.frames < 100


def test_fault_in_our_own_code_is_raised_and_not_swallowed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(LineWriter, "write_result", fail)
    desk.add("a", ScriptedSource(build_frames(1), is_endless=True), is_live=True)
    with pytest.raises(RuntimeError, match="a defect"):
        desk.watch.run()


def test_listener_that_raises_ends_its_source_and_is_told(stub: StubScorer) -> None:
    class Faulty:
        ends: list[Exception | None]

        def take_frame(self, name: str, frame: Frame) -> None: ...

        def take_event(self, name: str, event: object) -> None: ...

        def take(self, name: str, item: object) -> None:
            raise RuntimeError("a callback that raises")

        def take_end(self, name: str, error: Exception | None) -> None:
            self.ends = [error]

    for is_live in (True, False):
        listener = Faulty()
        source = ScriptedSource(build_frames(1), is_endless=is_live)
        watched = WatchedSource("a", source, stub, listener, is_live=is_live, is_endless=is_live)
        watched.start()
        deadline = time.monotonic() + PATIENCE_S
        while watched.is_running:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        watched.close()
        assert str(listener.ends[0]) == "a callback that raises"


def test_duration_ends_a_camera_without_fault(desk: Desk) -> None:
    desk.add("a", ScriptedSource(build_frames(1), is_endless=True), is_live=True)
    desk.watch.run(duration_s=0.1)
    summary = desk.watch.build_summary()
    assert 0.1 <= summary["duration_s"] < PATIENCE_S
    assert not summary["is_interrupted"]
    assert desk.watch.choose_exit_code() == 0


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("is_live", "code"), [(True, 0), (False, 130)])
def test_signals_end_it_cleanly(desk: Desk, number: int, is_live: bool, code: int) -> None:
    desk.add("a", ScriptedSource(build_frames(1), is_endless=True), is_live=is_live)
    former = signal.getsignal(signal.SIGTERM)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), number))
    timer.start()
    desk.watch.run(duration_s=PATIENCE_S)
    timer.join()
    assert desk.watch.build_summary()["is_interrupted"]
    assert desk.watch.choose_exit_code() == code
    assert signal.getsignal(signal.SIGTERM) is former


def test_signal_in_another_thread_is_left_alone(desk: Desk) -> None:
    """A program that runs a watch in a thread of its own keeps its handlers."""
    desk.add("a", ScriptedSource(build_frames(3)))
    thread = threading.Thread(target=desk.watch.run)
    thread.start()
    thread.join(PATIENCE_S)
    assert desk.watch.build_summary()["scored"] == 3


def test_viewfinder_may_ask_for_the_end(stub: StubScorer) -> None:
    class QuittingScreen:
        has_pictures = True
        pictures = 0

        def show(self, name: str, reading: object, picture: object) -> None:
            self.pictures += picture is not None

        def wait(self, seconds: float) -> bool:
            time.sleep(seconds)
            return self.pictures > 0

        def close(self) -> None: ...

    screen = QuittingScreen()
    watch = Watch(LineWriter(None, "jsonl"), load_policy(), Viewfinder(screen, load_policy()))
    source = ScriptedSource(build_frames(1), is_endless=True)
    watch.add(WatchedSource("a", source, stub, watch, is_live=True, is_endless=True))
    watch.run(duration_s=PATIENCE_S)
    assert source.closed.is_set()
    assert watch.build_summary()["duration_s"] < PATIENCE_S
    assert watch.choose_exit_code() == 0


def test_live_source_is_scored_without_waiting(desk: Desk) -> None:
    """The newest frame wins: many frames at once are not all scored, and none is lost from the counts."""
    source = ScriptedSource(build_frames(500))
    desk.add("a", source, is_live=True)
    desk.watch.run()
    summary = desk.watch.build_summary()
    assert summary["frames"] == 500
    assert summary["scored"] >= 1
    assert summary["scored"] + summary["unchanged"] + summary["dropped"] == 500
    assert desk.lines[-1]["timestamp_ms"] == 49_900


def test_page_names_no_option_that_is_not_there(checkout: Path) -> None:
    parser = argparse.ArgumentParser()
    add_watch_options(parser)
    named = set(re.findall(r"--[a-z][a-z-]+", (checkout / "docs" / "camera.md").read_text(encoding="utf-8")))
    known = set(re.findall(r"--[a-z][a-z-]+", parser.format_help()))
    assert len(named) > 15
    assert named - known == {"--json"}  # of the benchmark
