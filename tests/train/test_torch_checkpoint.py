"""Checkpoints are written here as PyTorch before 1.6 wrote them, with stand-ins for its modules."""

from __future__ import annotations

import io
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train.models.torch_checkpoint import read_torch_checkpoint, to_keras_order

MAGIC = 0x1950A86A20F9469CFC6C


@pytest.fixture
def torch_names(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Modules that a pickle can name, as PyTorch's are named."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage", "HalfStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*_: object) -> None: ...

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch


class _Written:
    """A tensor as a checkpoint holds it."""

    def __init__(self, torch: Any, values: np.ndarray, kind: str = "FloatStorage", offset: int = 0) -> None:
        self.torch, self.values, self.kind, self.offset = torch, values, kind, offset

    def __reduce__(self) -> tuple[Any, ...]:
        strides = tuple(step // self.values.itemsize for step in self.values.strides)
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (_Storage(self), self.offset, self.values.shape, strides, False, OrderedDict())


class _Storage:
    def __init__(self, tensor: _Written) -> None:
        self.tensor = tensor


def write(path: Path, state: Mapping[str, object], magic: int = MAGIC) -> Path:
    stored: list[_Written] = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            if not isinstance(value, _Storage):
                return None
            stored.append(value.tensor)
            kind = getattr(value.tensor.torch, value.tensor.kind)
            return ("storage", kind, str(len(stored)), "cpu", value.tensor.values.size, None)

    stream = io.BytesIO()
    for head in (magic, 1001, {"little_endian": True}):
        pickle.dump(head, stream, protocol=2)
    Pickler(stream, protocol=2).dump(OrderedDict(state))
    pickle.dump([str(at + 1) for at in range(len(stored))], stream, protocol=2)
    for tensor in stored:
        content = b"\0" * tensor.offset * tensor.values.itemsize + tensor.values.tobytes()
        stream.write((tensor.offset + tensor.values.size).to_bytes(8, "little") + content)
    path.write_bytes(stream.getvalue())
    return path


def test_tensors_come_back(torch_names: Any, tmp_path: Path) -> None:
    kernel = np.arange(24, dtype=np.float32).reshape(4, 3, 1, 2)
    state = {
        "conv.weight": _Written(torch_names, kernel),
        "bn.weight": _Written(torch_names, np.array([1.5, 2.5], np.float32), offset=3),
        "bn.num_batches_tracked": _Written(torch_names, np.array(7, np.int64), "LongStorage"),
    }
    found = read_torch_checkpoint(write(tmp_path / "w.pth", state))
    np.testing.assert_array_equal(found["conv.weight"], kernel)
    np.testing.assert_array_equal(found["bn.weight"], [1.5, 2.5])
    assert found["bn.num_batches_tracked"] == 7 and list(found) == list(state)


def test_keras_has_channels_last_and_no_counters() -> None:
    state = {
        "conv.weight": np.zeros((8, 3, 5, 5), np.float32),
        "depthwise.weight": np.zeros((8, 1, 3, 3), np.float32),
        "bn.weight": np.zeros(8, np.float32),
        "bn.num_batches_tracked": np.array(1),
        "_fc.weight": np.zeros((10, 8), np.float32),
        "_fc.bias": np.zeros(10, np.float32),
    }
    assert [array.shape for array in to_keras_order(state)] == [(5, 5, 3, 8), (3, 3, 8, 1), (8,)]


def test_what_is_no_plain_checkpoint_is_refused(torch_names: Any, tmp_path: Path) -> None:
    values = {"a": _Written(torch_names, np.ones(4, np.float32))}
    whole = write(tmp_path / "w.pth", values)
    with pytest.raises(ValueError, match=r"form before 1\.6"):
        read_torch_checkpoint(write(tmp_path / "magic.pth", values, magic=1))
    cut = tmp_path / "cut.pth"
    cut.write_bytes(whole.read_bytes()[:-6])
    with pytest.raises(ValueError):
        read_torch_checkpoint(cut)
    half = {"a": _Written(torch_names, np.ones(4, np.float32), "HalfStorage")}
    with pytest.raises(ValueError, match=r"asks for torch\.HalfStorage"):
        read_torch_checkpoint(write(tmp_path / "half.pth", half))
    with pytest.raises(ValueError, match=r"form before 1\.6"):
        read_torch_checkpoint(write(tmp_path / "counter.pth", {**values, "epoch": 3}))
    harmful = tmp_path / "harmful.pth"
    harmful.write_bytes(pickle.dumps(print, protocol=2))
    with pytest.raises(ValueError, match="asks for"):
        read_torch_checkpoint(harmful)
