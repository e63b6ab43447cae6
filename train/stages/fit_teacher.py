"""``python -m train fit-teacher``: rated photographs in, a teacher out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from train.artifact import finish_artifact, open_artifact, write_json
from train.config import TeacherConfig
from train.data.manifest import load_manifests
from train.data.samples import Sample, collect_labels, plan_samples
from train.data.split import assign_fold, assign_split, check_no_leak
from train.evaluate import evaluate_quality
from train.features import StackedFeatures
from train.loop import Validation, fit
from train.losses import build_losses
from train.models.heads import adapt_standardization, build_all_heads
from train.models.teacher import STAGE, Teacher, build_backbones
from train.stages.fine_tune import fine_tune, load_square_views
from train.targets import collect_known, pack_targets

__all__ = ["fit_teacher"]


def fit_teacher(
    config: TeacherConfig,
    manifests: Sequence[Path],
    out: Path,
    *,
    weights: Sequence[str] = (),
    features: Path | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Trains a teacher and writes its artifact: weights, metrics.json, provenance.json, and the feature
    caches.

    Args:
        config: from ``train/configs/teacher*.toml``.
        manifests: rated and unrated photographs.
        out: the artifact's folder.
        weights: other weights of the config's backbones; see ``TeacherConfig.replace_weights``.
        features: folder of the feature caches, by default ``features`` below ``out``.
        force: replace an artifact that is there.

    Returns:
        The metrics, by side of the split; with folds, those of photos that were trained on come from the heads that
        did not see them.

    Raises:
        UsageError: the config has no labels or leaves out photos that are not there, the weights or ``out`` cannot be
            used, or too few rated photos fall into the validation or the training part, or all of those in one fold.
        ManifestError: see ``train.data.manifest``.
    """
    started = time.time()
    config = config.replace_weights(weights)
    if not all(collect_labels(config.labels)):
        raise UsageError("the config names no labels: fill [labels.category] and [labels.style]")
    photos = load_manifests(manifests)
    for pattern in config.samples.leave_out:
        if not any(fnmatchcase(photo.file, pattern) for photo in photos):
            raise UsageError(f"leave_out: no photo's file matches {pattern!r}; see the manifests' column file")
    split = assign_split(photos, config.split_seed)
    check_no_leak(photos, split)
    inputs = [*manifests, *(Path(entry.weights) for entry in config.backbones)]
    work = open_artifact(out, {**asdict(config), "manifests": [str(path) for path in manifests]}, inputs, force=force)
    keras.utils.set_random_seed(config.seed)
    samples = plan_samples(photos, split, config.samples, config.seed)
    backbones = build_backbones(config)
    teacher = Teacher(config, backbones, build_all_heads(backbones, config))
    rated = [sample for sample in samples if sample.is_original and sample.photo.mos is not None]
    if sum(sample.side == "validation" for sample in rated) < 3:
        raise UsageError("fewer than three rated photos fall into the validation part: add photos or change split_seed")
    if not any(sample.side == "train" for sample in rated):
        raise UsageError("no rated photo falls into the training part: add photos or change split_seed")
    _check_folds(config, [sample.photo.group for sample in rated if sample.side == "train"])
    features = features or out / "features"
    seen = teacher.open_features(features)
    seen.compute(samples)
    log = _fit_heads(teacher, samples, rated, seen, work)
    if config.backbones[0].is_trainable:
        tuning, size_px = work / "tune", config.backbones[0].input_size_px
        tuning.mkdir(exist_ok=True)
        validation = _select_validation(rated, lambda chosen: load_square_views(chosen, size_px))
        log += fine_tune(teacher, [sample for sample in samples if sample.side == "train"], validation, tuning)
        seen = teacher.open_features(tuning / "features")  # those before were of the backbone as it was
        seen.compute(rated)
    learnt = [sample for sample in rated if sample.side == "train"]
    ratings = np.array([sample.photo.mos for sample in learnt], dtype=np.float32)
    teacher.fit_ridges(seen.gather(learnt)[0], ratings, [sample.photo.group for sample in learnt])
    groups = [sample.photo.group if sample.side == "train" else None for sample in rated]
    predictions = teacher.predict_features(seen.gather(rated)[0], groups)
    teacher.save(out)
    metrics = evaluate_quality(
        [sample.photo for sample in rated], [sample.side for sample in rated], predictions["quality"]
    )
    write_json(out / "metrics.json", {"sides": metrics, "log": log})
    finish_artifact(
        out,
        STAGE,
        asdict(config),
        [path for path in inputs if path.is_file()],
        started,
        manifests=[str(path.resolve()) for path in manifests],
        features=str(features.resolve()),
        sample_count=len(samples),
    )
    return metrics


