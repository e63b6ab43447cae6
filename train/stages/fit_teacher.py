"""``python -m train fit-teacher``: rated photographs in, a teacher out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import ViewSpec
from edge_runtime.errors import UsageError
from edge_runtime.views import make_view
from train.artifact import finish_artifact, open_artifact, write_json
from train.config import TeacherConfig
from train.data.manifest import load_manifests
from train.data.samples import Sample, collect_labels, load_sample, plan_samples
from train.data.split import assign_split, check_no_leak
from train.evaluate import evaluate_quality
from train.features import FeatureCache, compute_features, map_ahead
from train.loop import Validation, fit
from train.losses import build_losses
from train.models.backbones import build_feature_model
from train.models.teacher import STAGE, Teacher, adapt_standardization, build_heads, describe_features
from train.targets import collect_known, pack_targets

__all__ = ["fit_teacher"]


def fit_teacher(
    config: TeacherConfig,
    manifests: Sequence[Path],
    out: Path,
    *,
    weights: str | None = None,
    features: Path | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Trains a teacher and writes its artifact: weights, metrics.json, provenance.json, and the feature cache.

    Args:
        config: from ``train/configs/teacher*.toml``.
        manifests: rated and unrated photographs.
        out: the artifact's folder.
        weights: overrides ``config.backbone.weights``.
        features: folder of the feature cache, by default ``features`` below ``out``.
        force: replace an artifact that is there.

    Returns:
        The metrics, by side of the split.

    Raises:
        UsageError: the config has no labels, the weights or ``out`` cannot be used, or too few rated photos fall into
            the validation part.
        ManifestError: see ``train.data.manifest``.
    """
    started = time.time()
    if weights is not None:
        config = replace(config, backbone=replace(config.backbone, weights=weights))
    if not all(collect_labels(config.labels)):
        raise UsageError("the config names no labels: fill [labels.category] and [labels.style]")
    photos = load_manifests(manifests)
    split = assign_split(photos, config.split_seed)
    check_no_leak(photos, split)
    work = open_artifact(out, {**asdict(config), "manifests": [str(path) for path in manifests]}, force=force)
    keras.utils.set_random_seed(config.seed)
    samples = plan_samples(photos, split, config.samples, config.seed)
    entry = config.backbone
    backbone = build_feature_model(entry.name, entry.weights, entry.precision)
    heads = build_heads(backbone.output.shape[-1], collect_labels(config.labels), config.heads, config.fit.l2)
    teacher = Teacher(config, backbone, heads)
    rated = [sample for sample in samples if sample.is_original and sample.photo.mos is not None]
    if sum(sample.side == "validation" for sample in rated) < 3:
        raise UsageError("fewer than three rated photos fall into the validation part: add photos or change split_seed")
    if entry.is_trainable:
        log = _fine_tune(teacher, samples, rated, work)
        predictions = teacher.predict([load_sample(sample, entry.input_size_px)[0] for sample in rated])
    else:
        cache = FeatureCache(features or out / "features", describe_features(config))
        compute_features(samples, backbone.predict_on_batch, entry.input_size_px, cache)
        log = _fit_heads(teacher, samples, rated, cache, work)
        predictions = teacher.predict_features(cache.gather(rated)[0])
    teacher.save(out)
    metrics = evaluate_quality(
        [sample.photo for sample in rated], [sample.side for sample in rated], predictions["quality"]
    )
    write_json(out / "metrics.json", {"sides": metrics, "log": log})
    finish_artifact(
        out,
        STAGE,
        asdict(config),
        [path for path in (*manifests, Path(entry.weights)) if path.is_file()],
        started,
        manifests=[str(path.resolve()) for path in manifests],
        features=str((features or out / "features").resolve()),
        sample_count=len(samples),
    )
    return metrics


def _fit_heads(
    teacher: Teacher, samples: Sequence[Sample], rated: Sequence[Sample], cache: FeatureCache, work: Path
) -> list[dict[str, float]]:
    """Trains the heads on cached features of the frozen backbone."""
    config = teacher.config
    training = [sample for sample in samples if sample.side == "train"]
    features, attributes = cache.gather(training)
    targets = pack_targets(collect_known(training, attributes, config.labels), None)
    adapt_standardization(teacher.heads, features)
    size = min(config.fit.batch_size, len(training))
    rng = np.random.default_rng(config.seed)

    def generate() -> Iterator[tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]]:
        while True:
            order = rng.permutation(len(training))
            for start in range(0, len(order) - size + 1, size):
                rows = order[start : start + size]
                yield features[rows].astype(np.float32), {name: values[rows] for name, values in targets.items()}

    validation = _select_validation(rated, lambda chosen: cache.gather(chosen)[0].astype(np.float32))
    losses = build_losses(replace(config.loss, teacher_share=0.0))
    return fit(keras, teacher.heads, generate(), len(training) // size, validation, config.fit, losses, work)


def _fine_tune(
    teacher: Teacher, samples: Sequence[Sample], rated: Sequence[Sample], work: Path
) -> list[dict[str, float]]:
    """Trains backbone and heads together, on square views; worth it on a GPU."""
    config = teacher.config
    size_px = config.backbone.input_size_px
    spec = ViewSpec(size_px, size_px)
    training = [sample for sample in samples if sample.side == "train"]
    batch_size = min(config.fit.batch_size, len(training))
    rng = np.random.default_rng(config.seed)

    def load(sample: Sample) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        image, attributes = load_sample(sample, size_px)
        return make_view(image, spec), attributes

    def generate() -> Iterator[tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]]:
        while True:
            order = rng.permutation(len(training))
            order = order[: len(order) // batch_size * batch_size]
            chosen = [training[index] for index in order]
            loaded = map_ahead(load, chosen, 2 * batch_size)
            for start in range(0, len(chosen), batch_size):
                batch = [next(loaded) for _ in range(batch_size)]
                views = np.stack([view[:, :: rng.choice((-1, 1))] for view, _ in batch]).astype(np.float32)
                attributes = np.stack([known for _, known in batch])
                known = collect_known(chosen[start : start + batch_size], attributes, config.labels)
                yield views, pack_targets(known, None)

    whole = keras.Model(teacher.backbone.input, teacher.heads(teacher.backbone.output))
    probe = [load_sample(sample, size_px)[0] for sample in training[:64]]
    views = np.stack([make_view(image, spec) for image in probe])
    adapt_standardization(teacher.heads, teacher.backbone.predict(views, verbose=0))
    validation = _select_validation(rated, lambda chosen: np.stack([load(sample)[0] for sample in chosen]))
    losses = build_losses(replace(config.loss, teacher_share=0.0))
    return fit(keras, whole, generate(), len(training) // batch_size, validation, config.fit, losses, work)


def _select_validation(rated: Sequence[Sample], gather: Any) -> Validation:
    chosen = [sample for sample in rated if sample.side == "validation"]
    mos = np.array([sample.photo.mos for sample in chosen], dtype=np.float32)
    return Validation(gather(chosen), mos, np.array([sample.photo.collection for sample in chosen]))
