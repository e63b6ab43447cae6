"""What the tests of all sources share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from edge_runtime import Score
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


@pytest.fixture(scope="session")
def template(build_score: Callable[..., Score]) -> Score:
    """What scorers that are made up answer."""
    return build_score(72.0, sharpness=90.0, noise=80.0, exposure=20.0, color=60.0, composition=50.0)
