"""What the kernel's files say of a board, from contents as boards have them."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.device.board import describe_board, parse_board, read_board

CPU = "/sys/devices/system/cpu"
THERMAL = "/sys/class/thermal"
THROTTLED = "/sys/devices/platform/soc/soc:firmware/get_throttled"
RASPBERRY = {
    "/proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "/proc/meminfo": "MemTotal:        3884376 kB\nMemFree:         3000000 kB\n",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "ondemand\n",
    f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "600000\n",
    f"{CPU}/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
    f"{THERMAL}/thermal_zone0/type": "cpu-thermal\n",
    f"{THERMAL}/thermal_zone0/temp": "48312\n",
    THROTTLED: "50005\n",
}


def test_raspberry_pi() -> None:
    board = parse_board(RASPBERRY)
    assert board == {
        "model": "Raspberry Pi 4 Model B Rev 1.4",
        "memory_bytes": 3884376 * 1024,
        "governors": {"cpu0": "ondemand"},
        "frequency_mhz": {"cpu0": [600, 1800]},
        "temperature_celsius": {"cpu-thermal": 48.312},
        "throttled": [
            "under-voltage now",
            "throttled now",
            "under-voltage since it was switched on",
            "throttled since it was switched on",
        ],
    }


def test_two_sensors_of_one_name_and_one_that_is_off() -> None:
    board = parse_board(
        {
            f"{THERMAL}/thermal_zone0/type": "tsens",
            f"{THERMAL}/thermal_zone0/temp": "41000",
            f"{THERMAL}/thermal_zone1/type": "tsens",
            f"{THERMAL}/thermal_zone1/temp": "43500",
            f"{THERMAL}/thermal_zone2/type": "modem",
            f"{THERMAL}/thermal_zone2/temp": "-273150",
            f"{THERMAL}/thermal_zone3/temp": "39000",
        }
    )
    assert board["temperature_celsius"] == {"tsens": 43.5, "thermal_zone3": 39.0}
    assert board["throttled"] is None


@pytest.mark.parametrize(("word", "told"), [("0", []), ("nonsense", ["unknown state 'nonsense'"])])
def test_firmware_word(word: str, told: list[str]) -> None:
    assert parse_board({THROTTLED: word})["throttled"] == told


def test_lines_for_people_name_the_hottest_sensor() -> None:
    after = parse_board({**RASPBERRY, f"{THERMAL}/thermal_zone0/temp": "79800"})
    assert describe_board(parse_board(RASPBERRY), after) == [
        "board: Raspberry Pi 4 Model B Rev 1.4",
        "governor: ondemand: figures are steadier with `performance`",
        "temperature (cpu-thermal): 48 °C before, 80 °C after",
        "firmware: under-voltage now, throttled now, under-voltage since it was switched on, "
        "throttled since it was switched on",
    ]


def test_this_machine_can_be_read() -> None:
    here: dict[str, Any] = read_board()
    assert set(here) == set(parse_board({}))
    assert here["memory_bytes"] is None or here["memory_bytes"] > 2**20
