"""What the tests of all sources share, a scorer that waits and fails at will, and frames for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_runtime import PhotoScorer, Score
from edge_runtime.camera import FrameResult, LiveScorer
from edge_runtime.camera.frames import Frame
from edge_runtime.camera.sources import Interruption, Source
from edge_runtime.contract import ModelContract
from edge_runtime.scorer import Photo

PATIENCE_S = 30.0  # for what happens at once on a machine that is not busy


@dataclass
class StubScorer:
    """Scores at will: waits for ``gate`` if it is closed, and raises what is in ``faults``."""

    template: Score
    contract: ModelContract
    gate: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    faults: list[Exception] = field(default_factory=list)
    views: list[NDArray[np.uint8]] = field(default_factory=list)

    def score(self, photo: Photo, color_order: str = "rgb") -> Score:
        """The template."""
        assert isinstance(photo, np.ndarray)
        self.views.append(photo)
        self.begun.release()
        assert self.gate.wait(PATIENCE_S)
        if self.faults:
            raise self.faults.pop(0)
        return self.template

    @property
    def levels(self) -> list[int]:
        """The first number of each view, by which frames of ``build_frame`` are told apart."""
        return [int(view[0, 0, 0]) for view in self.views]

    def wait_until_begun(self) -> None:
        """Waits until a view more is being scored."""
        assert self.begun.acquire(timeout=PATIENCE_S)


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    """Fails a test that leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    assert not set(threading.enumerate()) - before  # one of an earlier test may have ended meanwhile


@pytest.fixture(scope="session")
def play() -> Callable[[Source, int], list[Frame | Interruption]]:
    """Takes items up to so many frames."""

    def play(source: Source, frames: int) -> list[Frame | Interruption]:
        items: list[Frame | Interruption] = []
        for item in source:
            items.append(item)
            frames -= isinstance(item, Frame)
            if not frames:
                break
        return items

    return play


@pytest.fixture(scope="session")
def template(build_score: Callable[..., Score]) -> Score:
    """What scorers that are made up answer."""
    return build_score(72.0, sharpness=90.0, noise=80.0, exposure=20.0, color=60.0, composition=50.0)


@pytest.fixture
def stub(scorer: PhotoScorer, template: Score) -> StubScorer:
    """A scorer whose gate is open."""
    stub = StubScorer(template, scorer.contract)
    stub.gate.set()
    return stub


@pytest.fixture(scope="session")
def build_frame() -> Callable[..., Frame]:
    """Makes a grey frame of 64 x 48 pixels; without a level, of one that differs from its neighbours'."""

    def build(timestamp_ms: int, level: int | None = None) -> Frame:
        level = timestamp_ms * 37 % 256 if level is None else level
        return Frame(np.full((48, 64, 3), level, np.uint8), timestamp_ms)

    return build


@pytest.fixture(scope="session")
def wait_for() -> Callable[[Callable[[], bool]], None]:
    """Waits until a condition holds."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.002)

    return wait


@pytest.fixture(scope="session")
def submit_each(
    wait_for: Callable[[Callable[[], bool]], None],
) -> Callable[[LiveScorer, Sequence[Frame], list[FrameResult]], None]:
    """Submits frame after frame, each when the former has its result."""

    def submit(live: LiveScorer, frames: Sequence[Frame], results: list[FrameResult]) -> None:
        for frame in frames:
            former = len(results)
            assert live.submit(frame)
            wait_for(lambda former=former: len(results) > former)  # type: ignore[misc]

    return submit


@pytest.fixture
def folder(tmp_path: Path, photo: Image.Image) -> Path:
    """Three photos that differ, and one that is broken."""
    root = tmp_path / "photos"
    root.mkdir()
    for number, brightness in enumerate((0.2, 1.0, 0.5)):
        photo.point(lambda level, brightness=brightness: round(brightness * level)).save(root / f"{number}.png")
    (root / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    return root
