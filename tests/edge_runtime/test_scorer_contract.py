"""PhotoScorer reads the model's numbers as the contract in its file says: maps, looks, deductions, stretch."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime import (
    ModelError,
    PhotoScorer,
    Score,
)
from edge_runtime.contract import DetailSpec, NetworkInfo, PiecewiseLinear, ViewSpec
from edge_runtime.interpreter import Interpreter
from edge_runtime.model_file import pack_model, read_model, unpack_model
from edge_runtime.models import DEFAULT_MODEL, find_model
from edge_runtime.views import make_detail_view, make_view


@pytest.fixture
def repacked(tmp_path: Path) -> Callable[..., Path]:
    """The shipped networks under a contract with some fields changed; a second look without one of its own has none."""

    def repack(**changes: object) -> Path:
        model = read_model(find_model(DEFAULT_MODEL))
        contract = dataclasses.replace(model.contract, **changes)  # type: ignore[arg-type]
        path = tmp_path / "other.tflite"
        path.write_bytes(pack_model(model.flatbuffer, contract, model.detail if contract.detail_network else None))
        return path

    return repack


def test_calibration_interval_band_and_labels_follow_the_contract(
    scorer: PhotoScorer, repacked: Callable[..., Path], photo: Image.Image
) -> None:
    flat = {"interval_half_width": PiecewiseLinear((0.0,), (30.0,)), "band_limits": (40.0, 70.0), "detail": None}
    for constant, band, interval in ((95.0, "high", (65.0, 100.0)), (70.0, "high", (40.0, 100.0)),
                                     (69.9, "medium", (39.9, 99.9)), (40.0, "medium", (10.0, 70.0)),
                                     (10.0, "low", (0.0, 40.0)), (130.0, "high", (70.0, 100.0))):  # fmt: skip
        path = repacked(quality_calibration=PiecewiseLinear((0.0,), (constant,)), unknown_below=1.01, **flat)
        with PhotoScorer.from_file(path) as other:
            score = other.score(photo)
        assert score.quality == min(constant, 100.0)
        assert score.band == band
        assert score.interval == pytest.approx(interval)
        assert (score.category.label, score.style.label) == ("unknown", "unknown")
    with PhotoScorer.from_file(repacked(unknown_below=0.0)) as other:
        score = other.score(photo)
    assert score.category.label in scorer.contract.category_labels
    assert score.quality == scorer.score(photo).quality


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"view": ViewSpec(width_px=96, height_px=96)}, "its contract says"),
        ({"style_labels": tuple(f"style {i}" for i in range(99))}, "its contract says 99"),
    ],
)
def test_model_that_is_not_what_its_contract_says(
    repacked: Callable[..., Path], changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ModelError, match=rf"other\.tflite: .*{message}"):
        PhotoScorer.from_file(repacked(**changes))


@pytest.mark.parametrize("name", ["quality", "attributes", "category"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_no_score(
    photo: Image.Image, monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    with PhotoScorer.default() as other:
        assert other._interpreters is not None
        whole, _ = other._interpreters
        invoke = whole.invoke

        def spoil(view: Any) -> Any:
            outputs = invoke(view)
            outputs[name] = np.array(outputs[name])
            outputs[name][0, -1] = value
            return outputs

        monkeypatch.setattr(whole, "invoke", spoil)
        with pytest.raises(ModelError, match=f"output '{name}' is not a finite number"):
            other.score(photo)


def test_faults_that_the_model_sees_take_off_points(repacked: Callable[..., Path], photo: Image.Image) -> None:
    line = PiecewiseLinear((-1.0, 1.0), (0.0, 100.0))
    pixels = np.asarray(photo.convert("RGB"))
    noise = np.random.default_rng(0).normal(0, 60, pixels.shape)
    noisy = Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))
    found = {}
    for most in (0.0, 0.4):
        with PhotoScorer.from_file(
            repacked(quality_calibration=line, detail=None, deductions={"noise": most}, attribute_stretch={})
        ) as scorer:
            found[most] = scorer.score(noisy)
    fault = 1 - found[0.4].attributes.noise / 100
    assert fault > 0.5
    assert found[0.0].quality - found[0.4].quality == pytest.approx(50 * 0.4 * fault**2, abs=1e-6)
    assert found[0.0].attributes == found[0.4].attributes


def test_a_photo_is_looked_at_twice_and_its_quality_is_the_mean(
    repacked: Callable[..., Path], photo: Image.Image
) -> None:
    flatbuffer, contract = unpack_model(find_model(DEFAULT_MODEL))
    maps = PiecewiseLinear((0.0, 1.0), (0.0, 90.0)), PiecewiseLinear((0.0,), (7.0,))
    interpreter = Interpreter(flatbuffer, num_threads=1)
    width, height = photo.size
    middle = photo.crop((width // 10, height // 10, width - width // 10, height - height // 10))
    views = [make_view(each, contract.view) for each in (photo, middle)]
    assert width % 10 == height % 10 == 0 and min(middle.size) >= max(views[0].shape)
    raw = [float(interpreter.invoke(view)["quality"].item()) for view in views]
    with PhotoScorer.from_file(repacked(detail=DetailSpec(0.8, *maps), deductions={})) as scorer:
        score = scorer.score(photo)
        small = scorer.score(photo.resize((330, 330)))  # shows all that it holds in one view
    assert score.quality == pytest.approx(90 * np.mean(raw), abs=0.6)  # resized from a part, not from a copy of it
    assert abs(score.quality - 90 * raw[0]) > 0.1, "the middle must matter for this test to tell anything"
    assert score.interval == pytest.approx((score.quality - 7.0, score.quality + 7.0))
    with PhotoScorer.from_file(repacked(detail=None, deductions={})) as once:
        again = once.score(photo.resize((330, 330)))
        assert dataclasses.replace(again, timings=small.timings) == small
        attributes = once.score(photo).attributes
    assert score.attributes == attributes
    with PhotoScorer.from_file(repacked(detail=DetailSpec(0.8, *maps)), is_quick=True) as quick:
        assert quick.score(photo).quality != score.quality


def test_a_second_look_may_have_a_network_of_its_own(tmp_path: Path, photo: Image.Image) -> None:
    line, width = PiecewiseLinear((-1.0, 1.0), (0.0, 100.0)), PiecewiseLinear((0.0,), (7.0,))
    first, second = (read_model(find_model(name)) for name in ("photogate-small", "photogate-large"))
    network = NetworkInfo(second.contract.name, second.contract.version, second.contract.tflite_sha256)
    found: dict[str, Score] = {}
    for name, own in (("own", network), ("shared", None)):
        contract = dataclasses.replace(
            first.contract,
            quality_calibration=line,
            detail=DetailSpec(0.8, line, width, ("noise",), own, weight=0.3),
            deductions={},
            attribute_stretch={},
        )
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(pack_model(first.flatbuffer, contract, second.flatbuffer if own else None))
        with PhotoScorer.from_file(path) as scorer:
            found[name] = scorer.score(photo)
            small = scorer.score(photo.resize((330, 330)))  # one look, by the first network
    with PhotoScorer.from_file(path, is_quick=True) as quick:
        assert quick.score(photo.resize((330, 330))).quality == small.quality
        whole = quick.score(photo)
    middle = make_detail_view(photo, first.contract.view, 0.8)
    assert middle is not None
    looks = {name: Interpreter(each.flatbuffer).invoke(middle) for name, each in (("shared", first), ("own", second))}
    for name, look in looks.items():
        of_the_middle = 50 + 50 * float(look["quality"].item())
        assert found[name].quality == pytest.approx(0.7 * whole.quality + 0.3 * of_the_middle, abs=1e-4)
        noise = 100 * float(look["attributes"][0, 1])
        assert found[name].attributes.noise == pytest.approx((whole.attributes.noise + noise) / 2, abs=1e-4)
        assert found[name].category == whole.category
    assert found["own"].attributes != found["shared"].attributes, "the networks must differ to tell anything"
    assert found["own"].model.sha256 != found["shared"].model.sha256 == first.contract.tflite_sha256


def test_what_the_second_network_tells_is_checked_too(tmp_path: Path) -> None:
    first, second = (read_model(find_model(name)) for name in ("photogate-small", "photogate-large"))
    spoilt = second.flatbuffer.replace(b"category", b"cat_gory")
    assert spoilt != second.flatbuffer and first.contract.detail is not None
    network = NetworkInfo("spoilt", "1.0.0", hashlib.sha256(spoilt).hexdigest())
    contract = dataclasses.replace(first.contract, detail=dataclasses.replace(first.contract.detail, network=network))
    path = tmp_path / "other.tflite"
    path.write_bytes(pack_model(first.flatbuffer, contract, spoilt))
    with pytest.raises(ModelError, match=r"other\.tflite: the model's output 'category' has no values"):
        PhotoScorer.from_file(path)
    PhotoScorer.from_file(path, is_quick=True).close()  # one look does not ask for it


def test_attributes_that_the_contract_names_are_the_mean_of_both_looks(
    repacked: Callable[..., Path], photo: Image.Image
) -> None:
    maps = PiecewiseLinear((-1.0, 1.0), (0.0, 100.0)), PiecewiseLinear((0.0,), (7.0,))
    pixels = np.asarray(photo.convert("RGB"))
    grain = np.random.default_rng(0).normal(0, 25, pixels.shape)
    noisy = Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))
    width, height = noisy.size
    middle = noisy.crop((width // 10, height // 10, width - width // 10, height - height // 10))
    found = {}
    for names in ((), ("sharpness", "noise")):
        detail = DetailSpec(0.8, *maps, names)
        model = repacked(quality_calibration=maps[0], detail=detail, deductions={"noise": 0.4}, attribute_stretch={})
        with PhotoScorer.from_file(model) as scorer:
            found[names] = scorer.score(noisy)
        with PhotoScorer.from_file(model, is_quick=True) as quick:
            of_the_middle, of_the_whole = quick.score(middle).attributes, quick.score(noisy).attributes
    whole, both = found[()].attributes, found["sharpness", "noise"].attributes
    assert whole == of_the_whole, "one look, or both without names: the attributes are those of the whole"
    assert abs(of_the_middle.noise - whole.noise) > 2, "the middle must matter for this test to tell anything"
    for name in ("sharpness", "noise"):  # resized from a part, not from a copy of it: hence one point
        wanted = (getattr(whole, name) + getattr(of_the_middle, name)) / 2
        assert getattr(both, name) == pytest.approx(wanted, abs=1.0)
    assert (both.exposure, both.color, both.composition) == (whole.exposure, whole.color, whole.composition)
    faults = [1 - attributes.noise / 100 for attributes in (whole, both)]
    lost = 50 * 0.4 * (faults[1] ** 2 - faults[0] ** 2)
    assert found[()].quality - found["sharpness", "noise"].quality == pytest.approx(lost, abs=1e-6)


def test_stretching_attributes_changes_their_points_and_no_quality(
    repacked: Callable[..., Path], photo: Image.Image
) -> None:
    found = {}
    for factor in (1.0, 4.0):
        with PhotoScorer.from_file(repacked(attribute_stretch={"composition": factor})) as scorer:
            found[factor] = scorer.score(photo)
    plain, stretched = found[1.0], found[4.0]
    assert stretched.quality == plain.quality
    upper = plain.attributes.composition / 50 - 1
    assert 0.05 < upper < 0.95, "it must lie in the upper half for this test to tell anything"
    assert stretched.attributes.composition == pytest.approx(50 + 50 * upper / (upper + 4 * (1 - upper)))
    assert stretched.attributes.color == plain.attributes.color
