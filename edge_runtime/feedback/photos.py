"""The photos that corrections are about: their digest, the store's own copies, and where they are now."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from edge_runtime.errors import InputError, UsageError
from edge_runtime.feedback.correction import Correction
from edge_runtime.formats import HEAD_BYTES, PhotoFormat, sniff_format
from edge_runtime.output_file import write_output
from edge_runtime.photo_file import open_photo_file

__all__ = ["compute_sha256", "drop_photo", "find_photo", "keep_photo"]

KEPT_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}\.[0-9a-z]+")
SUFFIXES = {PhotoFormat.JPEG: ".jpg", PhotoFormat.TIFF: ".tif", PhotoFormat.JPEG2000: ".jp2", PhotoFormat.HEIF: ".heic"}


def compute_sha256(path: Path) -> str | None:
    """A file's hex digest, or None where there is no such file, or it cannot be read."""
    try:
        digest = hashlib.sha256()
        with open_photo_file(path) as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()
    except (InputError, OSError):
        return None


def keep_photo(data: bytes, sha256: str, folder: Path) -> str:
    """Copies a photo into the store's folder under a name made of its content, once.

    Returns:
        The copy's path, relative to ``folder``, with slashes.

    Raises:
        DecodeError: the bytes are no photo.
        UsageError: the folder cannot be written, or the disk is full.
    """
    photo_format = sniff_format(data[:HEAD_BYTES], "photo bytes")
    name = f"{sha256[:2]}/{sha256}{SUFFIXES.get(photo_format, f'.{photo_format.name.lower()}')}"
    target = folder / name
    if compute_sha256(target) == sha256:
        return name
    try:
        write_output(target, data, force=True, makes_folder=True)
    except UsageError as error:
        raise UsageError(f"{error}, or add the correction without --keep-photo") from error
    return name


def drop_photo(folder: Path, name: str) -> None:
    """Removes a copy that :func:`keep_photo` made, and nothing else: a damaged or foreign store may name any file.

    Raises:
        UsageError: it cannot be removed.
    """
    if not KEPT_NAME.fullmatch(name):
        return
    try:
        (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder / name}: cannot remove the photo: {error.strerror or error}; change its permissions"
        ) from error


def find_photo(correction: Correction, folder: Path) -> Path | None:
    """Where the very bytes of the correction are now: the store's copy, or the photo's own place; None: nowhere."""
    places = [folder / correction.kept_file] if correction.kept_file else []
    if correction.photo_path:
        places.append(Path(correction.photo_path))
    return next((place for place in places if compute_sha256(place) == correction.photo_sha256), None)
