"""The figures on top of the page, beside the limits the project has set itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.accuracy_report.invariance import GOAL_POINTS
from benchmarks.accuracy_report.slices import MIN_PHOTOS

__all__ = ["Goal", "collect_goals"]


@dataclass(frozen=True)
class Goal:
    """A figure and its limit.

    Attributes:
        name: what was measured.
        value: None where nothing could be measured.
        unit: "", "%" (``value`` is then a share, 0-1) or "points".
        at_least, at_most: the limits, in the unit of ``value``; one of them, or both.
    """

    name: str
    value: float | None
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the limits are kept; None without a value."""
        if self.value is None:
            return None
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {**asdict(self), "is_met": self.is_met}


def collect_goals(report: Mapping[str, Any]) -> list[Goal]:
    """What the report says about its subject, with its goals.

    A figure taken from a handful of photos decides nothing: it stays in its section, and is no value here.
    """
    subject = report["subject"]
    slices = {entry["dimension"]: entry["models"] for entry in report["agreement"]}
    ladder = report["ladders"]["models"][subject]["all"]
    spread = report["invariance"]["models"][subject]["spread"].get("spread", {"photos": 0})
    alarms = report["false_blur"]
    calibration = report["calibration"]
    fidelity = report["fidelity"] or {"all": {}}
    stated = calibration["stated_coverage"]
    student = (report["teacher_student"] or {}).get("models", {}).get(subject)
    return [
        Goal("SRCC, all rated photos", _get_srcc(slices.get("all"), subject), at_least=0.91),
        Goal("SRCC, phone shots of objects and food", _get_srcc(slices.get("headline"), subject), at_least=0.93),
        Goal("SRCC lost by int8 against float", fidelity.get("srcc_loss"), at_most=0.005),
        Goal("int8 against float, p99", fidelity["all"].get("p99_points"), "points", at_most=2.0),
        Goal("verdicts flipped by int8", fidelity["all"].get("verdict_flip_share"), "%", at_most=0.01),
        Goal("student against teacher, SRCC", None if student is None else student["srcc"]["value"], at_least=0.98),
        Goal("ladder steps that lower quality", ladder["quality_falls_share"], "%", at_least=0.99),
        Goal("ladder steps that lower the touched attribute", ladder["attribute_falls_share"], "%", at_least=0.99),
        Goal("one fault: its attribute is the lowest", ladder["lowest_right_share"], "%", at_least=0.95),
        Goal(
            "sharp products on white called blurred",
            alarms["models"][subject]["share"] if alarms["photos"] >= MIN_PHOTOS else None,
            "%",
            at_most=0.01,
        ),
        Goal(
            "one photo at several sizes, largest spread",
            spread["max_points"] if spread["photos"] >= MIN_PHOTOS else None,
            "points",
            at_most=GOAL_POINTS,
        ),
        Goal(
            f"ratings inside the stated {100 * stated:.0f} % interval",
            calibration["measured_coverage"],
            "%",
            at_least=round(stated - 0.02, 6),
            at_most=round(stated + 0.02, 6),
        ),
    ]


def _get_srcc(models: Mapping[str, Any] | None, key: str) -> float | None:
    if not models or key not in models:
        return None
    value = models[key]["srcc"]["value"]
    return None if value is None else float(value)
