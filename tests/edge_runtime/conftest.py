"""Pictures that need no file, the shipped model, and the command line as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edge_runtime
from edge_runtime import PhotoScorer

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A drawn scene of 640 x 480 pixels without any symmetry: soft colours, a bright disc, fine texture."""
    rows, columns = np.mgrid[0:480, 0:640].astype(np.float64)
    disc = 90.0 * (np.hypot(rows - 150, columns - 200) < 90)
    texture = 25.0 * np.sin(columns / 5) * np.sin(rows / 3) * (columns > 350)
    channels = [40 + columns / 5 + disc, 60 + rows / 4 + texture, 160 - columns / 8 + disc / 2 + texture]
    return Image.fromarray(np.stack(channels, axis=-1).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def scorer() -> Iterator[PhotoScorer]:
    """The shipped model."""
    with PhotoScorer.default() as scorer:
        yield scorer


@pytest.fixture(scope="session")
def package_environment() -> dict[str, str]:
    """The environment for a process that shall import the very edge_runtime under test, from any folder."""
    root = str(Path(edge_runtime.__file__).resolve().parent.parent)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))}


@pytest.fixture(scope="session")
def run_command(package_environment: dict[str, str]) -> RunCommand:
    """Runs ``photogate`` with the arguments given and returns the finished process."""

    def run(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edge_runtime", *map(str, arguments)]
        settings: dict = {"env": package_environment, "timeout": 120, "encoding": "utf-8", "errors": "surrogateescape"}
        return subprocess.run(command, capture_output=True, check=False, **{**settings, **options})

    return run
