"""From the measurements to the two files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.accuracy_report.agreement_sections import (
    build_agreement,
    build_calibration,
    build_fidelity,
    build_goals,
    build_introduction,
    build_worst,
)
from benchmarks.accuracy_report.drawings import build_thumbnail, draw_calibration
from benchmarks.accuracy_report.goals import collect_goals
from benchmarks.accuracy_report.label_sections import build_labels
from benchmarks.accuracy_report.page import build_page
from benchmarks.accuracy_report.photos import ScoredPhoto
from benchmarks.accuracy_report.robustness_sections import (
    build_culprits,
    build_false_alarms,
    build_false_blur,
    build_invariance,
    build_ladders,
)
from benchmarks.accuracy_report.verdicts import build_verdicts
from edge_runtime.errors import InputError

__all__ = ["format_goals", "write_report"]

SHOWN_FALSE_ALARMS = 12


def write_report(report: Mapping[str, Any], scored: Sequence[ScoredPhoto], out: Path) -> None:
    """Writes ``accuracy.html`` and ``accuracy.json``; only the page holds pictures of photos.

    Args:
        report: what :func:`benchmarks.accuracy_report.run.run_accuracy` returns.
        scored: the photos, for thumbnails and the calibration plot.
        out: a folder, made if it is not there.
    """
    text = json.dumps(report, indent=1, sort_keys=True, allow_nan=False)
    page = _build(report, scored)
    out.mkdir(parents=True, exist_ok=True)
    (out / "accuracy.json").write_text(text + "\n", encoding="utf-8")
    (out / "accuracy.html").write_text(page, encoding="utf-8")


def format_goals(report: Mapping[str, Any]) -> str:
    """The figures on top of the page as lines for a terminal."""
    lines = []
    for goal in collect_goals(report):
        value = "not measured" if goal.value is None else f"{100 * goal.value:.1f} %" if goal.unit == "%" else ""
        value = value or f"{goal.value:.3f} {goal.unit}".rstrip()
        state = {True: "met", False: "MISSED", None: ""}[goal.is_met]
        lines.append(f"{goal.name:48} {value:>14}  {state}".rstrip())
    return "\n".join(lines)


def _build(report: Mapping[str, Any], scored: Sequence[ScoredPhoto]) -> str:
    subject = report["subject"]
    labels = {row["key"]: row["label"] for row in report["models"]}
    rated = [entry for entry in scored if entry.photo.mos is not None]
    predicted = [entry.scores[subject].quality for entry in rated]
    mos = [100.0 * (entry.photo.mos or 0.0) for entry in rated]
    plot = draw_calibration(predicted, mos, report["calibration"]["bins"])
    alarms = report["false_blur"]["models"][subject]["blurred"][:SHOWN_FALSE_ALARMS]
    thumbnails = _build_thumbnails(scored, {entry["file"] for entry in [*alarms, *report["worst"]]})
    sections = [
        build_introduction(report),
        build_goals(collect_goals(report), labels[subject]),
        build_agreement(report["agreement"], labels, subject),
        build_calibration(report["calibration"], plot, report["teacher_student"], labels),
        build_fidelity(report["fidelity"]),
        build_ladders(report["ladders"], labels, subject),
        build_culprits(report["ladders"], labels, subject),
        build_false_alarms(report["false_alarms"], labels, subject),
        build_false_blur(report["false_blur"], labels, subject, thumbnails),
        build_verdicts(report["verdicts"], labels),
        build_labels(report["labels"], labels, subject),
        build_invariance(report["invariance"], labels),
        build_worst(report["worst"], thumbnails, labels[subject]),
    ]
    return build_page("photogate: accuracy", sections)


def _build_thumbnails(scored: Sequence[ScoredPhoto], wanted: set[str]) -> dict[str, str]:
    found = {}
    for entry in scored:
        if entry.photo.file in wanted:
            with suppress(InputError):  # it has been decoded before; should its file be gone, the page has a gap
                found[entry.photo.file] = build_thumbnail(entry.photo.path)
    return found
