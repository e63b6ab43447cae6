"""All peers on the same photos of one part of the split: agreement with people, time, memory; then the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.accuracy import load_rated_photos, thin_out
from benchmarks.environment import (
    collect_environment,
    compute_sha256,
    describe_files,
    read_load_average,
    read_timestamp,
)
from benchmarks.latency import (
    Measure,
    TurnPlan,
    build_measure,
    build_running_clock,
    compute_summary,
    interleave_rounds,
    join_turns,
)
from benchmarks.messages import Say, say_aloud
from benchmarks.options import check_counts, describe_options
from benchmarks.output_folder import check_output_folder
from benchmarks.peers.agreement import compute_agreement, fit_rating_map
from benchmarks.peers.boosted import MEASUREMENTS, SETTINGS, build_measurer, train_boosted
from benchmarks.peers.catalogue import PEER_KEYS, Peer, PeerFiles, ScorePicture, find_peer
from benchmarks.peers.footprint import measure_peer_footprint
from benchmarks.peers.published import PUBLISHED
from benchmarks.peers.report import save_report
from benchmarks.rows import build_rows, choose_split_seed, identify_model
from edge_runtime.decode import decode_photo
from edge_runtime.errors import PhotogateError, UsageError
from train.data.manifest import Photo
from train.progress import track

__all__ = ["OUTPUT_NAMES", "PeersOptions", "run_peers"]

OUTPUT_NAMES = ("peers.json", "peers.md", "peers.png")
MAP_PHOTOS = 300  # enough for a monotone map; every one costs a call of every measure that needs one
MOST_UNANSWERED = 0.02  # share of the photos that a measure may leave without a number before its row fails
PLAN = TurnPlan(rounds=24, budget_s=20.0, min_rounds=6)


@dataclass(frozen=True)
class PeersOptions:
    """What the command line asks for.

    Attributes:
        data: manifests of rated photos.
        out: the folder for the results.
        artifact: of ``python -m compress run``, or one .tflite file.
        peers: the folder with the NIMA models, and the parameters of BRISQUE and NIQE.
        rows: keys of the peers; None: all.
        part: of the split, which is judged.
        limit: judged photos at most.
        train_limit: photos at most from which the baseline and the maps are learnt.
        timed_photos: decoded photos on which the latencies are measured.
        resamples: of each bootstrap interval.
        seed: of the split; None: the artifact's.
        is_forced: overwrite earlier results.
    """

    data: tuple[Path, ...]
    out: Path
    artifact: Path
    peers: Path
    rows: tuple[str, ...] | None = None
    part: str = "validation"
    limit: int | None = None
    train_limit: int | None = None
    timed_photos: int = 16
    resamples: int = 1000
    seed: int | None = None
    is_forced: bool = False


@dataclass
class _Entry:
    """A peer on its way through the run; ``score`` is None once it is out.

    ``judged`` and ``seen`` hold its numbers, NaN where it has none; ``unanswered`` says for which photos, and why.
    """

    peer: Peer
    score: ScorePicture | None = None
    note: str = ""
    is_failed: bool = False
    found: dict[str, Any] = field(default_factory=dict)
    judged: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)

    def leave(self, note: str, *, is_failed: bool) -> None:
        self.score, self.note, self.is_failed = None, note, is_failed


def run_peers(options: PeersOptions, say: Say = say_aloud) -> dict[str, Any]:
    """Measures, writes the results into ``options.out`` and returns what stands in the JSON.

    A peer whose library or file is absent, or that fails, says so in its note; the others are measured.

    Raises:
        UsageError: results exist already, an option is impossible, or no rated photo is left.
        ManifestError: a manifest is faulty.
        InputError: a photo cannot be decoded.
    """
    _check(options)
    seed = choose_split_seed(options.artifact, options.seed)
    photos = load_rated_photos(options.data, options.part, seed, options.limit)
    learnt_from = load_rated_photos(options.data, "train", seed, options.train_limit)
    (row,) = build_rows(("int8",), options.artifact, Path(), Path())
    environment = {**collect_environment(), "load_average_start": read_load_average()}
    with TemporaryDirectory() as folder:
        boosted = _train_baseline(options, learnt_from, Path(folder) / "boosted.pickle", say)
        files = PeerFiles(row.path if row.is_usable else None, options.peers, boosted)
        entries = [_open(find_peer(key), files) for key in PEER_KEYS if key in (options.rows or PEER_KEYS)]
        _score(entries, photos, options.part, "judged")
        _score([one for one in entries if not one.peer.is_rating], thin_out(learnt_from, MAP_PHOTOS), "train", "seen")
        _judge(entries, photos, thin_out(learnt_from, MAP_PHOTOS), options.resamples)
        say(f"latency: {sum(one.score is not None for one in entries)} peers in turns")
        common = _find_common(entries, photos)
        _time(entries, thin_out(common, options.timed_photos))
        for entry in entries:
            _measure_footprint(entry, files, common[0].path, say)
        described = [_describe(entry, files) for entry in entries]
    environment["load_average_end"] = read_load_average()
    report = {
        "schema": 1,
        "created": read_timestamp(),
        "environment": environment,
        "options": describe_options(options),
        "data": {
            "manifests": describe_files(options.data),
            "part": options.part,
            "seed": seed,
            "rated_photos": len(photos),
            "groups": len({photo.group for photo in photos}),
            "train_photos": len(learnt_from),
            "map_photos": min(len(learnt_from), MAP_PHOTOS),
            "timed_photos": min(len(photos), options.timed_photos),
        },
        "model": identify_model(row.path),
        "baseline": {"measurements": list(MEASUREMENTS), "settings": SETTINGS},
        "peers": described,
        "published": [asdict(figure) for figure in PUBLISHED],
    }
    save_report(report, options.out, OUTPUT_NAMES, force=options.is_forced)
    return report


def _check(options: PeersOptions) -> None:
    check_output_folder(options.out, OUTPUT_NAMES, force=options.is_forced)
    check_counts(options, "limit", "train_limit", "timed_photos", "resamples")


def _train_baseline(options: PeersOptions, photos: Sequence[Photo], path: Path, say: Say) -> Path | None:
    """None where it is not asked for, would be judged on the photos it has learnt, or its libraries are absent."""
    if options.part == "train" or "boosted" not in (options.rows or PEER_KEYS):
        return None
    with suppress(UsageError):  # the row itself says what to install
        measure = build_measurer()
        measured = [measure(decode_photo(photo.path).image) for photo in track(photos, "measurements")]
        train_boosted(np.array(measured), [photo.mos or 0.0 for photo in photos], path)
        say(f"gradient boosting: learnt from {len(photos)} photos of the train part")
        return path
    return None


def _open(peer: Peer, files: PeerFiles) -> _Entry:
    entry = _Entry(peer)
    try:
        entry.score = peer.open(files)
    except UsageError as error:
        entry.leave(str(error), is_failed=False)
    except Exception as error:  # a library that is not ours raises what it likes; the other rows go on
        entry.leave(f"failed: {type(error).__name__}: {error}", is_failed=True)
    return entry


def _score(entries: Sequence[_Entry], photos: Sequence[Photo], part: str, name: str) -> None:
    """Every photo is decoded once and shown to every peer; its numbers are turned so that higher is better."""
    if not any(entry.score is not None for entry in entries):
        return
    for photo in track(photos, f"{part} photos"):
        picture = decode_photo(photo.path).image
        for entry in entries:
            if entry.score is None:
                continue
            try:
                value = entry.score(picture)
                reason = f"its score is {value}"
            except Exception as error:  # as above
                value, reason = math.nan, f"{type(error).__name__}: {error}"
            numbers: list[float] = getattr(entry, name)
            if math.isfinite(value):
                numbers.append(value if entry.peer.is_better_higher else -value)
                continue
            numbers.append(math.nan)
            entry.unanswered.append(f"{photo.file}: {reason}")
            if sum(map(math.isnan, numbers)) > MOST_UNANSWERED * len(photos):
                entry.leave(f"failed: {entry.unanswered[0]}", is_failed=True)


def _judge(entries: Sequence[_Entry], photos: Sequence[Photo], seen: Sequence[Photo], resamples: int) -> None:
    """A photo without a number is left out of that peer's agreement, and its note says so."""
    for entry in entries:
        if entry.score is None:
            continue
        rating_map = None
        if not entry.peer.is_rating:
            learnt_from, scores = _find_answered(seen, entry.seen)
            rating_map = fit_rating_map(scores, [photo.mos or 0.0 for photo in learnt_from])
        answered, scores = _find_answered(photos, entry.judged)
        ratings = [photo.mos or 0.0 for photo in answered]
        groups = [photo.group for photo in answered]
        entry.found.update(compute_agreement(scores, ratings, groups, rating_map, resamples))
        if len(answered) < len(photos):
            lacking = f"{len(photos) - len(answered)} of {len(photos)} photos"
            entry.note = f"no number for {lacking}, left out; the first: {entry.unanswered[0]}"


