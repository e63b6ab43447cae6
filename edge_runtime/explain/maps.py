"""What the model sees in each place: the statistics that its heads pool over the photo, pooled over each cell.

photogate's heads read means of feature maps over the whole photo. The same maps hold the same statistics of every
place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ViewSpec
from edge_runtime.errors import ModelError
from edge_runtime.explain.cells import average_cells
from edge_runtime.interpreter import Graph, TensorInterpreter, read_graph

__all__ = ["CELL_PX", "ModelMaps"]

CELL_PX = 16  # of the view: the coarsest map that is read has one value for each such square
POOLING_OPERATIONS = ("MEAN", "AVERAGE_POOL_2D")
HEAD_OPERATIONS = ("FULLY_CONNECTED", "RESHAPE")


@dataclass(frozen=True)
class _Map:
    """A feature map: its tensor, and how its numbers become real ones."""

    tensor: int
    scale: float
    zero_point: int


class ModelMaps:
    """A model whose feature maps can be read. Not thread-safe.

    Attributes:
        rows, columns: number of cells.
        features: number of statistics a cell.
    """

    def __init__(self, flatbuffer: bytes, view: ViewSpec) -> None:
        """Opens ``flatbuffer``, checked as ``unpack_model`` does.

        Raises:
            RuntimeUnavailableError: no interpreter is installed.
            ModelError: the interpreter keeps no maps, or the model's heads pool none that are fine enough.
        """
        self.rows, self.columns = view.height_px // CELL_PX, view.width_px // CELL_PX
        graph = read_graph(flatbuffer)
        pooled = [graph.tensors[index] for index in _find_pooled(graph)]
        self._maps = [self._describe(tensor) for tensor in pooled if self._fits(tensor)]
        self.features = sum(int(graph.tensors[entry.tensor]["shape"][3]) for entry in self._maps)
        if not self._maps or view.height_px % CELL_PX or view.width_px % CELL_PX:
            raise ModelError(
                f"the model's heads pool no feature map of {self.rows} x {self.columns} cells or finer, so there is "
                "nothing to explain with; use a model that `python -m compress` exported"
            )
        self._model = TensorInterpreter(flatbuffer, [entry.tensor for entry in self._maps])

    def read(self, view: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Runs the model once.

        Args:
            view: uint8 (height, width, 3), the size of the model's input.

        Returns:
            float32 (rows, columns, features).

        Raises:
            ModelError: the view has another shape, or the interpreter fails.
        """
        self._model.invoke(view)
        return np.concatenate([self._pool(entry) for entry in self._maps], axis=-1)

    def _fits(self, tensor: Mapping[str, Any]) -> bool:
        shape = [int(side) for side in tensor["shape"]]
        return len(shape) == 4 and all(
            side >= count > 0 and side % count == 0
            for side, count in zip(shape[1:3], (self.rows, self.columns), strict=True)
        )

    def _describe(self, tensor: Mapping[str, Any]) -> _Map:
        scale, zero_point = tensor["quantization"]  # (0.0, 0) for a float tensor
        return _Map(int(tensor["index"]), float(scale) or 1.0, int(zero_point))

    def _pool(self, entry: _Map) -> NDArray[np.float32]:
        values = self._model.read(entry.tensor)[0]
        pooled = average_cells(values, self.rows, self.columns)
        return (pooled - np.float32(entry.zero_point)) * np.float32(entry.scale)


def _find_pooled(graph: Graph) -> list[int]:
    """Tensors that are averaged over the photo for a head; those averaged inside a block feed a convolution."""
    heads = [operation for operation in graph.operations if operation["op_name"] in HEAD_OPERATIONS]
    for_heads = {int(index) for operation in heads for index in operation["inputs"]}
    return [
        int(operation["inputs"][0])
        for operation in graph.operations
        if operation["op_name"] in POOLING_OPERATIONS and int(operation["outputs"][0]) in for_heads
    ]
