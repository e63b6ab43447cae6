"""The numbers of a report: a few bytes a photo, from which every plot and table is made at the end."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.gate.reasons import MARKS, find_mark

__all__ = ["DECISIONS", "CategoryFigures", "Figures", "ReasonFigures"]

DECISIONS = ("accept", "review", "reject")


@dataclass(slots=True)
class ReasonFigures:
    """How often photos were marked down for one thing.

    Attributes:
        index: its number, in the order of first appearance.
        code: stable, for programs.
        rule: "pack/rule", or "" for what the model's score says.
        attribute: what the score's reason is about, or "".
        mark: "broken" (a must of a pack), "score", "look" (a must that nobody checked) or "advice" (a should).
        message: the words of the first photo that it was said of.
        count: photos.
    """

    index: int
    code: str
    rule: str
    attribute: str
    mark: str
    message: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class CategoryFigures:
    """The photos of one category: how many, their median quality, how they were decided on, and what they lack most.

    ``counts`` are photos by decision. ``top_reason`` is the most frequent of those that tell photos apart: what nobody
    checked, and what is only advised, comes last; None: there is no reason at all.
    """

    label: str
    count: int
    median_quality: float
    counts: Mapping[str, int]
    top_reason: ReasonFigures | None
    top_count: int


class Figures:
    """Collects what plots and tables need from records, as ``GateResult.to_dict`` gives them.

    Attributes:
        failed: photos that could not be judged.
        reasons: by code and rule.
        categories: labels in the order of first appearance.
    """

    def __init__(self) -> None:
        self.failed = 0
        self.reasons: dict[tuple[str, str], ReasonFigures] = {}
        self.categories: list[str] = []
        self._qualities = array("f")
        self._attributes = {name: array("f") for name in ATTRIBUTE_NAMES}
        self._decisions = array("B")
        self._categories = array("H")
        self._reasons_of_category: Counter[tuple[int, int]] = Counter()

    def __len__(self) -> int:
        """Photos that were judged."""
        return len(self._qualities)

    def add(self, record: Mapping[str, Any]) -> tuple[int, list[int]]:
        """Counts one photo that was judged.

        Returns:
            The numbers of its category and of its reasons.
        """
        self._qualities.append(record["quality"])
        for name, values in self._attributes.items():
            values.append(record["attributes"][name])
        self._decisions.append(DECISIONS.index(record["verdict"]))
        label = record["category"]["label"]
        if label not in self.categories:
            self.categories.append(label)
        category = self.categories.index(label)
        self._categories.append(category)
        found = [self._find_reason(reason) for reason in record["reasons"]]
        for figures in found:
            figures.count += 1
            self._reasons_of_category[category, figures.index] += 1
        return category, [figures.index for figures in found]

    @property
    def qualities(self) -> NDArray[np.float32]:
        """Of each photo, in points."""
        return np.array(self._qualities, np.float32)

    @property
    def decisions(self) -> NDArray[np.uint8]:
        """Of each photo, its number in ``DECISIONS``."""
        return np.array(self._decisions, np.uint8)

    def attribute(self, name: str) -> NDArray[np.float32]:
        """Of each photo, in points."""
        return np.array(self._attributes[name], np.float32)

    def count_decisions(self) -> dict[str, int]:
        """Photos by decision."""
        return {decision: self._decisions.count(index) for index, decision in enumerate(DECISIONS)}

    def median_quality(self) -> float | None:
        """In points; None without photos."""
        return float(median(self._qualities)) if self._qualities else None

    def correlation(self, name: str) -> float | None:
        """Pearson's correlation of an attribute with quality, -1 to 1; None where either does not vary."""
        values, qualities = self.attribute(name).astype(np.float64), self.qualities.astype(np.float64)
        if len(values) < 3 or not values.std() or not qualities.std():
            return None
        return float(np.corrcoef(values, qualities)[0, 1])

    def sort_reasons(self) -> list[ReasonFigures]:
        """What weighs most first, then what is most frequent."""
        return sorted(self.reasons.values(), key=_weigh)

    def rank_for_a_look(self) -> NDArray[np.intp]:
        """Photos' numbers, the one that needs a look most first: rejected, to review, accepted; each by quality."""
        return np.lexsort((self.qualities, -self.decisions.astype(np.int8)))

    def sort_categories(self) -> list[CategoryFigures]:
        """The category with the most photos first."""
        qualities, decisions = self.qualities, self.decisions
        categories = np.array(self._categories, np.uint16)
        by_index: Sequence[ReasonFigures] = list(self.reasons.values())
        rows = []
        for category, label in enumerate(self.categories):
            own = categories == category
            counts = np.bincount(decisions[own], minlength=len(DECISIONS)).tolist()
            reasons = [
                (by_index[index], count)
                for (of_category, index), count in self._reasons_of_category.items()
                if of_category == category
            ]
            reasons.sort(key=lambda entry: (entry[0].mark in ("look", "advice"), -entry[1]))
            top, top_count = reasons[0] if reasons else (None, 0)
            counted = dict(zip(DECISIONS, counts, strict=True))
            rows.append(
                CategoryFigures(label, int(own.sum()), float(np.median(qualities[own])), counted, top, top_count)
            )
        return sorted(rows, key=lambda row: (-row.count, row.label))

    def _find_reason(self, reason: Mapping[str, Any]) -> ReasonFigures:
        key = (reason["code"], reason.get("rule", ""))
        if key not in self.reasons:
            attribute = reason.get("attribute", "")
            self.reasons[key] = ReasonFigures(len(self.reasons), *key, attribute, find_mark(reason), reason["message"])
        return self.reasons[key]


def _weigh(figures: ReasonFigures) -> tuple[int, int, int]:
    return MARKS.index(figures.mark), -figures.count, figures.index
