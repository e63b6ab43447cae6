"""VGG16 and ResNet50 as float .tflite files with random weights: what a backbone of that size costs, nothing else.

Run as ``python -m benchmarks.classics NAME WIDTH HEIGHT OUT`` in a process of its own, so that TensorFlow stays out of
the process that measures. Like the student, the file takes uint8 and normalises inside; the head is global average
pooling and one sigmoid (no ImageNet classifier: its 120 million weights in VGG16 would tell nothing about scoring).
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

from benchmarks.fresh_process import build_environment
from edge_runtime.errors import ModelError, RuntimeUnavailableError

__all__ = ["CLASSICS", "ensure_classic", "export_classic"]

CLASSICS = {"vgg16": "VGG16", "resnet50": "ResNet50"}


def ensure_classic(name: str, width_px: int, height_px: int, cache: Path, timeout_s: float = 600.0) -> Path:
    """The exported file of ``name``; made in a child process the first time, found in ``cache`` afterwards.

    Raises:
        RuntimeUnavailableError: it must be made, and TensorFlow is not installed.
        ModelError: the export failed; the message is the child's last line.
    """
    path = cache / f"{name}-{width_px}x{height_px}-untrained.tflite"
    if path.is_file():
        return path
    if importlib.util.find_spec("tensorflow") is None:
        raise RuntimeUnavailableError("TensorFlow is not installed: pip install '.[train]'")
    cache.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.classics", name, str(width_px), str(height_px), str(path.resolve())]
    environment = build_environment(CUDA_VISIBLE_DEVICES="-1", TF_CPP_MIN_LOG_LEVEL="2")
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{name}: the export took over {timeout_s:.0f} s") from error
    if done.returncode != 0 or not path.is_file():
        last_line = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise ModelError(f"{name}: the export failed: {last_line}")
    return path


def export_classic(name: str, width_px: int, height_px: int, path: Path) -> None:
    """Builds ``name`` with seeded random weights and writes it as float .tflite, batch 1.

    Args:
        name: a key of :data:`CLASSICS`.
        width_px, height_px: of the input, (1, height, width, 3) uint8.
        path: the file; it appears whole or not at all.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    keras = tf.keras
    keras.utils.set_random_seed(0)
    backbone = getattr(keras.applications, CLASSICS[name])(
        include_top=False, weights=None, input_shape=(height_px, width_px, 3), pooling="avg"
    )
    head = keras.layers.Dense(1, activation="sigmoid")
    head.build((None, backbone.output_shape[-1]))

    @tf.function(input_signature=[tf.TensorSpec((1, height_px, width_px, 3), tf.uint8, name="image")])  # type: ignore[untyped-decorator,unused-ignore]
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        features = backbone(tf.cast(image, tf.float32) / 127.5 - 1.0, training=False)
        return {"quality": head(features)}

    # Frozen first: Keras 3 variables are not tracked by the converter, which would write a file without weights.
    frozen = convert_variables_to_constants_v2(serve.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(converter.convert())
    partial.replace(path)


def main(arguments: list[str] | None = None) -> int:
    """Entry of the child process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classics", description="Export an untrained backbone.")
    parser.add_argument("name", choices=sorted(CLASSICS))
    parser.add_argument("width_px", type=int)
    parser.add_argument("height_px", type=int)
    parser.add_argument("out", type=Path)
    options = parser.parse_args(arguments)
    export_classic(options.name, options.width_px, options.height_px, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
