"""Scores that are known, photos as small files, and a store in a folder of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_runtime import Score
from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.feedback import Correction, FeedbackStore
from edge_runtime.result import Attributes, ImageSize, Label, ModelInfo, Timings

BuildScore = Callable[..., Score]


def build(quality: float, model: str = "a", **attributes: float) -> Score:
    """A score of the model whose SHA-256 is ``model`` repeated; attributes are 80 where not given."""
    return Score(
        quality=quality,
        band="medium",
        interval=(max(quality - 8.0, 0.0), min(quality + 8.0, 100.0)),
        interval_coverage=0.9,
        attributes=Attributes(*(attributes.get(attribute, 80.0) for attribute in ATTRIBUTE_NAMES)),
        category=Label("toys", 0.7),
        style=Label("unknown", 0.1),
        image=ImageSize(640, 480),
        timings=Timings(1.0, 1.0, 1.0, 3.0),
        model=ModelInfo("built", "1", model * 64, "none"),
    )


def correct(number: int, quality: float, verdict: str, photo: str = "", group: str = "", **rest: float) -> Correction:
    """A correction of a photo of its own, or of the one that ``photo`` names."""
    digest = hashlib.sha256((photo or f"photo {number}").encode()).hexdigest()
    score = build(quality, **rest)  # type: ignore[arg-type]
    return Correction(number, "2026-11-20T10:00:00+00:00", digest, "", None, verdict, None, "", group, score)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def build_score() -> BuildScore:
    """See ``build``."""
    return build


@pytest.fixture(scope="session")
def build_correction() -> Callable[..., Correction]:
    """See ``correct``."""
    return correct


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FeedbackStore]:
    """An empty store."""
    with FeedbackStore(tmp_path / "store" / "feedback.sqlite3") as store:
        yield store


@pytest.fixture
def photo(tmp_path: Path, examples_dir: Path) -> Path:
    """A photo that a test may change."""
    path = tmp_path / "mug.jpg"
    path.write_bytes((examples_dir / "mug-good.jpg").read_bytes())
    return path
