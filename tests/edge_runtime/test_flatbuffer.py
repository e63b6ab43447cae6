"""A model with further outputs: it answers as before, and what was inside can be read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.flatbuffer import add_outputs
from edge_runtime.interpreter import Graph, Interpreter, TensorInterpreter, read_graph
from edge_runtime.model_file import unpack_model
from edge_runtime.models import find_model, list_models

NAMES = [path.stem for path in list_models()]


@pytest.fixture(params=NAMES)
def flatbuffer(request: pytest.FixtureRequest) -> bytes:
    return unpack_model(find_model(request.param))[0]


@pytest.fixture
def view() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (40, 40, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)


def _list_means(graph: Graph) -> Iterator[tuple[int, int]]:
    """Tensors of feature maps, and those that hold their means."""
    for operation in graph.operations:
        if operation["op_name"] == "MEAN":
            yield int(operation["inputs"][0]), int(operation["outputs"][0])


def test_it_answers_as_before(flatbuffer: bytes, view: NDArray[np.uint8]) -> None:
    shown = [tensor for pair in _list_means(read_graph(flatbuffer)) for tensor in pair]
    longer = add_outputs(flatbuffer, shown)
    assert len(flatbuffer) < len(longer) < len(flatbuffer) + 500
    plain, patched = Interpreter(flatbuffer), Interpreter(longer)
    assert patched.output_sizes == plain.output_sizes
    before, after = plain.invoke(view), patched.invoke(view)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert patched.count_delegate_partitions() == plain.count_delegate_partitions()


def test_maps_and_their_means_belong_together(flatbuffer: bytes, view: NDArray[np.uint8]) -> None:
    graph = read_graph(flatbuffer)
    pairs = list(_list_means(graph))
    model = TensorInterpreter(flatbuffer, [tensor for pair in pairs for tensor in pair])
    model.invoke(view)

    def read(index: int) -> NDArray[np.float32]:
        scale, zero_point = graph.tensors[index]["quantization"]
        return np.asarray((model.read(index).astype(np.float32) - zero_point) * np.float32(scale))

    assert len(pairs) >= 8
    for maps, means in pairs:
        found, told = read(maps)[0].mean(axis=(0, 1)), read(means).ravel()
        scale, _ = graph.tensors[means]["quantization"]
        is_inside = np.abs(model.read(means).ravel().astype(int)) < 127  # where the mean's own range ends
        assert np.abs(found - told)[is_inside].max() <= 1.01 * scale


def test_what_is_an_output_already_stays_where_it_is(flatbuffer: bytes) -> None:
    once = add_outputs(flatbuffer, [5])
    assert add_outputs(once, [5])[-4:] == once[-4:]
    assert len(add_outputs(once, [5])) - len(once) == len(once) - len(flatbuffer) - (-len(flatbuffer) % 4)
