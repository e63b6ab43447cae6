"""What the looks say together: attributes, and raw quality, their mean less what faults take off."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.quality import compute_attribute_points, compute_attributes, compute_raw_quality

Look = dict[str, np.ndarray]


def build_look(quality: float, **attributes: float) -> Look:
    values = [attributes.get(name, 1.0) for name in ATTRIBUTE_NAMES]
    return {"quality": np.array([[quality]], np.float32), "attributes": np.array([values], np.float32)}


def test_attributes_are_those_of_the_whole_but_for_those_of_both_looks() -> None:
    looks = [
        build_look(0.5, sharpness=1.0, noise=0.75, color=0.5),
        build_look(0.5, sharpness=0.5, noise=0.25, color=0.0),
    ]
    assert dict(zip(ATTRIBUTE_NAMES, compute_attributes(looks), strict=True)) == {
        **dict.fromkeys(ATTRIBUTE_NAMES, 1.0),
        "noise": 0.75,
        "color": 0.5,
    }
    of_both = compute_attributes(looks, ("sharpness", "noise"))
    assert of_both.tolist() == [0.75, 0.5, 1.0, 0.5, 1.0]
    assert compute_attributes(looks[:1], ("sharpness", "noise")).tolist() == [1.0, 0.75, 1.0, 0.5, 1.0]


def test_without_stretch_points_are_a_hundred_times_the_attribute() -> None:
    assert compute_attribute_points(np.array([0.0, 0.25, 0.5, 0.9, 1.0]), {}) == pytest.approx([0, 25, 50, 90, 100])
    assert compute_attribute_points(np.array([-0.01, 1.02, 0.5, 0.5, 0.5]), {}).tolist() == [0, 100, 50, 50, 50]


def test_the_upper_half_is_stretched_by_the_odds() -> None:
    scale = np.linspace(0, 1, 101)
    noise = np.array([compute_attribute_points(np.full(5, value), {"noise": 4.0})[1] for value in scale])
    assert noise[:51] == pytest.approx(100 * scale[:51]), "limits of policies lie here"
    assert noise[-1] == 100.0
    assert np.all(np.diff(noise) > 0)
    assert noise[90] == pytest.approx(75.0)  # u = .8: odds of 4, a quarter of them 1, so u = .5
    found = compute_attribute_points(np.full(5, 0.9), {"noise": 4.0, "composition": 0.25})
    assert found == pytest.approx([90.0, 75.0, 90.0, 90.0, 50 + 50 * 16 / 17])


def test_without_deductions_it_is_the_mean_of_the_looks() -> None:
    looks = [build_look(0.5, noise=0.0), build_look(0.75)]
    assert compute_raw_quality(looks, compute_attributes(looks), {}) == pytest.approx(0.625)
    assert compute_raw_quality(looks[:1], compute_attributes(looks), {}) == pytest.approx(0.5)
    assert compute_raw_quality(looks, compute_attributes(looks), {}, 0.2) == pytest.approx(0.55)
    assert compute_raw_quality(looks[:1], compute_attributes(looks), {}, 0.2) == pytest.approx(0.5)


@pytest.mark.parametrize(("noise", "left"), [(1.0, 0.8), (0.5, 0.7), (0.0, 0.4), (1.02, 0.8)])
def test_a_fault_takes_off_the_square_of_its_strength(noise: float, left: float) -> None:
    looks = [build_look(0.8, noise=noise, color=0.0)]
    assert compute_raw_quality(looks, compute_attributes(looks), {"noise": 0.4}) == pytest.approx(left, abs=1e-6)


def test_faults_add_up_and_the_attributes_tell_them() -> None:
    deductions = {"noise": 0.4, "sharpness": 0.2, "color": 0.0}
    looks = [build_look(0.3, noise=0.0, sharpness=0.0), build_look(0.1)]
    assert compute_raw_quality(looks, compute_attributes(looks), deductions) == pytest.approx(0.2 - 0.6)
    assert compute_raw_quality(looks, compute_attributes(looks[::-1]), deductions) == pytest.approx(0.2)
    of_both = compute_attributes(looks, ("noise",))
    assert compute_raw_quality(looks, of_both, deductions) == pytest.approx(0.2 - 0.2 - 0.1)
