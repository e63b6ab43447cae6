"""``python -m compress recalibrate``: a compressed model as it is, with a contract made anew.

It may get hidden units for its categories, too: they change no other answer (``compress.category_units``).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeAlias

from compress.category_fit import learn_categories
from compress.category_units import add_category_units, has_category_units
from compress.contract import build_contract
from compress.files import find_models
from compress.float_outputs import make_outputs_float
from compress.looks import collect_views, take_looks
from compress.recipe import Recipe
from compress.run import STAGE
from edge_runtime.contract import ModelContract, NetworkInfo
from edge_runtime.errors import UsageError
from edge_runtime.model_file import ModelFile, pack_model, read_model
from train.artifact import PROVENANCE, finish_artifact, open_artifact, read_provenance
from train.config_reader import load_config
from train.stages.labelled_views import load_labels

__all__ = ["recalibrate"]

Network: TypeAlias = "tuple[NetworkInfo | None, bytes | None]"
"""Of a second look: what its own network is, and its flatbuffer; nothing where it is that of the first."""


def recalibrate(
    artifact: Path,
    recipe_path: Path,
    labels: Path,
    out: Path,
    *,
    detail: Path | None = None,
    force: bool = False,
) -> Path:
    """Fits the maps to points and intervals again, as the recipe's ``[contract]`` says, and packs the models with them.

    An int8 model of before 2026-12, whose outputs were int8, too, gets the last layer in float32 that ``run`` gives it.

    Args:
        artifact: of ``python -m compress run``. It stays as it is. It may lack its pruned model; so does the new one.
        recipe_path: may differ from the one that the artifact was made by in ``[contract]`` alone, and in
            ``[categories]`` where the artifact's models have no units of that kind.
        labels: artifact of ``label``, whose validation photos the maps are fitted on.
        out: the new artifact's folder.
        detail: artifact whose networks take the second look from now on, each for the same kind; None: those that do.
        force: replace an artifact that is there.

    Returns:
        The path of the int8 model.

    Raises:
        UsageError: one of the artifacts, the recipe, the labels or ``out`` cannot be used.
    """
    started = time.time()
    made = read_provenance(artifact, STAGE)
    recipe = load_config(recipe_path, Recipe)
    wanted = json.loads(json.dumps(asdict(recipe)))
    name = made["name"]
    sources = find_models(artifact, name)
    packed = {kind: _read(path) for kind, path in sources.items()}
    is_taught = has_category_units(packed["int8"].flatbuffer)
    free = ("contract",) if is_taught else ("contract", "categories")
    changed = [key for key in wanted if key not in free and wanted[key] != made["config"].get(key)]
    if changed:
        raise UsageError(
            f"{recipe_path}: {', '.join(changed)} is not what {artifact} was made with: run compress again, or change "
            "[contract] alone"
        )
    if detail is not None and not recipe.contract.detail_share:
        raise UsageError(f"{recipe_path} asks for no second look that {detail} could take: set detail_share")
    closer = _read_own(packed) if detail is None else _read_others(packed, made["split_seed"], artifact, detail)
    flatbuffer, old = packed["int8"].flatbuffer, packed["int8"].contract
    labelled = load_labels(labels)
    if (old.category_labels, old.style_labels) != (labelled.category_labels, labelled.style_labels):
        raise UsageError(f"{labels} tells other categories or styles apart than {sources['int8']}: pass its own labels")
    if recipe.contract.detail_share:
        labelled.check_whole()
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
    settings = {**wanted, "artifact": str(artifact.resolve()), "detail": detail and str(detail.resolve())}
    spared = [recipe_path, artifact / "metrics.json", *([] if detail is None else [detail / PROVENANCE])]
    open_artifact(out, settings, inputs, force=force, spared=spared)
    validation = labelled.build_validation()
    views = collect_views(labelled, validation, old.view, recipe.contract.detail_share)
    looks = take_looks(flatbuffer, views, closer["int8"][1])
    contract = build_contract(looks, validation.mos, recipe.contract, labelled, old.view, name, old.provenance)
    units = None if is_taught else learn_categories(flatbuffer, labelled, recipe.categories, recipe.seed)
    for kind, each in packed.items():
        network, content = closer[kind] if contract.detail else (None, None)
        changed_detail = contract.detail and replace(contract.detail, network=network)
        now = replace(contract, precision=each.contract.precision, detail=changed_detail)
        whole = add_category_units(each.flatbuffer, units) if units else each.flatbuffer
        (out / sources[kind].name).write_bytes(pack_model(whole, now, content))
    shutil.copyfile(recipe_path, out / "recipe.toml")
    shutil.copyfile(artifact / "metrics.json", out / "metrics.json")
    facts = {key: made[key] for key in ("name", "split_seed", "manifests", "labels", "student")}
    facts["detail"] = settings["detail"]
    finish_artifact(out, STAGE, asdict(recipe), list(sources.values()), started, **facts)
    return out / sources["int8"].name


def _read(path: Path) -> ModelFile:
    """A model, its outputs in float32 if they were not."""
    model = read_model(path)
    networks = [make_outputs_float(each) for each in model.networks]
    digests = [hashlib.sha256(each).hexdigest() for each in networks]
    contract = replace(model.contract, tflite_sha256=digests[0])
    if contract.detail is not None and contract.detail.network is not None:
        network = replace(contract.detail.network, tflite_sha256=digests[1])
        contract = replace(contract, detail=replace(contract.detail, network=network))
    return ModelFile(networks[0], contract, *networks[1:])


def _read_own(packed: Mapping[str, ModelFile]) -> dict[str, Network]:
    """The networks that take the second look in ``packed``."""
    return {kind: (each.contract.detail_network, each.detail) for kind, each in packed.items()}


def _read_others(packed: Mapping[str, ModelFile], split_seed: int, artifact: Path, detail: Path) -> dict[str, Network]:
    """The networks of ``detail``, for each kind in ``packed``.

    Raises:
        UsageError: ``detail`` lacks a kind, or its networks see or tell something else, or were split otherwise.
    """
    made = read_provenance(detail, STAGE)
    models = {kind: _read(path) for kind, path in find_models(detail, made["name"]).items()}
    if missing := sorted(set(packed) - set(models)):
        raise UsageError(f"{detail} has no {', '.join(missing)} model beside that of {artifact}: run compress again")
    if made["split_seed"] != split_seed:
        raise UsageError(
            f"{detail} was split by seed {made['split_seed']}, {artifact} by {split_seed}: it would know photos that "
            "the maps are fitted on"
        )
    found: dict[str, Network] = {}
    for kind, each in packed.items():
        contract = models[kind].contract
        if _describe_task(each.contract) != _describe_task(contract):
            raise UsageError(
                f"{detail} has another view or other labels than {artifact}: their answers cannot be mixed"
            )
        info = NetworkInfo(contract.name, contract.version, contract.tflite_sha256)
        found[kind] = (info, models[kind].flatbuffer)
    return found


def _describe_task(contract: ModelContract) -> tuple[object, ...]:
    """What a network sees and what it tells."""
    return contract.view, contract.category_labels, contract.style_labels
