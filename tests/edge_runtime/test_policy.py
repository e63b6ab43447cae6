"""Policies: the verdicts they give, and every way to write one wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.errors import PolicyError
from edge_runtime.gate.policy import evaluate, load_policy, parse_policy
from edge_runtime.result import Attributes, ImageSize, Label, ModelInfo, Score, Timings

POLICY = """
name = "shop"
[quality]
accept_from = 60
reject_below = 40.5
[attributes.sharpness]
minimum = 50
reject_below = 20
[attributes.noise]
minimum = 30
message = "Grain."
"""


def build_score(quality: float, **attributes: float) -> Score:
    points = {**dict.fromkeys(ATTRIBUTE_NAMES, 80.0), **attributes}
    return Score(
        quality,
        "medium",
        (quality - 5, quality + 5),
        0.8,
        Attributes(**points),
        Label("toys", 0.71234),
        Label("unknown", 0.2),
        ImageSize(640, 480),
        Timings(9.123, 1.2, 2.2, 12.6),
        ModelInfo("m", "1", "ab", "interpreter 1"),
        "a.jpg",
    )


@pytest.mark.parametrize(
    ("quality", "attributes", "decision", "codes"),
    [
        (60.0, {}, "accept", []),
        (59.9, {}, "review", ["low_quality"]),
        (40.5, {}, "review", ["low_quality"]),
        (40.4, {}, "reject", ["low_quality"]),
        (90.0, {"sharpness": 49.0}, "accept", ["blurred"]),
        (90.0, {"sharpness": 19.9}, "reject", ["blurred"]),
        (50.0, {"sharpness": 30.0, "noise": 10.0}, "review", ["blurred", "noisy"]),
        (50.0, {"noise": 0.0}, "review", ["noisy"]),
        (90.0, {"exposure": 0.0}, "accept", []),
    ],
)
def test_verdict(quality: float, attributes: dict[str, float], decision: str, codes: list[str]) -> None:
    verdict = evaluate(build_score(quality, **attributes), parse_policy(POLICY, "shop.toml"))
    assert verdict.decision == decision
    assert [reason.code for reason in verdict.reasons] == codes
    assert verdict.policy == "shop"


def test_reason_says_what_and_why() -> None:
    policy = parse_policy(POLICY, "shop.toml")
    blurred, noisy = evaluate(build_score(70, sharpness=42.04, noise=12.3), policy).reasons
    assert (blurred.attribute, blurred.value, blurred.limit) == ("sharpness", 42.04, 50.0)
    assert "sharp" in blurred.message
    assert blurred.advice
    assert noisy.message == "Grain."


def test_default_policy_covers_every_attribute() -> None:
    policy = load_policy()
    assert policy.name == "default"
    assert 0 < policy.reject_below <= policy.accept_from < 100
    verdict = evaluate(build_score(100, **dict.fromkeys(ATTRIBUTE_NAMES, 0.0)), policy)
    codes = [reason.code for reason in verdict.reasons]
    assert codes == ["blurred", "noisy", "bad_exposure", "color_cast", "bad_composition"]
    assert evaluate(build_score(100, **dict.fromkeys(ATTRIBUTE_NAMES, 100.0)), policy).reasons == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("accept_from", "accept_form", r"'accept_form' in \[quality\]; did you mean 'accept_from'"),
        ("minimum = 30", "minimun = 30", r"'minimun' in \[attributes.noise\]; did you mean 'minimum'"),
        ("attributes.sharpness", "attributes.sharpnes", "'sharpnes' .*did you mean 'sharpness'"),
        ("[quality]", "[qualty]", "'qualty' .*did you mean 'quality'"),
        ("name =", "zzz =", "known are: name, quality, attributes"),
        ("accept_from = 60", "accept_from = 30", "is less than reject_below"),
        ("accept_from = 60", "accept_from = 101", "outside 0-100"),
        ("accept_from = 60", "accept_from = -1", "outside 0-100"),
        ("accept_from = 60", "accept_from = nan", "outside 0-100"),
        ("accept_from = 60", "accept_from = inf", "outside 0-100"),
        ("accept_from = 60", "accept_from = true", "write a number"),
        ("accept_from = 60", "accept_from = '60'", "write a number"),
        ("accept_from = 60", "", "lacks accept_from"),
        ("minimum = 50", "minimum = 10", "is less than reject_below"),
        ("minimum = 30", "", "sets no limit"),
        ('name = "shop"', "name = 3", "write a text"),
        ('"Grain."', "[1]", "write a text"),
        ("accept_from = 60", "accept_from 60", "not TOML: .*line 4"),
    ],
)
def test_faults(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in POLICY
    path = tmp_path / "policy.toml"
    path.write_text(POLICY.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PolicyError, match=message) as caught:
        load_policy(path)
    assert str(path) in str(caught.value)


def test_missing_and_misplaced_tables() -> None:
    with pytest.raises(PolicyError, match=r"\[quality\] is missing"):
        parse_policy("name = 'x'", "p.toml")
    with pytest.raises(PolicyError, match="not a table"):
        parse_policy("quality = 3", "p.toml")
    with pytest.raises(PolicyError, match="not a table"):
        parse_policy("attributes.noise = 3\n[quality]\naccept_from = 1\nreject_below = 1", "p.toml")


def test_unreadable_files(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes("name = 'été'".encode("latin-1"))
    for path in (tmp_path / "none.toml", tmp_path, latin):
        with pytest.raises(PolicyError, match="cannot read the policy"):
            load_policy(path)


def test_json_of_a_judged_score() -> None:
    score = build_score(61.44, sharpness=40.24)
    document = score.to_dict(evaluate(score, parse_policy(POLICY, "shop.toml")))
    assert list(document) == [
        *("path", "quality", "interval", "interval_coverage", "band", "verdict", "attributes", "category", "style"),
        *("reasons", "image", "timings_ms", "model"),
    ]
    assert document["quality"] == 61.4
    assert document["category"] == {"label": "toys", "probability": 0.712}
    assert list(document["attributes"]) == list(ATTRIBUTE_NAMES)
    assert list(document["reasons"][0]) == ["code", "attribute", "value", "limit", "message", "advice"]
    assert document["timings_ms"] == {"decode": 9.12, "preprocess": 1.2, "inference": 2.2, "total": 12.6}
    assert "verdict" not in score.to_dict()
