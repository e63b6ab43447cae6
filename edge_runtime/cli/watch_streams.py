"""One thread a source: reads it, has its frames scored, and hands on whatever comes of them."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread
from typing import TYPE_CHECKING, Protocol

from edge_runtime.camera.change import ChangeDetector
from edge_runtime.camera.frames import Frame
from edge_runtime.camera.live import LiveScorer
from edge_runtime.camera.live_options import LiveOptions
from edge_runtime.camera.scoring import FrameResult, FrameScorer, score_video
from edge_runtime.camera.sources import Interruption, Source

if TYPE_CHECKING:  # for it need not be loaded where nothing is monitored
    from edge_runtime.camera.monitor import Event, Monitor

__all__ = ["Listener", "WatchedSource"]


class Listener(Protocol):
    """Hears of everything, from the threads of all sources; what it raises ends the source that it was told of."""

    def take_frame(self, name: str, frame: Frame) -> None:
        """A frame that was read, before it is scored."""

    def take(self, name: str, item: FrameResult | Interruption) -> None:
        """A result, or the news that there is no signal."""

    def take_event(self, name: str, event: Event) -> None:
        """What the monitor has found."""

    def take_end(self, name: str, error: Exception | None) -> None:
        """Nothing more comes of this source; ``error`` says why if it is not simply over."""


class WatchedSource:
    """A source with the thread that watches it.

    Attributes:
        name: in the output.
        source: open.
        is_endless: whether it goes on until it is told to stop: a camera, a stream, or another program's output.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        scorer: FrameScorer,
        listener: Listener,
        *,
        is_live: bool,
        is_endless: bool,
        skip_unchanged: bool = True,
        keep_frames: bool = False,
        monitor: Monitor | None = None,
    ) -> None:
        """Prepares; nothing is read yet.

        Args:
            name: in the output.
            source: open; closed by :meth:`close`.
            scorer: shared with other sources.
            listener: hears of everything.
            is_live: the newest frame counts, and those that come while it is scored are dropped; else all are scored.
            is_endless: as the attribute.
            skip_unchanged: see LiveOptions.
            keep_frames: whether results of scored frames carry the frame.
            monitor: shared with other sources; it examines the frames, and finds events instead of results.
        """
        self.name = name
        self.source = source
        self.is_endless = is_endless
        self._scorer = scorer
        self._listener = listener
        self._is_live = is_live
        self._skip_unchanged = skip_unchanged
        self._keep_frames = keep_frames
        self._monitor = monitor
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, name=f"photogate watch {name}", daemon=True)

    @property
    def is_running(self) -> bool:
        """Whether more may come."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begins to read."""
        self._thread.start()

    def close(self) -> None:
        """Ends the reading, and waits until the listener has heard of the end."""
        self.source.close()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        error: Exception | None = None
        try:
            if self._monitor is not None:
                self._watch_monitored(self._monitor)
            elif self._is_live:
                self._watch_live()
            else:
                self._watch_video()
            error = self._error
        except Exception as fault:
            error = self._error or fault
        finally:
            self._listener.take_end(self.name, error)

    def _watch_live(self) -> None:
        # Sources make a new array for every frame, so that none has to be copied.
        options = LiveOptions(skip_unchanged=self._skip_unchanged, copy=False, keep_frames=self._keep_frames)
        with LiveScorer(self._scorer, self._take_result, options) as live:
            for item in self.source:
                if self._error is not None:
                    return
                if isinstance(item, Frame):
                    self._listener.take_frame(self.name, item)
                    live.submit(item)
                else:
                    self._listener.take(self.name, item)

    def _watch_video(self) -> None:
        detector = ChangeDetector() if self._skip_unchanged else None
        for result in score_video(self._scorer, self._read(), detector=detector, keep_frames=self._keep_frames):
            self._listener.take(self.name, result)

    def _watch_monitored(self, monitor: Monitor) -> None:
        for item in self.source:
            if isinstance(item, Frame):
                self._listener.take_frame(self.name, item)
            else:
                self._listener.take(self.name, item)
            for event in monitor.feed(item, self.name):
                self._listener.take_event(self.name, event)

    def _read(self) -> Iterator[Frame]:
        for item in self.source:
            if isinstance(item, Frame):
                self._listener.take_frame(self.name, item)
                yield item
            else:
                self._listener.take(self.name, item)

    def _take_result(self, result: FrameResult) -> None:
        """In the scorer's thread, which would only log what the listener raises."""
        if self._error is not None:
            return
        try:
            self._listener.take(self.name, result)
        except Exception as error:
            self._error = error
            self.source.close()  # the reading thread may wait for a frame
