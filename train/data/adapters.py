"""Public sets of photographs, as their authors distribute them, to manifests.

An adapter reads the authors' table and writes a manifest whose ``file`` leads from the manifest to the photo; no photo
is copied or changed. Opinion scores are mapped linearly from the authors' scale to 0-1. Photos of sets without groups
are groups of one. Sets that nobody rated are worth having, too: a student learns from a teacher's judgement of them.
"""

from __future__ import annotations

import csv
import hashlib
import math
import os
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import InputError, ManifestError, UsageError
from edge_runtime.formats import PHOTO_SUFFIXES
from edge_runtime.output_file import check_output, say_os_errors
from edge_runtime.paths import exists_as_file, exists_as_folder
from train.artifact import compute_digest
from train.data.manifest import load_manifests, write_manifest

__all__ = ["ADAPTERS", "Adapter", "adapt"]

REPORTED_FILES = 3


@dataclass(frozen=True)
class _Entry:
    """One row of an authors' table; ``mos`` is None where nobody rated, ``category`` and ``style`` "" where unknown."""

    row: int
    name: str
    mos: float | None
    group: str
    category: str = ""
    style: str = ""


@dataclass(frozen=True)
class Adapter:
    """How to read one public set.

    Attributes:
        description: what to pass as images and scores, for the command's help.
        source, licence: written into every row of the manifest.
        style: of the photos whose table says none.
        read: the authors' table to its entries, or, without a table, the folder of photos.
        has_table: whether the set comes with a table.
    """

    description: str
    source: str
    licence: str
    style: str
    read: Callable[[Path], Iterator[_Entry]]
    has_table: bool = True


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
        path = images / entry.name
        if not exists_as_file(path):
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


def _draw_per_folder(entries: Iterator[_Entry], limit: int) -> Iterator[_Entry]:
    """At most ``limit`` entries (0: all) of each first folder in their names, and of those in none, in their order."""
    if not limit:
        yield from entries
        return
    folders: dict[str, list[_Entry]] = {}
    for entry in entries:
        folders.setdefault(entry.name.rpartition("/")[0].split("/")[0], []).append(entry)
    for members in folders.values():
        drawn = sorted(members, key=lambda entry: hashlib.sha256(os.fsencode(entry.name)).digest())[:limit]
        yield from sorted(drawn, key=lambda entry: entry.row)


def _read_biq2021(scores: Path) -> Iterator[_Entry]:
    """A table ``file,mos,group`` of BIQ2021 (Ahmed and Asif 2022, "BIQ2021: a large-scale blind image quality
    assessment database"), whose opinion scores are on 0-1 already; the groups are near-duplicates found by us."""
    for row, cells in _read_table(scores, ("file", "mos", "group")):
        mos = _parse_score(scores, row, "mos", cells["mos"], 0.0, 1.0)
        if not cells["group"]:
            raise ManifestError(f"{scores} row {row}, column group: empty")
        yield _Entry(row, cells["file"], mos, cells["group"])


def _read_koniq10k(scores: Path) -> Iterator[_Entry]:
    """KonIQ-10k (Hosu et al. 2020), either of the authors' two tables.

    ``koniq10k_scores_and_distributions.csv`` has image_name, c1-c5, c_total, MOS (1-5), SD and MOS_zscore (opinions
    normalised by rater, mapped to 1-100); ``koniq10k_distributions_sets.csv`` has MOS on 1-100, and set. The scale of
    1-100 is the one that results are reported on.
    """
    header = _read_header(scores)
    if "MOS_zscore" not in header and "set" not in header:
        raise ManifestError(
            f"{scores} row 1: neither a column MOS_zscore nor a column set, so the scale of MOS cannot be told; use "
            "koniq10k_scores_and_distributions.csv or koniq10k_distributions_sets.csv as published"
        )
    column = "MOS_zscore" if "MOS_zscore" in header else "MOS"
    for row, cells in _read_table(scores, ("image_name", column)):
        mos = _parse_score(scores, row, column, cells[column], 1.0, 100.0)
        yield _Entry(row, cells["image_name"], mos, f"koniq10k_{Path(cells['image_name']).stem}")


def _read_spaq(scores: Path) -> Iterator[_Entry]:
    """SPAQ (Fang et al. 2020, "Perceptual Quality Assessment of Smartphone Photography"), MOS on 0-100.

    The authors distribute ``MOS and Image attribute scores.xlsx`` with Image name, MOS, Brightness, Colorfulness,
    Contrast, Noisiness and Sharpness; save its sheet as CSV.
    """
    for row, cells in _read_table(scores, ("Image name", "MOS")):
        mos = _parse_score(scores, row, "MOS", cells["MOS"], 0.0, 100.0)
        yield _Entry(row, cells["Image name"], mos, f"spaq_{Path(cells['Image name']).stem}")


