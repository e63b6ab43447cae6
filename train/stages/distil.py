"""``python -m train distill``: a student learns from people's ratings and the teacher's labels."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from train.artifact import finish_artifact, open_artifact, read_provenance, write_json
from train.config import DistilConfig
from train.data.pipeline import ViewBatches, build_pipeline
from train.evaluate import evaluate_quality
from train.loop import fit
from train.losses import build_losses
from train.metrics import compute_srcc
from train.models.narrowing import load_narrowed_weights
from train.models.student import StudentSpec, build_student, load_backbone_weights
from train.stages.labelled_views import UNSEEN, LabelledViews, load_labels
from train.stages.refit import refit_heads

__all__ = ["STAGE", "compare_with_teacher", "distil", "load_student"]

STAGE = "student"
_WEIGHTS_FILE = "student.weights.h5"
_STATISTICS_VIEWS = 512  # on which an exported student's normalisations are measured anew


def distil(
    config: DistilConfig, labels_folder: Path, out: Path, *, weights: str | None = None, force: bool = False
) -> dict[str, Any]:
    """Trains a student and writes its artifact: weights, metrics.json, provenance.json.

    Args:
        config: from ``train/configs/student*.toml``.
        labels_folder: artifact of ``label``.
        out: the artifact's folder.
        weights: overrides ``config.student.weights``: a ``.npz`` of the backbone, an earlier student's ``.h5`` or its
            exported float32 ``.tflite``, "imagenet" or "random".
        force: replace an artifact that is there.

    Returns:
        The metrics, by side of the split.

    Raises:
        UsageError: the labels, the weights or ``out`` cannot be used, the views have another size, or too few are
            there to learn from.
    """
    started = time.time()
    config = replace(config, student=replace(config.student, weights=weights or config.student.weights))
    labels = load_labels(labels_folder)
    size_px = config.student.input_size_px
    if labels.views.shape[1:3] != (size_px, size_px):
        raise UsageError(f"{labels_folder} holds views of {labels.views.shape[1]} px, the student takes {size_px} px")
    validation = labels.build_validation()
    if len(validation.mos) < 3:
        raise UsageError(f"{labels_folder} has fewer than three rated photos in the validation part: label more photos")
    rated_rows, all_rows = labels.select_rated("train"), labels.select_training(config.crop_share, config.seed)
    partners = labels.find_partners(rated_rows if config.is_rated_only else all_rows)
    if not partners:
        kind = "rated photo" if config.is_rated_only else "photo"
        raise UsageError(f"{labels_folder} has no {kind} in the training part: label more photos")
    photos = labels.load_photos()
    settings = {**asdict(config), "labels": str(labels_folder.resolve()), "weights": weights}
    inputs = [labels_folder / "labels.npz", Path(config.student.weights)]
    work = open_artifact(out, settings, inputs, force=force)
    tf_keras.utils.set_random_seed(config.seed)
    spec = _build_spec(config, labels)
    student = build_student(spec, l2=config.fit.l2)
    _start_from(student, spec, config, labels)
    rows = labels.repeat(np.array(sorted(partners), dtype=np.intp), config.repeats)
    batch_size = min(config.fit.batch_size, 2 * len(rows)) // 2 * 2
    names = [name for name in labels.targets if name != "hints" or spec.hint_count]
    targets = {name: labels.targets[name] for name in names}
    data = build_pipeline(labels.views, targets, rows, batch_size, config.seed, partners)
    steps = max(1, (config.fit.epoch_samples or 2 * len(rows)) // batch_size)
    log = fit(tf_keras, student, data, steps, validation, config.fit, build_losses(config.loss), work)
    if config.refit.epochs:
        (work / "refit").mkdir(exist_ok=True)
        log += refit_heads(student, labels, rows, partners, config, work / "refit")
    student.save_weights(str(out / _WEIGHTS_FILE))
    rated = np.flatnonzero(~np.isnan(labels.targets["quality"][:, 0]) & (labels.sides != UNSEEN))
    predicted = student.predict(ViewBatches(labels.views, rated), verbose=0)["quality"].ravel()
    metrics = evaluate_quality([photos[labels.files[row]] for row in rated], labels.sides[rated].tolist(), predicted)
    fidelity = compare_with_teacher(labels, rated, predicted)
    write_json(out / "metrics.json", {"sides": metrics, "srcc_with_teacher": fidelity, "log": log})
    finish_artifact(
        out,
        STAGE,
        asdict(config),
        [path for path in inputs if path.is_file()],
        started,
        spec=spec.to_dict(),
        labels=str(labels_folder.resolve()),
        labels_provenance=read_provenance(labels_folder, "labels"),
    )
    return metrics


def compare_with_teacher(
    labels: LabelledViews, rows: NDArray[np.intp], predicted: NDArray[np.float32]
) -> dict[str, dict[str, float]]:
    """SRCC of a student's quality (n,) with the teacher's on views (n,), by side of the split and collection.

    What a student loses against its teacher on photos that neither was trained on is what distilling could still gain.
    """
    taught = labels.targets["quality"][rows, 1]
    report: dict[str, dict[str, float]] = {}
    for side in np.unique(labels.sides[rows]):
        report[str(side)] = {}
        for name in np.unique(labels.collections[rows]):
            chosen = (labels.sides[rows] == side) & (labels.collections[rows] == name)
            if chosen.sum() >= 3 and np.ptp(predicted[chosen]) and np.ptp(taught[chosen]):
                report[str(side)][str(name)] = compute_srcc(predicted[chosen], taught[chosen])
    return report


def load_student(folder: Path) -> tuple[tf_keras.Model, StudentSpec]:
    """Loads a student artifact: the model in training form, and its spec.

    Raises:
        UsageError: the folder is no student artifact, or incomplete.
    """
    spec = StudentSpec.from_dict(read_provenance(folder, STAGE)["spec"])
    student = build_student(spec)
    try:
        student.load_weights(str(folder / _WEIGHTS_FILE))
    except (KeyError, OSError, ValueError) as error:
        raise UsageError(f"{folder}: the student's weights cannot be loaded: {error}; run distill again") from error
    return student, spec


def _build_spec(config: DistilConfig, labels: LabelledViews) -> StudentSpec:
    entry = config.student
    if config.loss.hints and "hints" not in labels.targets:
        raise UsageError("the labels hold no hints of the teacher: run label again, or set hints = 0 in [loss]")
    return StudentSpec(
        entry.variant,
        entry.input_size_px,
        labels.category_labels,
        labels.style_labels,
        alpha=entry.alpha,
        expansion_share=entry.expansion_share,
        is_minimalistic=entry.is_minimalistic,
        hidden_units=entry.hidden_units,
        dropout=entry.dropout,
        hint_count=labels.targets["hints"].shape[1] if config.loss.hints else 0,
    )


def _start_from(student: tf_keras.Model, spec: StudentSpec, config: DistilConfig, labels: LabelledViews) -> None:
    source = config.student.weights
    if source.endswith(".tflite"):
        rows = np.random.default_rng(config.seed).permutation(labels.select_training(0.0, config.seed))
        load_narrowed_weights(student, spec, Path(source), labels.views[np.sort(rows[:_STATISTICS_VIEWS])])
        return
    if source == "random":
        return
    if source.endswith(".h5"):
        try:
            student.load_weights(source)
        except (KeyError, OSError, ValueError) as error:
            raise UsageError(f"{source}: these are no weights of this student: {error}") from error
        return
    if source != "imagenet":
        load_backbone_weights(student, Path(source))
        return
    entry = config.student
    if entry.expansion_share < 1:
        raise UsageError(
            "ImageNet weights fit a student of full width: train one, and start the narrower one from its float .tflite"
        )
    name = "MobileNetV3Small" if entry.variant == "small" else "MobileNetV3Large"
    try:
        application = getattr(tf_keras.applications, name)(
            include_top=False, weights="imagenet", alpha=entry.alpha, minimalistic=entry.is_minimalistic
        )
    except Exception as error:  # Keras has no class of its own for a download that failed
        raise UsageError(
            f"Keras cannot provide the ImageNet weights of {name}: {error}; pass --weights FILE"
        ) from error
    tf_keras.Model(student.input, student.get_layer("last_mean").input).set_weights(application.get_weights())
