"""The front on point sets whose front is known, and the files made of earlier results."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install '.[bench]'")

from benchmarks.__main__ import main
from benchmarks.pareto.front import Candidate, dominates, find_places


def _candidate(key: str, cost: float, accuracy: float, cost_spread: float = 0.0, spread: float = 0.0) -> Candidate:
    costs = (cost, cost - cost_spread, cost + cost_spread)
    return Candidate(key, key, "photogate", *costs, accuracy, accuracy - spread, accuracy + spread)


def _find_front(*candidates: Candidate) -> set[str]:
    return {place.candidate.key for place in find_places(candidates) if place.is_on_front}


def test_one_point_is_the_front_and_beyond_doubt() -> None:
    (place,) = find_places([_candidate("alone", 3.0, 0.5, 1.0, 0.2)])
    assert (place.verdict, place.dominated_by, place.rivals) == ("front", (), ())
    assert find_places([]) == []


def test_a_known_set() -> None:
    points = [
        _candidate("fast", 1.0, 0.5),
        _candidate("middle", 2.0, 0.7),
        _candidate("inside", 3.0, 0.6),
        _candidate("slow", 9.0, 0.9),
        _candidate("slowest", 10.0, 0.1),
    ]
    places = {place.candidate.key: place for place in find_places(points)}
    assert {key for key, place in places.items() if place.is_on_front} == {"fast", "middle", "slow"}
    assert places["inside"].dominated_by == ("middle",)
    assert places["slowest"].dominated_by == ("slow", "middle", "inside", "fast"), "the most accurate first"
    assert {place.verdict for place in places.values()} == {"front", "dominated"}, "points without width leave no doubt"
    assert _find_front(*reversed(points)) == {"fast", "middle", "slow"}, "order does not count"


def test_of_equal_points_both_are_on_the_front() -> None:
    one, other = _candidate("one", 2.0, 0.7), _candidate("other", 2.0, 0.7)
    assert not dominates(one, other) and not dominates(other, one)
    assert [place.verdict for place in find_places([one, other])] == ["front", "front"]


def test_a_tie_in_one_is_decided_by_the_other() -> None:
    assert _find_front(_candidate("cheap", 1.0, 0.7), _candidate("dear", 2.0, 0.7)) == {"cheap"}
    assert _find_front(_candidate("good", 1.0, 0.7), _candidate("bad", 1.0, 0.6)) == {"good"}


def test_what_intervals_leave_open_is_said() -> None:
    quick = _candidate("quick", 1.0, 0.80, 0.1, 0.05)
    near = _candidate("near", 2.0, 0.82, 0.1, 0.05)
    below = _candidate("below", 2.0, 0.78, 0.1, 0.05)
    far = _candidate("far", 3.0, 0.40, 0.1, 0.05)
    places = {place.candidate.key: place for place in find_places([quick, near, below, far])}
    assert places["quick"].verdict == "front"
    assert places["near"].verdict == "front, not beyond doubt"
    assert places["near"].rivals == ("quick", "below")
    assert places["below"].verdict == "dominated, not beyond doubt"
    assert places["far"].verdict == "dominated"


def test_without_an_interval_nothing_is_beyond_doubt() -> None:
    best, worst = _candidate("best", 1.0, 0.9), _candidate("worst", 2.0, 0.1)
    unknown = replace(worst, accuracy_low=None, accuracy_high=None)
    assert [place.verdict for place in find_places([best, worst])] == ["front", "dominated"]
    assert [place.verdict for place in find_places([best, unknown])] == ["front", "dominated, not beyond doubt"]
    cheap = replace(unknown, cost=0.5, cost_low=0.5, cost_high=0.5)
    assert [place.verdict for place in find_places([best, cheap])] == ["front, not beyond doubt", "front"]


def _row(
    key: str, srcc: float | None, p50_ms: float, size_bytes: int | None, kind: str = "photogate"
) -> dict[str, Any]:
    accuracy = {} if srcc is None else {"all": {"srcc": srcc, "srcc_interval": [srcc - 0.02, srcc + 0.02]}}
    latency = {"p50_ms": p50_ms, "p95_ms": p50_ms * 1.1, "min_ms": p50_ms * 0.9}
    return {
        "key": key,
        "label": f"model {key}",
        "kind": kind,
        "accuracy": accuracy,
        "latency_by_threads": {"1": latency},
        "size_bytes": size_bytes,
    }


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """int8 beats NIMA in all; VGG16 has no accuracy; a label tries to be markup."""
    rows = [
        _row("int8", 0.9, 1.0, 1_000_000),
        _row("<b>float</b>", 0.95, 2.0, 4_000_000),
        _row("nima", 0.4, 9.0, 3_000_000, "nima"),
        _row("vgg16", None, 200.0, 9_000_000, "classic"),
    ]
    data = {"rated_photos": 50, "part": "test"}
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"rows": rows, "data": data, "environment": {"cpu": "a CPU"}}), encoding="utf-8")
    return path


def test_files_of_earlier_results(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["pareto", "--results", str(results), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    document = json.loads((out / "pareto.json").read_text(encoding="utf-8"))
    assert document["schema"] == 1
    fronts = {front["key"]: front for front in document["fronts"]}
    assert set(fronts) == {"latency", "size"}
    on_front = {model["key"] for model in fronts["latency"]["models"] if model["is_on_front"]}
    assert on_front == {"int8", "<b>float</b>"}
    assert fronts["size"]["models"][0]["cost"] == pytest.approx(1.0), "MB"
    (nima,) = (model for model in fronts["size"]["models"] if model["key"] == "nima")
    assert (nima["verdict"], nima["dominated_by"]) == ("dominated", ["int8"])
    assert fronts["latency"]["left_out"] == [{"label": "model vgg16", "reason": "no accuracy"}]
    assert "model int8" in printed and "left out, no accuracy" in printed
    with Image.open(out / "pareto.png") as image:
        image.load()
        assert image.height > image.width, "two panels below each other"


def test_no_interval_is_shown_where_there_is_none(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(results.read_text(encoding="utf-8"))
    document["rows"][2]["accuracy"]["all"]["srcc_interval"] = None
    results.write_text(json.dumps(document), encoding="utf-8")
    assert main(["pareto", "--results", str(results), "--out", str(tmp_path / "out")]) == 0
    assert re.search(r"9\.00 ms  0\.400  dominated, not beyond doubt", capsys.readouterr().out)
    page = (tmp_path / "out" / "pareto.html").read_text(encoding="utf-8")
    assert re.search(r"<td[^>]*>0\.400</td>\s*<td[^>]*>-</td>", page)


def test_page_asks_nothing_of_the_network(results: Path, tmp_path: Path) -> None:
    assert main(["pareto", "--results", str(results), "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "pareto.html").read_text(encoding="utf-8")
    assert "<b>float</b>" not in page and "&lt;b&gt;float&lt;/b&gt;" in page
    assert all(address.startswith("data:") for address in re.findall(r'(?:src|href)="([^"]*)"', page))
    assert 'src="data:image/png;base64,' in page
    assert "http:" not in page and "https:" not in page and "<script" not in page


def test_files_are_replaced_only_by_force(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pareto.html").write_text("earlier", encoding="utf-8")
    arguments = ["pareto", "--results", str(results), "--out", str(tmp_path)]
    assert main(arguments) == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "pareto.html").read_text(encoding="utf-8") == "earlier"
    assert main([*arguments, "--force"]) == 0


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        "[]",
        '{"rows": 3}',
        '{"rows": []}',
        '{"rows": [], "data": {"part": "test"}}',
        '{"rows": [{"key": "int8"}], "data": {"rated_photos": 1, "part": "test"}}',
        '{"rows": [3], "data": {"rated_photos": 1, "part": "test"}}',
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.json"
    path.write_text(content, encoding="utf-8")
    assert main(["pareto", "--results", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "results.json" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
