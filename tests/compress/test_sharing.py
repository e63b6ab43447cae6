"""A flatbuffer with shared vectors is smaller, and the same model."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.interpreter import Interpreter
from edge_runtime.model_file import unpack_model
from edge_runtime.models import DEFAULT_MODEL, find_model

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.needs_tensorflow


@pytest.fixture(scope="module")
def flatbuffer() -> bytes:
    """A model whose two equal convolutions have a zero point for each of 512 channels."""
    rng = np.random.default_rng(0)
    image = tf.keras.Input((8, 8, 16))
    hidden = tf.keras.layers.Conv2D(512, 1, activation="relu")(image)
    model = tf.keras.Model(image, tf.keras.layers.Conv2D(512, 1)(hidden))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([rng.random((1, 8, 8, 16), np.float32)] for _ in range(4))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return bytes(converter.convert())


def invoke(flatbuffer: bytes, values: np.ndarray) -> np.ndarray:
    interpreter = tf.lite.Interpreter(model_content=flatbuffer)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return np.array(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def test_zero_points_are_written_once_and_the_answers_stay(flatbuffer: bytes) -> None:
    from compress.sharing import share_vectors

    shared = share_vectors(flatbuffer)
    assert len(flatbuffer) - len(shared) > 3 * 512 * 8 - 1000  # three of four vectors of 512 zero points
    values = np.random.default_rng(1).random((1, 8, 8, 16), np.float32)
    np.testing.assert_array_equal(invoke(shared, values), invoke(flatbuffer, values))
    assert len(share_vectors(shared)) == len(shared)


def test_buffers_stay_aligned(flatbuffer: bytes) -> None:
    from tensorflow.lite.python import schema_py_generated as schema

    from compress.sharing import share_vectors

    shared = share_vectors(flatbuffer)
    model = schema.Model.GetRootAs(shared)
    buffers = [model.Buffers(index) for index in range(model.BuffersLength())]
    kernels = [each.DataAsNumpy().tobytes() for each in buffers if each.DataLength() >= 16 * 512]
    assert len(kernels) == 2 and all(shared.find(kernel) % 16 == 0 for kernel in kernels)


def test_the_shipped_model_is_shared_already() -> None:
    from compress.sharing import share_vectors

    flatbuffer, _ = unpack_model(find_model(DEFAULT_MODEL))
    shared = share_vectors(flatbuffer)
    assert len(flatbuffer) - len(shared) <= 96  # the inputs of a few operations, which are shared since
    assert Interpreter(shared).count_delegate_partitions() == 1
