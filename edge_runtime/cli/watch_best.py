"""Where ``--best-shot`` is written: whenever another frame has become the best, but not more than once a second."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from typing import Any

from edge_runtime.camera.best_shot import BestShot, Shot
from edge_runtime.camera.scoring import FrameResult
from edge_runtime.camera.sources.address import parse_source
from edge_runtime.camera.sources.photo_folder import list_photos
from edge_runtime.errors import UsageError
from edge_runtime.originals import Originals
from edge_runtime.output_file import write_output
from edge_runtime.paths import exists_as_folder

__all__ = ["BestShotFile", "find_originals"]

INTERVAL_S = 1.0  # each writing reaches the disk, and memory cards bear only so many
SUFFIXES = (".jpg", ".jpeg")


def find_originals(source: str) -> list[str]:
    """The files that a source is read from; of a camera, a stream or standard input there are none.

    Raises:
        SourceError: it is no source, or a folder that cannot be read or holds no photos.
    """
    address = parse_source(source)
    if address.kind != "path":
        return []
    return list_photos(address.text) if exists_as_folder(address.text) else [address.text]


class BestShotFile:
    """Keeps a file the best frame of the last seconds. Not thread-safe."""

    def __init__(self, path: Path, window_ms: int, *, originals: Iterable[str] = (), force: bool = False) -> None:
        """Checks the place; nothing is written yet.

        Args:
            path: of a JPEG.
            window_ms: how far back the best is looked for.
            originals: files that are never replaced.
            force: replace what is there.

        Raises:
            UsageError: it is no JPEG's name, the folder is missing, or the file exists or is an original.
        """
        if path.suffix.lower() not in SUFFIXES:
            raise UsageError(f"{path}: the best shot is a JPEG; give it a name that ends in .jpg")
        Originals(originals).check(path, force=force, makes_folder=False)
        self._path = path
        self._force = force
        self._best = BestShot(window_ms)
        self._written: Shot | None = None
        self._tried = -float("inf")
        self._is_failing = False

    def offer(self, result: FrameResult, quality: float | None) -> None:
        """Takes a result into account, and writes if another frame is the best. A full disk is told of, and borne."""
        self._best.offer(result, quality)
        now = monotonic()
        if not self._is_due() or now - self._tried < INTERVAL_S:
            return
        self._tried = now
        try:
            self._write()
            self._is_failing = False
        except UsageError as error:
            if not self._is_failing:
                print(f"photogate watch: {error}; it is tried again", file=sys.stderr, flush=True)
            self._is_failing = True

    def finish(self) -> dict[str, Any] | None:
        """Writes what is still to be written, and tells of the file for the summary; None if there was no frame.

        Raises:
            UsageError: the file cannot be written.
        """
        if self._is_due():
            self._write()
        shot = self._written
        if shot is None:
            return None
        return {
            "path": str(self._path),
            "timestamp_ms": shot.timestamp_ms,
            "quality": round(shot.quality, 1),
            "width_px": shot.width_px,
            "height_px": shot.height_px,
        }

    def _is_due(self) -> bool:
        best = self._best.best
        return best is not None and (self._written is None or best.jpeg != self._written.jpeg)

    def _write(self) -> None:
        best = self._best.best
        assert best is not None  # as _is_due has found
        # What is there by now is our own, but for somebody who was as quick as we.
        write_output(self._path, best.jpeg, force=self._force or self._written is not None)
        self._written = best
