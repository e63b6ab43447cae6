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


@pytest.fixture(scope="session")
def grey_inks() -> bytes:
    """A printer's profile by which paper has L* 100, full black 16 and full cyan 55, all of them greys."""
    corners = np.full((2, 2, 2, 2, 3), 128, dtype=np.uint8)  # by C, M, Y, K; a* = b* = 0
    corners[..., 0] = 255
    corners[0, 0, 0, 1, 0], corners[1, 0, 0, 0, 0] = round(16 * 2.55), round(55 * 2.55)
    ramp, unit_matrix = bytes(range(256)), pack_fixed([float(place % 4 == 0) for place in range(9)])
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + unit_matrix + 4 * ramp + corners.tobytes() + 3 * ramp
    return pack_profile(b"prtrCMYKLab ", {b"A2B0": table})


def build_profile(primaries: tuple[tuple[float, ...], ...]) -> bytes:
    """The profile of a display with sRGB's curve.

    Args:
        primaries: of red, green and blue, XYZ adapted to D50.
    """
    numbers = pack_fixed((2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
    tags = {bytes([color]) + b"TRC": b"para" + bytes(4) + struct.pack(">HH", 3, 0) + numbers for color in b"rgb"}
    for color, primary in zip(b"rgb", primaries, strict=True):
        tags[bytes([color]) + b"XYZ"] = b"XYZ " + bytes(4) + pack_fixed(primary)
    return pack_profile(b"mntrRGB XYZ ", tags)


def pack_profile(kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile (ICC.1:2010): ``kind`` is the device's class, its colour space, and the one that it leads to."""
    white = pack_fixed((0.9642, 1.0, 0.8249))
    tags = {b"wtpt": b"XYZ " + bytes(4) + white, **tags}
    directory, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        directory += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4sI", start + len(body), b"", 0x04000000) + kind
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + white
    return header.ljust(128, b"\0") + directory + body


def pack_fixed(values: Sequence[float]) -> bytes:
    """As ICC's s15Fixed16Number."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


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
