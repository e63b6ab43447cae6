"""The contract survives the way into a model file and back; whatever is damaged or foreign is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.contract import DetailSpec, ModelContract, PiecewiseLinear, ViewSpec
from edge_runtime.errors import ModelError
from edge_runtime.model_file import pack_model, unpack_model

FLATBUFFER = b"\x1c\0\0\0TFL3" + bytes(range(256)) * 8


@pytest.fixture
def contract() -> ModelContract:
    return ModelContract(
        name="a-model",
        version="1.2.3",
        view=ViewSpec(width_px=320, height_px=240),
        quality_calibration=PiecewiseLinear((0.1, 0.5, 0.9), (0.0, 60.0, 100.0)),
        interval_half_width=PiecewiseLinear((0.0,), (8.0,)),
        interval_coverage=0.8,
        band_limits=(40.0, 70.0),
        category_labels=("shoes", "été"),
        style_labels=("studio", "tabletop", "worn"),
        unknown_below=0.4,
        precision="int8",
        provenance={"recipe": "int8.toml", "seed": 7},
    )


def test_pack_and_unpack(contract: ModelContract, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(pack_model(FLATBUFFER, contract))
    flatbuffer, read = unpack_model(path)
    assert flatbuffer == FLATBUFFER
    assert read == replace(contract, tflite_sha256=read.tflite_sha256)
    assert len(read.tflite_sha256) == 64
    assert path.read_bytes() == pack_model(FLATBUFFER, contract)


@pytest.mark.parametrize("position", [0, 9, 200, len(FLATBUFFER) - 1])
def test_any_damaged_byte_is_found(contract: ModelContract, tmp_path: Path, position: int) -> None:
    content = bytearray(pack_model(FLATBUFFER, contract))
    content[position] ^= 0x10
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.tflite: the model is damaged"):
        unpack_model(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a TFLite model"),
        (b"PK\x03\x04 some archive", "not a TFLite model"),
        (FLATBUFFER, "no photogate contract"),
    ],
)
def test_foreign_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        unpack_model(path)


def test_any_damaged_bit_of_the_archives_directory_is_found(contract: ModelContract, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    content = pack_model(FLATBUFFER, contract)
    intact = unpack_from(path, content)
    for position in range(8 * content.rindex(b"PK\1\2"), 8 * len(content)):
        damaged = bytearray(content)
        damaged[position // 8] ^= 1 << position % 8
        try:
            assert unpack_from(path, damaged) == intact  # some bits, as of the time, mean nothing
        except ModelError as error:
            assert str(path) in str(error)


def unpack_from(path: Path, content: bytes | bytearray) -> tuple[bytes, ModelContract]:
    path.write_bytes(content)
    return unpack_model(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.tflite", tmp_path, "no\0file"):
        with pytest.raises(ModelError, match="cannot read the model"):
            unpack_model(path)


@pytest.mark.parametrize("share", [0.2, 0.9, 0.99])
def test_truncated_model(contract: ModelContract, tmp_path: Path, share: float) -> None:
    content = pack_model(FLATBUFFER, contract)
    path = tmp_path / "model.tflite"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match="no photogate contract"):
        unpack_model(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema", "x"),
        ("view", {"width": 3}),
        ("band_limits", [1]),
        ("quality_calibration", {"x": [1, 1], "y": [0, 1]}),
        ("quality_calibration", {"x": [], "y": []}),
        ("unknown_field", 1),
        ("style_labels", None),
    ],
)
def test_malformed_contract(contract: ModelContract, key: str, value: object) -> None:
    document = {**json.loads(contract.to_json()), key: value}
    with pytest.raises(ModelError, match="malformed"):
        ModelContract.from_json(json.dumps(document))


def test_missing_field(contract: ModelContract) -> None:
    document = json.loads(contract.to_json())
    del document["view"]
    with pytest.raises(ModelError, match="malformed"):
        ModelContract.from_json(json.dumps(document))


def test_a_second_look_comes_back_and_models_from_before_have_none(contract: ModelContract) -> None:
    detail = DetailSpec(0.8, PiecewiseLinear((0.0, 1.0), (5.0, 95.0)), PiecewiseLinear((0.0,), (9.0,)))
    assert ModelContract.from_json(replace(contract, detail=detail).to_json()).detail == detail
    record = json.loads(replace(contract, schema=1).to_json())
    del record["detail"]
    assert ModelContract.from_json(json.dumps(record)).detail is None
    broken = json.loads(replace(contract, detail=detail).to_json())["detail"]
    for wrong in ({"share": 0.8}, {**broken, "share": 0}, {**broken, "share": "all"}, "twice"):
        with pytest.raises(ModelError, match="malformed"):
            ModelContract.from_json(json.dumps({**record, "detail": wrong}))


def test_attributes_of_both_looks_come_back_and_models_from_before_have_none(contract: ModelContract) -> None:
    maps = contract.quality_calibration, contract.interval_half_width
    named = replace(contract, detail=DetailSpec(0.8, *maps, ("sharpness", "noise")))
    assert ModelContract.from_json(named.to_json()) == named
    record = json.loads(replace(named, schema=3).to_json())
    wrong_ones = (["grain"], "noise", {"noise": 1}, [["noise"]], [0.5], None)
    for wrong in wrong_ones:
        with pytest.raises(ModelError, match="malformed"):
            ModelContract.from_json(json.dumps({**record, "detail": {**record["detail"], "attributes": wrong}}))
    del record["detail"]["attributes"]
    before = ModelContract.from_json(json.dumps(record)).detail
    assert before is not None and before.attributes == ()


def test_the_weight_of_a_second_look_comes_back_and_before_there_was_one_it_was_half(contract: ModelContract) -> None:
    maps = contract.quality_calibration, contract.interval_half_width
    weighted = replace(contract, detail=DetailSpec(0.8, *maps, weight=0.35))
    assert ModelContract.from_json(weighted.to_json()) == weighted
    record = json.loads(replace(weighted, schema=5).to_json())
    for wrong in (0, 1, -0.2, "much", None):
        with pytest.raises(ModelError, match="malformed"):
            ModelContract.from_json(json.dumps({**record, "detail": {**record["detail"], "weight": wrong}}))
    del record["detail"]["weight"]
    before = ModelContract.from_json(json.dumps(record)).detail
    assert before is not None and before.weight == 0.5


def test_stretch_comes_back_and_models_from_before_have_none(contract: ModelContract) -> None:
    stretch = {"noise": 4.0, "composition": 0.5}
    assert ModelContract.from_json(replace(contract, attribute_stretch=stretch).to_json()).attribute_stretch == stretch
    record = json.loads(replace(contract, schema=3).to_json())
    del record["attribute_stretch"]
    assert ModelContract.from_json(json.dumps(record)).attribute_stretch == {}
    for wrong in ({"grain": 2.0}, {"noise": 0.0}, {"noise": 11.0}, {"noise": "much"}, [2.0], None):
        with pytest.raises(ModelError, match="malformed"):
            ModelContract.from_json(json.dumps({**record, "attribute_stretch": wrong}))


def test_deductions_come_back_and_models_from_before_have_none(contract: ModelContract) -> None:
    deductions = {"noise": 0.5, "color": 0.03}
    assert ModelContract.from_json(replace(contract, deductions=deductions).to_json()).deductions == deductions
    record = json.loads(replace(contract, schema=2).to_json())
    del record["deductions"]
    assert ModelContract.from_json(json.dumps(record)).deductions == {}
    for wrong in ({"grain": 0.5}, {"noise": 1.5}, {"noise": -0.1}, {"noise": "much"}, [0.5], None):
        with pytest.raises(ModelError, match="malformed"):
            ModelContract.from_json(json.dumps({**record, "deductions": wrong}))


def test_photos_are_decoded_large_enough_for_the_second_look(contract: ModelContract) -> None:
    assert replace(contract, detail=None).decode_view == contract.view
    detail = DetailSpec(0.8, contract.quality_calibration, contract.interval_half_width)
    wide = replace(contract, view=ViewSpec(320, 240), detail=detail)
    assert wide.decode_view == ViewSpec(440, 330)  # 1.1 / 0.8 times the view


def test_newer_schema(contract: ModelContract) -> None:
    with pytest.raises(ModelError, match="upgrade photogate"):
        ModelContract.from_json(replace(contract, schema=99).to_json())


@pytest.mark.parametrize(("x", "y"), [(-1.0, 0.0), (0.1, 0.0), (0.3, 30.0), (0.5, 60.0), (0.7, 80.0), (2.0, 100.0)])
def test_piecewise_linear(contract: ModelContract, x: float, y: float) -> None:
    assert contract.quality_calibration(x) == pytest.approx(y)
