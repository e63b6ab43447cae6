"""From a deploy-form student to TFLite flatbuffers: float32, or int8 with a representative dataset."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
import tf_keras

__all__ = ["convert_float", "convert_int8"]


def convert_float(model: tf_keras.Model) -> bytes:
    """Float32 weights and arithmetic; the input is uint8 all the same, cast inside the graph."""

    @tf.function(input_signature=[_image_spec(model, tf.uint8)])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return model(tf.cast(image, tf.float32), training=False)

    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], model)
    return converter.convert()


def convert_int8(model: tf_keras.Model, views: np.ndarray) -> bytes:
    """Full int8: per-channel weights, uint8 input, int8 outputs.

    Args:
        model: a deploy-form student, plain (post-training quantisation) or with fake-quantisation nodes (QAT).
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
    return converter.convert()


def _image_spec(model: tf_keras.Model, dtype: tf.DType) -> tf.TensorSpec:
    return tf.TensorSpec((1, *model.input.shape[1:]), dtype, name="image")
