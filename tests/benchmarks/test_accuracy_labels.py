"""Labels are counted class by class and source by source, and asked for again where photos are made alike."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.accuracy_report.label_heads import measure_labels, summarise_answers
from benchmarks.accuracy_report.label_sections import build_labels
from benchmarks.accuracy_report.photos import ScoredPhoto
from benchmarks.labels import LabelOptions, run_labels
from edge_runtime import Score
from edge_runtime.errors import UsageError
from edge_runtime.models import DEFAULT_MODEL, find_model
from edge_runtime.result import Label
from train.data.manifest import Photo

WORDS = {"category": {"satchel": "bags", "tote": "bags", "doll": "toys"}, "style": {"cutout": "studio_white"}}
BuildScore = Callable[..., Score]


class SizeScorer:
    """Takes large photos for bags and small ones for toys: what a shortcut would be."""

    def __init__(self, build_score: BuildScore) -> None:
        self._build = build_score

    def score(self, picture: Image.Image) -> Score:
        return label(self._build(50.0), "bags" if picture.width * picture.height > 200_000 else "toys")


def label(score: Score, category: str, style: str = "studio_white") -> Score:
    return replace(score, category=Label(category, 0.9), style=Label(style, 0.9))


def test_unknown_is_wrong_and_claims_nothing() -> None:
    found = summarise_answers([("bags", "bags"), ("bags", "unknown"), ("toys", "bags"), ("toys", "toys")])
    assert (found["photos"], found["accuracy"], found["unknown_share"]) == (4, 0.5, 0.25)
    bags, toys = found["classes"]
    assert bags == {"label": "bags", "photos": 2, "precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert toys["f1"] == pytest.approx(2 / 3) and toys["precision"] == 1.0
    assert found["macro_f1"] == pytest.approx((0.5 + 2 / 3) / 2)


def test_a_label_that_no_photo_has_is_listed_and_does_not_count_in_the_mean() -> None:
    found = summarise_answers([("bags", "food"), ("bags", "bags")])
    assert [entry["label"] for entry in found["classes"]] == ["bags", "food"]
    food = found["classes"][1]
    assert (food["photos"], food["precision"], food["recall"], food["f1"]) == (0, 0.0, None, None)
    assert found["macro_f1"] == pytest.approx(2 / 3)


@pytest.fixture
def scored(tmp_path: Path, build_score: BuildScore) -> list[ScoredPhoto]:
    """Bags of one shop in large photos, toys of another in small ones, and a photo without a label."""

    def build(name: str, side_px: int, category: str, source: str, said: str) -> ScoredPhoto:
        path = tmp_path / f"{name}.png"
        noise = np.random.default_rng(side_px).integers(0, 256, (side_px, side_px, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        photo = Photo(name, path, None, category, "", name, "", source=source)
        return ScoredPhoto(
            photo, {"int8": label(build_score(50.0), said), "other": label(build_score(50.0), "food")}, 0.0
        )

    return [
        build("a", 600, "satchel", "bag shop", "bags"),
        build("b", 700, "tote", "bag shop", "bags"),
        build("c", 200, "doll", "toy shop", "toys"),
        build("d", 300, "something", "toy shop", "toys"),
        build("e", 300, "no_product", "zoo", "toys"),
        build("f", 300, "no_product", "zoo", "unknown"),
    ]


@pytest.fixture
def found(scored: list[ScoredPhoto], build_score: BuildScore) -> dict[str, Any]:
    scorers: Any = {"int8": SizeScorer(build_score), "other": SizeScorer(build_score)}
    return measure_labels(scored, scorers, "int8", WORDS)


def test_manifest_words_are_told_apart_by_source_and_by_what_they_were_called(found: dict[str, Any]) -> None:
    assert list(found["heads"]) == ["category"], "no photo has a style that is known"
    category = found["heads"]["category"]
    assert category["models"]["int8"]["accuracy"] == 1.0 and category["models"]["other"]["accuracy"] == 0.0
    assert [(entry["source"], entry["photos"]) for entry in category["sources"]] == [("bag shop", 2), ("toy shop", 1)]
    assert category["confusion"] == {"bags": {"bags": 2}, "toys": {"toys": 1}}


def test_a_shortcut_is_found_out(found: dict[str, Any]) -> None:
    """A head that goes by size is right on the photos as they are, and lost where all have one size."""
    accuracy = {name: heads["category"]["accuracy"] for name, heads in found["normalised"].items()}
    assert accuracy["as they are"] == accuracy["one encoder"] == accuracy["one shape"] == 1.0
    assert accuracy["one size"] == accuracy["all three"] == pytest.approx(1 / 3)


def test_a_photo_of_no_product_should_be_given_no_category(found: dict[str, Any]) -> None:
    assert found["no_product"]["int8"] == {"photos": 2, "claimed_share": 0.5}


def test_the_page_has_it_all(found: dict[str, Any]) -> None:
    page = build_labels(found, {"int8": "mine & int8", "other": "another"}, "int8")
    assert "mine &amp; int8" in page and "category, class by class" in page and "photos made alike" in page
    assert "<td>bag shop</td><td>2</td><td>100.0 %</td><td>0.0 %</td>" in page
    assert build_labels({"heads": {}, "normalised": {}, "no_product": {}}, {"int8": "mine"}, "int8") == ""


def test_the_command_measures_the_shipped_model(tmp_path: Path, examples_dir: Path) -> None:
    manifest = tmp_path / "m.csv"
    names = [path.name for path in sorted(examples_dir.glob("mug-*.jpg"))]
    rows = [f"{os.path.relpath(examples_dir / name, tmp_path)},,kitchen,,{name},CC0,examples" for name in names]
    manifest.write_text("\n".join(["file,mos,category,style,group,licence,source", *rows]) + "\n")
    arguments = ["labels", "--data", str(manifest), "--part", "all", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    report = json.loads((tmp_path / "out" / "labels.json").read_text())
    category = report["heads"]["category"]["models"]["int8"]
    assert category["photos"] == len(names) and 0.0 <= category["accuracy"] <= 1.0
    assert report["data"] == {**report["data"], "part": "all", "seed": None, "photos": len(names)}
    assert main(arguments) == 2, "an earlier result is not overwritten"


def test_a_photo_of_which_nothing_is_told_is_not_even_opened(tmp_path: Path, examples_dir: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    labelled = os.path.relpath(next(examples_dir.glob("mug-*.jpg")), tmp_path)
    manifest = tmp_path / "m.csv"
    manifest.write_text(f"file,mos,category,style,group,licence\n{labelled},,kitchen,,a,CC0\nbroken.jpg,0.5,,,b,CC0\n")
    said: list[str] = []
    report = run_labels(LabelOptions((manifest,), tmp_path / "out", find_model(DEFAULT_MODEL), part="all"), said.append)
    assert report["data"]["photos"] == 1 and report["undecodable"] == [] and said == []


def test_photos_without_a_label_are_refused(tmp_path: Path, examples_dir: Path) -> None:
    manifest = tmp_path / "m.csv"
    photo = os.path.relpath(next(examples_dir.glob("*.jpg")), tmp_path)
    manifest.write_text(f"file,mos,category,style,group,licence\n{photo},,,,g,CC0\n")
    options = LabelOptions((manifest,), tmp_path / "out", find_model(DEFAULT_MODEL), part="all")
    with pytest.raises(UsageError, match="no photo of part 'all' has a category or style that the heads know"):
        run_labels(options)
