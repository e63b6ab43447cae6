"""``python -m compress validate``: what compressing did, measured through the runtime on photos never learnt from."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compress.files import find_models
from edge_runtime import PhotoScorer, Score
from edge_runtime.decode import decode_photo
from edge_runtime.errors import UsageError
from edge_runtime.gate import evaluate, load_policy
from edge_runtime.interpreter import Interpreter, count_worst_partitions
from edge_runtime.model_file import read_model
from train.artifact import read_provenance, write_json
from train.data.degradations import KINDS, Degradation, apply
from train.data.manifest import Photo, load_manifests
from train.data.split import assign_split
from train.evaluate import evaluate_quality
from train.progress import track

__all__ = ["PAIR_FAULTS", "format_report", "validate"]

PAIR_FAULTS = {
    "blurred": Degradation("defocus", 0.5, 1),
    "noisy": Degradation("sensor_noise", 0.5, 1),
    "dark": Degradation("underexposed", 0.5, 1),
    "washed out": Degradation("low_contrast", 0.5, 1),
    "discoloured": Degradation("white_balance", 0.5, 1),
}
_PRODUCT_SOURCES = ("Flipkart1050", "Magento2Sample", "ClothingDataset")

Scores = list[Score]


def validate(
    artifact: Path, manifests: Sequence[Path] | None = None, *, part: str = "test", limit: int = 0
) -> dict[str, Any]:
    """Scores rated photos with the float and the int8 model of an artifact, and the pruned one if it is there, and
    writes ``parity.json``.

    Args:
        artifact: made by ``python -m compress run``.
        manifests: the photographs; by default those the student learnt from.
        part: side of the split to look at.
        limit: look at so many photos only; 0 is all.

    Returns:
        The report: agreement of each model with people, differences between int8 and float in points, verdict flips,
        delegate partitions and operations, sizes, how often a good photo beats a degraded version of itself and the
        right attribute is the one that falls, and the accuracy of the label heads.

    Raises:
        UsageError: the artifact lacks a model, or the part holds nothing to look at.
    """
    provenance = read_provenance(artifact, "compressed")
    files = find_models(artifact, provenance["name"])
    photos = load_manifests(manifests or [Path(path) for path in provenance["manifests"]])
    split = assign_split(photos, provenance["split_seed"])
    unseen = [photo for photo in photos if split[photo.file] == part]
    rated = _thin_out([photo for photo in unseen if photo.mos is not None], limit)
    if not rated:
        raise UsageError(f"no rated photo lies in the {part} part: pass other manifests with --data")
    scores = {kind: _score(path, rated) for kind, path in files.items()}
    points = {kind: np.array([score.quality for score in values]) for kind, values in scores.items()}
    sides = [part] * len(rated)
    report = {
        "part": part,
        "photos": len(rated),
        "agreement": {kind: evaluate_quality(rated, sides, values / 100)[part] for kind, values in points.items()},
        **{
            f"int8_against_{kind}": _compare(values, scores["int8"])
            for kind, values in scores.items()
            if kind != "int8"
        },
        "interval": _check_interval(rated, scores["int8"]),
        "files": {kind: _describe_file(path) for kind, path in files.items()},
        "pairs": _compare_pairs(files["int8"], unseen, limit),
        "labels": _check_labels(files["int8"], unseen, provenance["labels"], limit),
    }
    write_json(artifact / "parity.json", report)
    return report


def _score(path: Path, photos: Sequence[Photo]) -> Scores:
    with PhotoScorer.from_file(path) as scorer:
        return [scorer.score(photo.path) for photo in track(photos, path.stem)]


def _compare(reference: Scores, other: Scores) -> dict[str, float]:
    """Differences of quality in points, and the share of photos whose verdict under the default policy changes."""
    policy = load_policy()
    difference = np.abs(np.array([a.quality - b.quality for a, b in zip(reference, other, strict=True)]))
    decisions = [[evaluate(score, policy).decision for score in scores] for scores in (reference, other)]
    flips = [a != b for a, b in zip(*decisions, strict=True)]
    return {
        "p50_points": float(np.quantile(difference, 0.5)),
        "p99_points": float(np.quantile(difference, 0.99)),
        "max_points": float(difference.max()),
        "verdict_flip_share": float(np.mean(flips)),
    }


def _check_interval(photos: Sequence[Photo], scores: Scores) -> dict[str, float]:
    inside = [s.interval[0] <= 100 * (p.mos or 0.0) <= s.interval[1] for p, s in zip(photos, scores, strict=True)]
    return {
        "stated_coverage": scores[0].interval_coverage,
        "measured_coverage": float(np.mean(inside)),
        "mean_width_points": float(np.mean([score.interval[1] - score.interval[0] for score in scores])),
    }


def _describe_file(path: Path) -> dict[str, Any]:
    """Sizes, and how XNNPACK takes the graph, or the worst of two."""
    model = read_model(path)
    interpreters = [Interpreter(flatbuffer) for flatbuffer in model.networks]
    operations: Counter[str] = Counter()
    for interpreter in interpreters:
        operations.update(interpreter.count_operations())
    return {
        "size_bytes": path.stat().st_size,
        "gzip_bytes": sum(len(gzip.compress(flatbuffer, mtime=0)) for flatbuffer in model.networks),
        "precision": model.contract.precision,
        "delegate_partitions": count_worst_partitions(interpreters),
        "operations": {name: count for name, count in operations.items() if name != "DELEGATE"},
        "sha256": model.contract.sha256,
    }


def _compare_pairs(path: Path, photos: Sequence[Photo], limit: int) -> dict[str, Any]:
    """Product photos against degraded versions of themselves, fault by fault.

    Returns:
        ``wins``: share of pairs in which the original has the higher quality. ``culprits``: share of degraded versions
        whose attribute that the fault lowers fell more than any other. ``falls``: by how many points that attribute
        fell, on average; the faults are half of the worst.
    """
    products = _thin_out([photo for photo in photos if photo.source in _PRODUCT_SOURCES], min(limit, 200) or 200)
    wins: dict[str, list[bool]] = {fault: [] for fault in PAIR_FAULTS}
    culprits: dict[str, list[bool]] = {fault: [] for fault in PAIR_FAULTS}
    falls: dict[str, list[float]] = {fault: [] for fault in PAIR_FAULTS}
    with PhotoScorer.from_file(path) as scorer:
        for photo in track(products, "pairs"):
            image = np.asarray(decode_photo(photo.path).image)
            original = scorer.score(image)
            for fault, degradation in PAIR_FAULTS.items():
                degraded = scorer.score(apply(image, degradation))
                wins[fault].append(original.quality > degraded.quality)
                before, after = original.attributes.to_dict(), degraded.attributes.to_dict()
                losses = {name: before[name] - after[name] for name in before}
                culprits[fault].append(max(losses, key=lambda name: losses[name]) == KINDS[degradation.kind])
                falls[fault].append(losses[KINDS[degradation.kind]])
    return {
        "photos": len(products),
        "wins": _average(wins),
        "culprits": _average(culprits),
        "falls": _average(falls),
    }


def _average(results: Mapping[str, Sequence[float]]) -> dict[str, float]:
    shares = {fault: float(np.mean(values)) for fault, values in results.items() if values}
    return {"all": float(np.mean(list(shares.values()))), **shares} if shares else {}


def _check_labels(
    path: Path, photos: Sequence[Photo], words: Mapping[str, Mapping[str, str]], limit: int
) -> dict[str, Any]:
    """Accuracy of the category and the style head on photos whose label is known; "unknown" counts as wrong."""
    labelled = [photo for photo in photos if photo.category in words["category"] or photo.style in words["style"]]
    labelled = _thin_out(labelled, limit)
    right: dict[str, list[bool]] = {"category": [], "style": []}
    unknown: dict[str, list[bool]] = {"category": [], "style": []}
    with PhotoScorer.from_file(path) as scorer:
        for photo in track(labelled, "labels"):
            score = scorer.score(photo.path)
            for head, found in (("category", score.category), ("style", score.style)):
                truth = words[head].get(getattr(photo, head))
                if truth is not None:
                    right[head].append(found.label == truth)
                    unknown[head].append(found.label == "unknown")
    return {
        head: {
            "photos": len(values),
            "accuracy": float(np.mean(values)),
            "unknown_share": float(np.mean(unknown[head])),
        }
        for head, values in right.items()
        if values
    }


def _thin_out(photos: Sequence[Photo], limit: int) -> list[Photo]:
    """At most ``limit`` photos (0: all), spread evenly over the list."""
    if not limit or len(photos) <= limit:
        return list(photos)
    return [photos[int(index)] for index in np.linspace(0, len(photos) - 1, limit)]


def format_report(report: dict[str, Any]) -> str:
    """The report as a few lines for a person."""
    lines = [f"{report['photos']} rated photos of the {report['part']} part"]
    for kind, slices in report["agreement"].items():
        for name, values in slices.items():
            shown = "  ".join(f"{key} {values[key]['value']:.3f}" for key in ("srcc", "plcc", "krcc", "rmse"))
            low, high = values["srcc"]["low"], values["srcc"]["high"]
            interval = "no interval: too few groups" if low is None else f"srcc {low:.3f}-{high:.3f}"
            lines.append(f"{kind:7} {name:14} n={values['count']:<5} {shown}  ({interval})")
    for key, values in report.items():
        if not key.startswith("int8_against_"):
            continue
        lines.append(
            f"{key.replace('_', ' ')}: p50 {values['p50_points']:.2f}  p99 {values['p99_points']:.2f}  "
            f"max {values['max_points']:.2f} points, verdict flips {100 * values['verdict_flip_share']:.1f} %"
        )
    interval = report["interval"]
    lines.append(
        f"interval: stated {100 * interval['stated_coverage']:.0f} %, "
        f"measured {100 * interval['measured_coverage']:.1f} %, mean width {interval['mean_width_points']:.1f} points"
    )
    for kind, values in report["files"].items():
        lines.append(
            f"{kind:7} {values['size_bytes'] / 1e6:.2f} MB, gzip {values['gzip_bytes'] / 1e6:.2f} MB, "
            f"{values['delegate_partitions']} delegate partition(s), {sum(values['operations'].values())} operations"
        )
    pairs = report["pairs"]
    for key, title in (("wins", "good beats degraded"), ("culprits", "the right attribute fell most")):
        shown = ", ".join(f"{fault} {100 * share:.1f} %" for fault, share in pairs[key].items())
        lines.append(f"{title} on {pairs['photos']} product photos: {shown or 'none there'}")
    shown = ", ".join(f"{fault} {points:.0f}" for fault, points in pairs["falls"].items())
    lines.append(f"points that it fell by: {shown or 'none there'}")
    for head, values in report["labels"].items():
        lines.append(
            f"{head}: accuracy {100 * values['accuracy']:.1f} % of {values['photos']}, "
            f"unknown {100 * values['unknown_share']:.1f} %"
        )
    return "\n".join(lines)
