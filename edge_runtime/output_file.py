"""Files that are whole or not there: written beside their place, and moved to it when all is written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from uuid import uuid4

from edge_runtime.errors import UsageError
from edge_runtime.paths import exists, exists_as_file, exists_as_folder

__all__ = ["OutputFile", "check_output", "say_os_errors", "write_output"]


@contextlib.contextmanager
def say_os_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turns an OSError into a UsageError about ``path`` that says what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"{os.fspath(path)}: cannot write the file: {reason}; make room or choose a folder that can be written to"
        ) from error


def check_output(path: str | os.PathLike[str], *, force: bool = False, makes_folder: bool = False) -> None:
    """Makes sure, before any work is done for it, that a file may be written there.

    Args:
        path: the file.
        force: something of that name may be there, and is then replaced.
        makes_folder: its folder need not be there, nor those above it.

    Raises:
        UsageError: there is no such folder, or it cannot be made, for it would lie below a file; something is there
            already, or what is there is no regular file; or it is "-", by which people mean standard output.
    """
    target = Path(path)
    if str(target) == "-":
        raise UsageError("-: files are not written to standard output; pass a file's name")
    try:
        target.lstat()
        is_taken = True
    except (FileNotFoundError, NotADirectoryError):
        is_taken = False
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{target}: cannot write there: {reason}; choose another path") from error
    if not is_taken and not exists_as_folder(target.parent):
        if not makes_folder:
            raise UsageError(f"{target}: there is no folder {target.parent}; make it, or choose another")
        nearest = next(folder for folder in target.parents if os.path.lexists(folder) or folder == folder.parent)
        if not exists_as_folder(nearest):
            raise UsageError(f"{target}: {nearest} is not a folder; choose another path")
    if exists(target) and not exists_as_file(target):
        kind = "is a folder: it " if exists_as_folder(target) else ""
        raise UsageError(f"{target}: {kind}is not a file that could be replaced; choose another path")
    if is_taken and not force:
        raise UsageError(f"{target}: exists already; choose another path, or pass --force (force=True) to replace it")


def write_output(
    path: str | os.PathLike[str], content: str | bytes, *, force: bool = False, makes_folder: bool = False
) -> None:
    """Writes a file in one go: text as UTF-8, or bytes; into a folder that is made if ``makes_folder``.

    Raises:
        UsageError: as :class:`OutputFile` does, or the folder cannot be made.
    """
    if makes_folder:
        with say_os_errors(path):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
    with OutputFile(path, force=force, is_binary=isinstance(content, bytes)) as output:
        output.write(content)


class OutputFile:
    """A file that appears under its name only when the ``with`` block has ended without an exception.

    Until then it is a hidden file in the same folder, so that moving it is one step of the file system. After an
    exception, Ctrl-C among them, that file is removed and an older one of the same name is as it was. It has what
    ``csv`` and Pillow need of a stream to write to.

    Attributes:
        path: where the file will be.
        size_bytes: of the file, once it is whole.
    """

    def __init__(self, path: str | os.PathLike[str], *, force: bool = False, is_binary: bool = False) -> None:
        """Checks the place; nothing is written yet.

        Args:
            path: the file.
            force: replace a file that is there.
            is_binary: takes bytes; otherwise text, written as UTF-8 with "\\n" as it is.

        Raises:
            UsageError: as :func:`check_output`.
        """
        self.path = Path(path)
        self.size_bytes = 0
        self._force = force
        self._is_binary = is_binary
        check_output(self.path, force=force)

    def write(self, content: Any) -> int:
        """Adds text, or bytes if ``is_binary``.

        Raises:
            UsageError: the disk is full, or the like.
        """
        with say_os_errors(self.path):
            return self._stream.write(content)

    def flush(self) -> None:
        """Does nothing: nobody reads along, and the end of the ``with`` block flushes."""

    def __enter__(self) -> OutputFile:
        # A name that nobody takes for a photo, no longer than any other, and its own: what a power cut left must not be
        # in the way of the next start. Not tempfile's, for its files are for the owner's eyes only.
        self._part = self.path.with_name(f".photogate-{uuid4().hex[:12]}.part")
        text: dict[str, Any] = {"encoding": "utf-8", "newline": "\n", "errors": "backslashreplace"}
        with say_os_errors(self.path):  # "x" follows no link
            self._stream: IO[Any] = self._part.open("xb") if self._is_binary else self._part.open("x", **text)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                with contextlib.suppress(OSError):  # as what is buffered does not fit either, on a full disk
                    self._stream.close()
                return
            with say_os_errors(self.path):
                self._stream.flush()
                os.fsync(self._stream.fileno())  # else a power cut could leave the new name with nothing in it
                self._stream.close()
                self.size_bytes = self._part.stat().st_size
                check_output(self.path, force=self._force)
                self._part.replace(self.path)
        finally:
            with contextlib.suppress(OSError):
                self._stream.close()
            with contextlib.suppress(OSError):
                self._part.unlink(missing_ok=True)
