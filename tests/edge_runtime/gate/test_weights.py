"""Weights that overflow: a quality that is no number would be under no limit, so it is never made."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge_runtime import Score
from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.errors import PolicyError
from edge_runtime.gate.policy import parse_policy
from edge_runtime.gate.weights import compute_weighted_quality

LIMITS = "[quality]\naccept_from = 60\nreject_below = 40\njudged_by = 'weighted'\n[weights]\n"


@pytest.mark.parametrize("weight", ["1e308", "2e306", "1000001", "9" * 300], ids=["sum", "product", "just", "int"])
def test_a_policy_with_too_large_weights_is_refused(weight: str) -> None:
    text = LIMITS + "".join(f"{name} = {weight}\n" for name in ("sharpness", "noise", "exposure"))
    with pytest.raises(PolicyError, match=r"p.toml: \[weights\] sharpness is .*, more than 1,000,000; write smaller"):
        parse_policy(text, "p.toml")


def test_the_largest_weights_a_policy_may_have(build_score: Callable[..., Score]) -> None:
    policy = parse_policy(LIMITS + "".join(f"{name} = 1e6\n" for name in ATTRIBUTE_NAMES), "p.toml")
    assert compute_weighted_quality(build_score(0, rest=37.0).attributes, policy.weights) == pytest.approx(37)


@pytest.mark.parametrize(
    "weights",
    [
        {"sharpness": 1e308, "noise": 1e308},
        {"sharpness": 2e306},
        {"sharpness": float("inf")},
        {"sharpness": 1.0, "noise": float("nan")},
        {"sharpness": float("inf"), "noise": float("-inf")},
        {"sharpness": 10**400},
    ],
    ids=["sum", "product", "inf", "nan", "both", "int"],
)
def test_weights_from_python_that_overflow(build_score: Callable[..., Score], weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="no usable number; give smaller ones"):
        compute_weighted_quality(build_score(0, rest=90.0).attributes, weights)


def test_large_weights_from_python_that_do_not(build_score: Callable[..., Score]) -> None:
    assert compute_weighted_quality(build_score(0, rest=100.0).attributes, {"noise": 1e306}) == pytest.approx(100)
