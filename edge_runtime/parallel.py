"""Many photos by several processes: decoding takes nearly all of the time, and scales with the cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from edge_runtime.errors import InputError, UsageError
from edge_runtime.interrupts import hold_interrupts
from edge_runtime.result import ScoreFailure
from edge_runtime.scorer import attempt

__all__ = ["each_in_processes"]

AHEAD = 4  # photos a process that are under way, so that none of them waits for the one whose turn it is
MOST_ON_WINDOWS = 61  # processes: the system waits for 64 things at once, and the executor refuses more than these
_Result = TypeVar("_Result")
_action: Callable[[str], Any]  # of a process that works for this one


def each_in_processes(
    build: Callable[[], Callable[[str], _Result]], paths: Iterable[str], jobs: int
) -> Iterator[_Result | ScoreFailure]:
    """What an action says of photo after photo, worked out by several processes.

    As with :func:`edge_runtime.scorer.each`, photos are taken lazily, results come in their order, and one that fails
    does not stop the others: not even one that ends the process which reads it, as the system does where memory runs
    out. The processes are new ones ("spawn"): a script that calls this needs ``if __name__ == "__main__":``.

    Args:
        build: called once in each process; makes the action. It and the results must be picklable.
        paths: of photos.
        jobs: processes, 1 or more; on Windows no more than 61 are started.

    Yields:
        The action's result, or a ScoreFailure with the path and the InputError.

    Raises:
        UsageError: ``jobs`` is not positive, or a process ends before it has built the action.
        Exception: whatever else ``build`` or the action raises.
    """
    if jobs < 1:
        raise UsageError(f"{jobs} processes can score nothing; pass 1 or more")
    if sys.platform == "win32":
        jobs = min(jobs, MOST_ON_WINDOWS)
    pool = _start(build, jobs)
    waiting: deque[tuple[str, Future[_Result | ScoreFailure]]] = deque()
    photos = iter(paths)
    try:
        while True:
            while len(waiting) < AHEAD * jobs and (path := next(photos, None)) is not None:
                waiting.append((path, _submit(pool, path)))
            if not waiting:
                return
            try:
                result = waiting[0][1].result()
            except BrokenProcessPool:
                pool.shutdown()
                yield from _go_alone(build, [path for path, _ in waiting])
                waiting.clear()
                pool = _start(build, jobs)
                continue
            waiting.popleft()
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, path: str) -> Future[Any]:
    try:
        return pool.submit(_act, path)
    except BrokenProcessPool as error:
        broken: Future[Any] = Future()
        broken.set_exception(error)
        return broken


def _go_alone(build: Callable[[], Callable[[str], _Result]], paths: Iterable[str]) -> Iterator[_Result | ScoreFailure]:
    """One photo after the other, each new process only as long as none ends it: so it is known which one does."""
    pool = _start(build, 1)
    try:
        for path in paths:
            try:
                yield pool.submit(_act, path).result()
            except BrokenProcessPool:
                pool.shutdown()
                message = f"{path}: the process that read it was ended, perhaps for want of memory; try fewer jobs"
                yield ScoreFailure(path, InputError(message))
                pool = _start(build, 1)
    finally:
        pool.shutdown(cancel_futures=True)


def _start(build: Callable[[], Callable[[str], Any]], jobs: int) -> ProcessPoolExecutor:
    """Processes that have built the action.

    Raises:
        UsageError: a process ended before.
    """
    # Not forked: the interpreter's threads do not survive a fork, and their locks may be held in it for ever.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, context, _prepare, (build,))
    try:
        # All at once, so that every process is there before any photo is: one that the executor starts while another
        # ends is never ended itself, and waited for without end (Python 3.11).
        # Ctrl-C waits until they are: what they print while they import is a traceback each.
        with hold_interrupts():
            answers = [pool.submit(_tell_error) for _ in range(jobs)]
        errors = [error for answer in answers if (error := answer.result()) is not None]
    except BrokenProcessPool as broken:
        pool.shutdown()
        raise UsageError("a process to score in ended as it started, perhaps for want of memory; try 1 job") from broken
    if errors:
        pool.shutdown()
        raise errors[0]
    return pool


_error: Exception | None = None


def _prepare(build: Callable[[], Callable[[str], Any]]) -> None:
    """In a new process: leaves Ctrl-C to the one that started it, ends with that one, and builds the action."""
    global _action, _error
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _action = build()
    except Exception as error:  # told by _tell_error: what an initializer raises is only printed
        _error = error


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _tell_error() -> Exception | None:
    return _error


def _act(path: str) -> Any:
    if _error is not None:
        raise _error
    return attempt(_action, path)
