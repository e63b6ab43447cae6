"""The photos of the command line's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path, photo: Image.Image) -> Path:
    """Two photos, one broken photo, a text file, and a folder with one more photo."""
    root = tmp_path / "photos"
    (root / "inner").mkdir(parents=True)
    photo.save(root / "b.jpg")
    photo.save(root / "A.PNG")
    photo.save(root / "inner" / "d.webp")
    (root / "c.jpg").write_bytes((root / "b.jpg").read_bytes()[:5000])
    (root / "notes.txt").write_text("no photo")
    (root / "._b.jpg").write_bytes(b"left by another system")
    return root
