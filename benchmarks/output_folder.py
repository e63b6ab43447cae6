"""Results are never overwritten silently, and a folder is looked at before the hours of work for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_runtime.errors import UsageError
from edge_runtime.output_file import write_output

__all__ = ["check_output_folder", "write_texts"]


def check_output_folder(folder: Path, names: Sequence[str], *, force: bool) -> None:
    """Makes sure that results may be written there; makes nothing.

    Args:
        folder: it need not be there.
        names: of the files that will be written into it.
        force: files of these names may be there, and are then replaced.

    Raises:
        UsageError: it holds one of them already, or is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is not a folder; pass another --out")
    existing = [name for name in names if (folder / name).exists()]
    if existing and not force:
        raise UsageError(f"{folder}: has {', '.join(existing)} already; pass another --out, or --force")


def write_texts(folder: Path, contents: Mapping[str, str], *, force: bool) -> None:
    """Writes files, each whole or not at all, and ends each with a new line.

    Args:
        folder: it is made if need be.
        contents: by name.
        force: as for :func:`check_output_folder`.

    Raises:
        UsageError: a file is there after all, or cannot be written.
    """
    for name, content in contents.items():
        write_output(folder / name, content + "\n", force=force, makes_folder=True)
