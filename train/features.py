"""Frozen backbones' features of samples, computed once and kept on disk.

A cache is a folder of shards; a run that was cut short goes on where the last whole shard ended, and samples that
another stage already saw cost nothing.
"""

from __future__ import annotations

import functools
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ViewSpec
from edge_runtime.errors import InputError, UsageError
from edge_runtime.output_file import write_output
from edge_runtime.views import make_view
from train.artifact import NPZ_ERRORS, compute_digest
from train.data.samples import Sample, load_sample
from train.progress import track

__all__ = [
    "Extract",
    "FeatureCache",
    "FeatureSource",
    "StackedFeatures",
    "choose_view",
    "compute_features",
    "map_ahead",
]

BATCH_SIZE = 16
SHARD_SIZE = 512
_ASPECTS = (1.0, 4 / 3, 3 / 4, 3 / 2, 2 / 3)

Item = TypeVar("Item")
Result = TypeVar("Result")
Extract = Callable[[NDArray[np.float32]], Any]


class FeatureCache:
    """Features (float16) and known attributes (float32) of samples, by their evidence and their photo's digest: one
    that is called clean, or before white, only later is another, and so is a photo under the name of one seen before.

    ``identity`` says what made the features (backbone, weights, view); a cache of another identity is refused.
    Shards without digests, from before there were any, are left aside.

    Raises:
        UsageError: the folder holds features of another identity, or damaged ones.
        InputError: from the methods, a sample's photo cannot be read.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        mark = folder / "identity.txt"
        if not mark.exists():
            write_output(mark, identity, force=True)  # whole, for a mark cut short would make strangers of the shards
        elif (other := mark.read_text(encoding="utf-8")) != identity:
            raise UsageError(
                f"{folder} holds features of {other}, not of {identity}: pass another folder with --features"
            )
        self._rows: dict[tuple[str, str], tuple[NDArray[np.float16], NDArray[np.float32]]] = {}
        for shard in sorted(folder.glob("shard-*.npz")):
            try:
                self._read(shard)
            except NPZ_ERRORS as error:
                raise UsageError(
                    f"{shard}: these features cannot be read: {error}; delete the file, and they are computed anew"
                ) from error

    def __contains__(self, sample: Sample) -> bool:
        return _name_row(sample) in self._rows

    def _read(self, shard: Path) -> None:
        with np.load(shard) as archive:
            if "digests" in archive:
                names = zip(archive["keys"].tolist(), archive["digests"].tolist(), strict=True)
                values = zip(archive["features"], archive["attributes"], strict=True)
                self._rows.update(zip(names, values, strict=True))

    def add(self, rows: Sequence[tuple[Sample, NDArray[np.float32], NDArray[np.float32]]]) -> None:
        """Keeps (sample, features, attributes) rows as one shard, whole or not at all."""
        samples, features, attributes = zip(*rows, strict=True)
        names = [_name_row(sample) for sample in samples]
        keys, digests = zip(*names, strict=True)
        half = np.stack(features).astype(np.float16)
        number = 1 + max((int(path.stem[-5:]) for path in self.folder.glob("shard-*.npz")), default=-1)
        temporary = self.folder / "part.npz"
        np.savez(
            temporary,
            keys=np.array(keys),
            digests=np.array(digests),
            features=half,
            attributes=np.stack(attributes),
        )
        temporary.replace(self.folder / f"shard-{number:05d}.npz")
        self._rows.update(zip(names, zip(half, attributes, strict=True), strict=True))

    def gather(self, samples: Sequence[Sample]) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
        """The features (n, f) and attributes (n, 5) of ``samples``, all of which must be there."""
        features, attributes = zip(*(self._rows[_name_row(sample)] for sample in samples), strict=True)
        return np.stack(features), np.stack(attributes)


@dataclass(frozen=True)
class FeatureSource:
    """A frozen backbone: ``name`` of its cache's folder, ``identity`` as for :class:`FeatureCache`, ``extract`` and
    ``size_px`` as for :func:`compute_features`."""

    name: str
    identity: str
    extract: Extract
    size_px: int


class StackedFeatures:
    """What several frozen backbones see in samples, side by side; each has a cache of its own below ``folder``.

    Raises:
        UsageError: a cache holds features of another identity, or damaged ones.
    """

    def __init__(self, folder: Path, sources: Sequence[FeatureSource]) -> None:
        self._parts = [(source, FeatureCache(folder / source.name, source.identity)) for source in sources]

    def compute(self, samples: Sequence[Sample]) -> None:
        """Fills the caches with what they lack of ``samples``."""
        for source, cache in self._parts:
            compute_features(samples, source.extract, source.size_px, cache)

    def gather(self, samples: Sequence[Sample]) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
        """The features (n, f) and attributes (n, 5) of ``samples``, all of which must be there."""
        gathered = [cache.gather(samples) for _, cache in self._parts]
        return np.concatenate([features for features, _ in gathered], axis=1), gathered[0][1]


def choose_view(width_px: int, height_px: int, size_px: int) -> ViewSpec:
    """The view of about ``size_px`` squared pixels with the nearest of five aspects: the teacher sees true shapes."""
    aspect = min(_ASPECTS, key=lambda candidate: abs(np.log(candidate * height_px / width_px)))
    width = round(size_px * aspect**0.5 / 16) * 16
    return ViewSpec(width, round(size_px / aspect**0.5 / 16) * 16)


def compute_features(samples: Sequence[Sample], extract: Extract, size_px: int, cache: FeatureCache) -> None:
    """Fills ``cache`` with the features of ``samples`` that it lacks.

    Args:
        samples: what to look at.
        extract: from float32 views (batch, height, width, 3) to features (batch, n).
        size_px: side of a square view; other shapes have about as many pixels.
        cache: is written to every few hundred samples.
    """
    missing = list({sample.evidence: sample for sample in samples if sample not in cache}.values())
    if not missing:
        return

    def load(sample: Sample) -> tuple[Sample, NDArray[np.uint8], NDArray[np.float32]]:
        image, attributes = load_sample(sample, size_px)
        return sample, make_view(image, choose_view(image.shape[1], image.shape[0], size_px)), attributes

    rows: list[tuple[Sample, NDArray[np.float32], NDArray[np.float32]]] = []
    waiting: dict[tuple[int, ...], list[tuple[Sample, NDArray[np.uint8], NDArray[np.float32]]]] = defaultdict(list)

    def run(batch: list[tuple[Sample, NDArray[np.uint8], NDArray[np.float32]]]) -> None:
        views = np.stack([view for _, view, _ in batch])
        padded = np.concatenate([views, np.repeat(views[:1], BATCH_SIZE - len(views), axis=0)])  # one traced shape
        features = np.asarray(extract(padded.astype(np.float32)))[: len(batch)]
        rows.extend((sample, feature, known) for (sample, _, known), feature in zip(batch, features, strict=True))
        if len(rows) >= SHARD_SIZE:
            cache.add(rows)
            rows.clear()

    for item in track(map_ahead(load, missing), "features", total=len(missing)):
        bucket = waiting[item[1].shape]
        bucket.append(item)
        if len(bucket) == BATCH_SIZE:
            run(bucket)
            bucket.clear()
    for bucket in waiting.values():
        if bucket:
            run(bucket)
    if rows:
        cache.add(rows)


def map_ahead(function: Callable[[Item], Result], items: Iterable[Item], ahead: int = 64) -> Iterator[Result]:
    """Like ``map``, in order, with threads that work up to ``ahead`` items ahead of the consumer."""
    iterator = iter(items)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        pending = [pool.submit(function, item) for item in islice(iterator, ahead)]
        while pending:
            yield pending.pop(0).result()
            pending += [pool.submit(function, item) for item in islice(iterator, 1)]


def _name_row(sample: Sample) -> tuple[str, str]:
    """What a cache's row goes by: the sample's evidence and the digest of its photo's file."""
    path = sample.photo.path
    try:
        return sample.evidence, _compute_digest(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise InputError(f"{path}: cannot read the photo: {error.strerror or error}; check the manifest") from error


@functools.cache
def _compute_digest(path: Path, modified_ns: int) -> str:
    """SHA-256 of a file as it is since ``modified_ns``: a photo has many samples, each asked for several times."""
    return compute_digest(path)
