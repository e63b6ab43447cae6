"""Networks as they could have been built: other views, and MobileNetV3 as it comes. For `latency` to time.

The students have the weights of the float models that ship, which fit views of any size; the stock network has random
ones. They are quantised after training and are there to be timed: what other views do to accuracy is in
docs/experiments-student.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.end_to_end import EXAMPLES
from benchmarks.output_folder import check_output_folder
from benchmarks.rows import REFERENCES
from edge_runtime.contract import ViewSpec
from edge_runtime.decode import decode_photo
from edge_runtime.errors import UsageError
from edge_runtime.model_file import unpack_model
from edge_runtime.output_file import write_output
from edge_runtime.views import make_view
from train.progress import track

__all__ = ["STOCK", "ArchitectureOptions", "build_architectures"]

STOCK = "stock-small"
PRECISIONS = ("float", "int8")
_LARGEST_SIZE_PX = 1024


@dataclass(frozen=True)
class ArchitectureOptions:
    """What to build.

    Attributes:
        out: the folder for the files.
        variants: "small" and "large", the students that ship, or :data:`STOCK`.
        sizes_px: sides of the view, multiples of 32.
        seed: of the stock network's weights.
        is_forced: replace files that are there.
    """

    out: Path
    variants: tuple[str, ...] = ("small", "large", STOCK)
    sizes_px: tuple[int, ...] = (224, 320, 384)
    seed: int = 0
    is_forced: bool = False


def build_architectures(options: ArchitectureOptions) -> list[Path]:
    """Writes VARIANT-SIZE-PRECISION.tflite for every variant, size and precision.

    :data:`STOCK` is MobileNetV3-Small as Keras has it, with its hard swishes, squeeze-excite blocks whose gates are
    hard sigmoids, and one output behind the mean of its last layer.

    Raises:
        UsageError: an option is impossible, or a file exists already.
    """
    for size_px in options.sizes_px:
        if size_px % 32 or not 32 <= size_px <= _LARGEST_SIZE_PX:
            raise UsageError(f"--sizes has {size_px}: pass a multiple of 32 up to {_LARGEST_SIZE_PX}")
    names = {
        (variant, size_px): [f"{variant}-{size_px}-{precision}.tflite" for precision in PRECISIONS]
        for variant in options.variants
        for size_px in options.sizes_px
    }
    check_output_folder(options.out, [each for pair in names.values() for each in pair], force=options.is_forced)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    paths = []
    for (variant, size_px), files in track(names.items(), "architectures"):
        for file, content in zip(files, _convert(_BUILDERS[variant], size_px, options.seed), strict=True):
            paths.append(options.out / file)
            write_output(paths[-1], content, force=options.is_forced, makes_folder=True)
    return paths


def _convert(build: Callable[[int], Any], size_px: int, seed: int) -> Sequence[bytes]:
    import tf_keras

    from compress.convert import convert_float, convert_int8
    from compress.equalize import equalize_squeeze_excite

    tf_keras.utils.set_random_seed(seed)
    model = build(size_px)
    view = ViewSpec(size_px, size_px)
    views = np.stack([make_view(decode_photo(path).image, view) for path in sorted(EXAMPLES.glob("*.jpg"))])
    floated = convert_float(model)
    equalize_squeeze_excite(model, views)  # without it XNNPACK refuses photogate-small's gates
    return floated, convert_int8(model, views)


def _build_small(size_px: int) -> Any:
    return _build_student("small", size_px)


def _build_large(size_px: int) -> Any:
    return _build_student("large", size_px, is_minimalistic=True)


def _build_student(variant: str, size_px: int, *, is_minimalistic: bool = False) -> Any:
    """The deploy form of what ships, for another view."""
    from train.models.student import StudentSpec, build_student
    from train.models.unfolding import read_exported_weights

    path = REFERENCES / f"photogate-{variant}" / f"photogate-{variant}-float.tflite"
    _, contract = unpack_model(path)
    exported = read_exported_weights(path)
    spec = StudentSpec(
        variant,
        size_px,
        contract.category_labels,
        contract.style_labels,
        hidden_units=len(exported["quality"][0]),
        is_minimalistic=is_minimalistic,
    )
    student = build_student(spec, is_deploy=True)
    for layer in student.layers:
        if layer.name in exported:
            layer.set_weights(list(exported[layer.name]))
    return student


def _build_stock(size_px: int) -> Any:
    import tf_keras

    backbone = tf_keras.applications.MobileNetV3Small(
        input_shape=(size_px, size_px, 3), include_top=False, weights=None, pooling="avg"
    )
    quality = tf_keras.layers.Dense(1, activation="sigmoid")(backbone.output)
    return tf_keras.Model(backbone.input, {"quality": quality})


_BUILDERS: dict[str, Callable[[int], Any]] = {"small": _build_small, "large": _build_large, STOCK: _build_stock}
