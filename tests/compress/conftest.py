"""A small student whose weights and batch statistics are anything but those of a fresh network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SIZE_PX = 64
NATURAL_SIZE_PX = 96
HEADS = ("quality", "attributes", "category", "style")


@dataclass(frozen=True)
class Lesson:
    """What ``train.loop.fit`` needs to train a small student: batches, how many an epoch has, and its validation."""

    data: Any
    steps: int
    validation: Any


@pytest.fixture(scope="session")
def randomize() -> Callable[[Any], None]:
    """Fills a tf_keras model: kernels that keep the size of activations, uneven batch statistics, biases."""
    tf_keras = pytest.importorskip("tf_keras")

    def fill(model: Any) -> None:
        rng = np.random.default_rng(7)
        for layer in model.layers:
            shapes = [weight.shape for weight in layer.get_weights()]
            if isinstance(layer, tf_keras.layers.BatchNormalization):  # gamma, beta, mean, variance
                ranges = ((0.6, 1.4), (-0.3, 0.3), (-0.3, 0.3), (0.3, 2.0))
                layer.set_weights([rng.uniform(*limits, shape) for limits, shape in zip(ranges, shapes, strict=True)])
            elif shapes:
                is_depthwise = isinstance(layer, tf_keras.layers.DepthwiseConv2D)
                fan_in = np.prod(shapes[0][:2] if is_depthwise else shapes[0][:-1])
                kernel = rng.normal(0, (2 / fan_in) ** 0.5, shapes[0])
                layer.set_weights([kernel, *(rng.normal(0, 0.1, shape) for shape in shapes[1:])])

    return fill


@pytest.fixture(scope="session")
def calibration_views() -> np.ndarray:
    """Pictures with coarse and fine structure, uint8 (8, 64, 64, 3)."""
    rng = np.random.default_rng(1)
    coarse = np.kron(rng.integers(0, 200, (8, 8, 8, 3)), np.ones((1, 8, 8, 1), dtype=np.int64))
    return np.asarray(coarse + rng.integers(0, 56, coarse.shape), dtype=np.uint8)


@pytest.fixture(scope="session")
def natural_views(examples_dir: Path) -> np.ndarray:
    """Crops of the example photos at several scales, uint8 (42, 96, 96, 3)."""

    def crop() -> Iterator[np.ndarray]:
        rng = np.random.default_rng(5)
        for path in sorted(examples_dir.glob("*.jpg")):
            with Image.open(path) as photo:
                image = photo.convert("RGB")
            for share in (0.2, 0.35, 0.5, 0.65, 0.8, 1.0):
                side = int(share * min(image.size))
                left, top = (int(rng.integers(0, length - side + 1)) for length in image.size)
                box = (left, top, left + side, top + side)
                yield np.asarray(image.resize((NATURAL_SIZE_PX, NATURAL_SIZE_PX), Image.Resampling.BOX, box))

    return np.stack(list(crop()))


@pytest.fixture(scope="session")
def small_spec() -> Any:
    """A small student of 96 px with two categories and three styles."""
    student = pytest.importorskip("train.models.student", reason="needs TensorFlow: pip install '.[dev]'")
    return student.StudentSpec("small", NATURAL_SIZE_PX, ("bags", "toys"), ("table", "white", "worn"))


@pytest.fixture(scope="session")
def small_student(small_spec: Any, randomize: Callable[[Any], None], natural_views: np.ndarray) -> Any:
    """A training-form student whose answers, never saturated, depend on the picture; do not change it."""
    from train.models.student import build_student

    student = build_student(small_spec)
    randomize(student)
    outputs = student(natural_views.astype(np.float32), training=False)
    for name in HEADS:
        values = np.asarray(outputs[name])
        logits = np.log(values / (1 - values)) if name in ("quality", "attributes") else values
        kernel, bias = student.get_layer(name).get_weights()
        spread = np.maximum(logits.std(axis=0), 1e-3)
        student.get_layer(name).set_weights([kernel / spread, (bias - logits.mean(axis=0)) / spread])
    return student


@pytest.fixture(scope="session")
def deploy_student(small_spec: Any, small_student: Any) -> Any:
    """The deploy form of ``small_student``; do not change it."""
    from compress.folding import build_deploy_student

    return build_deploy_student(small_student, small_spec)


@pytest.fixture(scope="session")
def ptq_flatbuffer(deploy_student: Any, natural_views: np.ndarray) -> bytes:
    """``deploy_student`` in int8 by post-training quantisation."""
    from compress.convert import convert_int8

    return convert_int8(deploy_student, natural_views)


@pytest.fixture
def lesson(small_spec: Any, natural_views: np.ndarray) -> Lesson:
    """Ten batches of four views whose targets are drawn at random."""
    from train.data.pipeline import build_pipeline
    from train.loop import Validation

    rng = np.random.default_rng(4)
    sizes = {"quality": 1, "attributes": 5}
    targets = {name: rng.uniform(0, 1, (len(natural_views), 2 * size)) for name, size in sizes.items()}
    for name, labels in (("category", small_spec.category_labels), ("style", small_spec.style_labels)):
        one_hot = np.eye(len(labels))[rng.integers(0, len(labels), len(natural_views))]
        targets[name] = np.concatenate([one_hot, one_hot], axis=1)
    known = {name: values.astype(np.float32) for name, values in targets.items()}
    rows = np.arange(len(natural_views) - 6)
    mos = known["quality"][-6:, 0]
    validation = Validation(natural_views[-6:], mos, np.array(["photos"] * 6))
    return Lesson(build_pipeline(natural_views, known, rows, 4, seed=0), 10, validation)
