"""Which photos do the arguments mean? Files as they are; folders as the photos in them, sorted."""

from __future__ import annotations

import argparse
import glob
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from edge_runtime.errors import InputError
from edge_runtime.formats import PHOTO_SUFFIXES, is_photo
from edge_runtime.paths import STANDARD_INPUT, exists, exists_as_folder
from edge_runtime.result import ScoreFailure

__all__ = ["PhotoPaths", "expand_paths", "expand_patterns"]


class PhotoPaths(argparse.Action):
    """For arguments that name photos: see :func:`expand_patterns`."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        """Keeps the paths."""
        setattr(namespace, self.dest, expand_patterns(values))


def expand_patterns(paths: Sequence[str]) -> list[str]:
    """What a shell makes of ``*.jpg``, on Windows, whose shells leave it to programs; elsewhere the paths as they are.

    Names are sorted. A path that exists is no pattern, though there be a bracket in it, and a pattern that nothing fits
    stays, to be reported as missing.
    """
    if sys.platform != "win32":
        return list(paths)
    expanded: list[str] = []
    for path in paths:
        found = [] if exists(path) else sorted(glob.glob(path))  # noqa: PTH207 - Path.glob takes no absolute pattern
        expanded += found or [path]
    return expanded


def expand_paths(paths: Iterable[str], *, is_recursive: bool) -> Iterator[str | ScoreFailure]:
    """Photos in the order given, a folder's own sorted by path.

    Args:
        paths: files and folders. A file is passed on whatever its suffix: decoding will tell.
        is_recursive: look into a folder's folders, too; links to folders are not followed, so that no circle is.

    Yields:
        Paths, and a ScoreFailure for each folder that has no photos or cannot be read, and for the standard input: a
        photo is read more than once.
    """
    for path in paths:
        if path in STANDARD_INPUT:
            yield ScoreFailure(
                path, InputError(f"{path}: photos cannot be piped in; save it as a file and pass its name")
            )
            continue
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
