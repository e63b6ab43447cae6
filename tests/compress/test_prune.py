"""Pruning takes the small weights of the large pointwise convolutions and leaves everything else alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow_model_optimization")
tf_keras = pytest.importorskip("tf_keras")

from compress.prune import (  # noqa: E402
    compensate_rows,
    compute_sparsity,
    find_prunable,
    prune_at_once,
    prune_student,
)
from compress.recipe import PruneConfig  # noqa: E402
from train.loop import Validation  # noqa: E402
from train.models.student import StudentSpec, build_student  # noqa: E402
from train.training_config import LossConfig  # noqa: E402

CONFIG = PruneConfig(final_sparsity=0.6, min_weights=2000, epochs=1, learning_rate=1e-4)


def test_only_large_pointwise_convolutions_are_pruned(small_student: Any) -> None:
    names = find_prunable(small_student, 2000)
    for name in names:
        layer = small_student.get_layer(name)
        assert type(layer) is tf_keras.layers.Conv2D and layer.kernel_size == (1, 1)
        assert np.prod(layer.kernel.shape) >= 2000
    assert not any(word in name for name in names for word in ("_se_", "depthwise", "hidden"))
    assert "Conv" not in names, "the first convolution sees three channels only"
    assert {"Conv_1", "block10_expand", "block10_project", "block4_expand"} <= set(names)
    held = sum(int(np.prod(small_student.get_layer(name).kernel.shape)) for name in names)
    assert 0.35 < held / small_student.count_params() < 0.45, "PruneConfig says what share they hold"


def test_the_smallest_layers_are_let_go_by_their_size(small_student: Any) -> None:
    all_of_them = find_prunable(small_student, 0)
    sizes = {name: int(np.prod(small_student.get_layer(name).kernel.shape)) for name in all_of_them}
    limit = sorted(sizes.values())[len(sizes) // 2]
    assert find_prunable(small_student, limit) == [name for name in all_of_them if sizes[name] >= limit]
    assert find_prunable(small_student, max(sizes.values()) + 1) == []


def test_sparsity_is_the_share_of_zeros(small_student: Any) -> None:
    model = tf_keras.models.clone_model(small_student)
    model.set_weights(small_student.get_weights())
    names = ["block4_expand", "block10_project"]
    assert compute_sparsity(model, names) == 0.0
    layer = model.get_layer("block4_expand")
    kernel = layer.get_weights()[0]
    kernel[:, :, : kernel.shape[2] // 2] = 0.0
    layer.set_weights([kernel])
    other = model.get_layer("block10_project").get_weights()[0].size
    assert compute_sparsity(model, ["block4_expand"]) == 0.5
    assert compute_sparsity(model, names) == pytest.approx(0.5 * kernel.size / (kernel.size + other))
    assert compute_sparsity(model, []) == 0.0


@pytest.mark.slow
def test_pruning_reaches_its_sparsity_and_leaves_the_original(
    small_student: Any, lesson: Any, natural_views: np.ndarray, tmp_path: Path
) -> None:
    before = [weight.copy() for weight in small_student.get_weights()]
    pruned = prune_student(small_student, CONFIG, lesson.data, lesson.steps, lesson.validation, LossConfig(), tmp_path)
    for now, then in zip(small_student.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert [layer.name for layer in pruned.layers] == [layer.name for layer in small_student.layers]
    names = find_prunable(small_student, CONFIG.min_weights)
    for name in names:
        assert compute_sparsity(pruned, [name]) == pytest.approx(CONFIG.final_sparsity, abs=0.01), name
        # The smallest of the original went; fine-tuning this short reorders hardly any.
        old, new = (model.get_layer(name).get_weights()[0].ravel() for model in (small_student, pruned))
        went = np.abs(old)[new == 0]
        assert np.mean(went <= np.quantile(np.abs(old), CONFIG.final_sparsity)) > 0.9, name
    others = [layer.name for layer in pruned.layers if layer.weights and layer.name not in names]
    assert compute_sparsity(pruned, others) < 0.01
    trained = pruned.get_layer("quality").get_weights()[0]
    assert not np.array_equal(trained, small_student.get_layer("quality").get_weights()[0]), "nothing was learnt"
    outputs = pruned(natural_views[:4].astype(np.float32), training=False)
    assert np.isfinite(np.asarray(outputs["quality"])).all()


@pytest.mark.slow
def test_an_interrupted_run_resumes_and_still_reaches_its_sparsity(lesson: Any, tmp_path: Path) -> None:
    class InterruptedValidation(Validation):
        def compute_agreement(self, predicted: np.ndarray) -> float:
            seen.append(super().compute_agreement(predicted))
            if len(seen) == 2:
                raise KeyboardInterrupt
            return seen[-1]

    seen: list[float] = []
    config = replace(CONFIG, epochs=3, final_sparsity=0.5)
    spec = StudentSpec("small", 96, ("bags", "toys"), ("table", "white", "worn"), hidden_units=8)
    student = build_student(spec)
    given = (student, config, lesson.data, 4)
    interrupted = InterruptedValidation(lesson.validation.inputs, lesson.validation.mos, lesson.validation.collections)
    with pytest.raises(KeyboardInterrupt):
        prune_student(*given, interrupted, LossConfig(), tmp_path)
    pruned = prune_student(*given, interrupted, LossConfig(), tmp_path)
    assert len(seen) == 4, "one whole epoch, one that was cut short, and two after resuming"
    assert compute_sparsity(pruned, find_prunable(student, config.min_weights)) == pytest.approx(0.5, abs=0.01)


def draw_rows(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernels a row each, which of their weights go, and inputs that say much of each other."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(400, 12)) @ rng.normal(size=(12, 12)) + 1
    return rng.normal(size=(6, 12)).astype(np.float32), rng.random((6, 12)) < 0.3, inputs


@pytest.mark.parametrize("seed", range(4))
def test_what_goes_is_made_good_as_damped_least_squares_would(seed: int) -> None:
    rows, gone, inputs = draw_rows(seed)
    moments = inputs.T @ inputs / len(inputs)
    found = compensate_rows(rows, gone, moments)
    assert (found[gone] == 0).all()
    ridge = np.sqrt(0.01 * len(inputs) * np.trace(moments) / 12) * np.eye(12)
    stacked = np.concatenate([inputs, ridge])
    for row, mask, new in zip(rows, gone, found, strict=True):
        best = np.linalg.lstsq(stacked[:, ~mask], stacked @ row, rcond=None)[0]
        np.testing.assert_allclose(new[~mask], best, atol=1e-4)
    plain, made_good = (np.square(inputs @ (new - rows).T).mean() for new in (np.where(gone, 0, rows), found))
    assert made_good < 0.5 * plain


def test_rows_that_lose_nothing_stay_and_inputs_never_seen_do_no_harm() -> None:
    rows, gone, inputs = draw_rows(8)
    gone[2] = False
    found = compensate_rows(rows, gone, inputs.T @ inputs / len(inputs))
    np.testing.assert_array_equal(found[2], rows[2])
    silent = compensate_rows(rows, gone, np.zeros((12, 12)))
    np.testing.assert_allclose(silent, np.where(gone, 0, rows), atol=1e-6)


def test_pruned_at_once_a_student_answers_nearer_to_before_than_with_plain_zeros(
    small_student: Any, natural_views: np.ndarray
) -> None:
    before = [weight.copy() for weight in small_student.get_weights()]
    config = replace(CONFIG, final_sparsity=0.3, epochs=0)
    pruned = prune_at_once(small_student, config, natural_views)
    plain = tf_keras.models.clone_model(small_student)
    plain.set_weights(small_student.get_weights())
    names = find_prunable(small_student, config.min_weights)
    for name in names:
        old, new = (model.get_layer(name).get_weights()[0] for model in (small_student, pruned))
        assert compute_sparsity(pruned, [name]) == pytest.approx(0.3, abs=0.01), name
        assert np.abs(old[new == 0]).max() <= np.abs(old[new != 0]).min(), f"{name}: the smallest go"
        plain.get_layer(name).set_weights([np.where(new == 0, 0, old), *plain.get_layer(name).get_weights()[1:]])
    for layer in small_student.layers:
        if layer.name not in names:
            for old, new in zip(layer.get_weights(), pruned.get_layer(layer.name).get_weights(), strict=True):
                np.testing.assert_array_equal(old, new)
    for now, then in zip(small_student.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    views = natural_views.astype(np.float32)
    answers = [np.asarray(model(views, training=False)["quality"]) for model in (small_student, pruned, plain)]
    moved = [np.abs(values - answers[0]).mean() for values in answers[1:]]
    assert 0 < moved[0] < 0.6 * moved[1]