def _find_answered(photos: Sequence[Photo], scores: Sequence[float]) -> tuple[list[Photo], list[float]]:
    pairs = [(photo, score) for photo, score in zip(photos, scores, strict=True) if not math.isnan(score)]
    return [photo for photo, _ in pairs], [score for _, score in pairs]


def _find_common(entries: Sequence[_Entry], photos: Sequence[Photo]) -> list[Photo]:
    """The photos that every peer has a number for; never none, since each leaves but a few unanswered."""
    judged = np.array([entry.judged for entry in entries if entry.score is not None]).reshape(-1, len(photos))
    return [photo for photo, is_lacking in zip(photos, np.isnan(judged).any(axis=0), strict=True) if not is_lacking]


def _time(entries: Sequence[_Entry], photos: Sequence[Photo]) -> None:
    """Every round has a picture of its own, for all calls of all peers: each peer meets all pictures equally often.

    Were it the next picture with each call, the uncounted ones would shift them, and some would never be counted.
    """
    pictures = [decode_photo(photo.path).image for photo in photos]
    present = pictures[0]

    def show(round_number: int) -> None:
        nonlocal present
        present = pictures[round_number % len(pictures)]

    def build(score: ScorePicture) -> Measure:
        return build_measure(lambda: score(present), build_running_clock())

    measures = {entry.peer.key: build(entry.score) for entry in entries if entry.score is not None}
    times = math.ceil(PLAN.rounds / len(pictures))
    plan = replace(PLAN, rounds=times * len(pictures), min_rounds=max(PLAN.min_rounds, len(pictures)))
    rounds = interleave_rounds(measures, plan, begin_round=show)
    for entry in entries:
        if entry.peer.key in rounds:
            summary = compute_summary(join_turns(rounds[entry.peer.key]))
            entry.found["latency"] = {**asdict(summary), "is_noisy": summary.is_noisy}


