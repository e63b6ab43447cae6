"""benchmark_model's output in the forms that its builds print, and the whole way to a phone, with an adb made up here.

The forms follow the format strings of tflite/tools/benchmark/benchmark_model.cc, of StatWithPercentiles (newer builds
add its fields p5, median and p95) and of litert/tools/benchmark_litert_model.h; the numbers are made up.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.device.android import AndroidOptions, check_program, run_android
from benchmarks.device.benchmark_model import build_flags, parse_output
from edge_runtime.errors import ModelError, UsageError
from edge_runtime.models import DEFAULT_MODEL, find_model

NEW = """\
INFO: STARTING!
INFO: Log parameter values verbosely: [0]
INFO: Num threads: [1]
INFO: Graph: [/data/local/tmp/m.tflite]
INFO: Use xnnpack: [1]
INFO: Loaded model /data/local/tmp/m.tflite
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
VERBOSE: Replacing 98 out of 98 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 1 partitions for subgraph \
0.
INFO: The input model file size (MB): 1.33862
INFO: Initialized session in 12.345ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=100 first=9100 curr=5010 min=4990 max=9100 avg=5100.5 std=400 p5=4995 median=5020 p95=5400

INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=200 first=5020 curr=5000 min=4900 max=7000 avg=5050.25 std=90 p5=4950 median=5000 p95=5600

INFO: Inference timings in us: Init: 12345, First inference: 9100, Warmup (avg): 5100.5, Inference (avg): 5050.25
INFO: Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the actual \
memory footprint of the model at runtime. Take the information at your discretion.
INFO: Memory footprint delta from the start of the tool (MB): init=3.5 overall=8.25
"""
OLD = """\
STARTING!
Loaded model m.tflite
Explicitly applied XNNPACK delegate, and the model graph will be partially executed by the delegate w/ 19 delegate \
kernels.
Initialized session in 20.5ms.
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
count=1 curr=1633430

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
count=50 first=1605745 curr=1618849 min=1568228 max=1722188 avg=1.60294e+06 std=27690

