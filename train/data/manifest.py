"""The manifest: a CSV file that names photographs, what people thought of them, and which belong together.

One row a photo. ``file`` is relative to the manifest's folder, ``mos`` is the mean opinion score on 0-1 or empty,
``group`` ties together photos that must never stand on two sides of a split. ``category``, ``style``, ``licence`` and
``source`` may be missing; every further column is kept in :attr:`Photo.extra`. The text is UTF-8, with or without a
byte order mark.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.csv_rows import CsvRows
from edge_runtime.errors import ManifestError
from edge_runtime.output_file import check_output, write_output
from edge_runtime.paths import exists_as_file

__all__ = ["Photo", "load_manifest", "load_manifests", "write_manifest"]

REQUIRED_COLUMNS = ("file", "mos", "group")
OPTIONAL_COLUMNS = ("category", "style", "licence", "source")
COLUMN_ORDER = ("file", "mos", "category", "style", "group", "licence", "source")
REPORTED_PROBLEMS = 10


@dataclass(frozen=True)
class Photo:
    """One row of a manifest.

    Attributes:
        file: as written in the manifest; names the photo throughout training.
        path: where the photo lies, absolute, links resolved.
        mos: mean opinion score, 0 (worst) to 1 (best), or None where nobody rated the photo.
        category, style, licence, source: "" where unknown.
        group: photos of one group stay on one side of every split.
        extra: the further columns, by name.
        manifest, row: where the row stands (line in the file, the header is line 1); for messages, not compared.
    """

    file: str
    path: Path
    mos: float | None
    category: str
    style: str
    group: str
    licence: str
    source: str = ""
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)
    manifest: Path | None = field(default=None, compare=False)
    row: int = field(default=0, compare=False)

    @property
    def collection(self) -> str:
        """Name of the folder the manifest lies in: tells manifests apart in reports."""
        return self.manifest.parent.name if self.manifest else ""

    @property
    def place(self) -> str:
        """Where the row stands, for messages."""
        return f"{self.manifest or 'manifest'} row {self.row}"


class _Problems:
    """Faults of one or several manifests, reported together so that one run of the user finds them all."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.messages: list[str] = []

    def add(self, message: str) -> None:
        self.messages.append(message)

    def raise_if_any(self) -> None:
        if not self.messages:
            return
        count = len(self.messages)
        lines = [f"  {message}" for message in self.messages[:REPORTED_PROBLEMS]]
        if count > REPORTED_PROBLEMS:
            lines.append(f"  and {count - REPORTED_PROBLEMS} more")
        noun = "problem" if count == 1 else "problems"
        raise ManifestError("\n".join([f"{self.title}: {count} {noun}; correct the manifest:", *lines]))


def load_manifest(path: str | Path) -> list[Photo]:
    """Reads and validates one manifest.

    Args:
        path: the CSV file; the photos are looked for relative to its folder.

    Returns:
        One Photo a row, in the order of the file.

    Raises:
        ManifestError: the file cannot be read, is empty, is not UTF-8, lacks a column, or has rows with faults (an
            empty or repeated ``file``, no such photo on disk, a ``mos`` that is no number on 0-1, an empty ``group``,
            a wrong number of cells). The message names the rows (line in the file) and columns, the first ten of them.
    """
    path = Path(path)
    header, rows = _read_rows(path)
    problems = _Problems(str(path))
    photos: list[Photo] = []
    missing: list[tuple[int, Path]] = []
    first_row_of: dict[Path, int] = {}
    for row, cells in rows:
        photo = _parse_row(path, row, header, cells, problems)
        if photo is None:
            continue
        if photo.path in first_row_of:
            problems.add(f"row {row}, column file: {photo.file!r} stands in row {first_row_of[photo.path]} already")
        elif not exists_as_file(photo.path):
            missing.append((row, photo.path))
        first_row_of.setdefault(photo.path, row)
        photos.append(photo)
    if missing:
        named = ", ".join(f"row {row}: {file}" for row, file in missing[:3])
        rest = ", ..." if len(missing) > 3 else ""
        problems.add(f"column file: {len(missing)} of {len(photos)} photos are not on disk ({named}{rest})")
    problems.raise_if_any()
    return photos


