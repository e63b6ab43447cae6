"""Corrections as a manifest of rated photographs, the form that the training reads."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.csv_rows import CsvRows
from edge_runtime.errors import UsageError
from edge_runtime.feedback.correction import Correction
from edge_runtime.feedback.photos import find_photo
from edge_runtime.feedback.store import FeedbackStore
from edge_runtime.output_file import write_output

__all__ = ["LeftOut", "export_manifest"]

MANIFEST_COLUMNS = ("file", "mos", "category", "style", "group", "licence", "source")
LONGEST_CELL = 131_072  # what the reader, Python's csv module, takes: csv.field_size_limit()
FURTHER_COLUMNS = ("verdict", "note", "corrections", "photo_sha256", "model_quality", "model_sha256", "created_utc")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A photo that is not in the manifest: its path when it was added, and why."""

    path: str
    reason: str


def export_manifest(
    store: FeedbackStore, path: str | os.PathLike[str], *, force: bool = False
) -> tuple[int, list[LeftOut]]:
    """Writes a manifest: one row a photo, its file relative to the manifest's folder.

    ``mos`` is the mean of the people's qualities on 0-1, and empty where nobody gave one: a verdict is no rating.
    ``verdict`` is the latest, ``note`` joins all. Category and style stay empty, for only the model has guessed them.
    Photos of one group share theirs; a photo without one is its own.

    Args:
        store: where the corrections are.
        path: the CSV file.
        force: replace an existing file.

    Returns:
        The number of rows, and the photos that are left out: they are gone or were changed since, for ratings belong to
        the very bytes, or their names cannot stand in a manifest.

    Raises:
        UsageError: there is nothing to export, notes are too long for a manifest, or the file exists, cannot be
            written, or is the store or one of its photos.
    """
    target = Path(path)
    found = store.corrections()
    store.originals(found).check(target, force=force, makes_folder=False)
    by_photo: dict[str, list[Correction]] = {}
    for correction in found:
        by_photo.setdefault(correction.photo_sha256, []).append(correction)
    if not by_photo:
        raise UsageError(f"{store.path}: no corrections to export; add some with `photogate feedback add`")
    rows, left_out = [], []
    # The reader resolves links before it goes up by "..", so the way must start from the folder's true place.
    folder = target.parent.resolve()
    for corrections in by_photo.values():
        places = (find_photo(correction, store.photos) for correction in corrections)
        ways = [_describe_way(place.resolve(), folder) for place in places if place is not None]
        way = next((way for way in ways if way == way.strip()), None)
        if way is not None:
            rows.append(_build_row(corrections, way))
            continue
        fault = "its name ends with a space, which the training drops" if ways else "it is gone or was changed since"
        named = corrections[-1].photo_path or corrections[-1].photo_sha256
        left_out.append(LeftOut(named, f"{fault}; --keep-photo keeps a copy"))
    if not rows:
        first = f"{left_out[0].path}: {left_out[0].reason}"
        raise UsageError(f"{store.path}: none of the {len(left_out)} photos can be exported, e.g. {first}")
    text = io.StringIO()
    writer = csv.DictWriter(CsvRows(text), (*MANIFEST_COLUMNS, *FURTHER_COLUMNS), restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_output(target, text.getvalue(), force=force)
    return len(rows), left_out


def _build_row(corrections: Sequence[Correction], file: str) -> dict[str, object]:
    """One photo's row; its corrections stand in the order in which they were added.

    Raises:
        UsageError: a cell would be too long.
    """
    latest = corrections[-1]
    qualities = [correction.quality for correction in corrections if correction.quality is not None]
    group = next((correction.group for correction in reversed(corrections) if correction.group.strip()), "")
    note = " | ".join(dict.fromkeys(correction.note for correction in corrections if correction.note))
    ids = " ".join(str(correction.id) for correction in corrections)
    if max(len(note), len(group)) > LONGEST_CELL:
        raise UsageError(
            f"{latest.photo_path or latest.photo_sha256}: its notes, or its group, have more than {LONGEST_CELL:,} "
            f"characters, which the training would not read; remove some of its corrections ({ids}) with "
            "`photogate feedback remove`"
        )
    return {
        "file": file,
        "mos": round(sum(qualities) / len(qualities) / 100.0, 4) if qualities else "",
        "group": group or f"feedback/{latest.photo_sha256[:16]}",
        "source": "feedback",
        "verdict": latest.verdict,
        "note": note,
        "corrections": ids,
        "photo_sha256": latest.photo_sha256,
        "model_quality": round(latest.score.quality, 2),
        "model_sha256": latest.score.model.sha256,
        "created_utc": latest.created_utc,
    }


def _describe_way(place: Path, folder: Path) -> str:
    try:
        way = Path(os.path.relpath(place, folder)).as_posix()  # also for who reads it elsewhere
    except ValueError:  # on another drive of Windows
        return place.as_posix()
    # The reader strips cells: a name that begins with a space must not begin the cell.
    return f"./{way}" if way[:1].isspace() else way