Inference timings in us: Init: 20500, First inference: 1633430, Warmup (avg): 1.63343e+06, Inference (avg): 1.60294e+06
Peak memory footprint (MB): init=6.5 overall=64.5
"""
COMPILED_MODEL = """\
INFO: [benchmark_litert_model.cc:100] Loading model from: m.tflite
INFO: Initialized session in 45.32ms.
INFO: count=20 first=12045 curr=8500 min=8400 max=12045 avg=9876 std=321 p5=8400 median=8500 p95=12045
INFO: count=50 first=8500 curr=8500(all same) p5=8500 median=8500 p95=8500
INFO: [benchmark_litert_model.h:78] ========== BENCHMARK RESULTS ==========
INFO: [benchmark_litert_model.h:79] Model initialization: 45.32 ms
INFO: [benchmark_litert_model.h:83] Inference (avg):      8.50 ms (50 runs)
INFO: [benchmark_litert_model.h:110] Overall footprint:    32.50 MB
"""
MIB = 1024 * 1024

SETUP: dict[str, Any] = {
    "devices": {"SERIAL1": "device"},
    "properties": {
        "ro.product.manufacturer": "Acme",
        "ro.product.model": "Phone 9",
        "ro.soc.model": "X1",
        "ro.product.cpu.abi": "arm64-v8a",
        "ro.product.cpu.abilist": "arm64-v8a,armeabi-v7a",
        "ro.build.version.release": "15",
    },
    "files": {
        "/proc/meminfo": "MemTotal:        8000000 kB\nMemFree:  5 kB",
        "/sys/class/thermal/thermal_zone0/type": "cpu-0-0",
        "/sys/class/thermal/thermal_zone0/temp": "45000",
    },
}


def write_adb(folder: Path, **changes: Any) -> str:
    adb = folder / "adb"
    source = Path(__file__).with_name("fake_adb.py").read_text()
    adb.write_text(f"#!{sys.executable} -IS\n{source}")
    adb.chmod(0o755)
    (folder / "setup.json").write_text(json.dumps({**SETUP, **changes}))
    return str(adb)


def write_program(folder: Path, machine: int = 183) -> Path:
    """The beginning of an ELF file for that machine; 183 is AArch64."""
    program = folder / "android_aarch64_benchmark_model"
    program.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00" + machine.to_bytes(2, "little"))
    return program


def build_options(folder: Path, fake: str, /, **changes: Any) -> AndroidOptions:
    return AndroidOptions(**{"benchmark_model": write_program(folder), "adb": fake, **changes})


def run_quietly(options: AndroidOptions) -> Any:
    return run_android(options, say=lambda line: None)


def test_output_of_a_new_build() -> None:
    result = parse_output(NEW)
    assert (result.calls, result.p50_ms, result.p95_ms, result.min_ms) == (200, 5.0, 5.6, 4.9)
    assert (result.mean_ms, result.init_ms, result.first_invoke_ms) == (5.05025, 12.345, 9.1)
    assert (result.memory_bytes, result.delegate_partitions) == (8.25 * MIB, 1)


def test_output_of_an_old_build_has_no_percentiles() -> None:
    result = parse_output(OLD)
    assert (result.calls, result.p50_ms, result.p95_ms, result.mean_ms) == (50, None, None, 1602.94)
    assert (result.init_ms, result.first_invoke_ms) == (20.5, 1633.43)
    assert (result.memory_bytes, result.delegate_partitions) == (64.5 * MIB, 19)


def test_output_of_the_other_program_with_equal_times() -> None:
    result = parse_output(COMPILED_MODEL)
    assert (result.calls, result.p50_ms, result.min_ms, result.mean_ms) == (50, 8.5, 8.5, 8.5)
    assert (result.init_ms, result.first_invoke_ms, result.memory_bytes) == (45.32, 12.045, 32.5 * MIB)
    assert result.delegate_partitions is None


def test_a_switch_that_is_not_known_is_no_measurement() -> None:
    with pytest.raises(UsageError, match=r"does not know --use_xnnpack=false"):
        parse_output("WARN: Unconsumed cmdline flags: --use_xnnpack=false\n" + COMPILED_MODEL)


@pytest.mark.parametrize("lines", [0, 12])
def test_a_run_that_breaks_off(lines: int) -> None:
    text = "".join(line + "\n" for line in NEW.splitlines()[:lines])
    with pytest.raises(ModelError, match=r"did not finish: .*(avg=5100\.5|no output at all)"):
        parse_output(text)


def test_whole_way(tmp_path: Path) -> None:
    out = tmp_path / "phone.json"
    adb = write_adb(tmp_path)
    options = build_options(tmp_path, adb, threads=(1,), repeats=20, num_runs=70, out=out)
    run_quietly(options)
    document = json.loads(out.read_text())
    assert (document["schema"], document["kind"]) == (1, "phone")
    environment = document["environment"]
    assert (environment["cpu"], environment["machine"]) == ("Acme Phone 9 (X1)", "arm64-v8a")
    assert (environment["cores"], environment["os"]) == (8, "Android 15")
    assert document["board"]["after"]["temperature_celsius"] == {"cpu-0-0": 45.0}
    assert document["board"]["before"]["memory_bytes"] == 8000000 * 1024
    assert "SERIAL1" not in out.read_text()  # it names the owner's phone
    (model,) = document["models"]
    assert (model["load_ms"], model["peak_memory_bytes"], model["delegate_partitions"]) == (7.5, 4 * MIB, 1)
    found = {(one["threads"], one["is_xnnpack"]): one for one in model["latency"]}
    medians = {key: one["p50_ms"] for key, one in found.items()}
    assert medians == {(1, True): 8.0, (1, False): 40.0}
    assert {one["calls"] for one in found.values()} == {1400}
    assert found[1, True]["p95_ms"] == 8.008 and found[1, True]["min_ms"] == 7.996
    assert found[1, True]["against_first"] is None
    assert found[1, False]["against_first"]["verdict"] == "slower"
    assert found[1, False]["against_first"]["text"].startswith(f"slower than {DEFAULT_MODEL}/1 XNNPACK on by 5.00x")
    assert {one["steadiness"] for one in found.values()} == {"steady"}
    assert not (tmp_path / "phone" / "data/local/tmp/photogate-benchmark").exists()
    runs = [line for line in (tmp_path / "calls.txt").read_text().splitlines() if "--graph" in line]
    assert len(runs) == 40
    switches = ["=true" in run for run in runs]
    assert switches[:4] == [True, False, False, True]  # the order turns around


def test_command_prints_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["device", "android", "--adb", write_adb(tmp_path), "--benchmark-model", str(write_program(tmp_path))]
    assert main([*command, "--threads", "2", "--xnnpack", "off", "--repeats", "1"]) == 0
    table = capsys.readouterr().out
    assert "Acme Phone 9 (X1), arm64-v8a, 8 cores, Android 15" in table
    assert "temperature (cpu-0-0): 45 °C before, 45 °C after" in table
    row = next(line for line in table.splitlines() if line.startswith(f"{DEFAULT_MODEL}  2"))
    assert row.split()[:7] == [DEFAULT_MODEL, "2", "off", "20.00", "-", "20.01", "-"]


def test_a_failing_run_clears_the_phone_all_the_same(tmp_path: Path) -> None:
    adb = write_adb(tmp_path, says="ERROR: Failed to initialize XNNPACK\nERROR: Benchmarking failed.")
    with pytest.raises(ModelError, match=r"did not finish: .*Benchmarking failed\."):
        run_quietly(build_options(tmp_path, adb))
    assert not (tmp_path / "phone" / "data/local/tmp/photogate-benchmark").exists()


@pytest.mark.parametrize(
    ("setup", "options", "message"),
    [
        ({"devices": {}}, {}, "none is connected.*USB debugging"),
        ({"devices": {"A": "unauthorized"}}, {}, "A is 'unauthorized': unlock it"),
        ({"devices": {"A": "device", "B": "device"}}, {}, "several devices.*--serial with one of A, B"),
        ({"devices": {"A": "device"}}, {"serial": "B"}, "no device B; `adb devices` lists: A"),
        ({"is_full": True}, {}, "No space left on device"),
        ({"properties": {"ro.product.cpu.abilist": "x86_64"}}, {}, "built for arm64-v8a, the phone runs x86_64"),
        ({}, {"adb": "/absent/adb"}, "no such program; install Android's platform tools"),
        ({}, {"repeats": 0}, "--repeats .*at least 1"),
    ],
)
def test_what_can_be_wrong(setup: dict[str, Any], options: dict[str, Any], message: str, tmp_path: Path) -> None:
    adb = write_adb(tmp_path, **setup)
    with pytest.raises(UsageError, match=message):
        run_quietly(build_options(tmp_path, adb, **options))


def test_one_of_several_phones(tmp_path: Path) -> None:
    adb = write_adb(tmp_path, devices={"A": "device", "B": "device"})
    found = run_quietly(build_options(tmp_path, adb, serial="B", threads=(1,), xnnpack=("on",), repeats=1))
    assert [one.threads for one in found.models[0].latency] == [1]


def test_program_that_is_none(tmp_path: Path) -> None:
    page = tmp_path / "benchmark_model"
    page.write_text("<html>404 Not Found</html>")
    with pytest.raises(UsageError, match="no ELF file"):
        check_program(page, ["arm64-v8a"])
    with pytest.raises(UsageError, match="cannot read benchmark_model"):
        check_program(tmp_path / "absent", [])
    check_program(write_program(tmp_path, machine=40), [""])  # a phone that does not tell


def test_flags() -> None:
    assert build_flags("/m.tflite", 2, 50, False) == [
        "--graph=/m.tflite",
        "--num_threads=2",
        "--num_runs=50",
        "--min_secs=0.3",
        "--warmup_min_secs=0.1",
        "--use_xnnpack=false",
    ]


def test_model_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model"):
        run_quietly(build_options(tmp_path, write_adb(tmp_path), models=(tmp_path / "absent.tflite",)))
    assert find_model(DEFAULT_MODEL).is_file()
