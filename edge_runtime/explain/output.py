"""Where heat maps go: never over a photo, never over another file unasked, never half written."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from edge_runtime.errors import UsageError
from edge_runtime.output_file import check_output, say_os_errors, write_output

__all__ = ["SUFFIXES", "check_picture", "plan_outputs", "write_picture"]

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
NAME_ENDING = "-heat.png"  # of pictures in a folder, after the photo's name


def plan_outputs(photos: Sequence[str], out: str | Path, *, is_folder: bool) -> dict[str, Path]:
    """Which picture belongs to which photo.

    Args:
        photos: paths.
        out: the one picture, or the folder for all of them.
        is_folder: which of the two ``out`` is.

    Raises:
        UsageError: ``out`` has a suffix that cannot be written, is a file though a folder is needed, or two photos
            would get one picture.
    """
    target = Path(out)
    if not is_folder:
        if target.suffix.lower() not in SUFFIXES:
            raise UsageError(f"{out}: cannot write {target.suffix or 'without a suffix'}; use {', '.join(SUFFIXES)}")
        return dict.fromkeys(photos, target)
    if target.exists() and not target.is_dir():
        raise UsageError(f"{out}: is a file, and several photos need a folder; choose another output")
    outputs: dict[str, Path] = {}
    owners: dict[str, str] = {}
    for photo in photos:
        picture = target / f"{Path(photo).name}{NAME_ENDING}"
        owner = owners.setdefault(os.path.normcase(picture), photo)
        if os.path.realpath(owner) != os.path.realpath(photo):
            raise UsageError(f"{owner} and {photo} would both be drawn in {picture}; explain them one after another")
        outputs[photo] = picture
    return outputs


def check_picture(output: Path, photos: Sequence[str], *, is_forced: bool) -> None:
    """Makes sure, before any work is done for it, that ``output`` may be written.

    Raises:
        UsageError: it is one of the photos, by whatever link; no file; or it exists and ``is_forced`` is not set.
    """
    for photo in photos:
        if os.path.realpath(photo) == os.path.realpath(output) or _is_same_file(photo, output):
            raise UsageError(f"{output}: is the photo {photo}, which is never overwritten; choose another output")
    if output.parent.exists():
        check_output(output, force=is_forced)


def write_picture(picture: Image.Image, output: Path, *, is_forced: bool) -> None:
    """Writes a picture whole or not at all; its folder is made if need be.

    Raises:
        UsageError: it cannot be written, or exists and ``is_forced`` is not set.
    """
    content = io.BytesIO()
    picture.save(content, SUFFIXES[output.suffix.lower()])
    with say_os_errors(output):
        output.parent.mkdir(parents=True, exist_ok=True)
    write_output(output, content.getvalue(), force=is_forced)


def _is_same_file(first: str | Path, second: str | Path) -> bool:
    try:
        return Path(first).samefile(second)
    except (OSError, ValueError):
        return False
