"""What ``pip install photogate`` brings, as it lies on this disk."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fresh_process import REPOSITORY

__all__ = ["measure_installed_sizes"]

DIRECT = ("ai-edge-litert", "numpy", "pillow")
"""photogate's own requirements on Linux and macOS; what they need in turn is looked up."""


def measure_installed_sizes(direct: Sequence[str] = DIRECT) -> dict[str, int]:
    """Bytes by distribution, photogate's own package among them; what is not installed here is left out."""
    package = REPOSITORY / "edge_runtime"
    files = (path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    sizes = {"photogate": sum(path.stat().st_size for path in files)}
    waiting = list(direct)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()  # PEP 503
        if name in sizes:
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        located = [Path(str(file.locate())) for file in distribution.files or []]
        sizes[name] = sum(path.stat().st_size for path in located if path.is_file())
        needed = [text for text in distribution.requires or [] if "extra ==" not in text]
        waiting += [match[0] for text in needed if (match := re.match(r"[\w.-]+", text))]
    return sizes
