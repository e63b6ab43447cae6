"""What a policy decides about the photos of each source, and why: what a seller meets, rated photos or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np

from benchmarks.accuracy_report.page import build_table, build_text_cell, escape, format_number, format_share
from benchmarks.accuracy_report.photos import ScoredPhoto
from edge_runtime.gate import Policy, evaluate
from edge_runtime.result import Decision

__all__ = ["build_verdicts", "measure_verdicts"]

DECISIONS: tuple[Decision, ...] = get_args(Decision)
UNNAMED = "no source named"


def measure_verdicts(scored: Sequence[ScoredPhoto], keys: Sequence[str], policy: Policy) -> dict[str, Any]:
    """The shares of accept, review and reject among the photos of each ``source``, and of the reasons given.

    Args:
        scored: rated and unrated photos.
        keys: of the models.
        policy: that decides.

    Returns:
        For every model, by source in alphabetical order: how many photos, percentiles 5, 50 and 95 of their quality in
        points, the share of each decision, and that of each reason's code.
    """
    by_source: dict[str, list[ScoredPhoto]] = {}
    for entry in scored:
        by_source.setdefault(entry.photo.source or UNNAMED, []).append(entry)
    return {
        "policy": policy.name,
        "models": {
            key: [_count(source, by_source[source], key, policy) for source in sorted(by_source)] for key in keys
        },
    }


def build_verdicts(found: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """HTML: source by source for every model."""
    headers = ("source", "photos", "quality, 5 %", "50 %", "95 %", *DECISIONS, build_text_cell("reasons", "th"))
    rows: list[Sequence[str]] = []
    for key, entries in found["models"].items():
        rows.append((labels[key],))
        for entry in entries:
            points = (format_number(value, 0) for value in entry["quality_points"])
            shares = (format_share(entry["decisions"][name]) for name in DECISIONS)
            often_first = sorted(entry["reasons"].items(), key=lambda item: (-item[1], item[0]))
            reasons = ", ".join(f"{code} {format_share(share)}" for code, share in often_first)
            rows.append((entry["source"], str(entry["photos"]), *points, *shares, build_text_cell(reasons)))
    return (
        f"<section><h2>Verdicts</h2><p>What the policy {escape(found['policy'])} decides about all photos of the part, "
        "by where they come from, and the share of them that has each reason.</p>"
        f"{build_table(headers, rows)}</section>"
    )


def _count(source: str, entries: Sequence[ScoredPhoto], key: str, policy: Policy) -> dict[str, Any]:
    outcomes = [evaluate(entry.scores[key], policy) for entry in entries]
    decisions = Counter(outcome.decision for outcome in outcomes)
    # A set: a code may be given for two attributes, and counts once a photo.
    reasons = Counter(code for outcome in outcomes for code in {reason.code for reason in outcome.reasons})
    points = np.percentile([entry.scores[key].quality for entry in entries], (5, 50, 95))
    return {
        "source": source,
        "photos": len(entries),
        "quality_points": points.tolist(),
        "decisions": {name: decisions[name] / len(entries) for name in DECISIONS},
        "reasons": {code: count / len(entries) for code, count in reasons.items()},
    }
