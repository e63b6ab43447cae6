"""Backbones take plain RGB and return the statistics of the stages their entry names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.errors import UsageError

tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

from train.models import backbones  # noqa: E402
from train.models.backbones import BACKBONES, build_feature_model  # noqa: E402
from train.models.efficientnet_lite import build_efficientnet_lite2  # noqa: E402

FEATURE_COUNTS = {
    "resnet50": 2 * (256 + 512 + 1024 + 2048),
    "efficientnet_lite2": 2 * (24 + 48 + 120 + 352 + 1280),
    "vgg16": 2 * (128 + 256 + 512 + 512),
    "mobilenet": 2 * (64 + 128 + 256 + 512 + 1024),
    "mobilenet_v3_small": 2 * (16 + 24 + 48 + 96),
}


def build_tiny(weights: str | None, include_top: bool, input_shape: Any) -> Any:
    assert weights is None and not include_top
    image = keras.Input(input_shape)
    x = keras.layers.Conv2D(4, 3, name="first")(image)
    return keras.Model(image, keras.layers.Conv2D(6, 3, strides=2, name="second")(x), name="tiny")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    """A backbone of two linear convolutions whose weights expect what Caffe's networks do."""
    entry = backbones._Backbone(build_tiny, ("first", "second"), 1.0, backbones._CAFFE_OFFSET, "first")
    monkeypatch.setitem(BACKBONES, "tiny", entry)
    return "tiny"


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_every_entry_has_its_stages(name: str) -> None:
    model = build_feature_model(name, "random", "float32")
    assert model.output.shape == (None, FEATURE_COUNTS[name])


def test_efficientnet_lite2_has_as_many_weights_as_its_authors_say() -> None:
    """6.1 million, the classifier's 1.28 million among them, and weights that come in order."""
    network = build_efficientnet_lite2(include_top=False, weights=None, input_shape=(64, 64, 3))
    counters = sum(weight.shape[0] for layer in network.layers for weight in layer.non_trainable_weights)
    assert round((network.count_params() - counters + 1281 * 1000) / 1e6, 1) == 6.1
    assert network.output.shape == (None, 2, 2, 1280)


def test_features_are_means_and_deviations_of_each_stage() -> None:
    model = build_feature_model("mobilenet_v3_small", "random", "float32")
    views = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3)).astype(np.float32)
    entry = BACKBONES["mobilenet_v3_small"]
    stages = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    assert len(stages) == 1
    maps = [np.asarray(stage) for stage in stages[0](views / 127.5 - 1.0)]
    assert len(maps) == len(entry.stages) and maps[0].shape == (2, 16, 24, 16)
    expected = np.concatenate([part for x in maps for part in (x.mean(axis=(1, 2)), x.std(axis=(1, 2)))], axis=1)
    np.testing.assert_allclose(np.asarray(model(views)), expected, rtol=1e-3, atol=1e-5)


def test_a_channel_at_rest_does_not_spoil_the_gradients(tiny: str) -> None:
    """Behind a ReLU whole channels are zero: fine-tuning must survive them."""
    model = build_feature_model(tiny, "random", "float32")
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(np.zeros((1, 16, 16, 3), dtype=np.float32)))
    gradients = tape.gradient(total, model.trainable_variables)
    assert all(np.isfinite(gradient.numpy()).all() for gradient in gradients)


def test_any_size_gives_as_many_features() -> None:
    model = build_feature_model("mobilenet_v3_small", "random", "float32")
    for shape in ((1, 64, 64, 3), (2, 48, 80, 3)):
        assert model(np.zeros(shape, dtype=np.float32)).shape == (shape[0], FEATURE_COUNTS["mobilenet_v3_small"])


def test_weights_for_bgr_see_what_they_expect_in_an_rgb_view(tiny: str, tmp_path: Path) -> None:
    """The reference is Keras's own Caffe preprocessing in front of the unchanged network."""
    rng = np.random.default_rng(1)
    network = build_tiny(None, False, (None, None, 3))
    network.set_weights([rng.normal(size=weight.shape).astype(np.float32) for weight in network.weights])
    path = tmp_path / "w.npz"
    np.savez(path, **{f"{index:03d}": array for index, array in enumerate(network.get_weights())})
    model = build_feature_model(tiny, str(path), "float32")
    rgb = rng.integers(0, 256, (2, 16, 16, 3)).astype(np.float32)
    caffe = keras.applications.imagenet_utils.preprocess_input(rgb.copy(), data_format="channels_last", mode="caffe")
    reference = keras.Model(network.input, [network.get_layer(name).output for name in ("first", "second")])
    maps = [np.asarray(stage) for stage in reference(caffe)]
    expected = np.concatenate([part for x in maps for part in (x.mean(axis=(1, 2)), x.std(axis=(1, 2)))], axis=1)
    found = np.asarray(model(rgb))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-2)
    assert np.abs(np.asarray(model(rgb[..., ::-1])) - expected).max() > 10  # the order of the channels does matter


def test_swapping_the_channels_is_exact() -> None:
    layer = keras.layers.Conv2D(5, 3)
    layer.build((None, 8, 8, 3))
    rng = np.random.default_rng(2)
    kernel = rng.integers(-9, 10, (3, 3, 3, 5)).astype(np.float32)  # whole numbers: sums have no rounding
    bias = rng.integers(-9, 10, 5).astype(np.float32)
    layer.set_weights([kernel, bias])
    rgb = rng.integers(0, 256, (1, 8, 8, 3)).astype(np.float32)
    expected = np.asarray(layer(rgb[..., ::-1]))
    backbones._swap_input_channels(layer)
    np.testing.assert_array_equal(np.asarray(layer(rgb)), expected)
    np.testing.assert_array_equal(layer.get_weights()[1], bias)


def test_precision_is_the_models_own_affair() -> None:
    before = keras.config.dtype_policy().name
    model = build_feature_model("mobilenet_v3_small", "random", "mixed_bfloat16")
    assert keras.config.dtype_policy().name == before == "float32"
    assert np.asarray(model(np.zeros((1, 64, 64, 3), dtype=np.float32))).dtype == np.float32
    with pytest.raises(UsageError):
        build_feature_model("mobilenet_v3_small", "none.npz", "mixed_bfloat16")
    assert keras.config.dtype_policy().name == "float32"


def test_an_unknown_backbone_names_the_known() -> None:
    with pytest.raises(UsageError, match="unknown backbone 'resnet18': choose one of resnet50, vgg16"):
        build_feature_model("resnet18", "random", "float32")


def test_a_download_that_fails_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**options: Any) -> Any:
        raise Exception("URL fetch failure on https://example.org/w.h5: None -- no route")

    monkeypatch.setitem(BACKBONES, "offline", backbones._Backbone(fail, (), 1.0, (0.0, 0.0, 0.0)))
    with pytest.raises(UsageError, match=r"ImageNet weights of offline: URL fetch failure.*--weights FILE"):
        build_feature_model("offline", "imagenet", "float32")
