"""Models and manifests whose right answers are known: brightness is the rating, and the model measures brightness."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.accuracy_report.photos import ScoredPhoto
from edge_runtime import Score
from edge_runtime.contract import ModelContract, PiecewiseLinear, ViewSpec
from edge_runtime.model_file import pack_model
from train.data.manifest import Photo

BRIGHTNESSES = (20, 50, 80, 110, 140, 170, 200, 230)
SIZE_PX = 32


@pytest.fixture(scope="session")
def peers_dir(checkout: Path) -> Path:
    """The folder with the public NIMA models."""
    peers = Path(os.environ.get("PHOTOGATE_SHARED") or checkout.parent / "shared") / "peers"
    if not (peers / "technical_model.tflite").is_file():
        pytest.skip("needs ../shared/peers: no technical_model.tflite there; set PHOTOGATE_SHARED")
    return peers


@pytest.fixture(scope="session")
def brightness_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight grey photos whose rating is their brightness, all in the test part."""
    folder = tmp_path_factory.mktemp("photos")
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "mos", "category", "style", "group", "licence", "content", "split"])
        for index, value in enumerate(BRIGHTNESSES):
            name = f"{'ss01_' if index < 4 else ''}{value}.png"
            Image.fromarray(np.full((48, 64, 3), value, dtype=np.uint8)).save(folder / name)
            content = "food" if index % 2 else "object"
            writer.writerow([name, value / 255, "", "", f"group{index}", "CC0", content, "test"])
    return folder / "manifest.csv"


@pytest.fixture(scope="session")
def brightness_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact folder whose int8 and float files both return the picture's mean brightness as quality."""
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow: pip install '.[dev]'")

    @tf.function(input_signature=[tf.TensorSpec((1, SIZE_PX, SIZE_PX, 3), tf.uint8, name="image")])
    def serve(image):  # type: ignore[no-untyped-def]
        quality = tf.reshape(tf.reduce_mean(tf.cast(image, tf.float32) / 255.0), (1, 1))
        zeros = tf.zeros_like(quality)
        return {
            "quality": quality,
            "attributes": tf.tile(quality, (1, 5)),
            "category": tf.concat([quality, zeros], axis=1),
            "style": tf.concat([zeros, quality], axis=1),
        }

    module = tf.Module()
    module.serve = serve
    folder = tmp_path_factory.mktemp("artifact")
    tf.saved_model.save(module, str(folder / "saved"), signatures={"serving_default": serve.get_concrete_function()})
    flatbuffer = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved")).convert()
    contract = ModelContract(
        name="brightness",
        version="1",
        view=ViewSpec(SIZE_PX, SIZE_PX),
        quality_calibration=PiecewiseLinear((0.0, 1.0), (0.0, 100.0)),
        interval_half_width=PiecewiseLinear((0.0, 100.0), (5.0, 5.0)),
        interval_coverage=0.9,
        band_limits=(40.0, 70.0),
        category_labels=("a", "b"),
        style_labels=("c", "d"),
        unknown_below=0.1,
        precision="float32",
    )
    artifact = folder / "anything"
    artifact.mkdir()
    for name in ("brightness.tflite", "brightness-float.tflite"):
        (artifact / name).write_bytes(pack_model(flatbuffer, contract))
    (artifact / "provenance.json").write_text('{"split_seed": 7}', encoding="utf-8")
    return artifact


@pytest.fixture(scope="session")
def build_score(build_score: Callable[..., Score]) -> Callable[..., Score]:
    """As everywhere, with attributes of 100 where not given."""
    return partial(build_score, rest=100.0, half_width=5.0, size=(640, 640))


@pytest.fixture(scope="session")
def build_scored(build_score: Callable[..., Score]) -> Callable[..., ScoredPhoto]:
    """Makes a ScoredPhoto of the models "float" and "int8" without a file; further arguments are the Photo's fields."""

    def build(
        index: int,
        mos: float | None,
        quality: float,
        other: float | None = None,
        brightness: float = 100.0,
        **fields: Any,
    ) -> ScoredPhoto:
        file = fields.pop("file", f"{index}.jpg")
        extra = fields.pop("extra", {})
        values = {"category": "", "style": "", "group": f"group{index}", "licence": "", **fields}
        photo = Photo(file, Path("/photos") / file, mos, extra=extra, **values)
        scores = {"float": build_score(quality if other is None else other), "int8": build_score(quality)}
        return ScoredPhoto(photo, scores, brightness)

    return build


@pytest.fixture(scope="session")
def product_photo(tmp_path_factory: pytest.TempPathFactory) -> Photo:
    """A coloured, textured product in the middle of a white picture, in a PNG file."""
    rng = np.random.default_rng(3)
    pixels = np.full((400, 400, 3), 250, dtype=np.uint8)
    texture = rng.integers(0, 80, (24, 24, 3), dtype=np.uint8).repeat(10, axis=0).repeat(10, axis=1)
    pixels[80:320, 80:320] = texture + np.array([120, 60, 30], dtype=np.uint8)
    path = tmp_path_factory.mktemp("product") / "product.png"
    Image.fromarray(pixels).save(path)
    return Photo("product.png", path, 0.9, "", "", "product", "CC0", source="Studio")
