"""Where fixed photos go: never onto an original, never over another file unasked, never half written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_runtime.enhance.encode import OUTPUT_SUFFIXES, choose_output_format
from edge_runtime.enhance.result import FixResult
from edge_runtime.errors import InputError, UsageError
from edge_runtime.formats import HEAD_BYTES, PhotoFormat, sniff_format
from edge_runtime.originals import Originals, find_inner_path, refuse_shared
from edge_runtime.output_file import write_output
from edge_runtime.photo_file import open_photo_file
from edge_runtime.result import ScoreFailure

__all__ = ["find_output_format", "plan_outputs", "write_result"]


def find_output_format(out: str | Path) -> PhotoFormat:
    """The format that a file's suffix asks for.

    Raises:
        UsageError: none that can be written.
    """
    suffix = Path(out).suffix.lower()
    if suffix not in OUTPUT_SUFFIXES:
        raise UsageError(f"{out}: cannot write {suffix or 'a file without suffix'}; use {' '.join(OUTPUT_SUFFIXES)}")
    return OUTPUT_SUFFIXES[suffix]


def plan_outputs(sources: Sequence[str], folders: Sequence[str], out: str | Path) -> dict[str, Path | ScoreFailure]:
    """Where below the folder ``out`` each photo goes.

    What was found in one of ``folders`` keeps its place below it; other photos keep their names. A suffix that says
    another format than the one to be written is replaced.

    Args:
        sources: paths of the photos.
        folders: those that were searched for photos.
        out: the folder; it need not exist.

    Returns:
        By the photo's path: its output, or a failure where another photo would get the same one.
    """
    outputs = {source: _replace_suffix(Path(out) / find_inner_path(source, folders), source) for source in sources}
    return refuse_shared(outputs, "written to")


def write_result(
    result: FixResult, output: str | Path, originals: Originals | None = None, *, force: bool = False
) -> None:
    """Writes the fixed photo whole or not at all.

    Args:
        result: of ``enhance``, with outcome "fixed".
        output: the file; its folder is made if need be.
        originals: what must not be hit, besides the photo that ``result`` was made of.
        force: overwrite another file.

    Raises:
        UsageError: nothing was fixed; the output is an original, or exists; or it cannot be written.
    """
    if result.encoded is None:
        raise UsageError(f"there is nothing to write: {result.explanation}")
    target = Path(output)
    if result.path is not None:
        Originals([result.path]).check(target, force=force)
    (originals or Originals([])).check(target, force=force)
    write_output(target, result.encoded, force=force, makes_folder=True)


def _replace_suffix(output: Path, source: str) -> Path:
    """``output`` with the suffix of the format that the fixed photo will have."""
    try:
        with open_photo_file(source) as file:
            written = choose_output_format(sniff_format(file.read(HEAD_BYTES), source))
    except (OSError, InputError):  # it will fail, with the words for it, when its turn comes
        return output
    if OUTPUT_SUFFIXES.get(output.suffix.lower()) is written:
        return output
    return output.with_suffix(next(suffix for suffix, found in OUTPUT_SUFFIXES.items() if found is written))
