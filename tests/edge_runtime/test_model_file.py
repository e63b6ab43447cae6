"""A model's file with two networks: both come back whole, and neither can be another one."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.contract import DetailSpec, ModelContract, NetworkInfo, PiecewiseLinear
from edge_runtime.errors import ModelError
from edge_runtime.model_file import DETAIL_MEMBER, pack_model, read_model
from edge_runtime.models import find_model

WHOLE = b"\x1c\0\0\0TFL3" + bytes(range(256)) * 8
CLOSER = b"\x1c\0\0\0TFL3" + bytes(range(255, -1, -1)) * 4


@pytest.fixture
def contract() -> ModelContract:
    """That of a shipped model, whose second look has the network CLOSER."""
    shipped = read_model(find_model("photogate-small")).contract
    line = PiecewiseLinear((0.0, 1.0), (0.0, 100.0))
    return replace(shipped, detail=DetailSpec(0.8, line, line, (), NetworkInfo("closer", "2.0.0", digest(CLOSER))))


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_both_networks_come_back(tmp_path: Path, contract: ModelContract) -> None:
    content = pack_model(WHOLE, contract, CLOSER)
    model = read_model(write(tmp_path / "m.tflite", content))
    assert model.networks == (WHOLE, CLOSER)
    assert model.contract == replace(contract, tflite_sha256=digest(WHOLE))
    assert content.startswith(WHOLE), "any interpreter can open the file as the network of the whole"
    with zipfile.ZipFile(io.BytesIO(content)) as members:
        member = members.getinfo(DETAIL_MEMBER)
    assert member.compress_type == zipfile.ZIP_STORED, "as it is, for whoever maps the file"
    assert content == pack_model(WHOLE, contract, CLOSER)


def test_a_model_is_told_apart_by_both_of_its_networks(tmp_path: Path, contract: ModelContract) -> None:
    two = read_model(write(tmp_path / "two.tflite", pack_model(WHOLE, contract, CLOSER))).contract
    one = read_model(write(tmp_path / "one.tflite", pack_model(WHOLE, replace(contract, detail=None)))).contract
    assert one.sha256 == one.tflite_sha256 == two.tflite_sha256
    assert two.sha256 not in (one.sha256, digest(CLOSER)) and len(two.sha256) == 64


def test_any_damaged_byte_of_the_second_network_is_found(tmp_path: Path, contract: ModelContract) -> None:
    content = pack_model(WHOLE, contract, CLOSER)
    start = content.index(CLOSER)
    for position in (0, 9, len(CLOSER) - 1):
        damaged = bytearray(content)
        damaged[start + position] ^= 0x10
        with pytest.raises(ModelError, match=r"m\.tflite: .*damaged"):
            read_model(write(tmp_path / "m.tflite", bytes(damaged)))


def test_a_second_network_that_is_not_the_one_named_is_refused(tmp_path: Path, contract: ModelContract) -> None:
    with pytest.raises(ModelError, match="second look is not the one that the contract names"):
        pack_model(WHOLE, contract)
    with pytest.raises(ModelError, match="second look is not the one that the contract names"):
        pack_model(WHOLE, contract, WHOLE)
    assert contract.detail is not None
    shared = replace(contract, detail=replace(contract.detail, network=None))
    with pytest.raises(ModelError, match="second look is not the one that the contract names"):
        pack_model(WHOLE, shared, CLOSER)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:  # as pack_model would, had it not looked
        members.writestr("photogate/contract.json", replace(contract, tflite_sha256=digest(WHOLE)).to_json())
    with pytest.raises(ModelError, match="the model is damaged"):
        read_model(write(tmp_path / "m.tflite", WHOLE + archive.getvalue()))


def test_a_network_without_its_digest_is_a_malformed_contract(contract: ModelContract) -> None:
    text = contract.to_json()
    assert f'"tflite_sha256": "{digest(CLOSER)}"' in text
    with pytest.raises(ModelError, match="contract is malformed"):
        ModelContract.from_json(text.replace(f'"tflite_sha256": "{digest(CLOSER)}"', '"digest": ""'))
    assert ModelContract.from_json(text) == contract
