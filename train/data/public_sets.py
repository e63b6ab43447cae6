"""Public sets of photographs: what their authors' tables say of each photo.

Opinion scores are mapped linearly from the authors' scale to 0-1. Photos of sets without groups are groups of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edge_runtime.errors import ManifestError
from edge_runtime.formats import PHOTO_SUFFIXES
from edge_runtime.paths import exists_as_file
from train.data.imagenet_products import find_category
from train.data.score_tables import (
    parse_number,
    parse_score,
    read_header,
    read_lines,
    read_matlab,
    read_table,
    read_words,
)

__all__ = ["ADAPTERS", "Adapter", "Entry"]

_AVA_COUNT_COLUMNS = range(3, 13)
_LIVE_CHALLENGE_LESSONS = 7


@dataclass(frozen=True)
class Entry:
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
    read: Callable[[Path], Iterator[Entry]]
    has_table: bool = True


def _read_biq2021(scores: Path) -> Iterator[Entry]:
    """A table ``file,mos,group`` of BIQ2021 (Ahmed and Asif 2022, "BIQ2021: a large-scale blind image quality
    assessment database"), whose opinion scores are on 0-1 already; the groups are near-duplicates found by us."""
    for row, cells in read_table(scores, ("file", "mos", "group")):
        mos = parse_score(scores, row, "mos", cells["mos"], 0.0, 1.0)
        if not cells["group"]:
            raise ManifestError(f"{scores} row {row}, column group: empty")
        yield Entry(row, cells["file"], mos, cells["group"])


def _read_koniq10k(scores: Path) -> Iterator[Entry]:
    """KonIQ-10k (Hosu et al. 2020), either of the authors' two tables.

    ``koniq10k_scores_and_distributions.csv`` has image_name, c1-c5, c_total, MOS (1-5), SD and MOS_zscore (opinions
    normalised by rater, mapped to 1-100); ``koniq10k_distributions_sets.csv`` has MOS on 1-100, and set. The scale of
    1-100 is the one that results are reported on.
    """
    header = read_header(scores)
    if "MOS_zscore" not in header and "set" not in header:
        raise ManifestError(
            f"{scores} row 1: neither a column MOS_zscore nor a column set, so the scale of MOS cannot be told; use "
            "koniq10k_scores_and_distributions.csv or koniq10k_distributions_sets.csv as published"
        )
    column = "MOS_zscore" if "MOS_zscore" in header else "MOS"
    for row, cells in read_table(scores, ("image_name", column)):
        mos = parse_score(scores, row, column, cells[column], 1.0, 100.0)
        yield Entry(row, cells["image_name"], mos, f"koniq10k_{Path(cells['image_name']).stem}")


def _read_spaq(scores: Path) -> Iterator[Entry]:
    """SPAQ (Fang et al. 2020, "Perceptual Quality Assessment of Smartphone Photography"), MOS on 0-100.

    The authors distribute ``MOS and Image attribute scores.xlsx`` with Image name, MOS, Brightness, Colorfulness,
    Contrast, Noisiness and Sharpness; save its sheet as CSV.
    """
    for row, cells in read_table(scores, ("Image name", "MOS")):
        mos = parse_score(scores, row, "MOS", cells["MOS"], 0.0, 100.0)
        yield Entry(row, cells["Image name"], mos, f"spaq_{Path(cells['Image name']).stem}")


def _read_clothing(table: Path) -> Iterator[Entry]:
    """Clothing Dataset (Grigorev 2020), ``images.csv``: image, sender_id, label, kids. Unrated; photos of one sender
    stay together."""
    for row, cells in read_table(table, ("image", "sender_id", "label")):
        is_known = cells["label"] not in ("Not sure", "Other", "Skip")
        category = ("footwear" if cells["label"] == "Shoes" else "clothing") if is_known else ""
        style = "phone_flatlay_or_hanging" if is_known else "phone"
        yield Entry(row, f"{cells['image']}.jpg", None, f"sender_{cells['sender_id']}", category, style)


def _read_grocery(table: Path) -> Iterator[Entry]:
    """Grocery Store Dataset (Klasson et al. 2019, "A Hierarchical Grocery Store Image Dataset with Visual and Semantic
    Labels"), one of its lists: path, fine class, coarse class; no header. Unrated; photos of one class in one list stay
    together."""
    for row, cells in enumerate(read_lines(table), start=1):
        if not any(cells):
            continue
        parts = Path(cells[0]).parts
        if len(cells) != 3 or len(parts) < 3:
            raise ManifestError(f"{table} row {row}: not 'path, fine class, coarse class'")
        yield Entry(row, cells[0], None, f"grocery_{parts[0]}_{parts[-2]}", "grocery")


def _read_ava(scores: Path) -> Iterator[Entry]:
    """AVA (Murray et al. 2012, "AVA: A large-scale database for aesthetic visual analysis"), ``AVA.txt``: a number, the
    photo's, how many people gave it 1 to 10, two tags and the challenge's number. Beauty rather than quality."""
    for row, cells in read_words(scores, 15):
        counts = [
            parse_number(scores, row, str(column), cells[column - 1], 0, math.inf) for column in _AVA_COUNT_COLUMNS
        ]
        if not sum(counts):
            raise ManifestError(f"{scores} row {row}: nobody rated photo {cells[1]}")
        mean = sum(rating * count for rating, count in enumerate(counts, start=1)) / sum(counts)
        yield Entry(row, f"{cells[1]}.jpg", (mean - 1) / 9, f"ava_{cells[1]}")


def _read_kadid10k(scores: Path) -> Iterator[Entry]:
    """KADID-10k (Lin et al. 2019, "KADID-10k: A Large-scale Artificially Distorted IQA Database"), ``dmos.csv``:
    dist_img, ref_img, dmos, var. In spite of its name ``dmos`` rises with quality, from 1 to 5. Copies of one picture
    stay together."""
    for row, cells in read_table(scores, ("dist_img", "ref_img", "dmos")):
        mos = parse_score(scores, row, "dmos", cells["dmos"], 1.0, 5.0)
        yield Entry(row, cells["dist_img"], mos, f"kadid10k_{Path(cells['ref_img']).stem}")


def _read_live_challenge(scores: Path) -> Iterator[Entry]:
    """LIVE In the Wild Image Quality Challenge (Ghadiyaram and Bovik 2016, "Massive Online Crowdsourced Study of
    Subjective and Objective Picture Quality"): ``AllMOS_release.mat``, on 0-100, with ``AllImages_release.mat`` beside
    it. The first seven photos taught the raters their task and are left out, as the authors advise."""
    names = read_matlab(scores.with_name("AllImages_release.mat"), "AllImages_release")
    values = read_matlab(scores, "AllMOS_release")
    if len(names) != len(values):
        raise ManifestError(f"{scores}: {len(values)} scores of {len(names)} photos in AllImages_release.mat beside it")
    for row, (name, value) in enumerate(zip(names, values, strict=True), start=1):
        if row > _LIVE_CHALLENGE_LESSONS:
            mos = parse_score(scores, row, "AllMOS_release", str(value), 0.0, 100.0)
            yield Entry(row, str(name), mos, f"live_challenge_{Path(str(name)).stem}")


def _read_tid2013(scores: Path) -> Iterator[Entry]:
    """TID2013 (Ponomarenko et al. 2015, "Image database TID2013: Peculiarities, results and perspectives"),
    ``mos_with_names.txt``: the score, on 0-9, and the picture's name. Copies of one picture stay together."""
    for row, (score, name) in read_words(scores, 2):
        mos = parse_score(scores, row, "1", score, 0.0, 9.0)
        yield Entry(row, name, mos, f"tid2013_{name.partition('_')[0].lower()}")


def _read_folder(folder: Path) -> Iterator[Entry]:
    """Every photo below a folder, in the order of their names: unrated, and a group of its own."""
    named = (path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    paths = sorted(path for path in named if exists_as_file(path))
    for number, path in enumerate(paths, start=1):
        name = path.relative_to(folder).as_posix()
        yield Entry(number, name, None, f"{folder.resolve().name}/{name}")


def _read_imagenet_samples(folder: Path) -> Iterator[Entry]:
    """One photo of each class of ImageNet (github.com/EliSchwartz/imagenet-sample-images), with the category that its
    class is of. For asking a model about photos of which it was never told a category; who trains on them takes them
    for a folder."""
    for entry in _read_folder(folder):
        number, _, name = Path(entry.name).stem.partition("_")
        yield replace(entry, category=find_category(number, name))


ADAPTERS: dict[str, Adapter] = {
    "ava": Adapter(
        description="images: folder images/; scores: AVA.txt",
        source="AVA",
        licence="photos of dpchallenge.com, their photographers'",
        style="general",
        read=_read_ava,
    ),
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
    "imagenet_samples": Adapter(
        description="images: a checkout of EliSchwartz/imagenet-sample-images, and no scores: categories by class",
        source="imagenet-sample-images",
        licence="none stated",
        style="general",
        read=_read_imagenet_samples,
        has_table=False,
    ),
    "kadid10k": Adapter(
        description="images: folder images/; scores: dmos.csv",
        source="KADID-10k",
        licence="see the KADID-10k web page; pictures from Pixabay",
        style="general",
        read=_read_kadid10k,
    ),
    "koniq10k": Adapter(
        description="images: folder 1024x768/; scores: koniq10k_scores_and_distributions.csv",
        source="KonIQ-10k",
        licence="see the KonIQ-10k web page; photos from YFCC100M under Creative Commons",
        style="general",
        read=_read_koniq10k,
    ),
    "live_challenge": Adapter(
        description="images: folder Images/; scores: Data/AllMOS_release.mat, with AllImages_release.mat beside it",
        source="LIVE In the Wild Challenge",
        licence="free for research; see the LIVE web page",
        style="phone",
        read=_read_live_challenge,
    ),
    "spaq": Adapter(
        description="images: folder TestImage/; scores: 'MOS and Image attribute scores.xlsx' saved as CSV",
        source="SPAQ",
        licence="educational and research purposes only",
        style="phone",
        read=_read_spaq,
    ),
    "tid2013": Adapter(
        description="images: folder distorted_images/; scores: mos_with_names.txt",
        source="TID2013",
        licence="free for research; see the TID2013 web page",
        style="general",
        read=_read_tid2013,
    ),
}
