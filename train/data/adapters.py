"""Public sets of photographs, as their authors distribute them, to manifests.

What a set's table says is read by ``train.data.public_sets``; here it becomes a manifest whose ``file`` leads from the
manifest to the photo; no photo is copied or changed. Sets that nobody rated are worth having, too: a student learns
from a teacher's judgement of them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from edge_runtime.errors import InputError, ManifestError, UsageError
from edge_runtime.output_file import check_output, say_os_errors
from edge_runtime.paths import exists_as_file, exists_as_folder
from train.artifact import compute_digest
from train.data.manifest import load_manifests, write_manifest
from train.data.public_sets import ADAPTERS, Entry

__all__ = ["adapt"]

REPORTED_FILES = 3


def adapt(
    name: str,
    images: str | Path,
    scores: str | Path | None,
    out: str | Path,
    *,
    category: str = "",
    style: str = "",
    without: Sequence[str | Path] = (),
    within: Container[str] | None = None,
    per_folder: int = 0,
    overwrite: bool = False,
) -> tuple[int, list[str]]:
    """Writes a manifest for a public set.

    Args:
        name: one of :data:`ADAPTERS`.
        images: folder that holds the photos.
        scores: the authors' table, as CSV in UTF-8; None for a set that has none.
        out: the manifest to write.
        category, style: of photos of which neither the table nor the adapter knows it.
        without: manifests whose photos are left out, whatever their names are here: those of the same bytes.
        within: keep only photos whose ``file`` in the manifest is one of these; None: all.
        per_folder: of each folder directly in ``images``, and of the photos in none, at most so many, drawn by a hash
            of their names, lest a large folder drowns the others; 0: all.
        overwrite: replace an existing manifest.

    Returns:
        The number of photos in the manifest, and the names of photos in the table that ``images`` lacks.

    Raises:
        UsageError: there is no such adapter, it needs a table or takes none, ``per_folder`` is negative, or ``out``
            exists or cannot be written.
        InputError: ``images`` is no folder.
        ManifestError: the table cannot be read, lacks a column, has a score that is no number or off the scale, or none
            of its photos lies in ``images``.
    """
    if name not in ADAPTERS:
        raise UsageError(f"unknown set {name!r}; there are {', '.join(ADAPTERS)}")
    adapter, images, out = ADAPTERS[name], Path(images), Path(out)
    if adapter.has_table != (scores is not None):
        raise UsageError(
            f"{name}: pass the authors' table with --scores" if adapter.has_table else f"{name} takes no --scores"
        )
    if per_folder < 0:
        raise UsageError(f"per_folder is {per_folder}: pass 1 or more photos, or 0 for all of them")
    table = images if scores is None else Path(scores)
    if not images.is_dir():
        raise InputError(f"{images}: not a folder; pass the folder that holds the photos of {adapter.source}")
    if exists_as_folder(out):
        raise UsageError(f"{out}: is a folder; name the manifest to write, for example {out / 'manifest.csv'}")
    check_output(out, force=overwrite, makes_folder=True)  # before thousands of photos are read for their digests
    base = out.resolve().parent
    known = {compute_digest(photo.path) for photo in load_manifests([Path(path) for path in without])}
    rows: list[dict[str, object]] = []
    absent: list[str] = []
    for entry in _draw_per_folder(adapter.read(table), per_folder):
        path = _find(images, entry.name)
        if path is None:
            absent.append(entry.name)
            continue
        if known and compute_digest(path) in known:
            continue
        file = Path(os.path.relpath(path.resolve(), base)).as_posix()
        if within is not None and file not in within:
            continue
        rows.append(
            {
                "file": file,
                "mos": "" if entry.mos is None else f"{entry.mos:.6g}",
                "category": entry.category or category,
                "style": entry.style or adapter.style or style,
                "group": entry.group,
                "licence": adapter.licence,
                "source": adapter.source or images.resolve().name,
            }
        )
    if not rows:
        named = ", ".join(absent[:REPORTED_FILES])
        if not absent:
            raise ManifestError(f"{table}: no photos that are wanted and stand in no manifest yet")
        raise ManifestError(f"{table}: none of its {len(absent)} photos lies in {images} (first: {named})")
    with say_os_errors(out):
        base.mkdir(parents=True, exist_ok=True)
    return write_manifest(rows, out, overwrite=overwrite), absent


def _draw_per_folder(entries: Iterator[Entry], limit: int) -> Iterator[Entry]:
    """At most ``limit`` entries (0: all) of each first folder in their names, and of those in none, in their order."""
    if not limit:
        yield from entries
        return
    folders: dict[str, list[Entry]] = {}
    for entry in entries:
        folders.setdefault(entry.name.rpartition("/")[0].split("/")[0], []).append(entry)
    for members in folders.values():
        drawn = sorted(members, key=lambda entry: hashlib.sha256(os.fsencode(entry.name)).digest())[:limit]
        yield from sorted(drawn, key=lambda entry: entry.row)


def _find(images: Path, name: str) -> Path | None:
    """The photo, also where its suffix is spelt in another case: sets that were made on Windows mix .bmp and .BMP."""
    path = images / name
    spelt = (path, path.with_suffix(path.suffix.lower()), path.with_suffix(path.suffix.upper()))
    return next((each for each in spelt if exists_as_file(each)), None)
