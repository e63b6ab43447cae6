"""What a source of frames is to whoever reads it: frames, interruptions while there is no signal, counts, a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from edge_runtime.camera.frames import Frame

__all__ = ["Interruption", "Source", "SourceCounts"]


@dataclass(frozen=True, slots=True)
class Interruption:
    """There is no signal. One comes when it is lost, after each failed attempt, and each second while waiting.

    Attributes:
        timestamp_ms: on the same scale as the frames' and, with theirs, strictly growing.
        reason: what is wrong, without credentials.
        attempt: which attempt to reconnect comes next, from 1.
        retry_in_ms: until that attempt.
    """

    timestamp_ms: int
    reason: str
    attempt: int
    retry_in_ms: int


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """What has happened to a source so far.

    Attributes:
        frames: handed over.
        corrupt: pictures that could not be decoded, and were skipped.
        reconnects: how often the signal has come back.
        dropped: frames of a live source that a newer one replaced before they were asked for.
        thinned: pictures left out, mostly undecoded, because they came faster than ``max_fps``.
    """

    frames: int
    corrupt: int
    reconnects: int
    dropped: int = 0
    thinned: int = 0


class Source(Protocol):
    """Frames to iterate over, once and from one thread. Close it, or use it as a context manager.

    Iterating ends at the end of a file, or when the source is closed. It raises SourceError when a signal that was
    lost has not come back within ``SourceOptions.max_retries`` attempts.
    """

    @property
    def name(self) -> str:
        """For messages: the source as it was given, with credentials masked."""

    @property
    def counts(self) -> SourceCounts:
        """As of now; may be asked for from any thread."""

    def __iter__(self) -> Iterator[Frame | Interruption]:
        """Frames and interruptions, with timestamps that grow strictly."""

    def close(self) -> None:
        """Ends the iteration, from any thread, and returns when the device and the thread are let go of."""

    def __enter__(self) -> Source:
        """The source itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes it."""
