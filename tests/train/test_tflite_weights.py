"""Convolutions come back from a TFLite file: the network they fill answers as the one that was converted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.errors import UsageError

tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
flatbuffers = pytest.importorskip("flatbuffers")

from train.models.tflite_weights import read_convolutions  # noqa: E402
from train.models.weights import load_pretrained_weights  # noqa: E402


def build(seed: int | None = None, is_depthwise: bool = True) -> Any:
    """A network of three kinds of convolutions; with a seed, all its weights are drawn."""
    layers = keras.layers
    x = image = keras.Input((16, 16, 3))
    stack = [
        layers.Conv2D(24, 3, strides=2, padding="same", use_bias=False),
        layers.DepthwiseConv2D(3, padding="same", use_bias=False) if is_depthwise else layers.Identity(),
        layers.Conv2D(64, 1, use_bias=False),
    ]
    for layer in stack:
        x = layer(x)
        if not isinstance(layer, layers.Identity):
            x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    model = keras.Model(image, x)
    if seed is not None:
        rng = np.random.default_rng(seed)
        model.set_weights([rng.uniform(0.2, 1.2, w.shape) * rng.choice((-1, 1), w.shape) for w in model.weights])
        for layer in model.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.moving_variance.assign(np.abs(layer.moving_variance))
    return model


def convert(model: Any, path: Path, form: str = "float32") -> Path:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if form != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if form == "float16":
        converter.target_spec.supported_types = [tf.float16]
    path.write_bytes(converter.convert())
    return path


VIEWS = np.random.default_rng(1).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)


@pytest.mark.parametrize(("form", "tolerance"), [("float32", 1e-4), ("dynamic", 0.06)])
def test_the_filled_network_answers_as_the_converted_one(tmp_path: Path, form: str, tolerance: float) -> None:
    source, target = build(seed=0), build()
    load_pretrained_weights(target, convert(source, tmp_path / "m.tflite", form))
    expected, found = source(VIEWS).numpy(), target(VIEWS).numpy()
    assert expected.std() > 1
    assert np.abs(found - expected).mean() < tolerance


def test_kernels_of_eight_bits_are_dequantised_channel_by_channel(tmp_path: Path) -> None:
    plain, rounded = (
        read_convolutions(convert(build(seed=0), tmp_path / f"{form}.tflite", form)) for form in ("float32", "dynamic")
    )
    assert [kernel.shape for kernel, _ in rounded] == [(3, 3, 3, 24), (3, 3, 24, 1), (1, 1, 24, 64)]
    kernel, whole = rounded[2][0], plain[2][0]
    assert not np.array_equal(kernel, whole)
    assert np.all(np.abs(kernel - whole) <= np.abs(whole).max(axis=(0, 1, 2)) / 127)


def test_another_network_is_refused(tmp_path: Path) -> None:
    path = convert(build(seed=0), tmp_path / "m.tflite")
    with pytest.raises(UsageError, match=r"m\.tflite.*3 convolutions for 2"):
        load_pretrained_weights(build(is_depthwise=False), path)


def test_half_precision_kernels_are_no_constants_of_a_convolution(tmp_path: Path) -> None:
    """The converter puts a DEQUANTIZE before each."""
    with pytest.raises(UsageError, match=r"no constant"):
        load_pretrained_weights(build(), convert(build(seed=0), tmp_path / "m.tflite", "float16"))


def test_an_operation_that_the_model_does_not_have_is_damage(tmp_path: Path) -> None:
    from tensorflow.lite.python import schema_py_generated as schema

    path = convert(build(seed=0), tmp_path / "m.tflite")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(path.read_bytes())))
    model.subgraphs[0].operators[0].opcodeIndex = 99
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    with pytest.raises(ValueError, match="a damaged TFLite model: list index out of range"):
        read_convolutions(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no model at all", b"\x1c\x00\x00\x00TFL3" + b"\xff" * 40])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"m\.tflite"):
        load_pretrained_weights(build(), path)
