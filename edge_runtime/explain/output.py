"""Where heat maps go: never over a photo, never over another file unasked, never half written."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from edge_runtime.errors import UsageError
from edge_runtime.originals import check_folder, find_inner_path, refuse_shared
from edge_runtime.output_file import write_output
from edge_runtime.result import ScoreFailure

__all__ = ["SUFFIXES", "plan_outputs", "write_picture"]

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
NAME_ENDING = "-heat.png"  # of pictures in a folder, after the photo's name


def plan_outputs(
    photos: Sequence[str], folders: Sequence[str], out: str | Path, *, is_folder: bool
) -> Mapping[str, Path | ScoreFailure]:
    """Which picture belongs to which photo; what was found in one of ``folders`` keeps its place below it.

    Args:
        photos: paths.
        folders: those that were searched for photos.
        out: the one picture, or the folder for all of them.
        is_folder: which of the two ``out`` is.

    Returns:
        By the photo's path: its picture, or a failure where another photo would get the same one.

    Raises:
        UsageError: ``out`` has a suffix that cannot be written, or is a file though a folder is needed.
    """
    target = Path(out)
    if not is_folder:
        if target.suffix.lower() not in SUFFIXES:
            raise UsageError(f"{out}: cannot write {target.suffix or 'without a suffix'}; use {', '.join(SUFFIXES)}")
        return dict.fromkeys(photos, target)
    check_folder(out)
    outputs = {photo: target / f"{find_inner_path(photo, folders)}{NAME_ENDING}" for photo in photos}
    return refuse_shared(outputs, "drawn in")


def write_picture(picture: Image.Image, output: Path, *, force: bool) -> None:
    """Writes a picture whole or not at all; its folder is made if need be.

    Raises:
        UsageError: it cannot be written, or exists and ``force`` is not set.
    """
    content = io.BytesIO()
    picture.save(content, SUFFIXES[output.suffix.lower()])
    write_output(output, content.getvalue(), force=force, makes_folder=True)
