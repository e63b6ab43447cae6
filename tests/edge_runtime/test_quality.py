"""Raw quality: the mean of the looks, less what faults take off."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.quality import compute_raw_quality

Look = dict[str, np.ndarray]


def build_look(quality: float, **attributes: float) -> Look:
    values = [attributes.get(name, 1.0) for name in ATTRIBUTE_NAMES]
    return {"quality": np.array([[quality]], np.float32), "attributes": np.array([values], np.float32)}


def test_without_deductions_it_is_the_mean_of_the_looks() -> None:
    looks = [build_look(0.5, noise=0.0), build_look(0.75)]
    assert compute_raw_quality(looks, {}) == pytest.approx(0.625)
    assert compute_raw_quality(looks[:1], {}) == pytest.approx(0.5)


@pytest.mark.parametrize(("noise", "left"), [(1.0, 0.8), (0.5, 0.7), (0.0, 0.4), (1.02, 0.8)])
def test_a_fault_takes_off_the_square_of_its_strength(noise: float, left: float) -> None:
    looks = [build_look(0.8, noise=noise, color=0.0)]
    assert compute_raw_quality(looks, {"noise": 0.4}) == pytest.approx(left, abs=1e-6)


def test_faults_add_up_and_the_look_at_the_whole_tells_them() -> None:
    deductions = {"noise": 0.4, "sharpness": 0.2, "color": 0.0}
    looks = [build_look(0.3, noise=0.0, sharpness=0.0), build_look(0.1)]
    assert compute_raw_quality(looks, deductions) == pytest.approx(0.2 - 0.6)
    assert compute_raw_quality(looks[::-1], deductions) == pytest.approx(0.2)
