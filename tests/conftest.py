"""What all tests share: where the photographs are, a quiet environment without a display, a smoke run's material."""

from __future__ import annotations

import csv
import importlib.util
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime import Score
from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.result import Attributes, ImageSize, Label, ModelInfo, Timings

# Before TensorFlow or matplotlib is imported by any test module, and inherited by every command a test starts.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

# A shell that starts the tests in the background lets them ignore Ctrl-C, and every command they start inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

CHECKOUT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what is marked ``needs_tensorflow``, with the reason, where TensorFlow is not installed."""
    if importlib.util.find_spec("tensorflow") is not None:
        return
    skip = pytest.mark.skip(reason="needs TensorFlow: pip install '.[dev]'")
    for item in items:
        if item.get_closest_marker("needs_tensorflow"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the checkout."""
    return CHECKOUT


@pytest.fixture(scope="session")
def examples_dir() -> Path:
    """The folder with the example photos."""
    return CHECKOUT / "examples"


@pytest.fixture(scope="session")
def build_score() -> Callable[..., Score]:
    """Makes a Score without a model: quality, attributes by name (``rest`` where not given), and any other field."""

    def build(
        quality: float, *, rest: float = 80.0, size: tuple[int, int] = (640, 480), half_width: float = 8.0, **given: Any
    ) -> Score:
        attributes = Attributes(*(given.pop(name, rest) for name in ATTRIBUTE_NAMES))
        fields: dict[str, Any] = {
            "quality": quality,
            "band": "medium",
            "interval": (quality - half_width, quality + half_width),
            "interval_coverage": 0.9,
            "attributes": attributes,
            "category": Label("toys", 0.7),
            "style": Label("unknown", 0.1),
            "image": ImageSize(*size),
            "timings": Timings(1.0, 1.0, 1.0, 3.0),
            "model": ModelInfo("built", "1", "a" * 64, "none"),
        }
        return Score(**{**fields, **given})

    return build


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of rated photographs: ``data/`` in $PHOTOGATE_SHARED, or in ``../shared`` next to the checkout.

    A test that asks for it is skipped, with the reason, where the photographs are not.
    """
    shared = Path(os.environ.get("PHOTOGATE_SHARED") or CHECKOUT.parent / "shared")
    data = shared.resolve() / "data"
    if not (data / "manifest.csv").is_file():
        pytest.skip(
            "needs ../shared/data: no manifest.csv there; put the photographs next to the checkout or "
            "set PHOTOGATE_SHARED to the folder that holds data/"
        )
    return data


@pytest.fixture(scope="session")
def write_rated_set(examples_dir: Path) -> Callable[..., Path]:
    """Crops of the example photos, two a group, most of them degraded by a known strength that sets the rating."""

    def write(folder: Path, labels: dict[str, dict[str, str]], groups: int) -> Path:
        from train.data.degradations import Degradation, apply

        side_px, kinds = 200, ("underexposed", "low_contrast", "defocus")
        folder.mkdir()
        rng = np.random.default_rng(0)
        sources = []
        for name in ("mug-good.jpg", "coffee-good.jpg"):
            with Image.open(examples_dir / name) as photo:
                sources.append(np.asarray(photo.convert("RGB")))
        categories, styles = list(labels["category"]), list(labels["style"])
        with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["file", "mos", "category", "style", "group", "licence", "source"])
            for group in range(groups):
                source = sources[group % len(sources)]
                side = int(rng.integers(side_px, min(source.shape[:2])))
                top, left = (int(rng.integers(0, length - side + 1)) for length in source.shape[:2])
                crop = Image.fromarray(source[top : top + side, left : left + side]).resize((side_px, side_px))
                is_rated = group % 9 != 8
                for part, strength in enumerate((rng.uniform(0.0, 0.4), rng.uniform(0.4, 1.0))):
                    picture, mos = np.asarray(crop), ""
                    if is_rated:
                        picture = apply(picture, Degradation(kinds[group % len(kinds)], float(strength), group))
                        mos = f"{0.9 - 0.8 * strength:.3f}"
                    name = f"photo {group:02d}-{part}.jpg"
                    Image.fromarray(picture).save(folder / name, quality=92)
                    words = [categories[group % len(categories)], styles[group % len(styles)]]
                    writer.writerow([name, mos, *words, f"object{group}", "CC0", "" if is_rated else "Flipkart1050"])
        return folder / "manifest.csv"

    return write


@pytest.fixture(scope="session")
def write_start_weights() -> Callable[[Path, Path, int], None]:
    """Stands in for ImageNet weights: drawn at random, but with batch statistics that were measured on photographs.

    With those of a fresh network, the few steps of a smoke run would leave every photo with the same score.
    """

    def write(path: Path, rated: Path, size_px: int) -> None:
        import tf_keras

        from edge_runtime.contract import ViewSpec
        from edge_runtime.views import make_view
        from train.models.student import StudentSpec, build_student

        tf_keras.utils.set_random_seed(0)
        student = build_student(StudentSpec("small", size_px, ("any",), ("any",)))
        for layer in student.layers:
            if isinstance(layer, tf_keras.layers.BatchNormalization):
                layer.momentum = 0.0  # one batch says it all
        photos = [np.asarray(Image.open(photo)) for photo in sorted(rated.glob("*.jpg"))]
        views = np.stack([make_view(photo, ViewSpec(size_px, size_px)) for photo in photos])
        student(views.astype(np.float32), training=True)
        backbone = tf_keras.Model(student.input, student.get_layer("last_mean").input)
        np.savez(path, **{f"{index:03d}": array for index, array in enumerate(backbone.get_weights())})

    return write
