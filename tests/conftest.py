"""What all tests share: where the photographs are, and a quiet, display-less environment."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
