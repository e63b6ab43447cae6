"""Networks that could have been are built whole, and never over what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.architectures import STOCK, ArchitectureOptions, build_architectures
from edge_runtime.errors import UsageError
from edge_runtime.interpreter import Interpreter

pytest.importorskip("tf_keras")
pytestmark = pytest.mark.needs_tensorflow


@pytest.mark.slow
def test_the_students_are_one_piece_and_the_stock_network_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["architectures", "--out", str(tmp_path), "--variants", "small", STOCK, "--sizes", "96"]) == 0
    assert f"--model small-96-int8={tmp_path / 'small-96-int8.tflite'}" in capsys.readouterr().out
    pieces = {}
    for path in sorted(tmp_path.glob("*.tflite")):
        interpreter = Interpreter(path.read_bytes())
        assert interpreter.input_shape == (1, 96, 96, 3)
        pieces[path.stem] = interpreter.count_delegate_partitions()
    assert set(pieces) == {f"{name}-96-{precision}" for name in ("small", STOCK) for precision in ("float", "int8")}
    assert pieces["small-96-int8"] == pieces["small-96-float"] == 1
    assert pieces[f"{STOCK}-96-int8"] > 10, "XNNPACK takes no int8 hard swish"


@pytest.mark.parametrize("size_px", [100, 0, 2048])
def test_impossible_sizes_are_refused(tmp_path: Path, size_px: int) -> None:
    with pytest.raises(UsageError, match=f"--sizes has {size_px}: pass a multiple of 32 up to 1024"):
        build_architectures(ArchitectureOptions(tmp_path, sizes_px=(size_px,)))


def test_files_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / "small-96-int8.tflite").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"has small-96-int8\.tflite already"):
        build_architectures(ArchitectureOptions(tmp_path, variants=("small",), sizes_px=(96,)))
    assert (tmp_path / "small-96-int8.tflite").read_bytes() == b"mine"
