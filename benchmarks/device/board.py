"""What makes a board or a phone slower than it could be: governor, frequency, heat, too weak a power supply.

All of it lies in files of the Linux kernel, on Android too; which of them can be read differs from device to device.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["BOARD_FILES", "describe_board", "parse_board", "read_board"]

CPU_FREQUENCY = "/sys/devices/system/cpu/cpu*/cpufreq"
THROTTLED = "/sys/devices/platform/soc/soc:firmware/get_throttled"
BOARD_FILES = (
    "/proc/device-tree/model",
    "/proc/meminfo",
    f"{CPU_FREQUENCY}/scaling_governor",
    f"{CPU_FREQUENCY}/scaling_cur_freq",
    f"{CPU_FREQUENCY}/cpuinfo_max_freq",
    "/sys/class/thermal/thermal_zone*/type",
    "/sys/class/thermal/thermal_zone*/temp",
    THROTTLED,
)
"""Patterns of the files that :func:`parse_board` understands."""

PLAUSIBLE_CELSIUS = (-40.0, 150.0)  # sensors that are switched off report 0 K, -274 °C or the largest integer
# The firmware's word, bit by bit: https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
THROTTLE_BITS = {
    0: "under-voltage now",
    1: "frequency capped now",
    2: "throttled now",
    3: "at the soft temperature limit now",
    16: "under-voltage since it was switched on",
    17: "frequency capped since it was switched on",
    18: "throttled since it was switched on",
    19: "at the soft temperature limit since it was switched on",
}


def read_board() -> dict[str, Any]:
    """:func:`parse_board` of this machine; all fields are empty where the system is not Linux."""
    found = {}
    for pattern in BOARD_FILES:
        for path in sorted(Path("/").glob(pattern[1:])):
            try:
                found[str(path)] = path.read_text(encoding="utf-8", errors="replace")
            except OSError:  # a sensor that is switched off
                continue
    return parse_board(found)


def parse_board(files: Mapping[str, str]) -> dict[str, Any]:
    """Reads what the kernel's files say.

    Args:
        files: path → content, of whichever of ``BOARD_FILES`` could be read.

    Returns:
        ``model`` (str or None), ``memory_bytes`` (int or None), ``governors`` and ``frequency_mhz`` by core ("cpu0"
        ...), the latter as [now, at most], ``temperature_celsius`` by sensor (two of one name: the hotter), and
        ``throttled``: what a Raspberry Pi's firmware complains of, None where there is no such firmware.
    """
    texts = {path: text.strip("\0 \n") for path, text in files.items()}
    memory = re.search(r"MemTotal:\s+(\d+) kB", texts.get("/proc/meminfo", ""))
    governors: dict[str, str] = {}
    frequencies: dict[str, list[int | None]] = {}
    temperatures: dict[str, float] = {}
    for path, text in texts.items():
        folder, _, name = path.rpartition("/")
        if name == "scaling_governor":
            governors[folder.split("/")[-2]] = text
        elif name == "scaling_cur_freq" and text.isdigit():
            most = texts.get(f"{folder}/cpuinfo_max_freq", "")
            frequencies[folder.split("/")[-2]] = [int(text) // 1000, int(most) // 1000 if most.isdigit() else None]
        elif name == "temp" and re.fullmatch(r"-?\d+", text):
            celsius = int(text) / 1000
            sensor = texts.get(f"{folder}/type", folder.rpartition("/")[2])
            if PLAUSIBLE_CELSIUS[0] <= celsius <= PLAUSIBLE_CELSIUS[1]:
                temperatures[sensor] = max(celsius, temperatures.get(sensor, celsius))
    throttled = texts.get(THROTTLED)
    return {
        "model": texts.get("/proc/device-tree/model") or None,
        "memory_bytes": int(memory[1]) * 1024 if memory else None,
        "governors": governors,
        "frequency_mhz": frequencies,
        "temperature_celsius": temperatures,
        "throttled": None if throttled is None else _read_throttle_bits(throttled),
    }


def describe_board(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Lines for people: the board, and what of it may have made the figures worse."""
    lines = []
    if before["model"]:
        lines.append(f"board: {before['model']}")
    if before["governors"]:
        governors = sorted(set(before["governors"].values()))
        hint = "" if governors == ["performance"] else ": figures are steadier with `performance`"
        lines.append(f"governor: {', '.join(governors)}{hint}")
    sensors = [name for name in before["temperature_celsius"] if name in after["temperature_celsius"]]
    if sensors:
        hottest = max(sensors, key=lambda name: after["temperature_celsius"][name])
        from_celsius, to_celsius = (state["temperature_celsius"][hottest] for state in (before, after))
        lines.append(f"temperature ({hottest}): {from_celsius:.0f} °C before, {to_celsius:.0f} °C after")
    if after["throttled"]:
        lines.append(f"firmware: {', '.join(after['throttled'])}")
    return lines


def _read_throttle_bits(text: str) -> list[str]:
    try:
        word = int(text, 16)
    except ValueError:
        return [f"unknown state {text!r}"]
    return [meaning for bit, meaning in THROTTLE_BITS.items() if word >> bit & 1]
