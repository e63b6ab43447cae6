"""Corrections that are known, photos as small files, and a store in a folder of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_runtime import Score
from edge_runtime.feedback import Correction, FeedbackStore


@pytest.fixture(scope="session")
def build_correction(build_score: Callable[..., Score]) -> Callable[..., Correction]:
    """Makes a Correction of a photo of its own, or of the one that ``photo`` names."""

    def build(number: int, quality: float, verdict: str, photo: str = "", group: str = "", **rest: Any) -> Correction:
        digest = hashlib.sha256((photo or f"photo {number}").encode()).hexdigest()
        score = build_score(quality, **rest)
        return Correction(number, "2026-11-20T10:00:00+00:00", digest, "", None, verdict, None, "", group, score)  # type: ignore[arg-type]

    return build


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
