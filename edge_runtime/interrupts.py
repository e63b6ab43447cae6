"""Ctrl-C at moments when it would do harm."""

from __future__ import annotations

import contextlib
import importlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

__all__ = ["hold_interrupts", "import_native"]


def import_native(name: str) -> Any:
    """The module of that name, which has native code: Ctrl-C takes effect when it is there.

    What is raised while a native module is imported does not come out as it went in: pybind11 makes an ImportError of
    it, as if the module were broken.

    Raises:
        ImportError: it is not installed, or does not load here.
    """
    with hold_interrupts():
        return importlib.import_module(name)


@contextlib.contextmanager
def hold_interrupts() -> Iterator[None]:
    """Ctrl-C inside takes effect at the end, and processes that are started inside never see it."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        with _block():
            yield
        return
    caught: list[tuple[int, FrameType | None]] = []
    # Blocked alone, it would come through another thread of the process, such as one of numpy's.
    signal.signal(signal.SIGINT, lambda number, frame: caught.append((number, frame)))
    try:
        with _block():
            yield
    finally:
        signal.signal(signal.SIGINT, before)
        if caught:
            before(*caught[-1])


@contextlib.contextmanager
def _block() -> Iterator[None]:
    """SIGINT waits in this thread, and in processes started inside."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
