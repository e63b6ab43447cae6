"""``python -m compress run``: a float student in, an artifact with the int8 model that ships out."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras
from numpy.typing import NDArray

from compress.category_fit import learn_categories
from compress.category_units import add_category_units
from compress.contract import build_contract
from compress.convert import convert_float, convert_int8
from compress.equalize import equalize_squeeze_excite
from compress.files import MODEL_ENDINGS
from compress.folding import build_deploy_student
from compress.heads import HeadMatcher
from compress.hidden import expose_hidden
from compress.job import Job
from compress.looks import collect_views, compute_qualities, take_looks
from compress.matching import match_kernels
from compress.prune import compute_sparsity, find_prunable, prune_at_once, prune_student
from compress.qat import fine_tune_quantized, wrap_for_qat
from compress.recipe import Recipe
from edge_runtime.contract import ViewSpec
from edge_runtime.errors import UsageError
from edge_runtime.model_file import pack_model
from train.artifact import compute_digest, compute_digests, finish_artifact, open_artifact, read_provenance, write_json
from train.config import DistilConfig
from train.config_reader import load_config, parse_config
from train.loop import Validation
from train.stages.distil import load_student
from train.stages.labelled_views import load_labels
from train.training_config import FitConfig

__all__ = ["STAGE", "run"]

STAGE = "compressed"
_TIE_SRCC = 0.001


def run(recipe_path: Path, student_folder: Path, out: Path, *, labels: Path | None = None, force: bool = False) -> Path:
    """Prunes, quantises, calibrates and packs a student.

    Args:
        recipe_path: ``compress/recipes/*.toml``.
        student_folder: artifact of ``python -m train distill``.
        out: the artifact's folder; its models are named after the student.
        labels: artifact of ``label``, if it lies elsewhere than when the student was trained.
        force: replace an artifact that is there.

    Returns:
        The path of the int8 model.

    Raises:
        ManifestError: the recipe asks for a second look, and a manifest of the photographs is gone or faulty.
        UsageError: the recipe, the student, the labels or ``out`` cannot be used, or photos for a second look are gone.
    """
    started = time.time()
    recipe = load_config(recipe_path, Recipe)
    student, spec = load_student(student_folder)
    provenance = read_provenance(student_folder, "student")
    config = parse_config(provenance["config"], DistilConfig, str(student_folder))
    labels = labels or Path(provenance["labels"])
    labelled = load_labels(labels)
    if compute_digest(labels / "labels.npz") != provenance["inputs"].get("labels.npz"):
        raise UsageError(
            f"{labels} holds other labels than {student_folder} was trained on: pass those with --labels, or train the "
            "student anew"
        )
    if recipe.contract.detail_share:
        labelled.check_whole()
        labelled.load_photos()  # the second look needs them, an hour from here
    sides = _read_sides(student_folder)
    settings = {**asdict(recipe), "student": str(student_folder.resolve())}
    inputs = [student_folder / "student.weights.h5", labels / "labels.npz"]
    work = open_artifact(out, settings, inputs, force=force, spared=[recipe_path])
    tf_keras.utils.set_random_seed(recipe.seed)
    loss = replace(config.loss, teacher_share=recipe.float_share, quality_partners=0.0, hints=0.0)
    job = Job(recipe, spec, loss, labelled, work)

    calibration_views = job.draw_calibration_views()
    pruned, sparsity = _prune(job, student, calibration_views)
    original, deploy = build_deploy_student(student, spec), build_deploy_student(pruned, spec)
    equalized = equalize_squeeze_excite(deploy, calibration_views)
    models = {
        "float": convert_float(original),
        "pruned": convert_float(deploy),
        **_quantize(job, student, original, deploy, calibration_views),
    }
    view = ViewSpec(spec.input_size_px, spec.input_size_px)
    validation = labelled.build_validation()
    views = collect_views(labelled, validation, view, recipe.contract.detail_share)
    looks = {name: take_looks(model, views) for name, model in models.items()}
    raw = {name: compute_qualities(each, recipe.contract) for name, each in looks.items()}
    scores = {name: _compute_agreement(values, validation, raw["float"]) for name, values in raw.items()}
    chosen = _choose(recipe.quantize.method, scores)
    units = learn_categories(models[chosen], labelled, recipe.categories, recipe.seed)
    if units:
        models = {name: add_category_units(model, units) for name, model in models.items()}

    facts = {
        "recipe": recipe.name,
        "sparsity": round(sparsity, 4),
        "labels_sha256": provenance["inputs"]["labels.npz"],
        "manifests": compute_digests([Path(path) for path in labelled.manifests]),
        "revision": provenance["revision"],
    }
    contract = build_contract(looks[chosen], validation.mos, recipe.contract, labelled, view, config.name, facts)
    for kind, ending in MODEL_ENDINGS.items():
        flatbuffer = models[chosen if kind == "int8" else kind]
        packed = pack_model(flatbuffer, replace(contract, precision="int8" if kind == "int8" else "float32"))
        (out / f"{config.name}{ending}").write_bytes(packed)
    shutil.copyfile(recipe_path, out / "recipe.toml")
    write_json(
        out / "metrics.json",
        {"validation": scores, "chosen": chosen, "sparsity": sparsity, "equalized": equalized},
    )
    finish_artifact(
        out,
        STAGE,
        asdict(recipe),
        inputs[:1],
        started,
        name=config.name,
        split_seed=labelled.split_seed,
        manifests=list(labelled.manifests),
        labels=provenance["labels_provenance"]["teacher"]["labels"],
        student=sides,
    )
    return out / f"{config.name}.tflite"


def _read_sides(student_folder: Path) -> Any:
    """How well the student agrees with people, by side of the split."""
    path = student_folder / "metrics.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))["sides"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: the student's metrics cannot be read: {error}; run distill again") from error


def _prune(job: Job, student: tf_keras.Model, views: NDArray[np.uint8]) -> tuple[tf_keras.Model, float]:
    config = job.recipe.prune
    if config.final_sparsity == 0:
        return student, 0.0
    names = find_prunable(student, config.min_weights)
    saved = job.work / "pruned.weights.h5"
    if not config.epochs:
        pruned = prune_at_once(student, config, views)
    elif saved.exists():
        pruned = tf_keras.models.clone_model(expose_hidden(student))
        pruned.load_weights(str(saved))
    else:
        data, steps, loss = job.build_data(student, config.epoch_samples, config.epochs)
        folder = job.work / "prune"
        folder.mkdir(exist_ok=True)
        validation = job.labels.build_validation()
        pruned = prune_student(expose_hidden(student), config, data, steps, validation, loss, folder)
        temporary = job.work / "part.weights.h5"
        pruned.save_weights(str(temporary))
        temporary.replace(saved)
    return pruned, compute_sparsity(pruned, names)


def _quantize(
    job: Job, student: tf_keras.Model, original: tf_keras.Model, deploy: tf_keras.Model, views: NDArray[np.uint8]
) -> dict[str, bytes]:
    """Int8 flatbuffers by the methods the recipe asks for: "ptq", "qat" or both.

    ``original`` is the deploy form of ``student``, ``deploy`` that of the pruned student.
    """
    config = job.recipe.quantize
    heads = HeadMatcher(original, job.labels.views, job.draw_rows(config.matching_views))
    wrapped = wrap_for_qat(deploy, views)
    match_kernels(wrapped, original, views)
    heads.match(wrapped)
    models = {}
    if config.method in ("ptq", "best"):
        models["ptq"] = convert_int8(wrapped, views)
    if config.method in ("qat", "best"):
        data, steps, loss = job.build_data(student, config.epoch_samples, config.epochs)
        folder = job.work / "qat"
        folder.mkdir(exist_ok=True)
        fit_config = FitConfig(epochs=config.epochs, learning_rate=config.learning_rate)
        validation = job.labels.build_validation()
        fine_tune_quantized(expose_hidden(wrapped), fit_config, data, steps, validation, loss, folder)
        heads.match(wrapped)
        models["qat"] = convert_int8(wrapped, views)
    return models


def _compute_agreement(
    raw: NDArray[np.float64], validation: Validation, reference: NDArray[np.float64]
) -> dict[str, float]:
    """Agreement with people and distance to the float student's raw quality, on the validation part."""
    return {
        "srcc": validation.compute_agreement(raw),
        "p99_difference_points": float(np.quantile(np.abs(raw - reference), 0.99) * 100),
    }


def _choose(method: str, scores: dict[str, dict[str, float]]) -> str:
    if method != "best":
        return method
    ptq, qat = scores["ptq"], scores["qat"]
    if abs(ptq["srcc"] - qat["srcc"]) > _TIE_SRCC:
        return "ptq" if ptq["srcc"] > qat["srcc"] else "qat"
    return min(("ptq", "qat"), key=lambda name: scores[name]["p99_difference_points"])
