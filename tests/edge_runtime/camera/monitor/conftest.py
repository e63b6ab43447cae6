"""A shelf, a camera in front of it whose picture a test may spoil, and a scorer that knows its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge_runtime.camera import Frame
from edge_runtime.camera.monitor import Event, Monitor, MonitorConfig
from edge_runtime.camera.monitor.config import BaselineConfig
from edge_runtime.contract import ViewSpec

Spoil = Callable[[np.ndarray], np.ndarray]


class StubScorer:
    """Answers ``quality``, or raises it if it is an exception; counts its calls."""

    def __init__(self, quality: Any = 70.0) -> None:
        self.quality = quality
        self.contract: Any = SimpleNamespace(
            view=ViewSpec(width_px=320, height_px=320), name="stub", version="1.0.0", sha256="ab" * 32
        )
        self.calls = 0

    def score(self, photo: Any, color_order: str = "rgb") -> Any:
        """The answer."""
        self.calls += 1
        if isinstance(self.quality, Exception):
            raise self.quality
        return SimpleNamespace(quality=self.quality)


class ShelfCamera:
    """Feeds a monitor with frames of a shelf, each with noise of its own, twice a second.

    Attributes:
        now_ms: time of the next frame.
        monitor: the one that is fed; may be replaced.
    """

    def __init__(self, picture: np.ndarray, name: str = "aisle") -> None:
        self.picture = picture
        self.name = name
        self.now_ms = 0
        self.monitor: Monitor | None = None
        self._rng = np.random.default_rng(0)

    def make_frame(self, spoil: Spoil | None = None) -> Frame:
        """The next frame."""
        seen = self.picture if spoil is None else spoil(self.picture)
        noisy = seen + self._rng.normal(0, 2, seen.shape)
        frame = Frame(noisy.clip(0, 255).astype(np.uint8), self.now_ms)
        self.now_ms += 500
        return frame

    def watch(self, seconds: float, spoil: Spoil | None = None) -> list[Event]:
        """Feeds for a while and returns the events."""
        assert self.monitor is not None
        events: list[Event] = []
        for _ in range(round(2 * seconds)):
            events += self.monitor.feed(self.make_frame(spoil), self.name)
        return events


@pytest.fixture(scope="session")
def draw_shelf() -> Any:
    """The benchmark's own shelves, which are not installed."""
    return pytest.importorskip("benchmarks.shelf.scenes", reason="needs a checkout: it draws shelves").draw_shelf


@pytest.fixture
def config() -> MonitorConfig:
    """Learns in ten seconds, writes nothing."""
    return MonitorConfig(baseline=BaselineConfig(learn_s=10))


@pytest.fixture
def stub() -> StubScorer:
    """70 points for everything, at first."""
    return StubScorer()


@pytest.fixture
def camera(config: MonitorConfig, stub: StubScorer, draw_shelf: Any) -> Iterator[ShelfCamera]:
    """A camera whose monitor has learnt its shelf."""
    camera = ShelfCamera(draw_shelf(3, (320, 240)))
    with Monitor(config, stub) as monitor:
        camera.monitor = monitor
        assert camera.watch(12) == []
        yield camera
