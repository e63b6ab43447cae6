"""Scores and hashes whose right order is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edge_runtime import Score
from edge_runtime.best import Candidate
from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.result import Attributes, ImageSize, Label, ModelInfo, Timings

BuildCandidate = Callable[..., Candidate]


def build(
    name: str, quality: float, size: tuple[int, int] = (640, 480), bits: int | None = None, **attributes: float
) -> Candidate:
    """A candidate whose attributes are 80 where not given, and whose hash has the lowest bits of ``bits`` set."""
    score = Score(
        quality=quality,
        band="medium",
        interval=(max(quality - 8.0, 0.0), min(quality + 8.0, 100.0)),
        interval_coverage=0.9,
        attributes=Attributes(*(attributes.get(attribute, 80.0) for attribute in ATTRIBUTE_NAMES)),
        category=Label("unknown", 0.1),
        style=Label("unknown", 0.1),
        image=ImageSize(*size),
        timings=Timings(1.0, 1.0, 1.0, 3.0),
        model=ModelInfo("built", "1", "0" * 64, "none"),
    )
    return Candidate(name, score, None if bits is None else np.frombuffer(bits.to_bytes(8, "big"), np.uint8))


@pytest.fixture(scope="session")
def build_candidate() -> BuildCandidate:
    """See ``build``."""
    return build
