"""The parts without a model: trials, patchworks, the readout, and the way from looks to points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.explain import Box, Study
from edge_runtime.explain.heat import (
    ATTRIBUTES,
    choose_attribute,
    compute_losses,
    compute_prices,
    find_hottest_cells,
    has_standout,
)
from edge_runtime.explain.light import choose_light, compute_contrasts, compute_light, judge_plausibility
from edge_runtime.explain.patchwork import CLEAN, build_patchwork, draw_blocks, label_cells
from edge_runtime.explain.readout import Readout
from edge_runtime.explain.trials import FAULTS, TRIALS, find_changed_cells, make_trials
from edge_runtime.gate import load_policy
from edge_runtime.result import Score


@pytest.fixture(scope="module")
def good(build_score: Callable[..., Score]) -> Score:
    return build_score(80.0, rest=90.0)


@pytest.fixture
def view() -> NDArray[np.uint8]:
    """320 x 320 pixels: texture on the left, plain white on the right."""
    pixels = np.full((320, 320, 3), 255, dtype=np.uint8)
    pixels[:, :160] = np.random.default_rng(1).integers(50, 200, (320, 160, 3))
    return pixels


def _column(name: str) -> int:
    return [fault.name for fault in FAULTS].index(name)


def test_every_fault_has_a_trial_of_full_strength_and_an_attribute_that_exists() -> None:
    for index, fault in enumerate(FAULTS):
        assert max(trial.strength for trial in TRIALS if trial.fault == index) == 1.0
        assert fault.attribute in ATTRIBUTES


def test_trials_change_the_view_and_leave_the_input_alone(view: NDArray[np.uint8]) -> None:
    before = view.copy()
    trials = make_trials(view)
    assert np.array_equal(view, before)
    means = [float(trial[:, :160].mean()) - float(view[:, :160].mean()) for trial in trials]
    for trial, mean in zip(TRIALS, means, strict=True):
        if FAULTS[trial.fault].name == "dark":
            assert mean < -40
        elif FAULTS[trial.fault].name == "bright":
            assert mean > 40
    warm = trials[[trial.fault for trial in TRIALS].index(_column("warm"))].astype(float)
    assert (warm[:, :160, 0] - warm[:, :160, 2]).mean() > (
        view[:, :160, 0].astype(float) - view[:, :160, 2]
    ).mean() + 20


def test_a_fault_is_only_where_it_changes_something(view: NDArray[np.uint8]) -> None:
    changed = find_changed_cells(view, make_trials(view), 20, 20)
    bright = [index for index, trial in enumerate(TRIALS) if FAULTS[trial.fault].name in ("bright", "blurred")]
    assert not changed[bright][:, :, 11:].any(), "white cannot get brighter, and a plain ground not blurred"
    assert changed[bright][:, :, :9].all()
    dark = [index for index, trial in enumerate(TRIALS) if FAULTS[trial.fault].name == "dark"]
    assert changed[dark].all()


def test_patchworks_show_what_their_labels_say(view: NDArray[np.uint8]) -> None:
    trials = make_trials(view)
    changed = find_changed_cells(view, trials, 20, 20)
    shown = draw_blocks(20, 20, np.random.default_rng(0))
    assert shown.shape == (20, 20)
    assert 0.15 < (shown == CLEAN).mean() < 0.7
    patchwork = build_patchwork(np.stack([*trials, view]), shown)
    labels = label_cells(shown, changed)
    for row, column in ((0, 0), (7, 3), (19, 19), (10, 12)):
        cell = np.s_[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
        index = shown[row, column]
        assert np.array_equal(patchwork[cell], view[cell] if index == CLEAN else trials[index][cell])
        is_spoilt = index != CLEAN and changed[index, row, column]
        assert labels[row, column].sum() == pytest.approx(TRIALS[index].strength if is_spoilt else 0.0)


def test_patchworks_between_them_show_every_trial() -> None:
    rng = np.random.default_rng(0)
    assert {int(index) for _ in range(4) for index in draw_blocks(20, 20, rng).ravel()} == {*range(len(TRIALS)), CLEAN}


def test_light_of_a_patchwork_is_chosen_not_computed_anew(view: NDArray[np.uint8]) -> None:
    pictures = np.stack([*make_trials(view), view])
    shown = draw_blocks(20, 20, np.random.default_rng(0))
    chosen = choose_light(np.stack([compute_light(picture, 20, 20) for picture in pictures]), shown)
    assert np.array_equal(chosen, compute_light(build_patchwork(pictures, shown), 20, 20))


def test_light_of_plain_cells() -> None:
    pixels = np.zeros((32, 64, 3), dtype=np.uint8)
    pixels[:, 16:32] = 255
    pixels[:, 32:48] = (255, 0, 0)
    pixels[:, 48:] = (0, 0, 255)
    light = compute_light(pixels, 2, 4)
    black, white, red, blue = light[1]
    assert light.shape == (2, 4, 12)
    assert (black[9], white[9], white[8], black[8]) == (1.0, 0.0, 1.0, 0.0)
    assert black[:6].max() == 0.0 and white[:6].min() == 1.0
    assert red[6] > 0.8 and blue[6] < -0.8 and abs(white[6]) < 1e-6
    assert light[..., 10:].max() == 0.0, "no cell has any texture"


def test_dark_cells_are_not_too_bright_and_bright_ones_not_too_dark() -> None:
    levels = np.array([30, 77, 128, 178, 230], dtype=np.uint8)
    pixels = np.broadcast_to(levels.repeat(16)[np.newaxis, :, np.newaxis], (16, 80, 3))
    plausibility = judge_plausibility(compute_light(np.ascontiguousarray(pixels), 1, 5))[0]
    faults = [fault.name for fault in FAULTS]
    assert plausibility[:, faults.index("bright")] == pytest.approx([0.0, 0.5, 1.0, 1.0, 1.0], abs=0.02)
    assert plausibility[:, faults.index("dark")] == pytest.approx([1.0, 1.0, 1.0, 0.5, 0.0], abs=0.02)
    others = [index for index, name in enumerate(faults) if name not in ("bright", "dark")]
    assert plausibility[:, others].min() == 1.0


def test_contrasts_are_to_what_is_around() -> None:
    light = np.ones((20, 20, 2), dtype=np.float32)
    assert np.abs(compute_contrasts(light)).max() < 1e-5
    light[10, 10, 0] = 82.0
    contrasts = compute_contrasts(light)
    assert contrasts[10, 10, 0] == pytest.approx(80.0, abs=1e-4), "81 more, of which a share of 1/81 is around, too"
    assert contrasts[10, 14, 0] == pytest.approx(-1.0, abs=1e-4)
    assert np.abs(contrasts[10, 15]).max() < 1e-5
    assert np.abs(contrasts[..., 1]).max() < 1e-5


def test_the_readout_learns_a_linear_rule_and_ignores_a_constant() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(20, 20, 5)).astype(np.float32)
    features[..., 4] = 7.0
    labels = np.zeros((20, 20, 2), dtype=np.float32)
    labels[..., 0] = features[..., 0] > 0.8
    readout = Readout()
    readout.add(features, labels)
    found, stretch = readout.predict(features)
    is_spoilt = labels[..., 0] == 1
    assert found[is_spoilt, 0].mean() == pytest.approx(1.0, abs=0.01), "stretched to the labels' mean"
    assert found[~is_spoilt, 0].mean() == pytest.approx(0.0, abs=0.01)
    assert stretch[0] > 1.0
    assert np.abs(found[..., 1]).max() == 0.0 and stretch[1] == 0.0, "a fault that no cell shows is nowhere"


def test_the_readout_does_not_blow_up_what_it_could_not_learn() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(20, 20, 3)).astype(np.float32)
    labels = (rng.uniform(size=(20, 20, 1)) > 0.8).astype(np.float32)
    readout = Readout()
    readout.add(features, labels)
    found, stretch = readout.predict(features)
    assert stretch[0] <= 8.0
    assert found.std() < 0.6


def test_losses_are_the_points_of_the_worst_trial_and_never_negative(good: Score) -> None:
    spoilt = [good] * len(TRIALS)
    blurred = [index for index, trial in enumerate(TRIALS) if FAULTS[trial.fault].name == "blurred"]
    spoilt[blurred[0]] = replace(good, quality=50.0, attributes=replace(good.attributes, sharpness=30.0))
    spoilt[blurred[1]] = replace(good, quality=60.0, attributes=replace(good.attributes, sharpness=10.0, noise=100.0))
    losses = compute_losses(good, spoilt)
    assert losses.shape == (len(FAULTS), len(ATTRIBUTES))
    row = dict(zip(ATTRIBUTES, losses[_column("blurred")], strict=True))
    assert (row["sharpness"], row["noise"], row["quality"]) == (80.0, 0.0, 30.0)
    assert losses.sum() == pytest.approx(110.0)


def test_an_attributes_faults_cost_what_the_dearest_costs() -> None:
    losses = np.zeros((len(FAULTS), len(ATTRIBUTES)))
    losses[_column("dark"), ATTRIBUTES.index("exposure")] = 20.0
    losses[_column("bright"), ATTRIBUTES.index("exposure")] = 60.0
    losses[_column("noisy"), ATTRIBUTES.index("exposure")] = 90.0  # not a fault of exposure
    losses[_column("dark"), ATTRIBUTES.index("quality")] = 10.0
    losses[_column("blurred"), ATTRIBUTES.index("quality")] = 30.0
    exposure = dict(zip((fault.name for fault in FAULTS), compute_prices(losses, "exposure"), strict=True))
    assert (exposure["dark"], exposure["bright"], exposure["noisy"]) == (60.0, 60.0, 0.0)
    quality = dict(zip((fault.name for fault in FAULTS), compute_prices(losses, "quality"), strict=True))
    assert (quality["dark"], quality["blurred"], quality["bright"]) == (10.0, 30.0, 0.0)
    assert compute_prices(losses, "composition").max() == 0.0


def test_heat_is_looks_times_price(good: Score) -> None:
    spoilt = np.zeros((4, 4, len(FAULTS)), dtype=np.float32)
    spoilt[1, 2, _column("dark")] = 0.5
    losses = np.zeros((len(FAULTS), len(ATTRIBUTES)))
    losses[_column("dark"), ATTRIBUTES.index("exposure")] = 60.0
    stretch = np.ones(len(FAULTS), dtype=np.float32)
    study = Study(good, spoilt, stretch, losses, evaluations=20, is_complete=True, elapsed_ms=1.0)
    explanation = study.explain("exposure")
    assert explanation.heat[1, 2] == pytest.approx(30.0)
    assert explanation.heat.sum() == pytest.approx(30.0)
    assert explanation.box == Box(320, 120, 480, 240), "a cell of 4 x 4 in 640 x 480 pixels"
    assert explanation.faults == (("dark", 30.0),)
    assert study.explain("sharpness").heat.max() == 0.0
    assert study.explain("sharpness").stands_out is False


def test_faults_that_are_told_surely_come_first_in_quality(good: Score) -> None:
    spoilt = np.zeros((20, 20, len(FAULTS)), dtype=np.float32)
    spoilt[:4, :4, _column("warm")] = 0.8
    spoilt[12:16, 12:16, _column("noisy")] = 0.7
    losses = np.full((len(FAULTS), len(ATTRIBUTES)), 40.0)
    stretch = np.ones(len(FAULTS), dtype=np.float32)
    stretch[_column("warm")] = 4.0
    study = Study(good, spoilt, stretch, losses, evaluations=20, is_complete=True, elapsed_ms=1.0)
    assert study.explain("quality").faults[0][0] == "noisy"
    assert study.explain().attribute == "noise"
    assert study.explain("color").box_points == pytest.approx(32.0), "asked for, its own heat is not lessened"


def test_hottest_cells_and_whether_they_stand_out(spot: NDArray[np.float32]) -> None:
    assert find_hottest_cells(spot) == (slice(12, 16), slice(3, 7))
    assert has_standout(spot, 80.0, "quality")
    assert not has_standout(spot, 190.0, "quality"), "it looks too little spoilt"
    assert has_standout(spot, 190.0, "sharpness"), "which differs less from place to place"
    assert not has_standout(spot, 130.0, "color"), "and colour more"
    assert not has_standout(spot / 10.0, 8.0, "quality"), "it costs too little"
    alike = np.full((20, 20), 40.0)
    assert not has_standout(alike, 80.0, "noise"), "a photo that loses the same everywhere has no such place"


def test_what_is_explained_when_nobody_says(good: Score) -> None:
    policy = load_policy()
    losses = np.full((len(FAULTS), len(ATTRIBUTES)), 60.0)
    looks = np.zeros((20, 20, len(FAULTS)), dtype=np.float32)

    def choose(score: Score) -> str:
        return choose_attribute(score, looks, looks, losses, policy)

    assert choose(good) == "quality"
    looks[:4, :4, _column("noisy")] = 0.9
    looks[8:12, :4, _column("blurred")] = 0.7
    assert choose(good) == "noise"
    losses[[fault.attribute == "noise" for fault in FAULTS]] = 20.0
    assert choose(good) == "sharpness", "it looks a little less spoilt, and costs three times as much"
    losses[:] = 60.0
    looks[..., _column("noisy")] = 0.9
    assert choose(good) == "sharpness", "noise is all over, and no place's"
    bad = replace(good, attributes=replace(good.attributes, sharpness=30.0, color=5.0))
    assert choose(bad) == "color", "the reason furthest below its limit"


def test_hottest_cells_of_a_tiny_map() -> None:
    assert find_hottest_cells(np.ones((2, 2))) == (slice(0, 1), slice(0, 1))
