"""A recipe is data: what ships parses, and what cannot work is refused before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from compress.recipe import METHODS, Recipe
from edge_runtime.errors import UsageError
from train.config_reader import load_config

RECIPES = Path(__file__).resolve().parents[2] / "compress" / "recipes"


def load(tmp_path: Path, text: str) -> Recipe:
    path = tmp_path / "recipe.toml"
    path.write_text(f'name = "test"\n{text}\n', encoding="utf-8")
    return load_config(path, Recipe)


def test_there_are_shipped_recipes() -> None:
    assert {path.name for path in RECIPES.glob("*.toml")} >= {"int8-pruned.toml", "smoke.toml"}


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.name)
def test_a_shipped_recipe_parses_and_bears_its_file_name(path: Path) -> None:
    recipe = load_config(path, Recipe)
    assert recipe.name == path.stem
    assert path.name in path.read_text(encoding="utf-8").partition("name =")[0], "the command on top names another file"


def test_what_is_left_out_keeps_its_default(tmp_path: Path) -> None:
    assert load(tmp_path, "") == Recipe("test")
    recipe = load(tmp_path, "seed = 3\n[quantize]\nmethod = 'ptq'\n[contract]\nband_limits = [40, 70]")
    assert (recipe.seed, recipe.quantize.method, recipe.contract.band_limits) == (3, "ptq", (40.0, 70.0))
    assert recipe.prune == Recipe("test").prune


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_accepted(tmp_path: Path, method: str) -> None:
    assert load(tmp_path, f"[quantize]\nmethod = '{method}'").quantize.method == method


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sede = 1", r"unknown key 'sede'; did you mean 'seed'\?"),
        ("[prune]\nsparsity = 0.5", "prune: unknown key 'sparsity'"),
        ("[quantise]\nmethod = 'ptq'", r"unknown key 'quantise'; did you mean 'quantize'\?"),
        ("[quantize]\nmethod = 'int4'", "quantize: method is 'int4': choose ptq, qat or best"),
        ("[quantize]\ncalibration_views = 0", "quantize: calibration_views is 0: it must be 1 or more"),
        ("[prune]\nfinal_sparsity = 50.0", "prune: final_sparsity is 50.0: it must be from 0 to 0.99"),
        ("[prune]\nepochs = -1", "prune: epochs is -1"),
        ("[quantize]\nepochs = 0", "quantize: epochs is 0"),
        ("[prune]\nepochs = 'two'", "prune: epochs: expected int, found 'two'"),
        ("batch_size = 0", "batch_size is 0"),
        ("seed = -1", "seed is -1: it must be from 0 to 4294967295"),
        ("[contract]\ninterval_coverage = 90.0", "contract: interval_coverage is 90.0"),
        ("[contract]\nband_limits = [45.0, 55.0, 65.0]", "contract: band_limits: expected"),
        ("[contract]\nband_limits = [65.0, 45.0]", "contract: band_limits is"),
        (
            "[contract.deductions]\ngrain = 0.1",
            "contract: deductions: 'grain' is no attribute: choose of sharpness, noise",
        ),
        (
            "[contract]\ndetail_share = 0.8\ndetail_attributes = ['grain']",
            "contract: detail_attributes: 'grain' is no attribute: choose of sharpness, noise",
        ),
        ("[contract]\ndetail_attributes = 'noise'", "contract: detail_attributes: expected tuple"),
        ("[contract]\ndetail_attributes = ['noise']", "contract: detail_attributes needs a second view"),
        ("[contract]\ndetail_weight = 0.35", "contract: detail_weight needs a second view"),
        ("[contract]\ndetail_share = 0.8\ndetail_weight = 1.0", "contract: detail_weight is 1.0: .* from 0.01 to 0.99"),
        ("[contract.attribute_stretch]\nnoise = 40.0", "contract: attribute_stretch: noise = 40: .* from 0.1 to 10"),
        ("[contract.deductions]\nnoise = 40.0", "contract: deductions: noise = 40: .* from 0 to 1"),
    ],
)
def test_what_cannot_work_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=rf"recipe\.toml: {message}"):
        load(tmp_path, text)


def test_a_recipe_needs_a_name(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("seed = 1\n", encoding="utf-8")
    with pytest.raises(UsageError, match="missing key 'name'"):
        load_config(path, Recipe)
