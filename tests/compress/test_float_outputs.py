"""The last layer of an int8 model in float32: the same weights, answers that are not rounded, one piece for XNNPACK."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.interpreter import Interpreter, TensorInterpreter, read_graph

tf = pytest.importorskip("tensorflow")
tf_keras = pytest.importorskip("tf_keras")
pytestmark = pytest.mark.needs_tensorflow

SIDE_PX = 16
OUTPUT_STEP = 1 / 256  # of an int8 sigmoid


def draw_views(seed: int) -> NDArray[np.uint8]:
    """Noise, from dark to bright."""
    means = np.linspace(0, 255, 60)[:, np.newaxis, np.newaxis, np.newaxis]
    noise = np.random.default_rng(seed).normal(0, 60, (60, SIDE_PX, SIDE_PX, 3))
    return np.clip(means + noise, 0, 255).astype(np.uint8)


def convert(model: Any, *, has_softmax: bool = False) -> bytes:
    """A Keras model in int8, outputs and all."""

    @tf.function(input_signature=[tf.TensorSpec((1, SIDE_PX, SIDE_PX, 3), tf.float32, name="image")])
    def serve(image: Any) -> dict[str, Any]:
        outputs = model(image)
        return {name: tf.nn.softmax(values) if has_softmax else values for name, values in outputs.items()}

    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([view[np.newaxis].astype(np.float32)] for view in draw_views(0))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type, converter.inference_output_type = tf.uint8, tf.int8
    return bytes(converter.convert())


@pytest.fixture(scope="module")
def model() -> Any:
    """Two outputs that read one hidden layer: a sigmoid and logits."""
    tf_keras.utils.set_random_seed(3)
    image = tf_keras.Input((SIDE_PX, SIDE_PX, 3))
    pooled = tf_keras.layers.Flatten()(tf_keras.layers.AveragePooling2D(8)(image / 255.0))
    hidden = tf_keras.layers.Dense(24, activation="relu", name="hidden")(pooled - 0.5)
    spread, shift = tf_keras.initializers.RandomNormal(stddev=4.0, seed=4), tf_keras.initializers.Constant(0.5)
    outputs = {
        "quality": tf_keras.layers.Dense(1, activation="sigmoid", kernel_initializer=spread, use_bias=False)(hidden),
        "style": tf_keras.layers.Dense(4, kernel_initializer=spread, bias_initializer=shift)(hidden),
    }
    return tf_keras.Model(image, outputs)


@pytest.fixture(scope="module")
def quantized(model: Any) -> bytes:
    return convert(model)


@pytest.fixture(scope="module")
def floated(quantized: bytes) -> bytes:
    from compress.float_outputs import make_outputs_float

    return make_outputs_float(quantized)


@pytest.fixture(scope="module")
def views() -> NDArray[np.uint8]:
    return draw_views(1)


def test_answers_are_the_last_layers_own(
    model: Any, quantized: bytes, floated: bytes, views: NDArray[np.uint8]
) -> None:
    """By hand, from the hidden layer that the int8 model puts out, and the weights that it stores."""
    old, new = Interpreter(quantized), Interpreter(floated)
    graph = read_graph(floated)
    (dequantize,) = [operation for operation in graph.operations if operation["op_name"] == "DEQUANTIZE"]
    hidden = int(dequantize["inputs"][0])
    scale, zero_point = graph.tensors[hidden]["quantization"]
    shown = TensorInterpreter(floated, [hidden])
    kernel, bias = (weights.astype(np.float64) for weights in model.layers[-1].get_weights())
    assert kernel.shape == (24, 4)
    steps = np.abs(kernel).max(axis=0) / 127
    for view in views[::6]:
        shown.invoke(view)
        values = (shown.read(hidden).astype(np.float64) - zero_point) * scale
        answer = new.invoke(view)
        by_hand = values @ (np.round(kernel / steps) * steps) + bias
        np.testing.assert_allclose(answer["style"], by_hand, atol=1e-3)
        assert np.abs(answer["quality"] - old.invoke(view)["quality"]).max() < 6 * OUTPUT_STEP


def test_answers_are_no_longer_rounded(quantized: bytes, floated: bytes, views: NDArray[np.uint8]) -> None:
    old, new = (
        np.array([model.invoke(view)["quality"].item() for view in views])
        for model in (Interpreter(quantized), Interpreter(floated))
    )
    np.testing.assert_array_equal(np.round(old / OUTPUT_STEP), old / OUTPUT_STEP)
    assert len(np.unique(old)) < len(np.unique(new)) > 0.9 * len(views)
    assert np.corrcoef(old, new)[0, 1] > 0.99


def test_all_else_stays_int8(quantized: bytes, floated: bytes) -> None:
    before, after = Interpreter(quantized).count_operations(), Interpreter(floated).count_operations()
    assert after.pop("DEQUANTIZE") == 1
    assert after == before
    assert Interpreter(floated).count_delegate_partitions() == Interpreter(quantized).count_delegate_partitions()
    native = Interpreter(floated)._native
    assert {entry["dtype"] for entry in native.get_input_details()} == {np.uint8}
    assert {entry["dtype"] for entry in native.get_output_details()} == {np.float32}
    kept = [entry for entry in native.get_tensor_details() if "hidden" in entry["name"] and entry["shape"].size == 2]
    assert {entry["dtype"] for entry in kept if entry["shape"][0] == 24} == {np.int8}


def test_float_outputs_stay(floated: bytes, float_model: bytes) -> None:
    from compress.float_outputs import make_outputs_float

    assert make_outputs_float(floated) is floated
    assert make_outputs_float(float_model) is float_model


@pytest.fixture(scope="module")
def float_model(model: Any) -> bytes:
    return bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def test_another_last_layer_is_refused(model: Any) -> None:
    from compress.float_outputs import make_outputs_float

    with pytest.raises(ValueError, match="SOFTMAX, not a connected layer"):
        make_outputs_float(convert(model, has_softmax=True))
