"""Energy from made-up counters: they count up and go round, a battery's level falls, and there may be none."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.energy import NOT_READABLE, EnergyMeter, open_energy_meter


def _write(folder: Path, **files: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(f"{content}\n", encoding="ascii")
    return folder


def _open(sysfs: Path) -> EnergyMeter:
    meter = open_energy_meter(sysfs)
    assert isinstance(meter, EnergyMeter), meter
    return meter


def test_packages_are_added_up_and_counters_go_round(tmp_path: Path) -> None:
    zones = tmp_path / "powercap"
    first = _write(zones / "intel-rapl:0", name="package-0", energy_uj=1_000_000, max_energy_range_uj=10_000_000)
    second = _write(zones / "intel-rapl:1", name="package-1", energy_uj=9_000_000, max_energy_range_uj=10_000_000)
    _write(zones / "intel-rapl:0:0", name="core", energy_uj=0, max_energy_range_uj=10_000_000)
    meter = _open(tmp_path)
    assert "RAPL" in meter.source
    _write(first, energy_uj=3_000_000)
    _write(second, energy_uj=500_000)
    assert meter.read() == pytest.approx(2.0 + 1.5)
    _write(first, energy_uj=4_000_000)
    assert meter.read() == pytest.approx(2.0 + 1.5 + 1.0)


def test_a_counter_for_root_alone_is_said(tmp_path: Path) -> None:
    _write(tmp_path / "powercap" / "intel-rapl:0", name="package-0", max_energy_range_uj=1)
    found = open_energy_meter(tmp_path)
    assert isinstance(found, str)
    assert found.startswith(NOT_READABLE)
    assert "energy_uj" in found


@pytest.mark.parametrize(
    ("before", "after", "joules"),
    [
        ({"energy_now": 50_000_000}, {"energy_now": 49_000_000}, 3600.0),
        ({"charge_now": 3_000_000, "voltage_now": 4_000_000}, {"charge_now": 2_900_000}, 0.1 * 3600 * 4),
        ({"charge_counter": 3_000_000, "voltage_now": 4_000_000}, {"charge_counter": 2_900_000}, 0.1 * 3600 * 4),
    ],
)
def test_a_battery_that_is_discharged(
    tmp_path: Path, before: dict[str, int], after: dict[str, int], joules: float
) -> None:
    battery = _write(tmp_path / "power_supply" / "BAT0", type="Battery", status="Discharging", **before)
    _write(tmp_path / "power_supply" / "AC", type="Mains")
    meter = _open(tmp_path)
    _write(battery, **after)
    assert meter.read() == pytest.approx(joules)
    assert meter.read() == pytest.approx(joules), "the same level again is nothing more"


def test_a_battery_on_the_mains_tells_nothing(tmp_path: Path) -> None:
    _write(tmp_path / "power_supply" / "BAT0", type="Battery", status="Charging", energy_now=1)
    found = open_energy_meter(tmp_path)
    assert isinstance(found, str)
    assert "BAT0 is not being discharged" in found


def test_no_counters(tmp_path: Path) -> None:
    assert open_energy_meter(tmp_path) == f"{NOT_READABLE}: no RAPL package in powercap; no battery in power_supply"
