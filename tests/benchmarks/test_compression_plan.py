"""The plan of what is compressed: the one in the repository, how changes reach a recipe, and its faults by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.compression.build import format_recipe
from benchmarks.compression.plan import DEFAULT_PLAN, Plan, load_plan
from compress.recipe import ContractConfig, PruneConfig, QuantizeConfig, Recipe
from edge_runtime.errors import UsageError
from train.config_reader import load_config

BASE = Recipe("base", prune=PruneConfig(final_sparsity=0.3, epochs=5), quantize=QuantizeConfig(epochs=7))
VARIANT = '[[variant]]\nname = "one"\nforms = ["int8"]\n'


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Plan]:
    def load_text(text: str) -> Plan:
        path = tmp_path / "plan.toml"
        path.write_text(text, encoding="utf-8")
        return load_plan(path, BASE)

    return load_text


def test_the_plan_in_the_repository_sweeps_what_it_says(checkout: Path) -> None:
    shipped = load_config(checkout / "compress" / "recipes" / "int8-pruned.toml", Recipe)
    plan = load_plan(DEFAULT_PLAN, shipped)
    assert plan.date is not None
    recipes = {variant.name: variant.recipe for variant in plan.variants}
    views = {recipe.quantize.calibration_views for name, recipe in recipes.items() if name.startswith("ptq")}
    assert views == {10, 50, 200, 1000}
    assert all(recipes[name].prune.final_sparsity == 0 for name in recipes if name.startswith(("ptq", "qat")))
    assert {recipe.prune.final_sparsity for recipe in recipes.values()} >= {0, 0.5, 0.65, 0.75, 0.85}
    assert {recipe.quantize.method for recipe in recipes.values()} >= {"ptq", "qat"}
    (as_it_is,) = (variant for variant in plan.variants if not variant.changes)
    assert format_recipe(as_it_is.recipe) == format_recipe(shipped).replace(shipped.name, as_it_is.name, 1)
    assert {form for variant in plan.variants for form in variant.forms} == {"float16", "dynamic", "pruned", "int8"}
    assert plan.list_variants(is_first=True) == plan.variants
    assert {variant.name for variant in plan.list_variants(is_first=False)} == set(plan.every_student)


def test_a_variants_own_changes_come_after_those_for_every_one(load: Callable[[str], Plan]) -> None:
    every = "[every]\nbatch_size = 4\nprune.epochs = 1\nquantize.epochs = 1\n"
    plan = load(every + VARIANT + 'prune = { final_sparsity = 0, epochs = 2 }\nquantize.method = "ptq"')
    (variant,) = plan.variants
    recipe = variant.recipe
    assert (recipe.name, recipe.batch_size, recipe.seed) == ("one", 4, BASE.seed)
    assert recipe.prune == PruneConfig(final_sparsity=0, epochs=2)
    assert recipe.quantize == QuantizeConfig(method="ptq", epochs=1)
    assert variant.changes == {"prune.final_sparsity": 0, "prune.epochs": 2, "quantize.method": "ptq"}
    assert plan.every == {"batch_size": 4, "prune.epochs": 1, "quantize.epochs": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variants = 3\n" + VARIANT, r"unknown key 'variants' at the top; did you mean 'variant'\?"),
        (VARIANT + "prun.epochs = 1", r"unknown key 'prun' in \[\[variant\]\] number 1; did you mean 'prune'\?"),
        (VARIANT + "prune.final_sparsty = 0", r"number 1: prune: unknown key 'final_sparsty'; did you mean 'final_sp"),
        ("[every.quantize]\nepoch = 1\n" + VARIANT, r"quantize: unknown key 'epoch'; did you mean 'epochs'\?"),
        ("[every.quantise]\nepochs = 1\n" + VARIANT, r"unknown key 'quantise' in \[every\]; did you mean 'quantize'\?"),
        (VARIANT + "contract.version = '2'", r"unknown key 'contract' in \[\[variant\]\] number 1"),
        (VARIANT + "prune.epochs = 1.5", r"prune: epochs: expected int, found 1\.5"),
        (VARIANT + "prune = 3", r"prune: expected PruneConfig, found 3"),
        (VARIANT + "prune.final_sparsity = 2", r"final_sparsity is 2\.0: it must be from 0 to 0\.99"),
        (VARIANT + "quantize.method = 'qta'", r"method is 'qta': choose ptq, qat or best"),
        (VARIANT.replace("int8", "int4"), r"forms holds 'int4'; did you mean 'int8'\?"),
        (VARIANT.replace('forms = ["int8"]', ""), r"lacks forms; add a list of: float16, dynamic, pruned, int8"),
        (VARIANT.replace("one", "../one"), r"name is '\.\./one': it names files"),
        (VARIANT.replace('name = "one"', ""), r"lacks name; add a text"),
        (VARIANT + VARIANT, r"has two variants named one; choose another name"),
        ("every_student = ['two']\n" + VARIANT, r"every_student holds 'two'; "),
        ("date = '2026-11-20'\n" + VARIANT, r"date is '2026-11-20'; write a date without quotation marks"),
        ("", r"'variant' is no list of tables; write each as \[\[variant\]\]"),
        ("[[variant]", r"cannot read the plan: "),
    ],
)
def test_a_fault_in_a_plan_is_found_before_any_work(load: Callable[[str], Plan], text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load(text)
    assert "plan.toml" in str(caught.value)


def test_a_plan_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.toml: cannot read the plan"):
        load_plan(tmp_path / "absent.toml", BASE)


def test_variants_are_taken_out_of_the_plan_in_its_order(load: Callable[[str], Plan]) -> None:
    both = VARIANT + VARIANT.replace("one", "two") + VARIANT.replace("one", "three")
    plan = load("every_student = ['one', 'two']\n" + both)
    chosen = plan.select(("three", "two"))
    assert [variant.name for variant in chosen.variants] == ["two", "three"]
    assert chosen.every_student == ("two",)
    assert plan.select(None) == plan
    with pytest.raises(UsageError, match="--variants: the plan has no four; it has one, two, three"):
        plan.select(("one", "four"))


@pytest.mark.parametrize(
    "recipe",
    [
        BASE,
        Recipe(
            'a "name" \\ of its own, größer',
            prune=PruneConfig(learning_rate=1e-7),
            contract=ContractConfig(band_limits=(1.5, 2)),
        ),
    ],
)
def test_a_written_recipe_is_read_back_as_it_was(tmp_path: Path, recipe: Recipe) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(format_recipe(recipe), encoding="utf-8")
    assert load_config(path, Recipe) == recipe


def test_the_recipes_in_the_repository_are_written_and_read_back(tmp_path: Path, checkout: Path) -> None:
    shipped = [load_config(path, Recipe) for path in sorted((checkout / "compress" / "recipes").glob("*.toml"))]
    assert any(recipe.contract.deductions for recipe in shipped), "tables within tables are among them"
    for recipe in shipped:
        test_a_written_recipe_is_read_back_as_it_was(tmp_path, recipe)
