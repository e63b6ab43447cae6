"""A contract made anew: from the models that are there, with labels that fit them, and never in their own place."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compress.files import find_models
from edge_runtime.contract import DetailSpec, ModelContract, NetworkInfo, PiecewiseLinear, ViewSpec
from edge_runtime.errors import UsageError
from edge_runtime.interpreter import Interpreter
from edge_runtime.model_file import pack_model, read_model, unpack_model
from train.artifact import finish_artifact

RECIPE = 'name = "r"\n[contract]\nversion = "9.0.0"\n'


def test_a_missing_model_is_named_but_the_pruned_one_may_be_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no m-float\.tflite and no m\.tflite: copy it there"):
        find_models(tmp_path, "m")
    (tmp_path / "m-float.tflite").touch()
    with pytest.raises(UsageError, match=r"holds no m\.tflite: copy it there \(the int8 models that ship lie in"):
        find_models(tmp_path, "m")
    (tmp_path / "m.tflite").touch()
    assert list(find_models(tmp_path, "m")) == ["float", "int8"]
    (tmp_path / "m-pruned.tflite").touch()
    assert list(find_models(tmp_path, "m")) == ["float", "pruned", "int8"]


@pytest.fixture
def artifact(tmp_path: Path, ptq_flatbuffer: bytes, small_spec: Any) -> Path:
    """What ``compress run`` leaves, without the pruned model; the int8 one stands in for the float one."""
    from compress.recipe import Recipe

    folder = tmp_path / "artifact"
    folder.mkdir()
    line = PiecewiseLinear((0.0, 1.0), (0.0, 100.0))
    width = PiecewiseLinear((0.0, 100.0), (9.0, 9.0))
    labels = small_spec.category_labels, small_spec.style_labels
    view = ViewSpec(small_spec.input_size_px, small_spec.input_size_px)
    contract = ModelContract("m", "0.1.0", view, line, width, 0.9, (45.0, 65.0), *labels, 0.4, "int8")
    for name in ("m-float.tflite", "m.tflite"):
        (folder / name).write_bytes(pack_model(ptq_flatbuffer, contract))
    (folder / "metrics.json").write_text("{}", encoding="utf-8")
    facts: dict[str, Any] = {"name": "m", "split_seed": 0, "manifests": [], "labels": {}, "student": {}}
    finish_artifact(folder, "compressed", asdict(Recipe("r")), [], time.time(), **facts)
    (tmp_path / "r.toml").write_text(RECIPE, encoding="utf-8")
    return folder


@pytest.fixture
def write_labels(tmp_path: Path, small_spec: Any, natural_views: np.ndarray) -> Callable[..., Path]:
    """Writes an artifact of ``label`` whose photos all stand on one side."""

    def write(side: str = "validation", step_px: int = 1, detail_share: float = 0.0) -> Path:
        folder = tmp_path / f"labels-{side}-{step_px}-{detail_share}"
        folder.mkdir()
        count = len(natural_views)
        np.save(folder / "views.npy", natural_views[:, ::step_px, ::step_px])
        arrays: dict[str, Any] = {
            name: np.full(count, "a") for name in ("files", "groups", "collections", "degradations")
        }
        quality = np.linspace(0, 1, count, dtype=np.float32)[:, np.newaxis]
        arrays |= {"sides": np.full(count, side), "target_quality": quality}
        np.savez(folder / "labels.npz", **arrays)
        labels = {"category_labels": small_spec.category_labels, "style_labels": small_spec.style_labels}
        facts: dict[str, Any] = {**labels, "split_seed": 0, "manifests": []}
        finish_artifact(folder, "labels", {"detail_share": detail_share}, [], time.time(), **facts)
        return folder

    return write


@pytest.mark.needs_tensorflow
def test_the_models_that_are_there_get_the_new_contract(
    tmp_path: Path, artifact: Path, write_labels: Callable[..., Path]
) -> None:
    from compress.recalibrate import recalibrate

    out = tmp_path / "out"
    assert recalibrate(artifact, tmp_path / "r.toml", write_labels(), out) == out / "m.tflite"
    assert sorted(path.name for path in out.glob("*.tflite")) == ["m-float.tflite", "m.tflite"]
    flatbuffer, contract = unpack_model(out / "m.tflite")
    assert contract.version == "9.0.0" and flatbuffer == unpack_model(artifact / "m.tflite")[0]
    inputs = json.loads((out / "provenance.json").read_text(encoding="utf-8"))["inputs"]
    assert set(inputs) == {"m-float.tflite", "m.tflite"}


@pytest.mark.needs_tensorflow
def test_categories_may_get_units_of_their_own_once(
    tmp_path: Path, artifact: Path, write_labels: Callable[..., Path], natural_views: np.ndarray
) -> None:
    from compress.recalibrate import recalibrate

    folder = write_labels()
    with np.load(folder / "labels.npz") as archive:
        arrays = dict(archive)
    count = len(natural_views)
    arrays["sides"] = np.where(np.arange(count) % 2, "train", "validation")
    arrays["degradations"] = np.full(count, "")
    arrays["target_category"] = np.tile(np.eye(2, dtype=np.float32)[np.arange(count) // 2 % 2], (1, 2))
    np.savez(folder / "labels.npz", **arrays)
    recipe, out = tmp_path / "units.toml", tmp_path / "out"
    recipe.write_text(f"{RECIPE}[categories]\nunits = 3\n", encoding="utf-8")
    recalibrate(artifact, recipe, folder, out)
    for name in ("m-float.tflite", "m.tflite"):
        old, new = (Interpreter(unpack_model(each / name)[0]) for each in (artifact, out))
        before, after = old.invoke(natural_views[0]), new.invoke(natural_views[0])
        np.testing.assert_array_equal(after["quality"], before["quality"])
        assert np.abs(after["category"] - before["category"]).max() > 0.01
    again = tmp_path / "again"
    recalibrate(out, recipe, folder, again)  # what they have learnt stays
    assert unpack_model(again / "m.tflite")[0] == unpack_model(out / "m.tflite")[0]
    with pytest.raises(UsageError, match=r"categories is not what .* was made with"):
        recalibrate(out, tmp_path / "r.toml", folder, tmp_path / "other")


@pytest.mark.needs_tensorflow
def test_an_artifact_is_not_lost_to_its_own_successor(
    tmp_path: Path, artifact: Path, write_labels: Callable[..., Path]
) -> None:
    from compress.recalibrate import recalibrate

    before = sorted(path.name for path in artifact.iterdir())
    labels = write_labels()
    with pytest.raises(UsageError, match="--force would delete unread"):
        recalibrate(artifact, tmp_path / "r.toml", labels, artifact, force=True)
    assert sorted(path.name for path in artifact.iterdir()) == before
    out = tmp_path / "out"
    recalibrate(artifact, tmp_path / "r.toml", labels, out)
    with pytest.raises(UsageError, match=r"recipe\.toml, which --force would delete unread"):
        recalibrate(artifact, out / "recipe.toml", labels, out, force=True)


@pytest.mark.needs_tensorflow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step_px": 3}, "holds views of 32 px, .*m.tflite takes 96 px"),
        ({"side": "train"}, "has no rated photo in the validation part"),
    ],
)
def test_labels_that_do_not_fit_are_refused_before_there_is_a_folder(
    tmp_path: Path, artifact: Path, write_labels: Callable[..., Path], options: dict[str, Any], message: str
) -> None:
    from compress.recalibrate import recalibrate

    with pytest.raises(UsageError, match=message):
        recalibrate(artifact, tmp_path / "r.toml", write_labels(**options), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def write_partner(tmp_path: Path, artifact: Path) -> Callable[..., Path]:
    """Writes an artifact like the other, whose flatbuffers are longer by bytes that nobody reads."""

    def write(kinds: tuple[str, ...] = ("", "-float"), split_seed: int = 0, style: str = "") -> Path:
        folder = tmp_path / "partner"
        folder.mkdir()
        flatbuffer, contract = unpack_model(artifact / "m.tflite")
        labels = (style, *contract.style_labels[1:]) if style else contract.style_labels
        named = replace(contract, name="p", version="2.0.0", style_labels=labels)
        for kind in kinds:
            (folder / f"p{kind}.tflite").write_bytes(pack_model(flatbuffer + bytes(16), named))
        facts: dict[str, Any] = {"name": "p", "split_seed": split_seed, "manifests": [], "labels": {}, "student": {}}
        finish_artifact(folder, "compressed", {}, [], time.time(), **facts)
        return folder

    return write


@pytest.mark.needs_tensorflow
def test_another_artifacts_networks_take_the_second_look_and_keep_it(
    tmp_path: Path,
    artifact: Path,
    write_labels: Callable[..., Path],
    write_partner: Callable[..., Path],
    natural_views: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from compress import recalibrate as stage

    monkeypatch.setattr(stage, "collect_views", lambda *_: [[view, view[::-1]] for view in natural_views])
    recipe, labels = tmp_path / "r.toml", write_labels()
    recipe.write_text(RECIPE + "detail_share = 0.8\ndetail_weight = 0.35\n", encoding="utf-8")
    paired, again = tmp_path / "paired", tmp_path / "again"
    stage.recalibrate(artifact, recipe, labels, paired, detail=write_partner())
    model = read_model(paired / "m.tflite")
    assert model.detail == model.flatbuffer + bytes(16)
    assert model.contract.detail is not None and model.contract.detail.network is not None
    assert (model.contract.detail.network.name, model.contract.detail.network.version) == ("p", "2.0.0")
    assert model.contract.detail.weight == 0.35
    assert read_model(paired / "m-float.tflite").detail == model.detail
    stage.recalibrate(paired, recipe, labels, again)
    assert (again / "m.tflite").read_bytes() == (paired / "m.tflite").read_bytes()
    assert json.loads((paired / "provenance.json").read_text(encoding="utf-8"))["detail"] == str(tmp_path / "partner")
    with pytest.raises(UsageError, match="the labels show the middle of photos"):
        stage.recalibrate(artifact, recipe, write_labels(detail_share=0.8), tmp_path / "middle")
    with pytest.raises(UsageError, match="--force would delete unread"):
        stage.recalibrate(artifact, recipe, labels, tmp_path / "partner", detail=tmp_path / "partner", force=True)
    recipe.write_text(RECIPE, encoding="utf-8")
    stage.recalibrate(paired, recipe, labels, tmp_path / "once")
    assert read_model(tmp_path / "once" / "m.tflite").detail is None


@pytest.mark.needs_tensorflow
@pytest.mark.parametrize(
    ("partner", "share", "message"),
    [
        ({}, 0.0, "asks for no second look that .*partner could take"),
        ({"kinds": ("",)}, 0.8, "holds no p-float.tflite"),
        ({"split_seed": 3}, 0.8, "partner was split by seed 3, .*artifact by 0"),
        ({"style": "other"}, 0.8, "partner has another view or other labels"),
    ],
)
def test_networks_that_cannot_take_the_second_look_are_refused(
    tmp_path: Path,
    artifact: Path,
    write_labels: Callable[..., Path],
    write_partner: Callable[..., Path],
    partner: dict[str, Any],
    share: float,
    message: str,
) -> None:
    from compress.recalibrate import recalibrate

    recipe = tmp_path / "r.toml"
    recipe.write_text(RECIPE + f"detail_share = {share}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        recalibrate(artifact, recipe, write_labels(), tmp_path / "out", detail=write_partner(**partner))
    assert not (tmp_path / "out").exists()


@pytest.mark.needs_tensorflow
def test_outputs_of_both_networks_are_float_from_then_on(
    tmp_path: Path,
    artifact: Path,
    write_labels: Callable[..., Path],
    deploy_student: Any,
    natural_views: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of models that were made when outputs were int8, too, one of them with a second network."""
    from compress import convert
    from compress import recalibrate as stage

    monkeypatch.setattr(stage, "collect_views", lambda *_: [[view, view[::-1]] for view in natural_views])
    with monkeypatch.context() as patched:
        patched.setattr(convert, "make_outputs_float", lambda flatbuffer: flatbuffer)
        rounded = convert.convert_int8(deploy_student, natural_views)
    float_outputs, contract = unpack_model(artifact / "m.tflite")
    network = NetworkInfo("p", "2.0.0", hashlib.sha256(rounded).hexdigest())
    points = contract.quality_calibration, contract.interval_half_width
    paired = replace(contract, detail=DetailSpec(0.8, *points, network=network))
    (artifact / "m.tflite").write_bytes(pack_model(rounded, paired, rounded))
    (tmp_path / "r.toml").write_text(RECIPE + "detail_share = 0.8\n", encoding="utf-8")
    stage.recalibrate(artifact, tmp_path / "r.toml", write_labels(), tmp_path / "out")
    assert read_model(tmp_path / "out" / "m.tflite").networks == (float_outputs, float_outputs)
    assert read_model(tmp_path / "out" / "m-float.tflite").detail is None
