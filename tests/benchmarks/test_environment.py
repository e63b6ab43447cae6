"""What is written down about the machine and the files."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.environment import (
    collect_environment,
    compute_sha256,
    read_cpu_kinds,
    read_int8_dot_product,
    read_timestamp,
)


def test_environment_names_processor_cores_and_interpreter_and_is_json() -> None:
    environment = json.loads(json.dumps(collect_environment()))
    assert environment["cpu"] and environment["os"] and environment["python"].startswith("3.")
    assert 1 <= environment["cores_usable"] <= environment["cores"]
    assert environment["runtime"].split()[0] in ("ai-edge-litert", "tflite-runtime")
    assert "numpy" in environment["packages"]
    assert re.fullmatch(r".+, libraries [0-9a-f]{12}", environment["runtime_build"])


def test_environment_names_governors_where_the_kernel_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    for told, expected in (({"cpu0": "powersave", "cpu1": "powersave"}, ["powersave"]), ({}, None)):
        monkeypatch.setattr("benchmarks.environment.read_board", lambda told=told: {"governors": told})
        assert collect_environment()["cpu_governors"] == expected


@pytest.mark.parametrize(
    ("told", "has_dot_product", "kinds"),
    [
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fma avx2\n", False, {"AuthenticAMD", "no_int8_dot_product"}),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: avx2 avx512_vnni\n", True, {"AuthenticAMD"}),
        ("vendor_id\t: GenuineIntel\nflags\t\t: avx2 avx_vnni\n", True, {"GenuineIntel"}),
        ("processor\t: 0\nFeatures\t: fp asimd asimddp\n", True, set()),  # a Raspberry Pi 5
        ("processor\t: 0\nFeatures\t: fp asimd crc32\n", False, {"no_int8_dot_product"}),  # a Raspberry Pi 4
        ("", None, set()),
        (None, None, set()),
    ],
)
def test_what_a_processor_does_with_8_bit_numbers_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str | None, has_dot_product: bool | None, kinds: set[str]
) -> None:
    if told is not None:
        (tmp_path / "cpuinfo").write_text(told)
    monkeypatch.setattr("benchmarks.environment._CPUINFO", tmp_path / "cpuinfo")
    assert read_int8_dot_product() is has_dot_product
    assert read_cpu_kinds() == kinds
    environment = collect_environment()
    assert environment["cpu_int8_dot_product"] is has_dot_product
    assert environment["cpu"].endswith(", no int8 dot product") is (has_dot_product is False), "tables say it, too"


def test_timestamp_is_utc() -> None:
    assert datetime.fromisoformat(read_timestamp()).utcoffset() == timedelta(0)


def test_digest_of_a_file_is_sha256(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert compute_sha256(path) == hashlib.sha256(b"abc").hexdigest()


def test_digest_of_a_folder_sees_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    first = compute_sha256(tmp_path)
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "left-over").write_bytes(b"2")
    assert compute_sha256(tmp_path) == first
    (tmp_path / "a").rename(tmp_path / "b")
    renamed = compute_sha256(tmp_path)
    (tmp_path / "b").write_bytes(b"3")
    assert len({first, renamed, compute_sha256(tmp_path)}) == 3
