"""Where what is made of photos goes: never onto a photo, and no two to one place."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from edge_runtime.errors import InputError, UsageError
from edge_runtime.output_file import check_output
from edge_runtime.paths import exists, exists_as_folder
from edge_runtime.result import ScoreFailure

__all__ = ["Originals", "check_folder", "find_inner_path", "refuse_shared"]


class Originals:
    """The files that must not be written to, known by what they are and not by what they are called."""

    def __init__(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        """Looks at each path; one that does not exist is known by the path that its links lead to."""
        self._places: dict[str, str] = {}
        self._files: dict[tuple[int, int], str] = {}
        for path in paths:
            name = os.fspath(path)
            self._places[_resolve(name)] = name
            identity = _identify(name)
            if identity is not None:
                self._files[identity] = name

    def check(self, output: Path, *, force: bool, makes_folder: bool = True) -> None:
        """Makes sure that ``output`` may be written; its folder may yet have to be made, if ``makes_folder``.

        Raises:
            UsageError: it is one of the originals, by whatever link; or as ``check_output``.
        """
        identity = _identify(output)
        original = self._places.get(_resolve(output))
        if identity is not None:
            original = original or self._files.get(identity)
        if original is not None:
            raise UsageError(f"{output}: is the original {original}, which is never overwritten; choose another output")
        check_output(output, force=force, makes_folder=makes_folder)


def check_folder(output: str | os.PathLike[str]) -> None:
    """Makes sure that ``output`` is a folder, or nothing yet.

    Raises:
        UsageError: it is something else.
    """
    if exists(output) and not exists_as_folder(output):
        raise UsageError(f"{os.fspath(output)}: is a file, and several photos need a folder; choose another output")


def find_inner_path(source: str, folders: Sequence[str]) -> Path:
    """A photo's path below the innermost of the ``folders`` that were searched and hold it, or its bare name."""
    for folder in sorted(folders, key=len, reverse=True):
        try:
            inner = Path(source).relative_to(folder)
        except ValueError:
            continue
        if ".." not in inner.parts:  # "../b.jpg" begins with the folder "." and lies outside
            return inner
    return Path(Path(source).name)


def refuse_shared(outputs: Mapping[str, Path], doing: str) -> dict[str, Path | ScoreFailure]:
    """The outputs, but for those that two photos share, on disks that do not tell "A.jpg" from "a.jpg" either.

    Those are the usual ones of macOS and Windows, and of memory cards; macOS does not tell the two spellings of an
    accented letter apart, either. None of the photos gets such an output: which of them is wanted, nobody can tell.

    Args:
        outputs: by the photo's path; two paths of one photo may share theirs.
        doing: for the message, for example "written to".

    Returns:
        By the photo's path, in the same order: its output, or the failure that says which other photo has it, too.
    """
    owners: dict[str, dict[str, str]] = {}
    for photo, output in outputs.items():
        owners.setdefault(_fold(output), {}).setdefault(_resolve(photo), photo)
    checked: dict[str, Path | ScoreFailure] = {}
    for photo, output in outputs.items():
        others = [other for place, other in owners[_fold(output)].items() if place != _resolve(photo)]
        if not others:
            checked[photo] = output
            continue
        # The one whose name is the very same says most.
        other = next((other for other in others if outputs[other] == output), others[0])
        where = "" if outputs[other] == output else ", on a disk that takes capitals and small letters for the same"
        message = (
            f"{photo}: {other} would be {doing} {output}, too{where}; pass them one at a time, each with an output of "
            "its own"
        )
        checked[photo] = ScoreFailure(photo, InputError(message))
    return checked


def _fold(output: Path) -> str:
    return unicodedata.normalize("NFC", os.fspath(output)).casefold()


def _resolve(path: str | os.PathLike[str]) -> str:
    """Where the path's links lead; one that no file can have, for a NUL in it, leads to itself."""
    try:
        return os.path.realpath(path)
    except ValueError:
        return os.fspath(path)


def _identify(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
