"""Small pictures of what was wrong, in a folder that does not outgrow its cap."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

from PIL import Image

from edge_runtime.camera.frames import Box, Frame
from edge_runtime.camera.monitor.config import EvidenceConfig
from edge_runtime.camera.view import to_rgb
from edge_runtime.errors import UsageError
from edge_runtime.output_file import write_output

__all__ = ["EvidenceFolder"]

JPEG_QUALITY = 85
OWN_NAME = re.compile(r"\d{8}T\d{6}\.\d{3}Z_.+_[0-9a-f]{16}\.jpg")
"""Only files of such names are counted and deleted."""


class EvidenceFolder:
    """Keeps JPEG files named by time, camera, region, kind and event; the oldest go first."""

    def __init__(self, folder: Path, config: EvidenceConfig) -> None:
        """Nothing is made before the first picture."""
        self._folder = folder
        self._config = config

    def save(self, frame: Frame, box: Box | None, time: str, label: str, event_id: str) -> Path:
        """Writes the region's part of a frame, and deletes what is too much.

        Args:
            frame: the one that decided.
            box: the region; None: all of it.
            time: as of ``format_time``.
            label: of the event, for people.
            event_id: 16 hexadecimal digits.

        Raises:
            UsageError: the disk is full, or the like.
        """
        picture = Image.fromarray(to_rgb(frame))
        if box is not None:
            picture = picture.crop(box)
        picture.thumbnail((self._config.width_px, 4 * self._config.width_px))
        content = io.BytesIO()
        picture.save(content, "JPEG", quality=JPEG_QUALITY)
        stamp = time.replace("-", "").replace(":", "")
        safe = re.sub(r"[^A-Za-z0-9-]+", "-", label)[:80]
        path = self._folder / f"{stamp}_{safe}_{event_id}.jpg"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_room(content.tell())
        except OSError as error:
            raise UsageError(f"{self._folder}: cannot keep evidence: {error.strerror or error}; make room") from error
        write_output(path, content.getvalue(), force=True)
        return path

    def _make_room(self, size_bytes: int) -> None:
        own: list[tuple[Path, int]] = []
        for path in sorted(self._folder.iterdir()):  # names begin with the time
            if OWN_NAME.fullmatch(path.name) and path.is_file():  # no link to nowhere, no folder
                with contextlib.suppress(OSError):  # a picture that is gone by now
                    own.append((path, path.stat().st_size))
        excess_bytes = sum(size for _, size in own) + size_bytes - self._config.max_mb * 1e6
        for path, size in own:
            if excess_bytes <= 0:
                break
            path.unlink(missing_ok=True)
            excess_bytes -= size
