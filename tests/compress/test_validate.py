"""The parity report, as a person reads it."""

from __future__ import annotations

from typing import Any

import pytest

from compress.validate import format_report


@pytest.mark.parametrize("is_pruned_there", [True, False])
def test_too_few_groups_for_an_interval_are_said(is_pruned_there: bool) -> None:
    known = {"value": 0.9, "low": 0.8, "high": 0.95}
    unknown = {"value": 0.9, "low": None, "high": None}
    names = ("srcc", "plcc", "krcc", "rmse")
    distance = {"p50_points": 0.5, "p99_points": 2.0, "max_points": 3.0, "verdict_flip_share": 0.01}
    report: dict[str, Any] = {
        "photos": 40,
        "part": "test",
        "agreement": {
            "int8": {
                "all": {"count": 40, **dict.fromkeys(names, known)},
                "one": {"count": 9, **dict.fromkeys(names, unknown)},
            }
        },
        "int8_against_float": distance,
        **({"int8_against_pruned": distance} if is_pruned_there else {}),
        "interval": {"stated_coverage": 0.9, "measured_coverage": 0.91, "mean_width_points": 20.0},
        "files": {},
        "pairs": {"photos": 0, "wins": {}, "culprits": {}, "falls": {}},
        "labels": {},
    }
    _, whole, one, *rest = format_report(report).splitlines()
    assert whole.endswith("rmse 0.900  (srcc 0.800-0.950)")
    assert one.endswith("rmse 0.900  (no interval: too few groups)")
    against = [line.partition(":")[0] for line in rest if line.startswith("int8 against")]
    assert against == ["int8 against float", *(["int8 against pruned"] if is_pruned_there else [])]
