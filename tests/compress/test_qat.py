"""Quantisation-aware training rounds as the int8 file does, and what was pruned stays pruned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow_model_optimization")
tf = pytest.importorskip("tensorflow")
tf_keras = pytest.importorskip("tf_keras")

from compress.convert import convert_int8  # noqa: E402
from compress.qat import ChannelQuantizer, fine_tune_quantized, wrap_for_qat  # noqa: E402
from edge_runtime.interpreter import Interpreter  # noqa: E402
from train.models.student import OUTPUT_NAMES  # noqa: E402
from train.training_config import FitConfig, LossConfig  # noqa: E402

PRUNED = ("block4_expand", "block10_project")


@pytest.fixture(scope="module")
def sparse_student(deploy_student: Any) -> Any:
    """A copy of the deploy student with zeros for every other weight of two layers."""
    model = tf_keras.models.clone_model(deploy_student)
    model.set_weights(deploy_student.get_weights())
    for name in PRUNED:
        kernel, bias = model.get_layer(name).get_weights()
        kernel.reshape(-1)[::2] = 0.0
        model.get_layer(name).set_weights([kernel, bias])
    return model


@pytest.fixture(scope="module")
def wrapped_student(deploy_student: Any, natural_views: np.ndarray) -> Any:
    """The deploy student with fake quantisation, not yet trained; do not change it."""
    return wrap_for_qat(deploy_student, natural_views)


@pytest.fixture(scope="module")
def qat_flatbuffer(wrapped_student: Any, natural_views: np.ndarray) -> bytes:
    return convert_int8(wrapped_student, natural_views)


def predict(model: Any, views: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.asarray(values) for name, values in model(views.astype(np.float32), training=False).items()}


def predict_flatbuffer(flatbuffer: bytes, views: np.ndarray) -> dict[str, np.ndarray]:
    interpreter = Interpreter(flatbuffer)
    rows = [interpreter.invoke(view) for view in views]
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def find_kernel(model: Any, name: str) -> Any:
    """The kernel's variable of layer ``name`` of a wrapped model."""
    (kernel,) = (weight for weight in model.get_layer(f"quant_{name}").weights if "kernel" in weight.name)
    return kernel


def test_the_wrapped_model_answers_as_the_plain_one_but_for_rounding(
    deploy_student: Any, wrapped_student: Any, natural_views: np.ndarray
) -> None:
    plain, rounded = predict(deploy_student, natural_views), predict(wrapped_student, natural_views)
    for name, values in plain.items():
        assert not np.array_equal(rounded[name], values), f"{name} was not rounded at all"
        assert np.median(np.abs(rounded[name] - values) / values.std(axis=0)) < 0.5, name
        for column in range(values.shape[1]):
            assert np.corrcoef(rounded[name][:, column], values[:, column])[0, 1] > 0.85, f"{name} {column}"


def test_wrapping_leaves_the_plain_model_and_copies_its_weights(deploy_student: Any, wrapped_student: Any) -> None:
    assert not any(layer.name.startswith("quant_") for layer in deploy_student.layers)
    for name in ("Conv", "block3_depthwise", "block3_se_reduce", "Conv_1", "hidden_last", "quality"):
        np.testing.assert_array_equal(
            find_kernel(wrapped_student, name).numpy(), deploy_student.get_layer(name).get_weights()[0]
        )


def find_range(wrapped: Any, name: str) -> tuple[float, float]:
    quantizer = wrapped.get_layer(f"quant_{name}").quantize_config.get_output_quantizers(None)[0]
    return quantizer.init_min, quantizer.init_max


def test_a_small_output_gets_the_range_it_needs(
    deploy_student: Any, wrapped_student: Any, natural_views: np.ndarray
) -> None:
    name = "block3_project"
    probe = tf_keras.Model(deploy_student.input, deploy_student.get_layer(name).output)
    outputs = np.asarray(probe(natural_views.astype(np.float32)))
    low, high = find_range(wrapped_student, name)
    assert low == pytest.approx(min(0.0, outputs.min()), abs=1e-4)
    assert high == pytest.approx(max(1e-3, outputs.max()), abs=1e-4)


def test_a_large_map_loses_its_rare_values(deploy_student: Any, natural_views: np.ndarray) -> None:
    """A single bright spark in the input makes values that no range should be stretched for."""
    name = "Conv_relu"
    probe = tf_keras.Model(deploy_student.input, deploy_student.get_layer(name).output)
    flat = np.full_like(natural_views, 100)
    flat[:, 20, 20] = 255
    outputs = np.asarray(probe(flat.astype(np.float32)))
    low, high = find_range(wrap_for_qat(deploy_student, flat), name)
    assert low <= 0.0 <= high
    assert high - low < outputs.max() - min(outputs.min(), 0.0)


def test_a_sigmoid_keeps_the_range_that_int8_fixes(wrapped_student: Any) -> None:
    assert find_range(wrapped_student, "block3_se_gate") == (0.0, 255 / 256)


def test_the_models_own_outputs_are_not_rounded(wrapped_student: Any) -> None:
    """The file has its last layer in float."""
    for name in OUTPUT_NAMES:
        config = wrapped_student.get_layer(f"quant_{name}").quantize_config
        assert config.get_output_quantizers(None) == [] and config.kernel_name == "kernel"