def _measure_footprint(entry: _Entry, files: PeerFiles, photo: Path, say: Say) -> None:
    if entry.score is None:
        return
    say(f"{entry.peer.label}: memory in a process of its own")
    try:
        entry.found["footprint"] = asdict(measure_peer_footprint(entry.peer.key, files, photo))
    except PhotogateError as error:
        entry.note, entry.is_failed = f"memory not measured: {error}", True


def _describe(entry: _Entry, files: PeerFiles) -> dict[str, Any]:
    peer = entry.peer
    paths = [path for path in peer.list_files(files) if path.is_file()]
    version = None
    with suppress(metadata.PackageNotFoundError):
        version = metadata.version(peer.package) if peer.package else None
    described = [
        {"name": path.name, "size_bytes": path.stat().st_size, "sha256": compute_sha256(path)} for path in paths
    ]
    return {
        "key": peer.key,
        "label": peer.label,
        "kind": peer.kind,
        "is_better_higher": peer.is_better_higher,
        "meaning": peer.meaning,
        "plcc_of": "scores" if peer.is_rating else "scores mapped to ratings on the train part",
        "package": f"{peer.package} {version}" if version else None,
        "files": described,
        "size_bytes": sum(one["size_bytes"] for one in described) or None,
        "note": entry.note,
        "is_failed": entry.is_failed,
        **{name: entry.found.get(name) for name in ("srcc", "plcc", "latency", "footprint")},
    }
