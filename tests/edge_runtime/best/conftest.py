"""Candidates whose right order is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edge_runtime import Score
from edge_runtime.best import Candidate

BuildCandidate = Callable[..., Candidate]


@pytest.fixture(scope="session")
def build_candidate(build_score: Callable[..., Score]) -> BuildCandidate:
    """Makes a Candidate from what ``build_score`` takes; its hash has the lowest bits of ``bits`` set."""

    def build(
        name: str, quality: float, size: tuple[int, int] = (640, 480), bits: int | None = None, **rest: float
    ) -> Candidate:
        score = build_score(quality, size=size, **rest)
        return Candidate(name, score, None if bits is None else np.frombuffer(bits.to_bytes(8, "big"), np.uint8))

    return build
