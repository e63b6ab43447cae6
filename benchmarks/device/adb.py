"""The Android Debug Bridge: finding the phone, copying files to it, running commands on it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from edge_runtime.errors import UsageError

__all__ = ["Phone", "find_phone"]

TRANSFER_TIMEOUT_S = 120.0
STATE_HINTS = {
    "unauthorized": "unlock it and allow USB debugging from this computer",
    "offline": "unplug it and plug it in again",
    "no permissions": "this user may not use the USB device: add a udev rule, or run `adb kill-server` and try as root",
}


class Phone:
    """A device that adb reaches.

    Attributes:
        serial: as ``adb devices`` lists it.
    """

    def __init__(self, adb: str, serial: str) -> None:
        """Nothing is run yet."""
        self._command = [adb, "-s", serial]
        self.serial = serial

    def push(self, source: Path, target: str) -> None:
        """Copies a file to the device.

        Raises:
            UsageError: it fails.
        """
        code, output = _run([*self._command, "push", str(source), target], TRANSFER_TIMEOUT_S)
        if code != 0:
            raise UsageError(f"cannot copy {source} to the device {self.serial}: {_last_line(output)}")

    def shell(self, arguments: Sequence[str], *, timeout_s: float = TRANSFER_TIMEOUT_S) -> str:
        """Runs a program on the device.

        Returns:
            What it wrote, standard error included, whatever its exit code: old versions of adb do not hand it on.

        Raises:
            UsageError: it does not end in time.
        """
        return _run([*self._command, "shell", shlex.join(arguments)], timeout_s)[1]

    def run_script(self, script: str) -> str:
        """Runs a line of the device's shell, with its wildcards; otherwise like :meth:`shell`."""
        return _run([*self._command, "shell", script], TRANSFER_TIMEOUT_S)[1]


def find_phone(adb: str = "adb", serial: str | None = None) -> Phone:
    """The phone on the cable.

    Args:
        adb: the program's name or path.
        serial: of one among several.

    Raises:
        UsageError: adb is not installed, no device is ready, or there are several and ``serial`` is None.
    """
    program = shutil.which(adb)
    if program is None:
        raise UsageError(
            f"{adb}: no such program; install Android's platform tools (Debian: apt-get install adb) or pass --adb"
        )
    code, output = _run([program, "devices"], TRANSFER_TIMEOUT_S)
    if code != 0:
        raise UsageError(f"`adb devices` fails: {_last_line(output)}")
    states = {}
    for line in output.splitlines():
        name, separator, state = line.partition("\t")
        if separator:
            states[name.strip()] = state.strip()
    if serial is not None and serial not in states:
        raise UsageError(f"no device {serial}; `adb devices` lists: {', '.join(states) or 'none'}")
    wanted = {serial: states[serial]} if serial is not None else states
    ready = [name for name, state in wanted.items() if state == "device"]
    if len(ready) > 1:
        raise UsageError(f"several devices are connected: pass --serial with one of {', '.join(ready)}")
    if not ready:
        raise UsageError(f"no Android device is ready: {_explain(wanted)}")
    return Phone(program, ready[0])


def _explain(states: dict[str, str]) -> str:
    if not states:
        return "none is connected; plug one in and turn on USB debugging (Settings, Developer options)"
    told = []
    for name, state in states.items():
        hint = next((hint for start, hint in STATE_HINTS.items() if state.startswith(start)), "see `adb devices`")
        told.append(f"{name} is {state!r}: {hint}")
    return "; ".join(told)


def _run(command: Sequence[str], timeout_s: float) -> tuple[int, str]:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"`{shlex.join(command)}` took over {timeout_s:.0f} s; is the device still there?") from error
    except OSError as error:
        raise UsageError(f"{command[0]}: cannot be run: {error.strerror or error}; pass --adb PATH") from error
    return done.returncode, done.stdout.decode("utf-8", "replace").replace("\r\n", "\n")


def _last_line(output: str) -> str:
    return (output.strip().splitlines() or ["it says nothing"])[-1]
