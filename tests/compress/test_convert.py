"""The flatbuffers answer as the Keras model does, and XNNPACK takes them whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
tf_keras = pytest.importorskip("tf_keras")

from compress.convert import convert_float, convert_int8  # noqa: E402
from compress.equalize import equalize_squeeze_excite  # noqa: E402
from edge_runtime.interpreter import Interpreter  # noqa: E402

SIZES = {"quality": 1, "attributes": 5, "category": 2, "style": 3}


@pytest.fixture(scope="module")
def float_flatbuffer(deploy_student: Any) -> bytes:
    return convert_float(deploy_student)


@pytest.fixture(scope="module")
def expected(deploy_student: Any, natural_views: np.ndarray) -> dict[str, np.ndarray]:
    outputs = deploy_student(natural_views.astype(np.float32), training=False)
    return {name: np.asarray(values) for name, values in outputs.items()}


def predict(flatbuffer: bytes, views: np.ndarray) -> dict[str, np.ndarray]:
    interpreter = Interpreter(flatbuffer)
    rows = [interpreter.invoke(view) for view in views]
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def read_tensor_types(flatbuffer: bytes) -> tuple[set[Any], set[Any]]:
    """Element types of the file's own inputs and outputs."""
    native = Interpreter(flatbuffer)._native
    return {entry["dtype"] for entry in native.get_input_details()}, {
        entry["dtype"] for entry in native.get_output_details()
    }


def test_the_float_file_answers_as_the_model(
    float_flatbuffer: bytes, expected: dict[str, np.ndarray], natural_views: np.ndarray
) -> None:
    found = predict(float_flatbuffer, natural_views)
    for name, values in expected.items():
        assert values.std(axis=0).min() > 0.01, f"{name} hardly depends on the picture: this test would show little"
        np.testing.assert_allclose(found[name], values, atol=1e-4, err_msg=name)


def test_the_int8_file_answers_much_like_the_model(
    ptq_flatbuffer: bytes, expected: dict[str, np.ndarray], natural_views: np.ndarray
) -> None:
    found = predict(ptq_flatbuffer, natural_views)
    for name, values in expected.items():
        difference = np.abs(found[name] - values)
        spread = values.std(axis=0)
        assert np.median(difference / spread) < 0.35, name
        for column in range(values.shape[1]):
            assert np.corrcoef(found[name][:, column], values[:, column])[0, 1] > 0.9, f"{name} {column}"


def test_the_int8_file_was_really_rounded(
    ptq_flatbuffer: bytes, float_flatbuffer: bytes, natural_views: np.ndarray
) -> None:
    tensors = Interpreter(ptq_flatbuffer)._native.get_tensor_details()
    maps = [tensor["dtype"] for tensor in tensors if len(tensor["shape"]) == 4 and tensor["shape"][0] == 1]
    assert len(maps) > 50 and set(maps) <= {np.int8, np.uint8}
    assert len(np.unique(predict(ptq_flatbuffer, natural_views)["quality"])) == len(natural_views)
    assert len(ptq_flatbuffer) < 0.4 * len(float_flatbuffer)


@pytest.mark.parametrize("kind", ["float", "int8"])
def test_a_file_takes_uint8_and_names_its_four_outputs(
    kind: str, float_flatbuffer: bytes, ptq_flatbuffer: bytes
) -> None:
    flatbuffer = float_flatbuffer if kind == "float" else ptq_flatbuffer
    interpreter = Interpreter(flatbuffer)
    assert interpreter.input_shape == (1, 96, 96, 3)
    assert interpreter.output_sizes == SIZES
    inputs, outputs = read_tensor_types(flatbuffer)
    assert inputs == {np.uint8}
    assert outputs == {np.float32}


@pytest.mark.parametrize("kind", ["float", "int8"])
def test_xnnpack_takes_the_graph_whole(kind: str, float_flatbuffer: bytes, ptq_flatbuffer: bytes) -> None:
    interpreter = Interpreter(float_flatbuffer if kind == "float" else ptq_flatbuffer)
    operations = interpreter.count_operations()
    assert interpreter.count_delegate_partitions() == 1
    assert operations["CONV_2D"] > 30 and operations["DEPTHWISE_CONV_2D"] == 11
    # The one step that is not part of the delegate's share: uint8 becomes what the graph computes with.
    assert operations.get("CAST", 0) == (1 if kind == "float" else 0)
    assert operations.get("QUANTIZE", 0) == (0 if kind == "float" else 1)
    assert operations.get("DEQUANTIZE", 0) == (0 if kind == "float" else 1)  # in front of the last layer
    assert "HARD_SWISH" not in operations


def test_black_white_and_extreme_views_are_answered(ptq_flatbuffer: bytes, float_flatbuffer: bytes) -> None:
    checkers = np.indices((96, 96)).sum(axis=0) % 2 * 255
    views = np.stack([np.full((96, 96, 3), value) for value in (0, 255)] + [np.repeat(checkers[..., None], 3, axis=2)])
    for flatbuffer in (ptq_flatbuffer, float_flatbuffer):
        for name, values in predict(flatbuffer, views.astype(np.uint8)).items():
            assert np.isfinite(values).all(), name


def test_a_gate_that_training_put_to_sleep_stays_finite_and_loads(
    deploy_student: Any, natural_views: np.ndarray
) -> None:
    """As weight decay leaves it: kernels of some channels exactly zero, and none of the others ever wakes."""
    model = tf_keras.models.clone_model(deploy_student)
    model.set_weights(deploy_student.get_weights())
    reduce = model.get_layer("block6_se_reduce")
    kernel, bias = reduce.get_weights()
    kernel[..., ::2] = 0.0
    reduce.set_weights([kernel, np.full_like(bias, -1e3)])
    plain = np.asarray(model(natural_views.astype(np.float32), training=False)["quality"])
    assert "block6_se_reduce" in equalize_squeeze_excite(model, natural_views)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    equalized = np.asarray(model(natural_views.astype(np.float32), training=False)["quality"])
    np.testing.assert_allclose(equalized, plain, atol=1e-5)
    flatbuffer = convert_int8(model, natural_views)
    assert Interpreter(flatbuffer).count_delegate_partitions() == 1
    found = predict(flatbuffer, natural_views)["quality"]
    assert np.corrcoef(found[:, 0], plain[:, 0])[0, 1] > 0.9
