"""What the tests of all sources share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from edge_runtime.camera.frames import Frame
from edge_runtime.camera.sources import Interruption, Source


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    """Fails a test that leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


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
