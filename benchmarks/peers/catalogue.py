"""Which peers there are, what their scores mean by their own documents, and what it takes to run them.

Which way round a measure is read stands here and is never looked up in the ratings: a measure that is documented to
fall with quality and rises on these photos gets the negative correlation that it deserves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from benchmarks.peers.boosted import open_boosted
from benchmarks.peers.libraries import (
    BRISQUE_FILES,
    CLEANVISION_ISSUES,
    open_brisque,
    open_cleanvision,
    open_laplacian,
    open_niqe,
)
from benchmarks.peers.nima import NIMA_FILES, build_nima_scorer
from edge_runtime.errors import UsageError

__all__ = ["PEERS", "PEER_KEYS", "Peer", "PeerFiles", "ScorePicture", "find_peer"]

ScorePicture = Callable[[Image.Image], float]
"""A decoded RGB picture → the peer's own number for it."""
Kind = Literal["photogate", "nima", "measure", "baseline"]


@dataclass(frozen=True)
class PeerFiles:
    """Where the peers' files lie; none of them need be there.

    Attributes:
        model: photogate's int8 file.
        folder: with the NIMA models, and with BRISQUE's and NIQE's parameters.
        boosted: what :func:`benchmarks.peers.boosted.train_boosted` wrote.
    """

    model: Path | None
    folder: Path
    boosted: Path | None = None


@dataclass(frozen=True)
class Peer:
    """One way to score a photo.

    Attributes:
        key: names it in options and JSON.
        label: for people.
        kind: decides its colour in the plot.
        is_better_higher: by its own documents; False where a low number is a good photo.
        meaning: those documents, in one line.
        is_rating: its number claims to be a rating, so that PLCC is taken of it as it is.
        open: loads it; raises UsageError where a library or a file is absent, ModelError where one is unusable.
        list_files: the files that it reads, for their size and digest; those of a library are not counted.
        package: the distribution whose version is told.
    """

    key: str
    label: str
    kind: Kind
    is_better_higher: bool
    meaning: str
    is_rating: bool
    open: Callable[[PeerFiles], ScorePicture]
    list_files: Callable[[PeerFiles], list[Path]]
    package: str = ""


def find_peer(key: str) -> Peer:
    """The peer of that key.

    Raises:
        UsageError: there is none.
    """
    for peer in PEERS:
        if peer.key == key:
            return peer
    raise UsageError(f"no peer is called {key}; there are {', '.join(PEER_KEYS)}")


def _open_photogate(files: PeerFiles) -> ScorePicture:
    from edge_runtime import PhotoScorer

    if files.model is None:
        raise UsageError("no int8 model there; pass --artifact")
    scorer = PhotoScorer.from_file(files.model, num_threads=1)
    return lambda picture: scorer.score(picture).quality


def _open_nima(key: str) -> Callable[[PeerFiles], ScorePicture]:
    def open_it(files: PeerFiles) -> ScorePicture:
        path = files.folder / NIMA_FILES[key]
        if not path.is_file():
            raise UsageError(f"not found: {path}; pass the folder of the NIMA models as --peers")
        return build_nima_scorer(path)

    return open_it


def _list_boosted(files: PeerFiles) -> list[Path]:
    return [files.boosted] if files.boosted is not None else []


def _list_nothing(files: PeerFiles) -> list[Path]:
    return []


def _build_nima(key: str, what: str) -> Peer:
    return Peer(
        key,
        f"NIMA {what} (MobileNet)",
        "nima",
        True,
        "mean rating, 1 to 10 (Talebi and Milanfar 2018)",
        True,
        _open_nima(key),
        lambda files: [files.folder / NIMA_FILES[key]],
    )


def _build_cleanvision(issue: str) -> Peer:
    return Peer(
        f"cleanvision-{issue.replace('_', '-')}",
        f"cleanvision: {issue.replace('_', ' ')}",
        "measure",
        True,
        "0 to 1, the lower the more severe the issue (cleanvision)",
        False,
        open_cleanvision(issue),
        _list_nothing,
        "cleanvision",
    )


PEERS: tuple[Peer, ...] = (
    Peer(
        "photogate",
        "photogate int8",
        "photogate",
        True,
        "quality in points, 0 to 100",
        True,
        _open_photogate,
        lambda files: [files.model] if files.model is not None else [],
    ),
    _build_nima("nima-technical", "technical"),
    _build_nima("nima-aesthetic", "aesthetic"),
    Peer(
        "brisque",
        "BRISQUE (OpenCV)",
        "measure",
        False,
        "0 to 100, 0 is best (Mittal et al. 2012; OpenCV's QualityBRISQUE)",
        False,
        lambda files: open_brisque(files.folder),
        lambda files: [files.folder / name for name in BRISQUE_FILES],
        "opencv-contrib-python-headless",
    ),
    Peer(
        "niqe",
        "NIQE (pyiqa)",
        "measure",
        False,
        "distance from the statistics of pristine photos, lower is better (Mittal et al. 2013; pyiqa)",
        False,
        lambda files: open_niqe(files.folder),
        _list_nothing,
        "pyiqa",
    ),
    *(_build_cleanvision(issue) for issue in CLEANVISION_ISSUES),
    Peer(
        "laplacian-variance",
        "variance of the Laplacian",
        "measure",
        True,
        "rises with sharpness (Pech-Pacheco et al. 2000)",
        False,
        lambda files: open_laplacian(),
        _list_nothing,
    ),
    Peer(
        "boosted",
        "gradient boosting on 12 simple measurements",
        "baseline",
        True,
        "rating on 0 to 1, learnt from the train part",
        True,
        lambda files: open_boosted(files.boosted),
        _list_boosted,
        "scikit-learn",
    ),
)
PEER_KEYS = tuple(peer.key for peer in PEERS)
