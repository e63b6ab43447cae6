"""``python -m compress recalibrate``: a compressed model as it is, with a contract made anew."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path

from compress.contract import build_contract
from compress.files import find_models
from compress.looks import collect_views, take_looks
from compress.recipe import Recipe
from compress.run import STAGE
from edge_runtime.contract import pack_model, unpack_model
from edge_runtime.errors import UsageError
from train.artifact import finish_artifact, open_artifact, read_provenance
from train.config_reader import load_config
from train.stages.labelled_views import load_labels

__all__ = ["recalibrate"]


def recalibrate(artifact: Path, recipe_path: Path, labels: Path, out: Path, *, force: bool = False) -> Path:
    """Fits the maps to points and intervals again, as the recipe's ``[contract]`` says, and packs the models with them.

    Args:
        artifact: of ``python -m compress run``. It stays as it is. It may lack its pruned model; so does the new one.
        recipe_path: may differ from the one that the artifact was made by in ``[contract]`` alone.
        labels: artifact of ``label``, whose validation photos the maps are fitted on.
        out: the new artifact's folder.
        force: replace an artifact that is there.

    Returns:
        The path of the int8 model.

    Raises:
        UsageError: the artifact, the recipe, the labels or ``out`` cannot be used.
    """
    started = time.time()
    made = read_provenance(artifact, STAGE)
    recipe = load_config(recipe_path, Recipe)
    wanted = json.loads(json.dumps(asdict(recipe)))
    changed = [key for key in wanted if key != "contract" and wanted[key] != made["config"].get(key)]
    if changed:
        raise UsageError(
            f"{recipe_path}: {', '.join(changed)} is not what {artifact} was made with: run compress again, or change "
            "[contract] alone"
        )
    name = made["name"]
    sources = find_models(artifact, name)
    packed = {kind: unpack_model(path) for kind, path in sources.items()}
    flatbuffer, old = packed["int8"]
    labelled = load_labels(labels)
    if (old.category_labels, old.style_labels) != (labelled.category_labels, labelled.style_labels):
        raise UsageError(f"{labels} tells other categories or styles apart than {sources['int8']}: pass its own labels")
    if labelled.split_seed != made["split_seed"]:
        raise UsageError(f"{labels} was split by seed {labelled.split_seed}, {artifact} by {made['split_seed']}")
    size_px = (old.view.height_px, old.view.width_px)
    if labelled.views.shape[1:3] != size_px:
        raise UsageError(
            f"{labels} holds views of {labelled.views.shape[1]} px, {sources['int8']} takes {size_px[0]} px"
        )
    if not len(labelled.select_rated("validation")):
        raise UsageError(f"{labels} has no rated photo in the validation part to fit the maps on: pass other labels")
    inputs = [*sources.values(), labels / "labels.npz"]
    settings = {**wanted, "artifact": str(artifact.resolve())}
    open_artifact(out, settings, inputs, force=force, spared=[recipe_path, artifact / "metrics.json"])
    validation = labelled.build_validation()
    looks = take_looks(flatbuffer, collect_views(labelled, validation, old.view, recipe.contract.detail_share))
    contract = build_contract(looks, validation.mos, recipe.contract, labelled, old.view, name, old.provenance)
    for kind, (content, before) in packed.items():
        (out / sources[kind].name).write_bytes(pack_model(content, replace(contract, precision=before.precision)))
    shutil.copyfile(recipe_path, out / "recipe.toml")
    shutil.copyfile(artifact / "metrics.json", out / "metrics.json")
    facts = {key: made[key] for key in ("name", "split_seed", "manifests", "labels", "student")}
    finish_artifact(out, STAGE, asdict(recipe), list(sources.values()), started, **facts)
    return out / sources["int8"].name
