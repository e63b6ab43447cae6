"""What all tests share: where the photographs are, and a quiet, display-less environment."""

from __future__ import annotations

import importlib.util
import os
import signal
from pathlib import Path

import pytest

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