def _check_folds(config: TeacherConfig, groups: Sequence[str]) -> None:
    """Makes sure that every fold's heads and regressions have rated photos to learn from: those of another fold.

    Raises:
        UsageError: the groups, those of the rated photos to train on, are all in one fold.
    """
    folds = config.heads.folds
    if folds > 1 and len({assign_fold(group, folds, config.split_seed) for group in groups}) < 2:
        raise UsageError(
            f"all rated photos to train on are in one of the {folds} folds, whose heads would have nothing to learn "
            f"from (groups: {len(set(groups))}): add photos of more groups, or set folds = 1 in [heads]"
        )


def _fit_heads(
    teacher: Teacher, samples: Sequence[Sample], rated: Sequence[Sample], seen: StackedFeatures, work: Path
) -> list[dict[str, float]]:
    """Trains the heads on cached features of the frozen backbones, each fold's without its share of the groups."""
    config = teacher.config
    training = [sample for sample in samples if sample.side == "train"]
    features, attributes = seen.gather(training)
    targets = pack_targets(collect_known(training, attributes, config.labels), None)
    validation = _select_validation(rated, lambda chosen: seen.gather(chosen)[0].astype(np.float32))
    losses = build_losses(replace(config.loss, teacher_share=0.0))
    folds = config.heads.folds
    fold_of = np.array([assign_fold(sample.photo.group, folds, config.split_seed) for sample in training])
    log = []
    for index, (heads, part) in enumerate(zip(teacher.heads, teacher.parts, strict=True)):
        chosen = np.flatnonzero(fold_of != part.fold) if folds > 1 else np.arange(len(training))
        own = features[:, part.columns]
        adapt_standardization(heads, own[chosen])
        size = min(config.fit.batch_size, len(chosen))
        data = _draw_batches(own, targets, chosen, size, config.seed + index)
        place = work if len(teacher.heads) == 1 else work / f"heads-{index}"
        place.mkdir(exist_ok=True)
        looked_at = replace(validation, inputs=validation.inputs[:, part.columns])
        entries = fit(keras, heads, data, len(chosen) // size, looked_at, config.fit, losses, place)
        log += entries if len(teacher.heads) == 1 else [{"heads": float(index), **entry} for entry in entries]
    return log


def _draw_batches(
    features: NDArray[np.float16],
    targets: Mapping[str, NDArray[np.float32]],
    rows: NDArray[np.intp],
    size: int,
    seed: int,
) -> Iterator[tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]]:
    """Endless batches of ``rows``, shuffled anew in each pass."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(rows)
        for start in range(0, len(order) - size + 1, size):
            batch = order[start : start + size]
            yield features[batch].astype(np.float32), {name: values[batch] for name, values in targets.items()}


def _select_validation(rated: Sequence[Sample], gather: Any) -> Validation:
    chosen = [sample for sample in rated if sample.side == "validation"]
    mos = np.array([sample.photo.mos for sample in chosen], dtype=np.float32)
    return Validation(gather(chosen), mos, np.array([sample.photo.collection for sample in chosen]))
