"""What takes events."""

from __future__ import annotations

from typing import Protocol

from edge_runtime.camera.monitor.events import Event

__all__ = ["Sink"]


class Sink(Protocol):
    """Takes events without making the camera wait; what it cannot pass on at once it keeps."""

    @property
    def name(self) -> str:
        """For messages and the summary."""
        ...

    @property
    def counts(self) -> dict[str, int]:
        """What became of the events so far, for the summary; at least "waiting" and "dropped"."""
        ...

    def send(self, event: Event) -> None:
        """Takes an event."""
        ...

    def close(self) -> None:
        """Lets go of files, threads and connections; what waits on disk stays there."""
        ...
