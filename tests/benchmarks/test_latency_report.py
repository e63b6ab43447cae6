"""The latency command: long runs on a simulated clock, runtimes, and one small run from the command line."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.comparison import Comparison
from benchmarks.energy import EnergyMeter
from benchmarks.latency_report import interleaved
from benchmarks.latency_report import run as latency_run
from benchmarks.latency_report.interleaved import measure_interleaved
from benchmarks.latency_report.long_runs import WARMUP_CALLS, measure_single_stream, measure_sustained
from benchmarks.latency_report.run import LatencyOptions, run_latency
from benchmarks.latency_report.runtimes import build_runtime_call
from edge_runtime.errors import ModelError, UsageError
from edge_runtime.models import DEFAULT_MODEL, find_model


class _Clock:
    """A clock that every call of a model moves on by that call's time."""

    def __init__(self, latency_ms: Callable[[float], float]) -> None:
        self.now_s = 0.0
        self._latency_ms = latency_ms
        self.calls = 0

    def measure(self) -> float:
        taken_ms = self._latency_ms(self.now_s)
        self.now_s += taken_ms / 1e3
        self.calls += 1
        return taken_ms

    def read(self) -> float:
        return self.now_s


def test_a_single_stream_ends_when_both_are_reached() -> None:
    swift = _Clock(lambda _: 1.0)
    found = measure_single_stream(swift.measure, min_queries=100, min_seconds=2.0, now_s=swift.read)
    assert 2000 <= found["queries"] <= 2001
    slow = _Clock(lambda _: 100.0)
    found = measure_single_stream(slow.measure, min_queries=100, min_seconds=2.0, now_s=slow.read)
    assert (found["queries"], slow.calls) == (100, 100 + WARMUP_CALLS)
    assert found["seconds"] == pytest.approx(10.0)


def test_the_score_of_a_single_stream_is_its_90th_percentile() -> None:
    latencies = iter([1.0] * WARMUP_CALLS + [float(value) for value in range(101)])
    found = measure_single_stream(lambda: next(latencies), min_queries=101, min_seconds=0.0)
    assert found["score_ms"] == 90.0
    assert found["latency"]["p50_ms"] == 50.0


def test_throttling_shows_from_window_to_window() -> None:
    clock = _Clock(lambda now_s: 10.0 if now_s < 120.5 else 15.0)
    found = measure_sustained(
        clock.measure, seconds=240.0, window_s=60.0, meter="not readable here: no meter", now_s=clock.read
    )
    assert [window["p50_ms"] for window in found["windows"]] == [10.0, 10.0, 15.0, 15.0]
    assert found["last_over_first"] == 1.5
    assert found["slowest_over_fastest"] == 1.5
    assert found["energy_mj_per_call"] is None
    assert found["energy_source"] == "not readable here: no meter"
    assert found["calls"] == sum(window["calls"] for window in found["windows"])


def test_a_short_last_window_does_not_count() -> None:
    clock = _Clock(lambda _: 10.0)
    found = measure_sustained(clock.measure, seconds=70.0, window_s=60.0, meter="none", now_s=clock.read)
    assert len(found["windows"]) == 1


def test_a_run_that_is_shorter_than_a_call_has_one() -> None:
    moments = itertools.count()  # to read the clock takes a microsecond, too
    found = measure_sustained(
        lambda: 10.0, seconds=6e-6, window_s=1e-8, meter="none", now_s=lambda: 1e-6 * next(moments)
    )
    assert found["calls"] == sum(window["calls"] for window in found["windows"]) > 0


def test_energy_is_divided_among_the_calls() -> None:
    clock = _Clock(lambda _: 10.0)
    # 5 W: the counter follows the clock.
    meter = EnergyMeter("a counter", lambda: [5.0 * clock.now_s], [0.0])
    found = measure_sustained(clock.measure, seconds=60.0, window_s=10.0, meter=meter, now_s=clock.read)
    assert found["energy_mj_per_call"] == pytest.approx(5.0 * 10.0, rel=0.02)


