"""``python -m train classify``: what an ImageNet classifier sees in the photos that a student learns from."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ViewSpec
from edge_runtime.decode import decode_photo
from edge_runtime.errors import UsageError
from edge_runtime.views import make_view
from train.artifact import finish_artifact, open_artifact, write_json
from train.data.imagenet_products import PRODUCT_CLASSES
from train.data.manifest import Photo, load_manifests
from train.data.split import assign_split, check_no_leak
from train.features import map_ahead
from train.hints import summarize_hidden
from train.models.classifier import load_classifier
from train.progress import track
from train.stages.classes import CLASS_HINT_COUNT, Classes

__all__ = ["STAGE", "classify", "summarize_classes"]

STAGE = "classes"
_VIEW = ViewSpec(320, 320)  # the student's
_BATCH_SIZE = 32
_LEAST_PROBABILITY = 1e-3  # below it, what a classifier says of a class is noise, and its logarithm would be most of it


def classify(manifests: Sequence[Path], out: Path, *, weights: Path, split_seed: int, force: bool = False) -> int:
    """Asks a classifier about the photos of the training part, and writes its artifact: ``classes.npz``.

    Args:
        manifests: of the photographs. Those of sources whose categories are to stay a test are left out here.
        out: the artifact's folder.
        weights: the classifier's (``train.models.classifier``).
        split_seed: the teacher's.
        force: replace an artifact that is there.

    Returns:
        The number of photos.

    Raises:
        UsageError: the weights or ``out`` cannot be used, or no photo is in the training part.
        InputError: a photo cannot be read.
    """
    started = time.time()
    photos = load_manifests(manifests)
    split = assign_split(photos, split_seed)
    check_no_leak(photos, split)
    chosen = [photo for photo in photos if split[photo.file] == "train"]
    if not chosen:
        raise UsageError("no photo falls into the training part: add photos")
    settings = {"manifests": [str(path) for path in manifests], "weights": str(weights), "split_seed": split_seed}
    ask = load_classifier(weights)
    open_artifact(out, settings, [*manifests, weights], force=force)
    views = iter(track(map_ahead(_make_view, chosen), "classes", total=len(chosen)))
    seen: list[NDArray[np.float32]] = []
    while batch := list(islice(views, _BATCH_SIZE)):
        seen.append(ask(np.stack(batch)))
    classes = summarize_classes(np.array([photo.file for photo in chosen]), np.concatenate(seen))
    classes.save(out / "classes.npz")
    write_json(out / "metrics.json", {"photos": len(chosen), "products": classes.count_products()})
    finish_artifact(out, STAGE, settings, [*manifests, weights], started)
    return len(chosen)


def summarize_classes(files: NDArray[np.str_], probabilities: NDArray[np.float32]) -> Classes:
    """A classifier's probabilities (n, 1000) of photos, by category, and as hints."""
    words = sorted(set(PRODUCT_CLASSES.values()))
    categories = np.zeros((len(files), len(words)), dtype=np.float32)
    for place, word in PRODUCT_CLASSES.items():
        categories[:, words.index(word)] += probabilities[:, place]
    every = np.ones(len(files), dtype=np.bool_)
    hints = summarize_hidden(np.log(probabilities + _LEAST_PROBABILITY), every, CLASS_HINT_COUNT)
    return Classes(files, np.array(words), np.minimum(categories, 1.0), hints)


def _make_view(photo: Photo) -> NDArray[np.uint8]:
    return make_view(np.asarray(decode_photo(photo.path, _VIEW).image), _VIEW)
