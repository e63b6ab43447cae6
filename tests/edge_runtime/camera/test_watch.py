"""``photogate watch`` at work: sources together, what becomes of faults, and how it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from edge_runtime import PhotoScorer, Score
from edge_runtime.camera import Frame
from edge_runtime.camera.sources import Interruption, SourceCounts
from edge_runtime.camera.viewfinder import Viewfinder
from edge_runtime.cli.watch_lines import LineWriter
from edge_runtime.cli.watch_session import Watch
from edge_runtime.cli.watch_streams import WatchedSource
from edge_runtime.contract import ModelContract
from edge_runtime.errors import ModelError, SourceError, UsageError
from edge_runtime.gate.policy import load_policy
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


@pytest.mark.parametrize("is_live", [True, False])
def test_source_without_a_picture_is_a_failure_and_says_so(desk: Desk, is_live: bool) -> None:
    desk.add("door", ScriptedSource([]), is_live=is_live)
    desk.watch.run()
    error = {
        "type": "SourceError",
        "message": "door: ended without a picture that can be read (1 damaged); check where it comes from",
    }
    assert desk.lines == [{"type": "error", "source": "door", "error": error}]
    assert desk.watch.build_summary()["sources"][0]["error"] == error
    assert desk.watch.choose_exit_code() == 1


def test_source_that_is_closed_before_its_first_picture_is_no_failure(desk: Desk) -> None:
    desk.add("door", ScriptedSource([], is_endless=True), is_live=True)
    desk.watch.run(duration_s=0.1)
    assert desk.lines == []
    assert desk.watch.choose_exit_code() == 0


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
