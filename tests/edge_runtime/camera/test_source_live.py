"""A live source comes back after every loss, never waits for its taker, and ends when it is closed."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest

from edge_runtime.camera.frames import Frame
from edge_runtime.camera.sources import Interruption, Source, SourceOptions
from edge_runtime.camera.sources.capture import CorruptPictureError, Picture, SignalError
from edge_runtime.camera.sources.live_source import LiveSource
from edge_runtime.errors import SourceError

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
Play = Callable[[Source, int], "list[Frame | Interruption]"]

QUICK = SourceOptions(first_retry_ms=1, longest_retry_ms=4, retry_jitter=0, read_timeout_ms=200, open_timeout_ms=200)
GOOD = "a good picture"
TAKEN = "wait until every picture was taken"


class ScriptedCapture:
    """Delivers what its script says: a good picture, an error to raise, a number of seconds to wait, or the end."""

    def __init__(self, script: Sequence[Any], *, is_finite: bool = False) -> None:
        self.script = list(script)
        self.is_finite = is_finite
        self.position_ms = None
        self.is_closed = False
        self.shelf: Shelf | None = None
        self.interrupted = threading.Event()

    def grab(self) -> bool:
        assert not self.is_closed
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception):
            raise step
        if isinstance(step, float):
            if self.interrupted.wait(step):
                raise SignalError("interrupted")
            return self.grab()
        if callable(step):
            step()
            return self.grab()
        if step is TAKEN:
            assert self.shelf is not None
            while not self.shelf.is_all_taken() and not self.interrupted.wait(0.001):
                pass
            return self.grab()
        if step is GOOD and self.shelf is not None:
            self.shelf.delivered += 1
        return step is not None

    def retrieve(self) -> Picture:
        return Picture(np.zeros((16, 16, 3), np.uint8))

    def interrupt(self) -> None:
        self.interrupted.set()

    def close(self) -> None:
        self.is_closed = True


class Shelf:
    """Opens one scripted capture after another; SourceErrors among them are raised."""

    def __init__(self, *captures: ScriptedCapture | Exception) -> None:
        self.waiting = list(captures)
        self.opened: list[ScriptedCapture] = []
        self.delivered = 0
        self.source: Source | None = None

    def open(self, is_stopped: Callable[[], bool]) -> ScriptedCapture:
        step = self.waiting.pop(0) if self.waiting else SignalError("unplugged")
        if isinstance(step, Exception):
            raise step
        self.opened.append(step)
        step.shelf = self
        return step

    def is_all_taken(self) -> bool:
        assert self.source is not None
        return self.source.counts.frames + self.source.counts.dropped >= self.delivered


def watch(shelf: Shelf, options: SourceOptions = QUICK) -> LiveSource:
    source = shelf.source = LiveSource("shelf", shelf.open, options)
    return source


def slow(count: int) -> list[Any]:
    """Good pictures, each after the one before was taken."""
    return [step for _ in range(count) for step in (TAKEN, GOOD)]


def test_frames_go_on_over_losses_and_failed_attempts(play: Play) -> None:
    shelf = Shelf(
        ScriptedCapture([*slow(3), TAKEN, SignalError("cable pulled")]),
        SignalError("still unplugged"),
        SourceError("a web page, for now"),
        ScriptedCapture([*slow(2), TAKEN]),  # then ends, which a camera does not: a loss
        ScriptedCapture(slow(50)),
    )
    with watch(shelf) as source:
        items = play(source, 8)
        counts = source.counts
    kinds = ["frame" if isinstance(item, Frame) else f"{item.attempt}: {item.reason}" for item in items]
    assert kinds == [
        *["frame"] * 3,
        "1: cable pulled",
        "2: still unplugged",
        "3: a web page, for now",
        *["frame"] * 2,
        "1: shelf: the stream ended; it may be restarting",
        *["frame"] * 3,
    ]
    stamps = [item.timestamp_ms for item in items]
    assert all(later > earlier for earlier, later in pairwise(stamps))
    assert [item.retry_in_ms for item in items if isinstance(item, Interruption)] == [1, 2, 4, 1]
    assert (counts.frames, counts.reconnects, counts.corrupt, counts.dropped) == (8, 2, 0, 0)
    assert len(shelf.opened) == 3
    assert all(capture.is_closed for capture in shelf.opened)


def test_corrupt_pictures_are_skipped_and_counted(play: Play) -> None:
    bad = CorruptPictureError("smeared")
    shelf = Shelf(ScriptedCapture([bad, *slow(1), bad, bad, *slow(20)]))
    with watch(shelf) as source:
        items = play(source, 3)
    assert all(isinstance(item, Frame) for item in items)
    assert source.counts.corrupt == 3
    assert source.counts.reconnects == 0


def test_nothing_but_corrupt_pictures_is_a_loss(play: Play) -> None:
    bad = CorruptPictureError("smeared")
    shelf = Shelf(ScriptedCapture([*[bad] * 15, 0.25, *[bad] * 15, *slow(5)]), ScriptedCapture(slow(5)))
    with watch(shelf) as source:
        items = play(source, 1)
    assert isinstance(items[0], Interruption)
    assert "only damaged pictures" in items[0].reason
    assert len(shelf.opened) == 2


def test_damaged_pictures_among_good_ones_that_are_thinned_are_no_loss() -> None:
    bad = CorruptPictureError("smeared")
    done = threading.Event()
    shelf = Shelf(ScriptedCapture([*[GOOD, bad] * 15, 0.25, *[bad, GOOD] * 15, done.set, 5.0]))
    with watch(shelf, replace(QUICK, max_fps=0.1)) as source:
        next(iter(source))
        assert done.wait(5)
        counts = source.counts
    assert (counts.corrupt, counts.thinned, counts.reconnects) == (30, 29, 0)
    assert len(shelf.opened) == 1


def test_pictures_that_cannot_be_decoded_are_a_loss_however_many_are_thinned(play: Play) -> None:
    class Undecodable(ScriptedCapture):
        def retrieve(self) -> Picture:
            raise CorruptPictureError("smeared")

    shelf = Shelf(Undecodable([*[GOOD] * 15, 0.25, *[GOOD] * 15, 5.0]), ScriptedCapture(slow(5)))
    with watch(shelf, replace(QUICK, max_fps=0.1)) as source:
        item = next(iter(source))
    assert isinstance(item, Interruption)
    assert "only damaged pictures" in item.reason


def test_slow_taker_gets_the_newest_frame_and_still_hears_of_the_loss() -> None:
    taken, done = threading.Event(), threading.Event()
    shelf = Shelf(
        ScriptedCapture([GOOD, lambda: taken.wait(5), *[GOOD] * 49]),
        ScriptedCapture([*[GOOD] * 50, done.set, 5.0]),
    )
    with watch(shelf) as source:
        iterator = iter(source)
        first = next(iterator)
        taken.set()
        assert done.wait(5)
        rest = list(islice(iterator, 2))
    assert isinstance(rest[0], Interruption)
    assert isinstance(rest[1], Frame)
    assert first.timestamp_ms < rest[0].timestamp_ms < rest[1].timestamp_ms
    counts = source.counts
    assert counts.reconnects == 1
    assert counts.frames + counts.dropped == 100


def test_while_there_is_no_signal_it_says_so_every_second(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_runtime.camera.sources.live_source.HEARTBEAT_MS", 50)
    options = SourceOptions(first_retry_ms=2000, longest_retry_ms=2000, retry_jitter=0)
    shelf = Shelf(SignalError("unplugged"), ScriptedCapture(slow(5)))
    with watch(shelf, options) as source:
        items = play(source, 1)
    waits = [item.retry_in_ms for item in items if isinstance(item, Interruption)]
    assert {item.attempt for item in items if isinstance(item, Interruption)} == {1}
    assert 3 <= len(waits) <= 41
    assert waits == sorted(waits, reverse=True)
    assert max(waits) <= 2000


def test_no_wait_ends_in_a_burst_of_messages(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_runtime.camera.sources.live_source.HEARTBEAT_MS", 7)
    options = SourceOptions(first_retry_ms=20, longest_retry_ms=20, retry_jitter=0)
    shelf = Shelf(*[SignalError("unplugged")] * 30, ScriptedCapture(slow(1)))
    with watch(shelf, options) as source:
        attempts = Counter(item.attempt for item in play(source, 1) if isinstance(item, Interruption))
    assert attempts
    assert max(attempts.values()) <= 3  # at 20, 13 and 6 ms


def test_gives_up_after_the_attempts_allowed() -> None:
    options = SourceOptions(first_retry_ms=1, longest_retry_ms=1, max_retries=2)
    shelf = Shelf(ScriptedCapture([0.01, GOOD]))
    with watch(shelf, options) as source:
        items: list[Frame | Interruption] = []
        with pytest.raises(SourceError, match=r"unplugged.*given up after 2 attempts"):
            for item in source:
                items.append(item)
    assert isinstance(items[0], Frame)


def test_rate_limit_leaves_pictures_undecoded(play: Play) -> None:
    options = SourceOptions(max_fps=10)
    capture = ScriptedCapture([step for _ in range(400) for step in (0.02, GOOD)])
    decoded = []
    retrieve = capture.retrieve
    capture.retrieve = lambda: decoded.append(1) or retrieve()  # type: ignore[method-assign,func-returns-value]
    with watch(Shelf(capture), options) as source:
        play(source, 4)
        thinned = source.counts.thinned
    assert thinned >= 4
    assert len(decoded) <= 6


def test_defect_in_a_library_is_a_loss_and_no_silent_end(play: Play) -> None:
    shelf = Shelf(ScriptedCapture([*slow(1), TAKEN, ZeroDivisionError("in the driver")]), ScriptedCapture(slow(5)))
    with watch(shelf) as source:
        items = play(source, 2)
    assert [type(item) for item in items] == [Frame, Interruption, Frame]
    assert "in the driver" in items[1].reason  # type: ignore[union-attr]


def test_rotation_of_the_mounting_is_added(play: Play) -> None:
    with watch(Shelf(ScriptedCapture(slow(3))), SourceOptions(rotation=270)) as source:
        (frame,) = play(source, 1)
    assert isinstance(frame, Frame)
    assert frame.rotation == 270


@pytest.mark.parametrize("script", [[30.0], [GOOD, 30.0]])
def test_closing_ends_a_read_that_waits(script: list[Any]) -> None:
    capture = ScriptedCapture(script)
    source = watch(Shelf(capture), SourceOptions())
    timer = threading.Timer(0.2, source.close)
    timer.start()
    started = time.monotonic()
    items = list(source)
    assert time.monotonic() - started < 10
    timer.join()
    assert len(items) == len(script) - 1
    assert capture.is_closed


def test_closing_ends_the_wait_for_the_next_attempt() -> None:
    options = SourceOptions(first_retry_ms=60_000, longest_retry_ms=60_000)
    source = watch(Shelf(), options)
    timer = threading.Timer(0.2, source.close)
    timer.start()
    started = time.monotonic()
    items = list(source)
    assert time.monotonic() - started < 10
    timer.join()
    assert [type(item) for item in items] == [Interruption]


def test_closing_while_it_is_opened_lets_go_of_what_comes() -> None:
    capture = ScriptedCapture(slow(5))
    is_opening = threading.Event()

    def open_slowly(is_stopped: Callable[[], bool]) -> ScriptedCapture:
        is_opening.set()
        while not is_stopped():
            time.sleep(0.005)
        return capture

    source = LiveSource("shelf", open_slowly, SourceOptions())

    def close() -> None:
        is_opening.wait(10)
        source.close()

    closer = threading.Thread(target=close)
    closer.start()
    assert list(source) == []
    closer.join()
    assert capture.is_closed


def test_closed_before_and_twice() -> None:
    capture = ScriptedCapture(slow(5))
    source = LiveSource("shelf", Shelf().open, SourceOptions(), first=capture)
    source.close()
    source.close()
    assert capture.is_closed
    assert list(source) == []


def test_closing_from_within_the_iteration() -> None:
    source = watch(Shelf(ScriptedCapture(slow(50))), SourceOptions())
    items = []
    for item in source:
        items.append(item)
        source.close()
    assert len(items) == 1
