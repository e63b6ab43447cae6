"""From the thread that reads a live source to the one that takes: the newest frame wins, a loss is always told."""

from __future__ import annotations

import threading
from collections import deque

from edge_runtime.camera.frames import Frame
from edge_runtime.camera.sources.source import Interruption

__all__ = ["Handover"]

MAX_INTERRUPTIONS = 16  # enough to tell what happened to a taker that was busy for a while
WAIT_S = 0.5  # on some systems a waiting thread hears of Ctrl-C only between waits


class Handover:
    """Room for one frame and a few interruptions; newer ones take the place of the oldest of their kind."""

    def __init__(self) -> None:
        """Empty and open."""
        self._condition = threading.Condition()
        self._frame: Frame | None = None
        self._interruptions: deque[Interruption] = deque(maxlen=MAX_INTERRUPTIONS)
        self._error: Exception | None = None
        self._is_finished = False
        self._is_closed = False

    def put(self, item: Frame | Interruption) -> bool:
        """Leaves an item, without waiting.

        Returns:
            Whether it replaced a frame that nobody has taken.
        """
        with self._condition:
            is_replaced = False
            if isinstance(item, Interruption):
                self._interruptions.append(item)
            else:
                is_replaced = self._frame is not None
                self._frame = item
            self._condition.notify()
            return is_replaced

    def finish(self, error: Exception | None = None) -> None:
        """Nothing more comes; ``error`` is raised where the items are taken, after the last."""
        with self._condition:
            self._is_finished = True
            self._error = error
            self._condition.notify_all()

    def close(self) -> None:
        """Nothing more is taken; who waits is let go."""
        with self._condition:
            self._is_closed = True
            self._frame = None
            self._interruptions.clear()
            self._condition.notify_all()

    def take(self) -> Frame | Interruption | None:
        """Waits for the next item, in the order of time.

        Returns:
            The item; None: finished or closed.

        Raises:
            Exception: what :meth:`finish` was given.
        """
        with self._condition:
            while not self._is_closed:
                frame, told = self._frame, self._interruptions
                if told and (frame is None or told[0].timestamp_ms < frame.timestamp_ms):
                    return told.popleft()
                if frame is not None:
                    self._frame = None
                    return frame
                if self._is_finished:
                    if self._error is not None:
                        raise self._error
                    return None
                self._condition.wait(WAIT_S)
            return None
