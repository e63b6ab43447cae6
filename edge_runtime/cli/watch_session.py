"""Everything that happens to the watched sources comes together here: printed, counted, shown, kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from edge_runtime.camera.frames import Frame
from edge_runtime.camera.scoring import FrameResult
from edge_runtime.camera.sources import Interruption
from edge_runtime.camera.viewfinder import Viewfinder
from edge_runtime.cli.watch_best import BestShotFile
from edge_runtime.cli.watch_lines import LineWriter
from edge_runtime.cli.watch_streams import WatchedSource
from edge_runtime.cli.watch_tally import Tally, merge_tallies, sum_counts
from edge_runtime.errors import SourceError, UsageError
from edge_runtime.gate.policy import Policy, evaluate, get_judged_quality

if TYPE_CHECKING:  # for it need not be loaded where nothing is monitored
    from edge_runtime.camera.monitor import Event, Monitor

__all__ = ["Watch"]

EXIT_FINE, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130
WAIT_S = 0.2  # so soon the end of the sources or of --duration is noticed
VIEW_WAIT_S = 0.03


class Watch:
    """Everything that happens to the sources comes together here; from their threads, one at a time."""

    def __init__(
        self,
        lines: LineWriter,
        policy: Policy,
        viewfinder: Viewfinder | None = None,
        best: BestShotFile | None = None,
        monitor: Monitor | None = None,
    ) -> None:
        """Has no sources yet.

        Args:
            lines: what is printed.
            policy: decides on every score.
            viewfinder: shows the newest; None: there is none.
            best: keeps the best frame; None: none is kept.
            monitor: for the summary; the sources feed it.
        """
        self._lines = lines
        self._policy = policy
        self._viewfinder = viewfinder
        self._best = best
        self._monitor = monitor
        self._events = 0  # of the monitor, opened
        self._lost: set[str] = set()  # sources without a signal
        self._sources: list[WatchedSource] = []
        self._tallies: dict[str, Tally] = {}
        self._ends: dict[str, Exception | None] = {}
        self._cut: list[WatchedSource] = []
        self._failure: Exception | None = None  # of ours, not of a source's: of the output, for example
        self._is_interrupted = False
        self._is_closing = False
        self._best_shot: dict[str, Any] | None = None
        self._best_error: UsageError | None = None
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._started = monotonic()

    def add(self, source: WatchedSource) -> None:
        """Takes in a source that listens to this watch.

        Raises:
            UsageError: another one has its name.
        """
        if source.name in self._tallies:
            raise UsageError(f"two sources are called {source.name}; give each a name of its own, as in left=0 right=1")
        self._sources.append(source)
        self._tallies[source.name] = Tally()

    def take_frame(self, name: str, frame: Frame) -> None:
        """See Listener."""
        self._lost.discard(name)
        if self._viewfinder is not None:
            self._viewfinder.note_frame(name, frame)

    def take(self, name: str, item: FrameResult | Interruption) -> None:
        """See Listener."""
        with self._lock:
            if self._failure is None:
                self._keep_failure(lambda: self._take(name, item))

    def take_event(self, name: str, event: Event) -> None:
        """See Listener."""
        with self._lock:
            self._events += event.state == "opened"
            if self._failure is None:
                self._keep_failure(lambda: self._lines.write_event(event.to_dict()))

    def take_end(self, name: str, error: Exception | None) -> None:
        """See Listener."""
        with self._lock:
            if error is None and not self._is_closing:
                error = self._find_fault(name)
            self._ends[name] = error
            if error is not None and self._failure is None:
                self._keep_failure(lambda: self._lines.write_error(name, error))
            if self._viewfinder is not None and error is not None:
                self._viewfinder.note_end(name, str(error))
            if len(self._ends) == len(self._sources):
                self._wake.set()

    def run(self, duration_s: float | None = None) -> None:
        """Watches until all sources have ended, the time is over, or somebody asks for the end; then closes them all.

        Ctrl-C and SIGTERM end it, too; a second one while sources are being closed is let through.

        Raises:
            Exception: what printing has raised.
        """
        self._started = monotonic()
        with _sigterm_as_interrupt():
            try:
                try:
                    for source in self._sources:
                        source.start()
                    self._wait(duration_s)
                except KeyboardInterrupt:
                    self._is_interrupted = True
                self._cut = [source for source in self._sources if source.is_running]
            finally:
                self._close()
        if self._best is not None:
            try:
                self._best_shot = self._best.finish()
            except UsageError as error:
                self._best_error = error
        if self._failure is not None:
            raise self._failure

    def build_summary(self) -> dict[str, Any]:
        """The summary's JSON object."""
        sources = [self._describe_source(source) for source in self._sources]
        summary: dict[str, Any] = {
            "duration_s": round(monotonic() - self._started, 2),
            "is_interrupted": self._is_interrupted,
            "policy": self._policy.name,
        }
        counts = sum_counts([source.source.counts for source in self._sources])
        summary.update(merge_tallies(list(self._tallies.values())).to_dict(counts))
        if self._best is not None:
            summary["best_shot"] = self._best_shot
        if self._monitor is not None:
            summary["events"] = self._events
            summary["monitor"] = self._monitor.summary()
        summary["sources"] = sources
        return summary

    def check_best(self) -> None:
        """Makes sure that the best frame is in its file.

        Raises:
            UsageError: it is not.
        """
        if self._best_error is not None:
            raise self._best_error

    def choose_exit_code(self) -> int:
        """See the command's help."""
        if self._is_interrupted and any(not source.is_endless for source in self._cut):
            return EXIT_INTERRUPTED
        is_failed = any(
            self._ends.get(source.name) is not None or self._tallies[source.name].failed for source in self._sources
        )
        return EXIT_FAILED if is_failed else EXIT_FINE

    def _keep_failure(self, action: Callable[[], object]) -> None:
        """Does it; what it raises ends the whole watch, by the main thread, and not the thread that it happens in."""
        try:
            action()
        except Exception as error:
            self._failure = error
            self._wake.set()

    def _find_fault(self, name: str) -> SourceError | None:
        """What is wrong with a source that has ended by itself: there was nothing to see."""
        counts = next(source.source.counts for source in self._sources if source.name == name)
        if counts.frames:
            return None
        damaged = f" ({counts.corrupt} damaged)" if counts.corrupt else ""
        return SourceError(f"{name}: ended without a picture that can be read{damaged}; check where it comes from")

    def _describe_source(self, source: WatchedSource) -> dict[str, Any]:
        entry = {"source": source.name, **self._tallies[source.name].to_dict(source.source.counts)}
        error = self._ends.get(source.name)
        if error is not None:
            entry["error"] = {"type": type(error).__name__, "message": str(error)}
        return entry

    def _take(self, name: str, item: FrameResult | Interruption) -> None:
        tally = self._tallies[name]
        if self._viewfinder is not None:
            self._viewfinder.note(name, item)
        if isinstance(item, Interruption):
            tally.interruptions += name not in self._lost
            self._lost.add(name)
            if self._monitor is None:  # which tells of it by an event
                self._lines.write_interruption(name, item)
            return
        verdict = None if item.score is None else evaluate(item.score, self._policy)
        tally.add(item, None if verdict is None else verdict.decision)
        if self._best is not None:
            self._best.offer(item, None if item.score is None else get_judged_quality(item.score, self._policy))
        self._lines.write_result(name, item, verdict)

    def _wait(self, duration_s: float | None) -> None:
        until = float("inf") if duration_s is None else self._started + duration_s
        while not self._wake.is_set() and monotonic() < until:
            left_s = max(0.0, until - monotonic())
            if self._viewfinder is None:
                self._wake.wait(min(WAIT_S, left_s))
            elif self._viewfinder.refresh(min(VIEW_WAIT_S, left_s)):
                return
        if self._viewfinder is not None:
            self._viewfinder.refresh(0)

    def _close(self) -> None:
        """All at once: a camera that does not answer may take seconds."""
        with self._lock:
            self._is_closing = True
        closers = [threading.Thread(target=source.close, daemon=True) for source in self._sources]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join()


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """As systemd and containers end a program; in the main thread only, where signals arrive."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, stack: object) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