def load_manifests(paths: Sequence[str | Path]) -> list[Photo]:
    """Reads several manifests as one list.

    Raises:
        ManifestError: a manifest is faulty, one photo stands in two of them, or two photos share the text of ``file``,
            which names them in splits and in the teacher's labels.
    """
    problems = _Problems(", ".join(str(path) for path in paths))
    photos: list[Photo] = []
    by_path: dict[Path, Photo] = {}
    by_file: dict[str, Photo] = {}
    for path in paths:
        for photo in load_manifest(path):
            same = by_path.setdefault(photo.path, photo)
            namesake = by_file.setdefault(photo.file, photo)
            if same is not photo:
                problems.add(f"{photo.place}, column file: {photo.path} stands in {same.place} already")
            elif namesake is not photo:
                problems.add(f"{photo.place}, column file: another photo is named {photo.file!r} in {namesake.place}")
            photos.append(photo)
    problems.raise_if_any()
    return photos


def write_manifest(rows: Iterable[Mapping[str, object]], path: str | Path, *, overwrite: bool = False) -> int:
    """Writes rows as a manifest; the file appears whole or not at all.

    Args:
        rows: by column name; ``file`` and ``group`` must be there, None reads as an empty cell. Columns beyond the
            manifest's own follow in the order in which they first occur.
        path: the CSV file to write.
        overwrite: replace an existing file.

    Returns:
        The number of rows written.

    Raises:
        UsageError: ``path`` exists and ``overwrite`` is False, or it cannot be written.
        ManifestError: there are no rows, a row has no ``file`` or no ``group``, or a cell is not UTF-8 text, as the
            name of a file in another encoding.
    """
    path = Path(path)
    check_output(path, force=overwrite)
    table = [dict(row) for row in rows]
    if not table:
        raise ManifestError(f"{path}: nothing to write, there are no rows")
    for index, cells in enumerate(table):
        for column in ("file", "group"):
            if not cells.get(column):
                raise ManifestError(f"{path}: entry {index + 1} to write has no {column!r}")
        try:
            "".join(str(value) for value in cells.values()).encode()
        except UnicodeEncodeError as error:
            raise ManifestError(
                f"{path}: entry {index + 1} to write is not UTF-8 text ({cells['file']!r}): rename the photo"
            ) from error
    further = dict.fromkeys(key for cells in table for key in cells if key not in COLUMN_ORDER)
    text = io.StringIO()
    writer = csv.DictWriter(CsvRows(text), [*COLUMN_ORDER, *further], restval="")
    writer.writeheader()
    writer.writerows(table)
    write_output(path, text.getvalue(), force=overwrite)
    return len(table)


def _read_rows(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The header, and the rows with the line in the file on which each begins."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ManifestError(f"{path}: cannot read the manifest: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ManifestError(f"{path}: row {line}: not UTF-8 text; save the manifest as CSV in UTF-8") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ManifestError(f"{path}: row {line}: not CSV: {error}") from error
    if not rows:
        raise ManifestError(f"{path}: the manifest is empty; it needs a header with {', '.join(REQUIRED_COLUMNS)}")
    header = [name.strip() for name in rows[0][1]]
    absent = [column for column in REQUIRED_COLUMNS if column not in header]
    if absent:
        raise ManifestError(
            f"{path}: row {rows[0][0]}: no column {', '.join(absent)}; the header has {', '.join(header)}"
        )
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise ManifestError(f"{path}: row {rows[0][0]}: column {', '.join(repeated)} stands twice in the header")
    if len(rows) == 1:
        raise ManifestError(f"{path}: the manifest is empty: a header, but no photo")
    return header, iter(rows[1:])


def _parse_row(manifest: Path, row: int, header: list[str], cells: list[str], problems: _Problems) -> Photo | None:
    """One row as a Photo, or None when it cannot be told which photo is meant; faults go to ``problems``."""
    if len(cells) != len(header):
        problems.add(f"row {row}: {len(cells)} cells, the header has {len(header)}")
        return None
    values = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    if not values["group"]:
        problems.add(f"row {row}, column group: empty; give a photo without kin a group of its own")
    mos = _parse_mos(row, values["mos"], problems)
    if not values["file"] or "\0" in values["file"]:
        problems.add(f"row {row}, column file: {'empty' if not values['file'] else 'has a zero character'}")
        return None
    known = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
    return Photo(
        file=values["file"],
        path=(manifest.parent / values["file"]).resolve(),
        mos=mos,
        group=values["group"],
        extra={name: value for name, value in values.items() if name not in known},
        manifest=manifest,
        row=row,
        **{name: values.get(name, "") for name in OPTIONAL_COLUMNS},
    )


def _parse_mos(row: int, text: str, problems: _Problems) -> float | None:
    if not text:
        return None
    try:
        mos = float(text)
    except ValueError:
        problems.add(f"row {row}, column mos: {text!r} is not a number")
        return None
    if math.isnan(mos) or not 0.0 <= mos <= 1.0:
        problems.add(f"row {row}, column mos: {text} is not on 0-1; leave it empty where nobody rated")
        return None
    return mos
