"""A sink behind a queue: one thread delivers in order, and tries again, ever more rarely, until it is through."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Condition, Thread

from edge_runtime.camera.monitor.events import Event
from edge_runtime.camera.monitor.sinks.queue import EventQueue

__all__ = ["DeliveryError", "QueuedSink"]

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 300.0

logger = logging.getLogger(__name__)


class DeliveryError(Exception):
    """An event did not get through; it is tried again."""


class QueuedSink:
    """Delivers each event at least once: the other side tells repeats by their id and state.

    Attributes:
        name: for messages and the summary.
    """

    def __init__(
        self,
        name: str,
        queue: EventQueue,
        deliver: Callable[[str], None],
        hang_up: Callable[[], None] | None = None,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        """Starts the thread; it begins with what an earlier run left in the queue.

        Args:
            name: of the sink.
            queue: belongs to this sink from now on.
            deliver: called with one line of JSON at a time, in the thread; raises if it did not get through.
            hang_up: called at the end, in the thread.
            first_wait_s: before the first repetition; each is twice as long as the one before, up to five minutes.
        """
        self.name = name
        self._queue = queue
        self._deliver = deliver
        self._hang_up = hang_up
        self._first_wait_s = first_wait_s
        self._news = Condition()
        self._is_closed = False
        self._has_news = True
        self._delivered = 0
        self._failures = 0
        self._thread = Thread(target=self._run, name=f"photogate-{name}", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> dict[str, int]:
        """Events delivered by this run, failed attempts in a row, events that wait, and events dropped ever."""
        return {"delivered": self._delivered, "failures": self._failures, **self._queue.counts}

    def send(self, event: Event) -> None:
        """Puts an event into the queue."""
        self._queue.put(event.to_line())
        with self._news:
            self._has_news = True
            self._news.notify()

    def close(self, timeout_s: float = 5.0) -> None:
        """Ends the thread, after the attempt that is going on; what waits is delivered by the next run."""
        with self._news:
            self._is_closed = True
            self._news.notify()
        self._thread.join(timeout_s)
        if not self._thread.is_alive():  # otherwise it is left to the process's end, for it may still use the file
            self._queue.close()

    def _run(self) -> None:
        wait_s = self._first_wait_s
        try:
            while not self._is_closed:
                with self._news:
                    self._has_news = False
                head = self._queue.first()
                if head is None:
                    with self._news:
                        # Now and then also without news: the queue may not have been readable.
                        self._news.wait_for(lambda: self._has_news or self._is_closed, LONGEST_WAIT_S)
                    continue
                number, line = head
                try:
                    self._deliver(line)
                except Exception as error:  # whatever it is, the event must not be lost, nor the thread
                    if not self._failures:  # the first of a row
                        logger.warning("%s: %s; events are kept, and tried again", self.name, error)
                    self._failures += 1
                    with self._news:
                        self._news.wait_for(lambda: self._is_closed, wait_s)
                    wait_s = min(2 * wait_s, LONGEST_WAIT_S)
                    continue
                self._queue.remove(number)
                self._delivered += 1
                self._failures = 0
                wait_s = self._first_wait_s
        finally:
            if self._hang_up is not None:
                self._hang_up()
