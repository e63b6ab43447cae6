"""Opening what is said to be a photo file. A named pipe would block for ever in open(): look before opening."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO

from edge_runtime.errors import InputError

__all__ = ["open_photo_file", "read_photo_file"]


def open_photo_file(photo: str | os.PathLike[str]) -> IO[bytes]:
    """Opens a regular file for reading.

    Raises:
        InputError: it is missing, a folder, a broken link, not a regular file, or not readable; the message says why.
    """
    name = os.fspath(photo)
    try:
        mode = os.stat(name).st_mode  # noqa: PTH116 (Path("") would be the working folder)
        if stat.S_ISDIR(mode):
            raise InputError(f"{name}: is a folder, not a photo; `photogate score` takes folders, or pass its photos")
        if not stat.S_ISREG(mode):
            raise InputError(f"{name}: not a regular file; pass a photo file, or its bytes")
        return Path(name).open("rb")
    except FileNotFoundError as error:
        if Path(name).is_symlink():
            raise InputError(f"{name}: broken link, its target is missing; restore the target or the path") from error
        if "://" in name:
            raise InputError(f"{name}: an address; photos are not fetched: download it and pass the file") from error
        raise InputError(f"{name}: no such file; check the path") from error
    except PermissionError as error:
        raise InputError(f"{name}: no permission to read the file; change its permissions or owner") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name}: cannot open the file: {reason}; check the path") from error


def read_photo_file(photo: str | os.PathLike[str]) -> bytes:
    """The whole content of a regular file.

    Raises:
        InputError: as :func:`open_photo_file`, or its disk fails.
    """
    with open_photo_file(photo) as stream:
        try:
            return stream.read()
        except OSError as error:
            raise InputError(f"{os.fspath(photo)}: cannot read the file: {error.strerror or error}") from error
