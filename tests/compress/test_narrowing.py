"""Channels are taken out of the blocks where the rest can make good for them, and the network is smaller for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.errors import UsageError

pytest.importorskip("tensorflow")
pytest.importorskip("tf_keras")

from compress.convert import convert_float
from compress.folding import build_deploy_student
from train.models.mobilenet_v3 import round_channels
from train.models.narrowing import choose_channels, load_narrowed_weights
from train.models.student import StudentSpec, build_student

SPEC = StudentSpec("small", 64, ("a", "b", "c"), ("d", "e"), hidden_units=24)
HALF = replace(SPEC, expansion_share=0.5)


def draw_inputs(count: int = 4000, width: int = 12) -> np.ndarray:
    """Correlated inputs of uneven size: a third of them are mixtures of the others."""
    rng = np.random.default_rng(2)
    free = rng.normal(size=(count, width * 2 // 3)) * rng.uniform(0.2, 3, width * 2 // 3)
    return np.concatenate([free, free @ rng.normal(size=(free.shape[1], width - free.shape[1]))], axis=1)


def test_the_kernel_that_stays_is_the_least_squares_one() -> None:
    inputs = draw_inputs() + np.random.default_rng(4).normal(size=(4000, 12)) * 0.5
    kernel = np.random.default_rng(3).normal(size=(12, 5))
    kept, left = choose_channels(kernel, np.cov(inputs.T, bias=True), 7)
    centred = inputs - inputs.mean(axis=0)
    expected, *_ = np.linalg.lstsq(centred[:, kept], centred @ kernel, rcond=None)
    assert kept.tolist() == sorted(set(kept.tolist())) and len(kept) == 7
    np.testing.assert_allclose(left, expected, atol=2e-3)


def test_what_the_others_can_say_is_missed_by_nobody() -> None:
    inputs = draw_inputs()
    kernel = np.random.default_rng(3).normal(size=(12, 5))
    kept, left = choose_channels(kernel, np.cov(inputs.T, bias=True), 8)
    centred = inputs - inputs.mean(axis=0)
    wanted = centred @ kernel
    lost = wanted - centred[:, kept] @ left
    assert (lost**2).sum() < 1e-4 * (wanted**2).sum()
    naive = wanted - centred[:, :8] @ kernel[:8]
    assert (naive**2).sum() > 0.1 * (wanted**2).sum(), "else nothing was to be made good"


def test_all_channels_leave_the_kernel_as_it_is() -> None:
    kernel = np.random.default_rng(3).normal(size=(12, 5))
    kept, left = choose_channels(kernel, np.cov(draw_inputs().T), 12)
    assert kept.tolist() == list(range(12))
    np.testing.assert_array_equal(left, kernel)


@pytest.fixture(scope="module")
def exported(randomize: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    student = build_student(SPEC)
    randomize(student)
    path = tmp_path_factory.mktemp("wide") / "wide.tflite"
    path.write_bytes(convert_float(build_deploy_student(student, SPEC)))
    return student, path


@pytest.fixture(scope="module")
def narrowed(
    exported: tuple[Any, Path], calibration_views: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Path]:
    _, path = exported
    student = build_student(HALF)
    load_narrowed_weights(student, HALF, path, calibration_views)
    path = tmp_path_factory.mktemp("narrow") / "narrow.tflite"
    path.write_bytes(convert_float(build_deploy_student(student, HALF)))
    return student, path


@pytest.mark.parametrize("is_minimalistic", [False, True])
def test_a_narrower_student_has_fewer_inner_channels_and_as_many_outer_ones(is_minimalistic: bool) -> None:
    spec = replace(SPEC, is_minimalistic=is_minimalistic)
    wide, narrow = build_student(spec), build_student(replace(spec, expansion_share=0.5))
    for layer in wide.layers:
        inner = layer.name.startswith("block") and layer.name.endswith(("_expand", "_depthwise"))
        width = narrow.get_layer(layer.name).output.shape[-1]
        is_cut = inner and "_se_" not in layer.name and not layer.name.startswith("block0_")
        is_gate = layer.name.endswith("_se_expand") and layer.name != "block0_se_expand"
        if is_cut or is_gate:
            assert width == round_channels(layer.output.shape[-1] * 0.5), layer.name
        elif layer.name.endswith(("_project", "_se_reduce")) or layer.name in ("Conv", "Conv_1"):
            assert width == layer.output.shape[-1], layer.name
    assert narrow.count_params() < 0.75 * wide.count_params()


def test_it_answers_much_as_the_wide_one_did(exported: tuple[Any, Path], calibration_views: np.ndarray) -> None:
    """Even of random channels, which nothing has taught to be redundant."""
    wide, path = exported
    views = calibration_views.astype(np.float32)
    expected = np.asarray(wide(views, training=False)["category"])
    errors = []
    for share in (0.9, 0.5):
        spec = replace(SPEC, expansion_share=share)
        narrow = build_student(spec)
        load_narrowed_weights(narrow, spec, path, calibration_views)
        found = np.asarray(narrow(views, training=False)["category"])
        errors.append(np.abs(found - expected).mean() / np.std(expected))
    assert errors[0] < errors[1] < 1, errors


def test_one_that_is_as_narrow_comes_in_as_it_is(narrowed: tuple[Any, Path], calibration_views: np.ndarray) -> None:
    narrow, path = narrowed
    again = build_student(HALF)
    load_narrowed_weights(again, HALF, path, calibration_views)
    views = calibration_views.astype(np.float32)
    expected, found = narrow(views, training=False), again(views, training=False)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], atol=2e-3, err_msg=name)


def test_another_width_or_variant_is_refused(
    exported: tuple[Any, Path], narrowed: tuple[Any, Path], calibration_views: np.ndarray
) -> None:
    other = replace(SPEC, expansion_share=0.75)
    with pytest.raises(UsageError, match=r"narrow\.tflite: layer block1_expand is"):
        load_narrowed_weights(build_student(other), other, narrowed[1], calibration_views)
    large = replace(HALF, variant="large")
    with pytest.raises(UsageError, match=r"wide\.tflite: layer block1_expand is"):
        load_narrowed_weights(build_student(large), large, exported[1], calibration_views)
