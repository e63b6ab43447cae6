"""Verdicts are counted source by source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.accuracy_report.photos import ScoredPhoto
from benchmarks.accuracy_report.verdicts import UNNAMED, build_verdicts, measure_verdicts
from edge_runtime import Score
from edge_runtime.gate import load_policy
from train.data.manifest import Photo


@pytest.fixture
def scored(build_score: Callable[..., Score]) -> list[ScoredPhoto]:
    def build(source: str, quality: float, **points: float) -> ScoredPhoto:
        photo = Photo(f"{source}{quality}", Path("a.jpg"), None, "", "", "g", "", source=source)
        return ScoredPhoto(photo, {"int8": build_score(quality, **points)}, 0.0)

    dark = {"exposure": 10.0, "color": 10.0}
    return [build("shop", 80.0), build("shop", 90.0), build("shop", 85.0, **dark), build("shop", 20.0), build("", 50.0)]


def test_verdicts_and_reasons_are_counted_source_by_source(scored: list[ScoredPhoto]) -> None:
    nameless, shop = measure_verdicts(scored, ("int8",), load_policy())["models"]["int8"]
    assert (nameless["source"], nameless["photos"]) == (UNNAMED, 1)
    assert nameless["decisions"] == {"accept": 0.0, "review": 1.0, "reject": 0.0}
    assert nameless["reasons"] == {"low_quality": 1.0}
    assert (shop["source"], shop["photos"]) == ("shop", 4)
    assert shop["decisions"] == {"accept": 0.75, "review": 0.0, "reject": 0.25}, "bad light is only advice"
    assert shop["reasons"] == {"bad_exposure": 0.25, "color_cast": 0.25, "low_quality": 0.25}
    assert shop["quality_points"][1] == pytest.approx(82.5)


def test_the_table_says_where_photos_come_from_and_why_they_are_held_back(scored: list[ScoredPhoto]) -> None:
    page = build_verdicts(measure_verdicts(scored, ("int8",), load_policy()), {"int8": "mine & int8"})
    assert "mine &amp; int8" in page
    assert f"<td>{UNNAMED}</td><td>1</td><td>50</td><td>50</td><td>50</td><td>0.0 %</td><td>100.0 %</td>" in page
    assert "low_quality 100.0 %" in page
