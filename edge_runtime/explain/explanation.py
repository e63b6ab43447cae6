"""What an explanation is: a heat map in points, its hottest box, and how much work went into it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.result import Score

__all__ = ["Box", "Explanation", "suggest_budget_ms"]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the photo, upright; ``right`` and ``bottom`` lie outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) in pixels."""
        return (self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0

    def to_dict(self) -> dict[str, int]:
        """The four sides."""
        return {"left": self.left, "top": self.top, "right": self.right, "bottom": self.bottom}


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Where a photo loses points of one attribute, or of its quality.

    Attributes:
        attribute: one of ``contract.ATTRIBUTE_NAMES``, or "quality".
        heat: float32 (rows, columns), in points: about what the attribute would lose if the whole photo were as this
            place looks. Read-only.
        box: the hottest window, a fifth of each side, in pixels of the photo.
        box_points: mean heat inside the box.
        stands_out: whether the box is so much hotter than the photo's usual place that it is worth pointing at.
        faults: what places look spoilt by, hottest first: (name, points inside the box).
        score: the photo's score.
        evaluations: how often the model ran, trials of whole views included.
        is_complete: False where the time budget ended the work early.
        elapsed_ms: from the decoded photo to the heat map.
    """

    attribute: str
    heat: NDArray[np.float32]
    box: Box
    box_points: float
    stands_out: bool
    faults: tuple[tuple[str, float], ...]
    score: Score
    evaluations: int
    is_complete: bool
    elapsed_ms: float

    @property
    def points(self) -> float:
        """The photo's points in the attribute explained, 0-100."""
        return (
            self.score.quality if self.attribute == "quality" else float(getattr(self.score.attributes, self.attribute))
        )

    def to_dict(self) -> dict[str, Any]:
        """One JSON object; points rounded to one decimal. "path" stands first, if the photo came from a path."""
        document: dict[str, Any] = {} if self.score.path is None else {"path": self.score.path}
        return {
            **document,
            "attribute": self.attribute,
            "points": round(self.points, 1),
            "stands_out": self.stands_out,
            "hottest": {**self.box.to_dict(), "points": round(self.box_points, 1)},
            "faults": [{"name": name, "points": round(points, 1)} for name, points in self.faults],
            "grid": [[round(float(value), 1) for value in row] for row in self.heat],
            "image": self.score.image.to_dict(),
            "evaluations": self.evaluations,
            "is_complete": self.is_complete,
            "ms": round(self.elapsed_ms, 1),
            "model": self.score.model.to_dict(),
        }

    def render(self, image: Image.Image, *, has_legend: bool = True) -> Image.Image:
        """The heat map over the photo; see :func:`edge_runtime.explain.render.render_heat`.

        Args:
            image: the photo, upright, at any scale.
            has_legend: whether a legend stands below.
        """
        from edge_runtime.explain.render import render_heat

        return render_heat(self, image, has_legend=has_legend)


def suggest_budget_ms(elapsed_ms: float) -> int:
    """Where the time was up after ``elapsed_ms``: twice as much, in whole tenths of a second."""
    return 100 * math.ceil(2.0 * elapsed_ms / 100.0)
