"""The classifier: its backbone and its last layer come from one checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.errors import UsageError

pytest.importorskip("tensorflow")

from train.data.imagenet_products import CLASS_COUNT, NO_PRODUCT, PRODUCT_CLASSES, find_category
from train.models import classifier as module
from train.models import weights as weights_module
from train.models.backbones import BACKBONES
from train.models.classifier import load_classifier

State = dict[str, np.ndarray]


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> State:
    """What the checkpoint ``tmp_path / "lite2.pth"`` holds, which tests may change before it is read."""
    backbone = BACKBONES["efficientnet_lite2"].build(include_top=False, weights=None, input_shape=(None, None, 3))
    arrays = backbone.get_weights()
    rng = np.random.default_rng(0)
    content = {"_fc.weight": rng.normal(size=(CLASS_COUNT, 1280)), "_fc.bias": np.zeros(CLASS_COUNT)}
    monkeypatch.setattr(module, "read_torch_checkpoint", lambda path: content)
    monkeypatch.setattr(weights_module, "read_torch_checkpoint", lambda path: content)
    monkeypatch.setattr(weights_module, "to_keras_order", lambda state: arrays)
    (tmp_path / "lite2.pth").touch()
    return content


def test_probabilities_of_a_view_sum_to_one_and_follow_the_last_layer(state: State, tmp_path: Path) -> None:
    views = np.random.default_rng(1).integers(0, 256, (2, 320, 320, 3)).astype(np.uint8)
    state["_fc.bias"][849] = 100.0
    probabilities = load_classifier(tmp_path / "lite2.pth")(views)
    assert probabilities.shape == (2, CLASS_COUNT)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    assert (probabilities.argmax(axis=1) == 849).all()


@pytest.mark.parametrize("change", [{"_fc.weight": np.zeros((10, 1280)), "_fc.bias": np.zeros(10)}, None])
def test_a_checkpoint_of_other_classes_or_without_a_last_layer_is_refused(
    state: State, tmp_path: Path, change: Any
) -> None:
    if change is None:
        state.clear()
    else:
        state.update(change)
    with pytest.raises(UsageError, match=r"lite2\.pth: it holds no last layer of 1000 classes"):
        load_classifier(tmp_path / "lite2.pth")


def test_classes_stand_where_every_classifier_has_them() -> None:
    assert all(0 <= place < CLASS_COUNT for place in PRODUCT_CLASSES)
    assert min(PRODUCT_CLASSES) >= 398  # animals come first
    # From the published list of the classes: a teapot's, a banana's, a running shoe's.
    assert [PRODUCT_CLASSES[place] for place in (849, 954, 770)] == ["kitchen", "grocery", "footwear"]
    assert find_category("n04398044", "teapot") == "kitchen"
    assert find_category("n01440764", "tench") == NO_PRODUCT
    assert find_category("n03481172", "hammer") == ""
