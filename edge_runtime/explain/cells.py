"""Means over the cells of a grid, in an order of adding that is quick."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["average_cells"]


def average_cells(values: NDArray[Any], rows: int, columns: int) -> NDArray[np.float32]:
    """Mean of each cell: float32 (rows, columns, channels).

    Args:
        values: numbers or truth values (height, width, channels), whose sides are multiples of ``rows`` and
            ``columns``.
    """
    height, width, channels = values.shape
    # Whole lines first: numpy adds long runs many times faster than the few pixels of a cell's row.
    lines = values.reshape(rows, height // rows, width * channels).sum(axis=1, dtype=np.float32)
    means: NDArray[np.float32] = lines.reshape(rows, columns, width // columns, channels).sum(axis=2)
    return means / np.float32(height // rows * (width // columns))
