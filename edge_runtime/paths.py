"""What is at a path? pathlib's questions, without the errors that it lets through.

``Path.is_dir`` and its kin raise where they may not look: a folder without permission, a name that is too long, links
in a circle. A path that cannot be looked at is none of these things here; opening it will say why.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["STANDARD_INPUT", "exists", "exists_as_file", "exists_as_folder"]

STANDARD_INPUT = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
"""What people write for it."""


def exists(path: str | os.PathLike[str]) -> bool:
    """Whether anything is there."""
    return _ask(Path.exists, path)


def exists_as_file(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file is there."""
    return _ask(Path.is_file, path)


def exists_as_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a folder is there."""
    return _ask(Path.is_dir, path)


def _ask(question: Callable[[Path], bool], path: str | os.PathLike[str]) -> bool:
    try:
        return question(Path(path))
    except OSError:
        return False
