"""The looks by which compressing chooses and calibrates are those that the runtime will take."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from compress.looks import collect_views, compute_qualities, take_looks
from compress.recipe import ContractConfig
from edge_runtime import PhotoScorer
from edge_runtime.contract import ModelContract, compute_decode_view
from edge_runtime.decode import decode_photo
from edge_runtime.model_file import unpack_model
from edge_runtime.models import find_model
from edge_runtime.views import make_view

MODEL = find_model("photogate-small")


@pytest.fixture(scope="module")
def opened() -> tuple[bytes, ModelContract]:
    return unpack_model(MODEL)


def test_their_quality_is_the_scorers(examples_dir: Path, opened: tuple[bytes, ModelContract]) -> None:
    flatbuffer, contract = opened
    assert contract.detail is not None
    paths = sorted(examples_dir.glob("*.jpg"))  # the middle of some has too few pixels for a second look

    views = _collect(_pretend_labels(paths, contract), contract, contract.detail.share)
    raw = compute_qualities(take_looks(flatbuffer, views), _read_config(contract))

    assert {len(each) for each in views} == {1, 2}
    with PhotoScorer.from_file(MODEL) as scorer:
        for path, each, value in zip(paths, views, raw, strict=True):
            to_points = contract.detail.quality_calibration if len(each) == 2 else contract.quality_calibration
            assert to_points(value) == pytest.approx(scorer.score(path).quality)


def test_a_network_of_its_own_takes_the_second_look(examples_dir: Path, opened: tuple[bytes, ModelContract]) -> None:
    flatbuffer, contract = opened
    other, _ = unpack_model(find_model("photogate-large"))
    assert contract.detail is not None
    paths = [examples_dir / "mug-good.jpg"]
    views = _collect(_pretend_labels(paths, contract), contract, contract.detail.share)
    ((whole, closer),) = take_looks(flatbuffer, views, other)
    ((alone, again),), ((_, others),) = take_looks(flatbuffer, views), take_looks(other, views)
    for name in whole:
        np.testing.assert_array_equal(whole[name], alone[name])
        np.testing.assert_array_equal(closer[name], others[name])
    assert any((closer[name] != again[name]).any() for name in closer)


def test_without_a_second_look_no_photo_is_asked_for(examples_dir: Path, opened: tuple[bytes, ModelContract]) -> None:
    labels = _pretend_labels([examples_dir / "mug-good.jpg"], opened[1])
    labels.load_photos = None
    assert [len(each) for each in _collect(labels, opened[1], 0.0)] == [1]


def _collect(labels: Any, contract: ModelContract, share: float) -> list[list[np.ndarray]]:
    return collect_views(labels, labels.build_validation(), contract.view, share)


def _read_config(contract: ModelContract) -> ContractConfig:
    assert contract.detail is not None
    return ContractConfig(
        detail_share=contract.detail.share,
        detail_weight=contract.detail.weight,
        detail_attributes=contract.detail.attributes,
        deductions=dict(contract.deductions),
    )


def _pretend_labels(paths: list[Path], contract: ModelContract) -> Any:
    """What ``collect_views`` asks of labels, whose views are made of the photos as the runtime makes them."""
    assert contract.detail is not None
    wanted = compute_decode_view(contract.view, contract.detail.share)
    decoded = [decode_photo(path, wanted) for path in paths]
    return SimpleNamespace(
        build_validation=lambda: SimpleNamespace(
            inputs=np.stack([make_view(each.image, contract.view, each.box) for each in decoded])
        ),
        load_photos=lambda: {path.name: SimpleNamespace(path=path) for path in paths},
        files=np.array([path.name for path in paths]),
        select_rated=lambda side: np.arange(len(paths)),
    )
