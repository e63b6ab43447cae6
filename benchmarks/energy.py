"""Energy used, where Linux lets one read it: a processor's RAPL counters, or the battery of what runs on one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["NOT_READABLE", "EnergyMeter", "open_energy_meter"]

NOT_READABLE = "not readable here"
SYSFS = Path("/sys/class")


@dataclass
class EnergyMeter:
    """Adds up what its counters have moved by; read it more often than a counter goes round (some minutes).

    Attributes:
        source: what is read, for people.
        used_j: joules since it was opened, as of the last :meth:`read`.
    """

    source: str
    _read_counters: Callable[[], list[float]]
    _spans: list[float]
    used_j: float = 0.0

    def __post_init__(self) -> None:
        self._last = self._read_counters()

    def read(self) -> float:
        """``used_j``, brought up to date.

        Raises:
            OSError, ValueError: a counter can no longer be read.
        """
        now = self._read_counters()
        for before, after, span in zip(self._last, now, self._spans, strict=True):
            self.used_j += after - before + (span if after < before else 0.0)
        self._last = now
        return self.used_j


def open_energy_meter(sysfs: Path = SYSFS) -> EnergyMeter | str:
    """A meter, or the reason why there is none, which begins with NOT_READABLE.

    RAPL's packages come first (Documentation/power/powercap/powercap.rst: microjoules, counting up to
    ``max_energy_range_uj``); they hold the whole machine's processors. Then a battery that is being discharged
    (Documentation/ABI/testing/sysfs-class-power: microwatt-hours, or microampere-hours times microvolts); it holds all
    of the device, its screen too.
    """
    reasons = []
    for attempt in (_open_rapl, _open_battery):
        try:
            found = attempt(sysfs)
        except (OSError, ValueError) as error:
            found = f"{getattr(error, 'filename', None) or sysfs}: {getattr(error, 'strerror', None) or error}"
        if isinstance(found, EnergyMeter):
            return found
        reasons.append(found)
    return f"{NOT_READABLE}: {'; '.join(reasons)}"


def _open_rapl(sysfs: Path) -> EnergyMeter | str:
    zones = [
        zone for zone in sorted((sysfs / "powercap").glob("*:*")) if _read_text(zone / "name").startswith("package")
    ]
    if not zones:
        return "no RAPL package in powercap"

    def read() -> list[float]:
        return [_read_number(zone / "energy_uj") / 1e6 for zone in zones]

    return EnergyMeter("RAPL, processor packages", read, [_read_number(z / "max_energy_range_uj") / 1e6 for z in zones])


def _open_battery(sysfs: Path) -> EnergyMeter | str:
    for supply in sorted((sysfs / "power_supply").glob("*")):
        if _read_text(supply / "type") != "Battery":
            continue
        if _read_text(supply / "status") != "Discharging":
            return f"battery {supply.name} is not being discharged"
        if (supply / "energy_now").is_file():
            read = _build_battery_reader(supply / "energy_now", None)
        elif (supply / "charge_now").is_file():
            read = _build_battery_reader(supply / "charge_now", supply / "voltage_now")
        else:
            read = _build_battery_reader(supply / "charge_counter", supply / "voltage_now")
        return EnergyMeter(f"battery {supply.name}", read, [0.0])
    return "no battery in power_supply"


def _build_battery_reader(level: Path, voltage: Path | None) -> Callable[[], list[float]]:
    """Joules taken out, which rise as the level falls; a charge counts at the voltage of the reading."""
    last = _read_number(level)
    taken_j = 0.0

    def read() -> list[float]:
        nonlocal last, taken_j
        now = _read_number(level)
        volts = 1.0 if voltage is None else _read_number(voltage) / 1e6
        taken_j += max(last - now, 0.0) / 1e6 * 3600 * volts
        last = now
        return [taken_j]

    return read


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return ""


def _read_number(path: Path) -> float:
    return float(path.read_text(encoding="ascii"))
