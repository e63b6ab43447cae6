"""From a deploy-form student to TFLite flatbuffers: float32, lighter weights, or int8 with a representative dataset."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
import tf_keras

from compress.float_outputs import make_outputs_float

__all__ = ["convert_float", "convert_int8"]


def convert_float(model: tf_keras.Model, weights: str = "float32") -> bytes:
    """Arithmetic in float32; the input is uint8 all the same, cast inside the graph.

    Args:
        model: a deploy-form student.
        weights: "float32"; "float16"; or "dynamic", 8 bits, activations quantised while the model runs.
    """

    @tf.function(input_signature=[_image_spec(model, tf.uint8)])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return model(tf.cast(image, tf.float32), training=False)

    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], model)
    if weights != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def convert_int8(model: tf_keras.Model, views: np.ndarray) -> bytes:
    """Int8 up to the last layer, which is float32: per-channel weights, uint8 input, float32 outputs.

    Args:
        model: a deploy-form student, with fake-quantisation nodes (``compress.qat.wrap_for_qat``), trained or not, or
            plain; the ranges of a plain one are least and largest values.
        views: (n, height, width, 3) uint8, the representative dataset. QAT models need it too, or tensors without a
            fake-quantisation node stay float.
    """

    @tf.function(input_signature=[_image_spec(model, tf.float32)])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return model(image, training=False)

    def representative_dataset() -> Iterator[list[np.ndarray]]:
        for view in views:
            yield [view[np.newaxis].astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_dataset
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.int8
    return make_outputs_float(converter.convert())


def _image_spec(model: tf_keras.Model, dtype: tf.DType) -> tf.TensorSpec:
    return tf.TensorSpec((1, *model.input.shape[1:]), dtype, name="image")