def _read_clothing(table: Path) -> Iterator[_Entry]:
    """Clothing Dataset (Grigorev 2020), ``images.csv``: image, sender_id, label, kids. Unrated; photos of one sender
    stay together."""
    for row, cells in _read_table(table, ("image", "sender_id", "label")):
        is_known = cells["label"] not in ("Not sure", "Other", "Skip")
        category = ("footwear" if cells["label"] == "Shoes" else "clothing") if is_known else ""
        style = "phone_flatlay_or_hanging" if is_known else "phone"
        yield _Entry(row, f"{cells['image']}.jpg", None, f"sender_{cells['sender_id']}", category, style)


def _read_grocery(table: Path) -> Iterator[_Entry]:
    """Grocery Store Dataset (Klasson et al. 2019, "A Hierarchical Grocery Store Image Dataset with Visual and Semantic
    Labels"), one of its lists: path, fine class, coarse class; no header. Unrated; photos of one class in one list stay
    together."""
    for row, cells in enumerate(_read_lines(table), start=1):
        if not any(cells):
            continue
        parts = Path(cells[0]).parts
        if len(cells) != 3 or len(parts) < 3:
            raise ManifestError(f"{table} row {row}: not 'path, fine class, coarse class'")
        yield _Entry(row, cells[0], None, f"grocery_{parts[0]}_{parts[-2]}", "grocery")


def _read_folder(folder: Path) -> Iterator[_Entry]:
    """Every photo below a folder, in the order of their names: unrated, and a group of its own."""
    named = (path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    paths = sorted(path for path in named if exists_as_file(path))
    for number, path in enumerate(paths, start=1):
        name = path.relative_to(folder).as_posix()
        yield _Entry(number, name, None, f"{folder.resolve().name}/{name}")


ADAPTERS: dict[str, Adapter] = {
    "biq2021_more": Adapter(
        description="images: folder Images/ of nisarahmedrana/BIQ2021; scores: biq2021_more.csv (file,mos,group)",
        source="BIQ2021",
        licence="no licence file upstream",
        style="unsplash",
        read=_read_biq2021,
    ),
    "clothing": Adapter(
        description="images: folder images/ of alexeygrigorev/clothing-dataset; scores: images.csv",
        source="ClothingDataset",
        licence="CC0-1.0",
        style="",
        read=_read_clothing,
    ),
    "folder": Adapter(
        description="images: a folder of photos that nobody rated, and no scores: files",
        source="",
        licence="",
        style="",
        read=_read_folder,
        has_table=False,
    ),
    "grocery": Adapter(
        description="images: folder dataset/ of marcusklasson/GroceryStoreDataset; scores: train.txt in it",
        source="GroceryStoreDataset",
        licence="MIT",
        style="phone_in_store",
        read=_read_grocery,
    ),
    "koniq10k": Adapter(
        description="images: folder 1024x768/; scores: koniq10k_scores_and_distributions.csv",
        source="KonIQ-10k",
        licence="see the KonIQ-10k web page; photos from YFCC100M under Creative Commons",
        style="general",
        read=_read_koniq10k,
    ),
    "spaq": Adapter(
        description="images: folder TestImage/; scores: 'MOS and Image attribute scores.xlsx' saved as CSV",
        source="SPAQ",
        licence="educational and research purposes only",
        style="phone",
        read=_read_spaq,
    ),
}


def _read_header(scores: Path) -> list[str]:
    return _read_lines(scores)[0]


def _read_table(scores: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows as dictionaries, with their number; the columns asked for must be there and the first be filled."""
    header, *lines = _read_lines(scores)
    absent = [column for column in columns if column not in header]
    if absent:
        raise ManifestError(f"{scores} row 1: no column {', '.join(absent)}; the header has {', '.join(header)}")
    for row, cells in enumerate(lines, start=2):
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise ManifestError(f"{scores} row {row}: {len(cells)} cells, the header has {len(header)}")
        values = dict(zip(header, cells, strict=True))
        if not values[columns[0]]:
            raise ManifestError(f"{scores} row {row}, column {columns[0]}: empty")
        yield row, values


def _read_lines(scores: Path) -> list[list[str]]:
    try:
        with scores.open(encoding="utf-8-sig", newline="") as file:
            lines = [[cell.strip() for cell in cells] for cells in csv.reader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{scores}: cannot read the scores as CSV in UTF-8: {error}") from error
    if not lines:
        raise ManifestError(f"{scores}: the table of scores is empty")
    return lines


def _parse_score(scores: Path, row: int, column: str, text: str, low: float, high: float) -> float:
    """A score on low-high to 0-1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise ManifestError(f"{scores} row {row}, column {column}: {text!r} is not a number on {low:g}-{high:g}")
    return (value - low) / (high - low)
