"""What a model answers to pictures that every machine can make: two machines agree, or by how much they do not."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.native_model import NativeModel, read_networks
from edge_runtime.errors import ModelError
from edge_runtime.interpreter import Interpreter

__all__ = ["compare_fingerprints", "compute_fingerprint", "make_inputs"]

CELLS_PX = (1, 4, 16, 64)  # from noise to a few flat patches: activations small and large


def make_inputs(shape: tuple[int, ...]) -> list[NDArray[np.uint8]]:
    """Pictures of random cells, one for each size of CELLS_PX, alike on every machine and under every numpy.

    Their bytes are SHAKE-256 (FIPS 202) of a text that names shape and cell: numpy's generators may change.

    Args:
        shape: (height, width, channels).
    """
    height, width, channels = shape
    pictures = []
    for cell_px in CELLS_PX:
        rows, columns = -(-height // cell_px), -(-width // cell_px)
        text = f"photogate {height}x{width}x{channels} cells of {cell_px}"
        content = hashlib.shake_256(text.encode()).digest(rows * columns * channels)
        cells = np.frombuffer(content, dtype=np.uint8).reshape(rows, columns, channels)
        pictures.append(cells.repeat(cell_px, axis=0).repeat(cell_px, axis=1)[:height, :width])
    return pictures


def compute_fingerprint(path: Path) -> dict[str, Any]:
    """Runs the model on :func:`make_inputs` with one thread.

    Returns:
        ``outputs``: name → one list of numbers for each picture, dequantised, those of a second look's own network as
            "detail NAME" (of a model that is not photogate's, its
        first output as it is, under "output"); ``sha256`` of all of them as little-endian float32, by name.

    Raises:
        ModelError: it cannot be read or run.
    """
    try:
        interpreters = [Interpreter(flatbuffer) for flatbuffer in read_networks(path)]
    except ModelError:
        outputs = _run_foreign_model(path)
    else:
        outputs = {}
        for prefix, interpreter in zip(("", "detail "), interpreters, strict=False):
            answers = [interpreter.invoke(picture) for picture in make_inputs(interpreter.input_shape[1:])]
            for name in sorted(answers[0]):
                outputs[prefix + name] = np.stack([answer[name].reshape(-1) for answer in answers])
    digest = hashlib.sha256()
    for name, values in outputs.items():
        digest.update(name.encode() + b"\0" + values.astype("<f4").tobytes())
    lists = {name: values.astype(np.float32).tolist() for name, values in outputs.items()}
    return {"sha256": digest.hexdigest(), "outputs": lists}


def compare_fingerprints(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, float]:
    """Largest absolute difference by output; all 0.0 where the two machines agree to the last bit.

    Raises:
        ModelError: their outputs differ in name or number: they are of different models.
    """
    differences = {}
    for name in sorted({*one["outputs"], *other["outputs"]}):
        a, b = (np.asarray(print_["outputs"].get(name, []), dtype=np.float64) for print_ in (one, other))
        if a.shape != b.shape:
            raise ModelError(f"output {name!r} is {a.shape} in one record and {b.shape} in the other: different models")
        differences[name] = float(np.abs(a - b).max())
    return differences


def _run_foreign_model(path: Path) -> dict[str, NDArray[Any]]:
    model = NativeModel(path, num_threads=1)
    answers = []
    for picture in make_inputs(model.input_shape[1:]):
        try:
            model.fill_input(picture[np.newaxis])
        except ValueError:  # it does not take bytes
            model.fill_input((picture[np.newaxis] / 127.5 - 1.0).astype(np.float32))
        model.invoke()
        answers.append(model.read_output())
    return {"output": np.stack(answers)}
