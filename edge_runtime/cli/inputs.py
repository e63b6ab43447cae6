"""Which photos do the arguments mean? Files as they are; folders as the photos in them, sorted."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from edge_runtime.errors import InputError
from edge_runtime.formats import PHOTO_SUFFIXES, is_photo
from edge_runtime.paths import exists_as_folder
from edge_runtime.result import ScoreFailure

__all__ = ["expand_paths"]


def expand_paths(paths: Iterable[str], *, is_recursive: bool) -> Iterator[str | ScoreFailure]:
    """Photos in the order given, a folder's own sorted by path.

    Args:
        paths: files and folders. A file is passed on whatever its suffix: decoding will tell.
        is_recursive: look into a folder's folders, too; links to folders are not followed, so that no circle is.

    Yields:
        Paths, and a ScoreFailure for each folder that has no photos or cannot be read.
    """
    for path in paths:
        if not path or not exists_as_folder(path):  # "" would be the working folder
            yield path
            continue
        count = 0
        for entry in _walk(path, is_recursive):
            count += 1
            yield entry
        if not count:
            suffixes = " ".join(sorted(PHOTO_SUFFIXES))
            hint = "" if is_recursive else "; --recursive looks into the folders inside"
            yield ScoreFailure(path, InputError(f"{path}: no photos in this folder (looked for {suffixes}){hint}"))


def _walk(folder: str, is_recursive: bool) -> Iterator[str | ScoreFailure]:
    pending: list[tuple[str, bool]] = [(folder, True)]  # not by recursion: folders may be thousands deep
    while pending:
        path, is_folder = pending.pop()
        if not is_folder:
            yield path
            continue
        try:
            pending += reversed(_list_entries(path, is_recursive))
        except OSError as error:
            reason = error.strerror or error
            yield ScoreFailure(path, InputError(f"{path}: cannot list the folder: {reason}; change its permissions"))


def _list_entries(folder: str, is_recursive: bool) -> list[tuple[str, bool]]:
    """A folder's photos, and the folders to look into, by name; each with whether it is a folder."""
    found = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                if is_recursive and not entry.name.startswith("."):
                    found.append((entry.path, True))
            elif is_photo(entry):
                found.append((entry.path, False))
    return found
