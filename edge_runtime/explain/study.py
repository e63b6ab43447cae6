"""A study: all that the model was asked about one photo, from which any attribute can be explained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from edge_runtime.explain.explanation import Box, Explanation
from edge_runtime.explain.heat import ATTRIBUTES, choose_attribute, compute_prices, find_hottest_cells, has_standout
from edge_runtime.explain.trials import FAULTS
from edge_runtime.gate.policy import Policy, load_policy
from edge_runtime.gate.toml_table import find_near
from edge_runtime.result import ImageSize, Score

__all__ = ["Study", "check_attribute"]

LEAST_POINTS = 0.05  # a fault that rounds to nothing is not named


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """What was found out about one photo.

    Attributes:
        score: the photo's score.
        spoilt: how spoilt each cell looks by each of ``trials.FAULTS``, float32 (rows, columns, faults), 0-1.
        stretch: how faintly each fault was told, float32 (faults,); see ``readout.Readout``.
        losses: points that each fault takes when it is all over, (faults, attributes); see ``heat.compute_losses``.
        evaluations: how often the model ran.
        is_complete: False where the time budget ended the work early.
        elapsed_ms: from the decoded photo to ``spoilt`` and ``losses``.
    """

    score: Score
    spoilt: NDArray[np.float32]
    stretch: NDArray[np.float32]
    losses: NDArray[np.float64]
    evaluations: int
    is_complete: bool
    elapsed_ms: float

    def explain(
        self, attribute: str | None = None, *, policy: Policy | str | Path | None = None, grid: int | None = None
    ) -> Explanation:
        """The heat map of one attribute.

        Args:
            attribute: one of ``heat.ATTRIBUTES``. None: that of the policy's worst reason; without a reason, the one
                with the clearest place; if none is clear, "quality".
            policy: gives the reasons, or its file; None: the default policy.
            grid: rows and columns of the heat map; must divide the finest, which None gives.

        Raises:
            UsageError: an unknown attribute or an impossible grid.
            PolicyError: the policy cannot be used.
        """
        check_attribute(attribute)
        rows, columns, _ = self.spoilt.shape
        if grid is not None and (grid < 1 or rows % grid or columns % grid):
            fitting = [str(n) for n in range(1, min(rows, columns) + 1) if not rows % n and not columns % n]
            raise UsageError(
                f"a grid of {grid} does not fit {rows} x {columns} cells; choose from {', '.join(fitting)}"
            )
        looks = self._compare_looks()
        if attribute is None:
            attribute = choose_attribute(self.score, looks, self.spoilt, self.losses, load_policy(policy))
        prices = compute_prices(self.losses, attribute)
        heats = (looks if attribute == "quality" else self.spoilt) * prices
        heat = heats.max(axis=-1)
        hottest = find_hottest_cells(heat)
        inside = heats[hottest].mean(axis=(0, 1)).tolist()
        faults = sorted(zip((fault.name for fault in FAULTS), inside, strict=True), key=lambda pair: -pair[1])
        pooled = heat
        if grid is not None:
            pooled = heat.reshape(grid, rows // grid, grid, columns // grid).mean(axis=(1, 3))
        result = np.ascontiguousarray(pooled, dtype=np.float32)
        result.flags.writeable = False
        return Explanation(
            attribute=attribute,
            heat=result,
            box=_to_pixels(hottest, (rows, columns), self.score.image),
            box_points=float(heat[hottest].mean()),
            stands_out=has_standout(heat, float(prices.max()), attribute),
            faults=tuple((name, points) for name, points in faults if points >= LEAST_POINTS),
            score=self.score,
            evaluations=self.evaluations,
            is_complete=self.is_complete,
            elapsed_ms=self.elapsed_ms,
        )

    def _compare_looks(self) -> NDArray[np.float32]:
        """``spoilt`` with one stretch for all faults: what is told surely stays ahead of what is not."""
        is_told = self.stretch > 0.0
        even = self.stretch[is_told].mean() / np.where(is_told, self.stretch, np.inf) if is_told.any() else self.stretch
        return np.clip(self.spoilt * even, 0.0, 1.0).astype(np.float32)


def check_attribute(attribute: str | None) -> None:
    """Makes sure that there is such an attribute, or that none is named.

    Raises:
        UsageError: neither.
    """
    if attribute is not None and attribute not in ATTRIBUTES:
        raise UsageError(f"unknown attribute {attribute!r}; {find_near(attribute, ATTRIBUTES)}")


def _to_pixels(cells: tuple[slice, slice], grid: tuple[int, int], size: ImageSize) -> Box:
    rows, columns = cells
    tall, wide = size.height_px / grid[0], size.width_px / grid[1]
    return Box(
        round(columns.start * wide), round(rows.start * tall), round(columns.stop * wide), round(rows.stop * tall)
    )
