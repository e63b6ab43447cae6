"""Policies: the verdicts they give, and every way to write one wrongly."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.contract import ATTRIBUTE_NAMES
from edge_runtime.errors import PolicyError, UsageError
from edge_runtime.gate.policy import Policy, evaluate, load_policy, parse_policy
from edge_runtime.gate.weights import DEFAULT_WEIGHTS, compute_weighted_quality
from edge_runtime.result import Label, Score, Timings

BuildScore = Callable[..., Score]

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
def test_verdict(
    build_score: BuildScore, quality: float, attributes: dict[str, float], decision: str, codes: list[str]
) -> None:
    verdict = evaluate(build_score(quality, **attributes), parse_policy(POLICY, "shop.toml"))
    assert verdict.decision == decision
    assert [reason.code for reason in verdict.reasons] == codes
    assert verdict.policy == "shop"


def test_reason_says_what_and_why(build_score: BuildScore) -> None:
    policy = parse_policy(POLICY, "shop.toml")
    blurred, noisy = evaluate(build_score(70, sharpness=42.04, noise=12.3), policy).reasons
    assert (blurred.attribute, blurred.value, blurred.limit) == ("sharpness", 42.04, 50.0)
    assert "sharp" in blurred.message
    assert blurred.advice
    assert noisy.message == "Grain."


@pytest.mark.parametrize(
    ("minimum", "points", "written"), [("50", 49.96, 49.96), ("50", 49.94, 49.9), ("50.04", 50.01, 50.0)]
)
def test_a_value_never_looks_like_the_limit_that_it_misses(
    build_score: BuildScore, minimum: str, points: float, written: float
) -> None:
    policy = parse_policy(POLICY.replace("minimum = 50", f"minimum = {minimum}"), "shop.toml")
    (blurred,) = evaluate(build_score(70, sharpness=points), policy).reasons
    document = blurred.to_dict()
    assert (document["value"], document["limit"]) == (written, float(minimum))


def test_chinese_words_and_words_of_ones_own(build_score: BuildScore) -> None:
    policy = parse_policy(POLICY, "shop.toml")
    blurred, noisy = evaluate(build_score(70, sharpness=42, noise=12), policy, "zh").reasons
    assert blurred.message == "照片不清晰。"
    assert noisy.message == "Grain.", "a policy's own words stand in whatever language its author writes"
    assert "噪点" not in noisy.message and "光线" in noisy.advice
    with pytest.raises(UsageError, match="no messages in 'xx'"):
        evaluate(build_score(0), policy, "xx")


def test_required_attributes_are_reviewed_at_best(build_score: BuildScore) -> None:
    required = parse_policy(POLICY.replace("minimum = 50", "minimum = 50\nrequired = true"), "shop.toml")
    for points, quality, decision in (
        (50, 90, "accept"),
        (49.9, 90, "review"),
        (49.9, 30, "reject"),
        (19, 90, "reject"),
    ):
        assert evaluate(build_score(quality, sharpness=points), required).decision == decision
    assert evaluate(build_score(90, noise=1), required).decision == "accept", "noise is not required"


def test_what_decides_stands_first(build_score: BuildScore) -> None:
    text = POLICY + "[attributes.exposure]\nminimum = 50\nreject_below = 20\n[attributes.color]\nminimum = 50\n"
    policy = parse_policy(text.replace("minimum = 30", "minimum = 30\nrequired = true"), "shop.toml")
    faults = {"sharpness": 40.0, "noise": 10.0, "exposure": 10.0, "color": 10.0}
    expected: list[tuple[float, list[tuple[str, str | None]]]] = [
        (90.0, [("exposure", "reject"), ("noise", "review"), ("sharpness", None), ("color", None)]),
        (50.0, [("exposure", "reject"), ("sharpness", "review"), ("noise", "review"), ("color", "review")]),
        (30.0, [(name, "reject") for name in faults]),
    ]
    for quality, reasons in expected:
        verdict = evaluate(build_score(quality, **faults), policy)
        assert verdict.decision == "reject"
        assert [(reason.attribute, reason.to_dict()["decides"]) for reason in verdict.reasons] == reasons
    for quality, decides in ((50.0, "review"), (30.0, "reject")):
        (reason,) = evaluate(build_score(quality), policy).reasons
        assert (reason.code, reason.to_dict()["decides"]) == ("low_quality", decides)


def test_policies_go_to_other_processes() -> None:
    own = parse_policy("[quality]\naccept_from = 60\nreject_below = 40\n[weights]\nnoise = 1\n", "own")
    for policy in (load_policy(), own, Policy("plain", 60, 40, ())):
        assert pickle.loads(pickle.dumps(policy)) == policy


def test_default_weights(build_score: BuildScore) -> None:
    assert sum(DEFAULT_WEIGHTS.values()) == pytest.approx(1.02)
    assert DEFAULT_WEIGHTS["exposure"] == pytest.approx(0.15 + 0.12)
    points = build_score(0, sharpness=40, noise=70, exposure=60, color=80, composition=0).attributes
    expected = (0.61 * 40 + 0.07 * 70 + 0.27 * 60 + 0.07 * 80) / 1.02
    assert compute_weighted_quality(points) == pytest.approx(expected)
    same = build_score(0, **dict.fromkeys(ATTRIBUTE_NAMES, 37.0)).attributes
    assert compute_weighted_quality(same) == pytest.approx(37)
    assert compute_weighted_quality(points, {"sharpness": 1, "noise": 3}) == pytest.approx((40 + 210) / 4)
    with pytest.raises(ValueError, match="add up to 0"):
        compute_weighted_quality(points, {})


@pytest.mark.parametrize(
    ("sharpness", "decision"), [(60, "accept"), (59, "review"), (40.5, "review"), (40.4, "reject")]
)
def test_judged_by_the_weighted_quality(build_score: BuildScore, sharpness: float, decision: str) -> None:
    text = "[quality]\njudged_by = 'weighted'\naccept_from = 60\nreject_below = 40.5\n[weights]\nsharpness = 2\n"
    verdict = evaluate(build_score(99, sharpness=sharpness), parse_policy(text, "p.toml"))
    assert verdict.decision == decision
    if decision != "accept":
        (reason,) = verdict.reasons
        assert (reason.code, reason.attribute, reason.value) == ("low_quality", "weighted_quality", sharpness)
    direct = parse_policy(text.replace("'weighted'", "'direct'"), "p.toml")
    assert evaluate(build_score(99, sharpness=sharpness), direct).decision == "accept"
    assert evaluate(build_score(10, sharpness=99), parse_policy(text, "p.toml")).decision == "accept"


def test_default_policy_covers_every_attribute(build_score: BuildScore) -> None:
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
        ("reject_below = 40.5", "reject_below = 0.4", r"0.4: points run from 0 to 100, not to 1; did you mean 40\?"),
        ("minimum = 30", "minimum = 0.99", r"\[attributes.noise\] minimum is 0.99: .* did you mean 99\?"),
        ('"Grain."', '" "', r"\[attributes.noise\] message is empty"),
        ("reject_below = 40.5", 'reject_below = 40.5\nadvice = ""', r"\[quality\] advice is empty"),
        ("[quality]", '[rules]\nchecked_elsewhere = "text"\n[quality]', r'as in checked_elsewhere = \["text"\]'),
        ("[quality]", "[rules]\nchecked_elsewhere = 3\n[quality]", r'elsewhere = \["longest_side", "shortest_side"\]'),
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
        ("[quality]", "[weigths]\nsharpness = 1\n[quality]", "'weigths' .*did you mean 'weights'"),
        ("[quality]", "[weights]\nsharpnes = 1\n[quality]", r"'sharpnes' in \[weights\]; did you mean 'sharpness'"),
        ("[quality]", "[weights]\nsharpness = -1\n[quality]", "outside 0 and more"),
        ("[quality]", "[weights]\nsharpness = inf\n[quality]", "sharpness is inf"),
        ("[quality]", "[weights]\nsharpness = 0\n[quality]", "weighs nothing"),
        ("[quality]", "[weights]\n[quality]", "weighs nothing"),
        ("accept_from = 60", "judged_by = 'weigthed'\naccept_from = 60", "did you mean 'weighted'"),
        ("accept_from = 60", "judged_by = 1\naccept_from = 60", "write a text"),
        ("minimum = 30", "minimum = 30\nrequired = 1", "write true or false"),
        ("minimum = 50", "required = true", "no minimum to reach"),
        ("[quality]", "[rules]\nchecked_elswhere = []\n[quality]", "did you mean 'checked_elsewhere'"),
        ("[quality]", "[rules]\nchecked_elsewhere = ['watermarks']\n[quality]", "did you mean 'watermark'"),
        ("[quality]", "[rules]\nchecked_elsewhere = 'text'\n[quality]", "write a list of texts"),
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


def test_json_of_a_judged_score(build_score: BuildScore) -> None:
    details = {"category": Label("toys", 0.71234), "timings": Timings(9.123, 1.2, 2.2, 12.6), "path": "a.jpg"}
    score = build_score(61.44, sharpness=40.24, **details)
    document = score.to_dict(evaluate(score, parse_policy(POLICY, "shop.toml")))
    assert list(document) == [
        *("path", "quality", "interval", "interval_coverage", "band", "verdict", "attributes", "category", "style"),
        *("reasons", "image", "timings_ms", "model"),
    ]
    assert document["quality"] == 61.4
    assert document["category"] == {"label": "toys", "probability": 0.712}
    assert list(document["attributes"]) == list(ATTRIBUTE_NAMES)
    assert list(document["reasons"][0]) == [
        *("code", "decides", "attribute", "value", "limit", "message", "advice"),
    ]
    assert document["timings_ms"] == {"decode": 9.12, "preprocess": 1.2, "inference": 2.2, "total": 12.6}
    assert "verdict" not in score.to_dict()
