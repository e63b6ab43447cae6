"""Ladders, culprits and false alarms with models whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.accuracy_report.false_alarms import measure_false_alarms, measure_false_blur
from benchmarks.accuracy_report.ladders import CULPRIT_STRENGTH, LIGHT_STRENGTH, measure_ladders
from benchmarks.accuracy_report.photos import CleanPhoto, ScoredPhoto, find_clean, load_picture
from edge_runtime import Score
from edge_runtime.contract import ViewSpec
from edge_runtime.gate import load_policy
from train.data.degradations import COMPOSITION_KINDS, KINDS, TECHNICAL_KINDS, Degradation, apply
from train.data.manifest import Photo


class _BrightnessScorer:
    """Takes the brightness for quality and for exposure, and finds nothing else to blame."""

    def __init__(self, build_score: Callable[..., Score]) -> None:
        self._build_score = build_score

    def score(self, photo: Any) -> Score:
        points = float(np.asarray(photo).mean()) / 2.55
        return self._build_score(points, exposure=points)


@pytest.fixture(scope="module")
def found(product_photo: Photo, build_score: Callable[..., Score]) -> dict[str, Any]:
    clean = [CleanPhoto(ScoredPhoto(product_photo, {}, 0.0), has_product=True, is_well_framed=True)]
    scorer: Any = _BrightnessScorer(build_score)
    return measure_ladders(clean, {"brightness": scorer}, photos_per_kind=5)


def test_every_kind_is_climbed_by_the_photos_it_applies_to(found: dict[str, Any]) -> None:
    kinds = found["models"]["brightness"]["kinds"]
    assert set(kinds) == set(KINDS)
    assert found["photos"] == {"technical": 1, "composition": 1}
    assert all(values["photos"] == 1 for values in kinds.values())
    assert all(len(values["mean_quality_points"]) == len(found["strengths"]) == 6 for values in kinds.values())
    total = sum(values["steps"] for values in kinds.values())
    assert found["models"]["brightness"]["all"]["steps"] == total <= 5 * len(KINDS)


def test_falls_and_rises_are_told_apart(found: dict[str, Any]) -> None:
    kinds = found["models"]["brightness"]["kinds"]
    dark = kinds["underexposed"]
    assert dark["steps"] == 5
    assert (dark["quality_falls_share"], dark["quality_rises_share"]) == (1.0, 0.0)
    assert (dark["attribute_falls_share"], dark["attribute_rises_share"]) == (1.0, 0.0)
    assert dark["mean_quality_points"] == sorted(dark["mean_quality_points"], reverse=True)
    bright = kinds["overexposed"]
    assert (bright["quality_falls_share"], bright["quality_rises_share"]) == (0.0, 1.0)
    blurred = kinds["defocus"]
    assert blurred["attribute_falls_share"] == blurred["attribute_rises_share"] == 0.0, "its sharpness stays at 100"
    shares = found["models"]["brightness"]["all"]
    assert 0.0 < shares["quality_falls_share"] < 1.0


def test_the_culprit_is_right_only_for_the_fault_that_the_model_sees(found: dict[str, Any]) -> None:
    kinds = found["models"]["brightness"]["kinds"]
    dark = kinds["underexposed"]
    assert dark["lowest"]["exposure"] == dark["fell_most"]["exposure"] == dark["culprits"] == 1
    assert dark["lowest_right_share"] == dark["fell_most_right_share"] == 1.0
    assert kinds["overexposed"]["lowest_right_share"] == 1.0, "exposure is always this model's lowest"
    assert kinds["overexposed"]["fell_most_right_share"] == 0.0, "but here it rises"
    assert kinds["defocus"]["lowest"] == {"sharpness": 0, "noise": 0, "exposure": 1, "color": 0, "composition": 0}
    assert kinds["defocus"]["lowest_right_share"] == 0.0


def test_light_faults_are_counted_by_themselves(product_photo: Photo, build_score: Callable[..., Score]) -> None:
    pixels = load_picture(product_photo)
    light, usual = (
        float(apply(pixels, Degradation("underexposed", strength, 1)).mean())
        for strength in (LIGHT_STRENGTH, CULPRIT_STRENGTH)
    )
    assert usual < light - 5

    class SeesOnlyTheWorst:
        def score(self, photo: Any) -> Score:
            is_dark = float(np.asarray(photo).mean()) < (light + usual) / 2
            return build_score(50.0, noise=90.0, exposure=10.0 if is_dark else 95.0)

    scorer: Any = SeesOnlyTheWorst()
    clean = [CleanPhoto(ScoredPhoto(product_photo, {}, 0.0), has_product=True, is_well_framed=True)]
    model = measure_ladders(clean, {"m": scorer}, photos_per_kind=5)["models"]["m"]
    dark = model["kinds"]["underexposed"]
    assert (dark["lowest_right_share"], dark["light_lowest_right_share"]) == (1.0, 0.0)
    assert dark["light_culprits"] == 1
    assert model["kinds"]["sensor_noise"]["light_lowest_right_share"] == 1.0, "noise is what it blames otherwise"
    assert model["all"]["light_culprits"] == sum(kind["light_culprits"] for kind in model["kinds"].values())
    assert 0.0 < model["all"]["light_lowest_right_share"] < 0.5


def test_steps_that_nobody_sees_do_not_count(
    tmp_path: Any, build_score: Callable[..., Score], product_photo: Photo
) -> None:
    path = tmp_path / "grey.png"
    Image.fromarray(np.linspace(60, 180, 64 * 64).reshape(64, 64, 1).repeat(3, axis=2).astype(np.uint8)).save(path)
    grey = Photo("grey.png", path, 0.9, "", "", "grey", "CC0")
    scorer: Any = _BrightnessScorer(build_score)
    clean = [CleanPhoto(ScoredPhoto(grey, {}, 0.0), has_product=False, is_well_framed=False)]
    kinds = measure_ladders(clean, {"m": scorer}, photos_per_kind=5)["models"]["m"]["kinds"]
    assert kinds["undersaturated"]["steps"] == kinds["undersaturated"]["culprits"] == 0, "grey has no colour to lose"
    assert kinds["undersaturated"]["quality_falls_share"] is None
    assert kinds["underexposed"]["steps"] == 5
    assert all(kinds[kind]["photos"] == 0 for kind in COMPOSITION_KINDS)
    assert all(kinds[kind]["photos"] == 1 for kind in TECHNICAL_KINDS)


def test_clean_photos_follow_the_rule_of_training(product_photo: Photo, build_score: Callable[..., Score]) -> None:
    def build(mos: float | None, source: str) -> ScoredPhoto:
        photo = Photo("p.png", product_photo.path, mos, "", "", "g", "", source=source)
        return ScoredPhoto(photo, {"m": build_score(50.0)}, 0.0)

    candidates = [build(0.8, ""), build(0.6, "Studio"), build(None, "Studio"), build(None, "Phone")]
    clean = find_clean(candidates, clean_from_mos=0.7, clean_sources=("Studio",))
    assert [entry.scored for entry in clean] == [candidates[0], candidates[2]]
    assert all(entry.has_product and entry.is_well_framed for entry in clean)


def test_false_alarms_are_the_sharp_products_called_blurred(
    product_photo: Photo, build_score: Callable[..., Score]
) -> None:
    limit = next(entry.minimum for entry in load_policy().attribute_limits if entry.attribute == "sharpness")

    def build(name: str, sharpness: float, has_product: bool = True, size: tuple[int, int] = (640, 640)) -> CleanPhoto:
        photo = Photo(name, product_photo.path, 0.9, "", "", name, "")
        scores = {"int8": build_score(80.0, size=size, sharpness=sharpness), "float": build_score(80.0, size=size)}
        return CleanPhoto(ScoredPhoto(photo, scores, 0.0), has_product, has_product)

    clean = [
        build("sharp", limit + 1),
        build("soft", limit - 1),
        build("softer", limit - 9),
        build("no product", limit - 9, has_product=False),
        build("smaller than the view", limit - 9, size=(224, 640)),
    ]
    found = measure_false_blur(clean, ("int8", "float"), ViewSpec(320, 320), load_policy())
    assert found["photos"] == 3
    assert [entry["file"] for entry in found["models"]["int8"]["blurred"]] == ["softer", "soft"]
    assert found["models"]["int8"]["share"] == pytest.approx(2 / 3)
    assert found["models"]["float"] == {"share": 0.0, "blurred": []}
    assert (
        measure_false_blur(clean[3:], ("int8",), ViewSpec(320, 320), load_policy())["models"]["int8"]["share"] is None
    )


def test_false_alarms_of_every_attribute_are_counted_source_by_source(
    product_photo: Photo, build_score: Callable[..., Score]
) -> None:
    def build(source: str, is_framed: bool = True, size: tuple[int, int] = (640, 640), **points: float) -> CleanPhoto:
        photo = Photo(f"{source}{points}", product_photo.path, None, "", "", source, "", source=source)
        return CleanPhoto(ScoredPhoto(photo, {"int8": build_score(80.0, size=size, **points)}, 0.0), True, is_framed)

    clean = [
        build("a"),
        build("a", exposure=10.0),
        build("a", exposure=10.0, color=10.0),
        build("a", is_framed=False, composition=10.0),
        build("b", composition=10.0),
        build("b", size=(200, 640), sharpness=10.0),
    ]
    found = measure_false_alarms(clean, ("int8",), ViewSpec(320, 320), load_policy())["models"]["int8"]
    by_source = {entry["source"]: entry for entry in found}
    assert [entry["source"] for entry in found] == ["all", "a", "b"]
    assert {name: entry["photos"] for name, entry in by_source.items()} == {"all": 5, "a": 4, "b": 1}
    assert by_source["a"]["shares"] == {
        "sharpness": 0.0,
        "noise": 0.0,
        "exposure": 0.5,
        "color": 0.25,
        "composition": 0.0,
    }
    assert by_source["a"]["any_share"] == 0.5 and by_source["b"]["any_share"] == 1.0
    assert by_source["all"]["shares"]["composition"] == pytest.approx(1 / 4), "of four that are framed well"
    nothing = measure_false_alarms(clean[-1:], ("int8",), ViewSpec(320, 320), load_policy())["models"]["int8"]
    assert nothing[0]["any_share"] is None and nothing[0]["shares"]["exposure"] is None