def test_the_int8_file_is_the_graph_of_post_training_quantisation(qat_flatbuffer: bytes, ptq_flatbuffer: bytes) -> None:
    found, expected = (Interpreter(flatbuffer).count_operations() for flatbuffer in (qat_flatbuffer, ptq_flatbuffer))
    assert found["QUANTIZE"] == 1, "fake quantisation left requantisations behind"
    assert found == expected
    assert found["DELEGATE"] == 1


def test_the_int8_file_answers_as_the_wrapped_model(
    wrapped_student: Any, qat_flatbuffer: bytes, natural_views: np.ndarray
) -> None:
    expected, found = predict(wrapped_student, natural_views), predict_flatbuffer(qat_flatbuffer, natural_views)
    for name, values in expected.items():
        # So deep a network of random weights makes much of a last bit that was rounded the other way.
        assert np.median(np.abs(found[name] - values) / values.std(axis=0)) < 0.5, name
        for column in range(values.shape[1]):
            assert np.corrcoef(found[name][:, column], values[:, column])[0, 1] > 0.75, f"{name} {column}"


@pytest.mark.parametrize(("shape", "axes"), [((3, 3, 6, 1), (0, 1)), ((1, 1, 4, 6), (0, 1, 2)), ((4, 6), (0,))])
def test_kernels_are_rounded_with_one_scale_an_output_channel(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    """Channels of a thousandfold different size: one scale for all would round the small ones to zero."""
    rng = np.random.default_rng(0)
    channel = np.logspace(-3, 0, 6).reshape((6, 1) if len(shape) == 4 and shape[-1] == 1 else (6,))
    kernel = (rng.uniform(-1, 1, shape) * channel).astype(np.float32)
    rounded = np.asarray(ChannelQuantizer(axes == (0, 1))(tf.constant(kernel), True, {}))
    peak = np.abs(kernel).max(axis=axes, keepdims=True)
    steps = rounded / (peak / 127)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    assert np.all(np.abs(rounded - kernel) <= peak / 254 * 1.001)
    # The largest of each channel stays, so the converter finds the same scales.
    np.testing.assert_allclose(np.abs(rounded).max(axis=axes, keepdims=True), peak, rtol=1e-6)


def test_rounding_passes_the_gradient_and_a_dead_channel_stays_zero() -> None:
    kernel = tf.Variable(np.array([[0.3, 0.0], [-0.7, 0.0]], dtype=np.float32))
    with tf.GradientTape() as tape:
        rounded = ChannelQuantizer(False)(kernel, True, {})
        total = tf.reduce_sum(rounded * tf.constant([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_allclose(tape.gradient(total, kernel), [[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(np.asarray(rounded)[:, 1], [0.0, 0.0])


def test_the_files_depthwise_kernels_are_those_of_training(wrapped_student: Any, qat_flatbuffer: bytes) -> None:
    """Per channel in the file too, and with the very values that the training saw."""
    native = Interpreter(qat_flatbuffer)._native
    kernel = find_kernel(wrapped_student, "block5_depthwise")
    expected = np.asarray(ChannelQuantizer(True)(tf.constant(kernel.numpy()), False, {}))[..., 0]
    channels = expected.shape[-1]
    matches = []
    for entry in native.get_tensor_details():
        scales = entry["quantization_parameters"]["scales"]
        if tuple(entry["shape"]) != (1, *expected.shape) or entry["dtype"] is not np.int8 or len(scales) != channels:
            continue
        try:
            matches.append(np.abs(native.get_tensor(entry["index"])[0] * scales - expected).max())
        except ValueError:  # an activation, which the delegate keeps to itself
            continue
    assert matches, "no depthwise kernel of this shape is rounded per channel"
    assert min(matches) < 1e-5


@pytest.mark.slow
def test_zeros_stay_zero_while_the_rest_learns(
    sparse_student: Any, lesson: Any, natural_views: np.ndarray, tmp_path: Path
) -> None:
    wrapped = wrap_for_qat(sparse_student, natural_views)
    before = {name: find_kernel(wrapped, name).numpy() for name in (*PRUNED, "block5_expand", "quality")}
    config = FitConfig(epochs=1, learning_rate=1e-3)
    fine_tune_quantized(wrapped, config, lesson.data, 4, lesson.validation, LossConfig(), tmp_path)
    for name, kernel in before.items():
        now = find_kernel(wrapped, name).numpy()
        assert not np.array_equal(now, kernel), f"{name} learnt nothing"
        assert np.all(now[kernel == 0] == 0), name
        assert np.mean(now == 0) == pytest.approx(0.5 if name in PRUNED else 0.0, abs=0.01), name
    flatbuffer = convert_int8(wrapped, natural_views)
    assert Interpreter(flatbuffer).count_delegate_partitions() == 1
    for name, values in predict_flatbuffer(flatbuffer, natural_views[:8]).items():
        expected = predict(wrapped, natural_views[:8])[name]
        assert np.median(np.abs(values - expected)) <= 0.25 * np.abs(expected).max(), name
