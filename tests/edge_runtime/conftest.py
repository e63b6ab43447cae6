"""Pictures that need no file, the shipped model, and the command line as a process of its own."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
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
def display_p3() -> bytes:
    """The profile that iPhones put into their photos, in the parts that count."""
    return build_profile(((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)))


@pytest.fixture(scope="session")
def plain_srgb() -> bytes:
    """sRGB, made as ``display_p3`` is: not the very bytes of any other profile of it."""
    return build_profile(((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)))


def build_profile(primaries: tuple[tuple[float, ...], ...]) -> bytes:
    """An ICC profile (ICC.1:2010) of a display with sRGB's curve.

    Args:
        primaries: of red, green and blue, XYZ adapted to D50.
    """

    def pack(values: Sequence[float]) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    def describe(text: str) -> bytes:
        return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", 2 * len(text), 28) + text.encode("utf-16-be")

    white = (0.9642, 1.0, 0.8249)
    curve = b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + pack((2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
    tags = {b"desc": describe("a test's"), b"cprt": describe("CC0"), b"wtpt": b"XYZ \0\0\0\0" + pack(white)}
    for color, primary in zip(b"rgb", primaries, strict=True):
        tags[bytes([color]) + b"XYZ"] = b"XYZ \0\0\0\0" + pack(primary)
        tags[bytes([color]) + b"TRC"] = curve
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4sI", start + len(body), b"", 0x04000000) + b"mntrRGB XYZ "
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + pack(white)
    return header.ljust(128, b"\0") + table + body


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
