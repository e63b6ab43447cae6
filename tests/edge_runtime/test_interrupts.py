"""Ctrl-C waits where it would do harm, and is not lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.interrupts import hold_interrupts, import_native

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def interrupt(thread: threading.Thread) -> None:
    assert thread.ident is not None
    signal.pthread_kill(thread.ident, signal.SIGINT)
    if thread is not threading.current_thread():
        time.sleep(0.3)  # until that thread has had its turn, and this one hears of it


@pytest.fixture
def bystander() -> Iterator[threading.Thread]:
    """Another thread of the process, as numpy's: a signal may reach the process through it."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    yield thread
    done.set()
    thread.join()


def test_an_interrupt_takes_effect_at_the_end() -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt), hold_interrupts():
        interrupt(threading.main_thread())
        reached = True
    assert reached


def test_an_interrupt_through_another_thread_takes_effect_at_the_end(bystander: threading.Thread) -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt), hold_interrupts():
        interrupt(bystander)
        reached = True
    assert reached


def test_what_was_set_up_before_is_back(bystander: threading.Thread) -> None:
    seen: list[int] = []

    def note(number: int, frame: object) -> None:
        seen.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        with hold_interrupts():
            interrupt(bystander)
        assert signal.getsignal(signal.SIGINT) is note
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        assert seen == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_who_ignores_interrupts_goes_on_ignoring_them() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with hold_interrupts():
            interrupt(threading.main_thread())
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_may_hold_them_too() -> None:
    outcomes: list[str] = []

    def work() -> None:
        with hold_interrupts():
            outcomes.append("held")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert outcomes == ["held"]


def test_processes_started_inside_never_see_them() -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('alive')"
    with hold_interrupts():
        child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert child.stdout == "alive\n"


def test_an_interrupted_import_is_an_interrupt_and_no_broken_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As pybind11's modules do: whatever is raised while they are imported leaves them as an ImportError.
    source = """
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):
        pass
except BaseException as error:
    raise ImportError("initialization failed") from error
"""
    (tmp_path / "photogate_native_stand_in.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        import_native("photogate_native_stand_in")
    with pytest.raises(ModuleNotFoundError):
        import_native("photogate_no_such_module")
