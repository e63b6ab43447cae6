"""The best frame of the last seconds, at full resolution and in bounded memory.

The window is cut into slots of time, and of each slot only the best frame is kept, as a JPEG; one that is worse than a
later slot's can never become the best, and goes. So frames are encoded only when they are the best of their slot so
far, and what is kept does not grow with the frame rate.
"""

from __future__ import annotations

import io
from collections import deque
from dataclasses import dataclass

from PIL import Image

from edge_runtime.camera.frames import Frame
from edge_runtime.camera.scoring import FrameResult
from edge_runtime.camera.view import to_rgb
from edge_runtime.errors import UsageError

__all__ = ["DEFAULT_MAX_BYTES", "DEFAULT_WINDOW_MS", "BestShot", "Shot", "encode_jpeg"]

DEFAULT_WINDOW_MS = 10_000
DEFAULT_MAX_BYTES = 64 * 2**20  # a dozen JPEGs of an 8-megapixel camera
SLOTS = 10
JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame that was kept.

    Attributes:
        timestamp_ms: the frame's; of a scene that did not change, that of the last frame which looked the same.
        quality: by which it was chosen, in points.
        jpeg: the whole frame, upright and at its full size.
        width_px, height_px: of the picture.
    """

    timestamp_ms: int
    quality: float
    jpeg: bytes
    width_px: int
    height_px: int


@dataclass(slots=True)
class _Slot:
    number: int
    shot: Shot


class BestShot:
    """Keeps the best of the scored frames of the last ``window_ms``. Not thread-safe.

    The window moves on by a tenth of itself: a frame is kept for at most its length, and at least nine tenths of it. A
    frame that was not scored, since it looked like the last one that was, counts as that one taken again.
    """

    def __init__(self, window_ms: int = DEFAULT_WINDOW_MS, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        """Starts with nothing.

        Args:
            window_ms: how far back it looks, by the frames' timestamps.
            max_bytes: of all kept JPEGs together; beyond it the worst ones go. The best is kept whatever its size.

        Raises:
            UsageError: a number out of range.
        """
        if window_ms < SLOTS or max_bytes < 1:
            raise UsageError(
                f"a window of {window_ms} ms in {max_bytes} bytes is not possible; pass {SLOTS} ms or more, "
                "and 1 byte or more"
            )
        self._slot_ms = window_ms / SLOTS
        self._max_bytes = max_bytes
        self._slots: deque[_Slot] = deque()  # by time; their qualities fall, since worse ones before better ones go
        self._frame: Frame | None = None  # the last that was scored, with its quality and, once it was needed, JPEG
        self._quality = 0.0
        self._encoded: Shot | None = None

    @property
    def best(self) -> Shot | None:
        """The best of the window; None while there is none."""
        return self._slots[0].shot if self._slots else None

    @property
    def size_bytes(self) -> int:
        """Of all JPEGs that are kept."""
        return sum(len(slot.shot.jpeg) for slot in self._slots)

    def offer(self, result: FrameResult, quality: float | None = None) -> bool:
        """Takes a result into account.

        Args:
            result: with its frame (``keep_frames``), unless it is of an unchanged one; later than the one before.
            quality: to choose by, in points; None: the score's own.

        Returns:
            Whether another frame is the best now, or the same one with another quality.
        """
        former = self.best
        if result.score is None:
            self._frame = self._encoded = None
        elif result.frame is not None and not result.is_unchanged:
            self._frame, self._encoded = result.frame, None
            self._quality = result.score.quality if quality is None else quality
        number = int(result.timestamp_ms // self._slot_ms)
        while self._slots and self._slots[0].number <= number - SLOTS:
            self._slots.popleft()
        if self._frame is not None:
            self._add(number, result.timestamp_ms, self._frame)
        best = self.best
        if former is None or best is None:
            return best is not None
        return (best.jpeg, best.quality) != (former.jpeg, former.quality)

    def _add(self, number: int, timestamp_ms: int, frame: Frame) -> None:
        newest = self._slots[-1] if self._slots else None
        if newest is not None and newest.number == number and newest.shot.quality >= self._quality:
            return
        if self._encoded is None:
            self._encoded = Shot(timestamp_ms, self._quality, encode_jpeg(frame), frame.width_px, frame.height_px)
        first = self._encoded
        shot = Shot(timestamp_ms, first.quality, first.jpeg, first.width_px, first.height_px)
        while self._slots and self._slots[-1].shot.quality <= self._quality:
            self._slots.pop()
        self._slots.append(_Slot(number, shot))
        while len(self._slots) > 1 and self.size_bytes > self._max_bytes:
            self._slots.pop()


def encode_jpeg(frame: Frame) -> bytes:
    """The whole frame, upright and at its full size, as a JPEG of quality 95 without subsampled colours."""
    stream = io.BytesIO()
    Image.fromarray(to_rgb(frame)).save(stream, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return stream.getvalue()
