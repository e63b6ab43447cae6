"""The explainer finds what was spoilt, says how much work it did, and refuses what is impossible."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from edge_runtime import PhotoScorer
from edge_runtime.errors import InputError, ModelError, PolicyError, UsageError
from edge_runtime.explain import ATTRIBUTES, Explainer, Study, explain
from edge_runtime.explain.maps import ModelMaps
from edge_runtime.explain.trials import FAULTS
from edge_runtime.model_file import unpack_model
from edge_runtime.models import DEFAULT_MODEL, find_model

PLACE = (96, 224, 208, 336)


def _darken(picture: Image.Image) -> Image.Image:
    return picture.point(lambda value: round(0.12 * value))


def _add_noise(picture: Image.Image) -> Image.Image:
    noise = np.random.default_rng(3).normal(0.0, 60.0, (picture.height, picture.width, 3))
    return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


def _is_inside(center: tuple[float, float]) -> bool:
    left, top, right, bottom = PLACE
    return left <= center[0] <= right and top <= center[1] <= bottom


@pytest.mark.parametrize(
    ("attribute", "spoil", "fault"),
    [
        ("sharpness", lambda picture: picture.filter(ImageFilter.GaussianBlur(7)), "blurred"),
        ("noise", _add_noise, "noisy"),
        ("exposure", _darken, "dark"),
    ],
)
def test_the_spoilt_place_is_the_hottest(
    explainer: Explainer,
    textured: Image.Image,
    attribute: str,
    spoil: Callable[[Image.Image], Image.Image],
    fault: str,
) -> None:
    picture = textured.copy()
    picture.paste(spoil(textured).crop(PLACE), PLACE[:2])
    study = explainer.study(picture, budget_ms=float("inf"), rounds=10)
    explanation = study.explain(attribute)
    assert _is_inside(explanation.box.center), f"hottest at {explanation.box}"
    assert explanation.faults[0][0] == fault


def test_no_dark_place_is_told_as_too_bright(explainer: Explainer, textured: Image.Image) -> None:
    """The readout alone takes cells of this dark plate, whose like it was never shown, for bright ones."""
    picture = Image.new("RGB", textured.size, "white")
    picture.paste(textured.point(lambda value: value // 5).crop(PLACE), PLACE[:2])
    study = explainer.study(picture, budget_ms=float("inf"), rounds=10)
    cells = np.asarray(picture.convert("L").resize((20, 20), Image.Resampling.BOX))
    names = [fault.name for fault in FAULTS]
    assert study.spoilt[cells < 45, names.index("bright")].max() == 0.0
    assert study.spoilt[cells > 210, names.index("dark")].max() == 0.0


def test_a_photo_that_is_alike_all_over_has_no_place_that_stands_out(
    explainer: Explainer, textured: Image.Image
) -> None:
    study = explainer.study(textured, budget_ms=float("inf"), rounds=10)
    assert not any(study.explain(attribute).stands_out for attribute in ATTRIBUTES)
    assert study.explain().stands_out is False


def test_the_same_photo_has_the_same_heat(explainer: Explainer, blurred_place: Image.Image) -> None:
    first, second = (explainer.study(blurred_place, budget_ms=float("inf"), rounds=4) for _ in range(2))
    assert np.array_equal(first.spoilt, second.spoilt)
    assert np.array_equal(first.losses, second.losses)


def test_the_score_is_the_scorers_own(explainer: Explainer, blurred_study: Study, blurred_place: Image.Image) -> None:
    with PhotoScorer.default() as scorer:
        score = scorer.score(blurred_place)
    assert blurred_study.score.quality == score.quality
    assert blurred_study.score.attributes == score.attributes
    assert blurred_study.score.image == score.image


def test_a_short_budget_still_gives_an_answer_and_says_so(explainer: Explainer, blurred_place: Image.Image) -> None:
    hurried = explainer.study(blurred_place, budget_ms=0.001)
    assert not hurried.is_complete
    calm = explainer.study(blurred_place, budget_ms=float("inf"), rounds=6)
    assert calm.is_complete
    assert calm.evaluations == hurried.evaluations + 2, "four patchworks are made in any case"


def test_json(explainer: Explainer, blurred_study: Study) -> None:
    explanation = blurred_study.explain("sharpness", grid=5)
    record = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
    assert record["attribute"] == "sharpness"
    assert np.array(record["grid"]).shape == (5, 5)
    assert set(record["hottest"]) == {"left", "top", "right", "bottom", "points"}
    assert record["evaluations"] == blurred_study.evaluations
    assert record["image"] == {"width_px": 480, "height_px": 480}
    assert "path" not in record


def test_a_coarser_grid_is_the_mean_of_the_finest(blurred_study: Study) -> None:
    fine, coarse = blurred_study.explain("sharpness"), blurred_study.explain("sharpness", grid=10)
    assert fine.heat.shape == (20, 20)
    assert coarse.heat == pytest.approx(fine.heat.reshape(10, 2, 10, 2).mean(axis=(1, 3)), abs=1e-4)
    assert coarse.box == fine.box


def test_heat_is_read_only(blurred_study: Study) -> None:
    with pytest.raises(ValueError, match="read-only"):
        blurred_study.explain("noise").heat[0, 0] = 1.0


def test_impossible_wishes(explainer: Explainer, blurred_study: Study, textured: Image.Image, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sharpness"):
        explainer.explain(textured, "sharpnes")
    with pytest.raises(UsageError, match=r"grid of 7 .* choose from 1, 2, 4"):
        blurred_study.explain(grid=7)
    assert blurred_study.explain(grid=1).heat.shape == (1, 1)
    with pytest.raises(PolicyError, match="cannot read the policy"):
        explainer.explain(textured, policy=tmp_path / "none.toml")
    with pytest.raises(UsageError, match="more than 0"):
        explainer.explain(textured, budget_ms=0.0)
    with pytest.raises(UsageError, match="rounds"):
        explainer.study(textured, rounds=0)
    with pytest.raises(InputError, match="no such file"):
        explainer.explain(tmp_path / "none.jpg")
    with pytest.raises(InputError, match="int"):
        explainer.explain(3)  # type: ignore[arg-type]


def test_function_takes_a_scorer_and_finds_its_model(blurred_place: Image.Image, tmp_path: Path) -> None:
    with PhotoScorer.default() as scorer:
        explanation = explain(blurred_place, scorer, "sharpness", budget_ms=0.001)
        assert explanation.attribute == "sharpness"
        copy = tmp_path / "copy.tflite"
        copy.write_bytes(find_model(DEFAULT_MODEL).read_bytes())
        assert explain(blurred_place, scorer, "noise", model=copy, budget_ms=0.001).attribute == "noise"
        scorer.score(blurred_place)  # it is still open


def test_a_closed_explainer_says_so(textured: Image.Image) -> None:
    with Explainer.from_file() as explainer:
        pass
    with pytest.raises(UsageError, match="closed"):
        explainer.explain(textured)


def test_maps_are_the_statistics_of_cells() -> None:
    flatbuffer, contract = unpack_model(find_model(DEFAULT_MODEL))
    maps = ModelMaps(flatbuffer, contract.view)
    view = np.full((contract.view.height_px, contract.view.width_px, 3), 128, dtype=np.uint8)
    view[:, : contract.view.width_px // 2] = 30
    features = maps.read(view)
    assert features.shape == (maps.rows, maps.columns, maps.features)
    middle = maps.rows // 2
    within = np.abs(features[middle, 3] - features[middle + 1, 3]).mean()
    across = np.abs(features[middle, 3] - features[middle, -4]).mean()
    assert within < 0.1 * across, "a half is alike but for rounding, the halves are not"


def test_a_model_without_maps_is_refused() -> None:
    flatbuffer, contract = unpack_model(find_model(DEFAULT_MODEL))
    huge = type(contract.view)(width_px=16 * 7, height_px=16 * 7)  # 7 x 7 cells fit none of its maps
    with pytest.raises(ModelError, match="7 x 7 cells"):
        ModelMaps(flatbuffer, huge)
