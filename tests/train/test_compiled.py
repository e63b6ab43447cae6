"""A backbone answers the same on OpenVINO as on Keras."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from edge_runtime.errors import UsageError

pytest.importorskip("tensorflow")
pytest.importorskip("keras")

from train.config import BackboneConfig
from train.models.backbones import build_feature_model
from train.models.compiled import compile_backbone


def test_features_are_those_of_keras_whatever_the_shape_of_the_views() -> None:
    pytest.importorskip("openvino")
    backbone = build_feature_model("mobilenet_v3_small", "random", "float32")
    extract = compile_backbone(backbone, "float32")
    rng = np.random.default_rng(0)
    for shape in ((2, 64, 64, 3), (3, 48, 80, 3), (2, 64, 64, 3)):
        views = rng.integers(0, 256, shape).astype(np.float32)
        expected = np.asarray(backbone(views))
        np.testing.assert_allclose(extract(views), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_without_openvino_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(UsageError, match="pip install openvino"):
        compile_backbone(None, "float32")


def test_only_a_frozen_backbone_runs_elsewhere() -> None:
    with pytest.raises(UsageError, match="cannot be trained on openvino"):
        BackboneConfig(runtime="openvino", is_trainable=True)
    with pytest.raises(UsageError, match="choose one of keras, openvino"):
        BackboneConfig(runtime="torch")