def test_runtimes_run_the_model_or_say_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = find_model(DEFAULT_MODEL)
    for runtime in ("default", "no-xnnpack"):
        build_runtime_call(path, runtime, 1)()
    monkeypatch.setattr("benchmarks.latency_report.runtimes._import", lambda name: None)
    with pytest.raises(UsageError, match="not installed here: tflite-runtime"):
        build_runtime_call(path, "tflite-runtime", 1)
    with pytest.raises(UsageError, match="not installed here: onnxruntime"):
        build_runtime_call(tmp_path / "model.onnx", "default", 1)


def test_an_onnx_file_runs_in_onnx_runtime(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install onnxruntime")
    path = tmp_path / "relu.onnx"
    path.write_bytes(_build_onnx_relu((1, 8, 8, 3)))
    (answer,) = build_runtime_call(path, "default", 1)()
    assert answer.shape == (1, 8, 8, 3)
    assert answer.min() == 0.0 < answer.max()
    path.write_bytes(b"no protobuf")
    with pytest.raises(ModelError, match="ONNX Runtime refuses the model"):
        build_runtime_call(path, "default", 1)


def _build_onnx_relu(shape: tuple[int, ...]) -> bytes:
    """An ONNX model of one ReLU, in protobuf's wire format: ``onnx``, which would write it, is not needed otherwise."""

    def number(field: int, value: int) -> bytes:
        return bytes([field << 3, value])

    def block(field: int, content: bytes) -> bytes:
        assert len(content) < 128
        return bytes([field << 3 | 2, len(content)]) + content

    sides = b"".join(block(1, number(1, side)) for side in shape)
    tensor_type = block(2, block(1, number(1, 1) + block(2, sides)))  # TypeProto: elem_type 1 is float
    node = block(1, b"x") + block(2, b"y") + block(4, b"Relu")
    ends = block(11, block(1, b"x") + tensor_type) + block(12, block(1, b"y") + tensor_type)
    graph = block(1, node) + block(2, b"g") + ends
    return number(1, 8) + block(8, number(2, 13)) + bytes([7 << 3 | 2, len(graph)]) + graph


def test_the_command_measures_models_photos_frames_and_cold_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cold = {"numpy": _profile(10.0), "score": {**_profile(30.0), "over_numpy": Comparison(3, 2.5, 3.5, 20).to_json()}}
    monkeypatch.setattr(latency_run, "measure_cold_start", lambda model, photo, rounds: cold)
    arguments = ["--rows", "float", "int8", "--threads", "1", "--rounds", "2", "--megapixels", "0.3"]
    assert main(["latency", "--out", str(tmp_path / "out"), *arguments, "--formats", "JPEG"]) == 0
    table = capsys.readouterr().out
    assert "too noisy to tell" in table, "two rounds cannot tell"
    assert table == (tmp_path / "out" / "latency.md").read_text(encoding="utf-8")
    report = json.loads((tmp_path / "out" / "latency.json").read_text(encoding="utf-8"))
    (measured,) = report["threads"]
    assert report["schema"] == 1
    assert report["created"] in table
    for key, model in report["models"].items():
        assert f"- {key}: {DEFAULT_MODEL} {model['version']}, sha256 {model['sha256'][:12]}" in table
    assert set(measured["models"]) == {"float", "int8"}
    assert measured["against"] == "float"
    assert list(measured["comparisons"]) == ["int8"]
    assert (report["photos"][0]["megapixels"], report["photos"][0]["format"]) == ("0.3", "JPEG")
    assert len(report["frames"]) == 3
    assert report["cold_start"]["score"]["over_numpy"]["ratio"] == 3
    assert main(["latency", "--out", str(tmp_path / "out"), *arguments]) == 2, "results are not overwritten"


def _profile(value_ms: float) -> dict[str, Any]:
    return dict.fromkeys(("p50_ms", "p90_ms", "p95_ms", "p99_ms", "min_ms"), value_ms) | {"calls": 20}


def test_a_single_stream_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--mode", "single-stream", "--min-queries", "3", "--min-seconds", "0.01", "--threads", "1"]
    model = str(find_model(DEFAULT_MODEL))
    assert main(["latency", "--out", str(tmp_path), "--rows", "int8", "--artifact", model, *arguments]) == 0
    assert "score (p90) ms" in capsys.readouterr().out


def test_several_threads_on_a_busy_machine_have_no_winner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others had the processors for a tenth of the time and more: a clear ratio is not to be trusted."""
    waits_ns = iter([0, 10**12])
    monkeypatch.setattr(interleaved, "read_waited_ns", lambda: next(waits_ns))
    measures = {"float": lambda: 4.0, "int8": lambda: 2.0}
    found = measure_interleaved([], measures, 2, rounds=20, against=None)
    assert found["comparisons"]["int8"]["verdict"] == "too noisy to tell"
    waits_ns = iter([0, 0])
    found = measure_interleaved([], measures, 2, rounds=20, against=None)
    assert found["comparisons"]["int8"]["text"] == "faster than float by 2.00x [2.00, 2.00]"


def test_what_is_absent_is_said_and_the_rest_measured(tmp_path: Path) -> None:
    options = LatencyOptions(
        tmp_path / "out",
        rows=("int8",),
        models=(("mine", tmp_path / "absent.tflite"),),
        threads=(1,),
        rounds=1,
        parts=("models",),
    )
    report = run_latency(options, say=lambda line: None)
    assert report["models"]["mine"]["is_failed"]
    assert any("mine: failed: no such file" in note for note in report["notes"])
    assert list(report["threads"][0]["models"]) == ["int8"]


def test_a_model_that_every_runtime_refuses_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"\x1c\0\0\0TFL3" + bytes(200))
    arguments = ["latency", "--rows", "int8", "--threads", "1", "--rounds", "1", "--parts", "models"]
    assert main([*arguments, "--out", str(tmp_path / "out"), "--model", f"broken={broken}"]) == 1
    assert "refuses the model" in capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "latency.json").read_text(encoding="utf-8"))
    assert report["models"]["broken"]["is_failed"] and not report["models"]["int8"]["is_failed"]
    assert list(report["threads"][0]["models"]) == ["int8"], "what can be measured is"


def test_nothing_to_measure_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    absent = tmp_path / "nonexistent"
    assert main(["latency", "--artifact", str(absent), "--out", str(tmp_path / "out"), "--threads", "1"]) == 2
    assert f"nothing could be measured: student float32: not found: {absent}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("against", ["flaot", "float"])
def test_a_reference_that_is_not_there_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, against: str
) -> None:
    monkeypatch.setattr(latency_run, "build_runtime_call", lambda *_: pytest.fail("measures"))
    options = LatencyOptions(tmp_path / "out", find_model(DEFAULT_MODEL), rows=("float", "int8"), against=against)
    with pytest.raises(UsageError, match=f"--against: {against} is not among what is measured: int8"):
        run_latency(options, say=lambda line: None)


class _DyingTeacher:
    """Answers some calls and is gone."""

    def __init__(self, *_: Any) -> None:
        self._left = 4

    def __enter__(self) -> _DyingTeacher:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def measure(self) -> float:
        self._left -= 1
        if self._left < 0:
            raise ModelError("the teacher's process has ended: killed")
        return 1.0


@pytest.mark.parametrize("mode", ["interleaved", "single-stream"])
def test_a_teacher_that_dies_takes_no_others_results_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Any
) -> None:
    monkeypatch.setattr(latency_run, "TeacherProcess", _DyingTeacher)
    options = LatencyOptions(
        tmp_path / "out",
        rows=("teacher", "int8"),
        teacher=tmp_path,
        threads=(1, 2),
        mode=mode,
        against="teacher",
        parts=("models",),
        rounds=2,
        min_queries=3,
        min_seconds=0.01,
    )
    report = run_latency(options, say=lambda line: None)
    assert report["models"]["teacher"]["is_failed"] and "killed" in report["models"]["teacher"]["note"]
    assert [list(measured["models"]) for measured in report["threads"]] == [["int8"], ["int8"]]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"threads": (0,)}, "--threads must be 1 or more"),
        ({"rounds": 0}, "--rounds must be more than 0"),
        ({"min_seconds": -1.0}, "--min-seconds must be more than 0"),
        ({"models": (("int8", Path("x.tflite")),)}, "--model: int8 is taken already"),
    ],
)
def test_impossible_options(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run_latency(LatencyOptions(tmp_path, **fields))
