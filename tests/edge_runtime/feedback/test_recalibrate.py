"""Limits from corrections: right where the answer is known, refused or kept where there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime import PhotoScorer
from edge_runtime.errors import UsageError
from edge_runtime.feedback import (
    Correction,
    FeedbackStore,
    format_policy,
    recalibrate,
    save_policy,
    score_again,
)
from edge_runtime.feedback.recalibrate import FOLDS, _assign_folds
from edge_runtime.gate.policy import Policy, evaluate, load_policy, parse_policy
from edge_runtime.result import ModelInfo

BuildCorrection = Callable[..., Correction]
OWN = """
name = "Läden \\"x\\""
[quality]
accept_from = 72.5
reject_below = 31.25
judged_by = "weighted"
message = "Nicht gut\\ngenug."
[attributes.sharpness]
minimum = 50
reject_below = 20
required = true
advice = "ruhig halten \\\\ stillhalten \\u007f"
[attributes.composition]
reject_below = 10
[weights]
sharpness = 0.1
color = 3e-7
[rules]
checked_elsewhere = ["text", "watermark"]
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    """accept_from 60, reject_below 40."""
    return load_policy()


def say(build: BuildCorrection, accept_from: float, reject_below: float, count: int = 60) -> list[Correction]:
    """Corrections of a person who has these limits and never errs."""
    corrections = []
    for number, quality in enumerate(np.linspace(5.2, 95.3, count), 1):
        verdict = "accept" if quality >= accept_from else "reject" if quality < reject_below else "review"
        corrections.append(build(number, float(quality), verdict))
    return corrections


@pytest.mark.parametrize(("accept_from", "reject_below"), [(75.0, 30.0), (45.0, 20.0), (80.0, 65.0), (90.0, 10.0)])
def test_a_persons_limits_are_found(
    build_correction: BuildCorrection, policy: Policy, accept_from: float, reject_below: float
) -> None:
    result = recalibrate(say(build_correction, accept_from, reject_below, 120), policy)
    assert not result.is_kept
    assert result.policy.accept_from == pytest.approx(accept_from, abs=1.0)
    assert result.policy.reject_below == pytest.approx(reject_below, abs=1.0)
    assert result.after.cost < result.before.cost
    assert (result.before.photos, result.after.photos) == (120, 120)
    assert result.policy.name == "default, recalibrated"
    assert result.policy.attribute_limits == policy.attribute_limits


def test_a_policy_that_fits_is_kept(build_correction: BuildCorrection, policy: Policy) -> None:
    result = recalibrate(say(build_correction, policy.accept_from, policy.reject_below), policy)
    assert result.is_kept
    assert result.policy == policy
    assert (result.before.cost, result.after.cost) == (0, result.after.cost)


def test_chance_is_not_worse_than_before(build_correction: BuildCorrection, policy: Policy) -> None:
    rng = np.random.default_rng(3)
    changed = 0
    for _ in range(30):
        corrections = []
        for number in range(1, 41):
            quality = float(rng.uniform(20, 95))
            # People agree with the default policy but for errors of theirs: there is nothing to be learnt.
            noisy = quality + rng.normal(0, 12)
            verdict = "accept" if noisy >= 60 else "reject" if noisy < 40 else "review"
            corrections.append(build_correction(number, quality, verdict))
        result = recalibrate(corrections, policy)
        if result.is_kept:
            assert result.policy == policy
        else:
            changed += 1
            assert result.after.cost < result.before.cost
    assert changed <= 5


def test_people_who_never_say_review_still_leave_the_doubtful_to_it(
    build_correction: BuildCorrection, policy: Policy
) -> None:
    corrections: list[Correction] = []
    for quality in np.arange(50.25, 90.0):
        chance = 1 / (1 + np.exp(-(quality - 70) / 5))
        for place in range(12):
            verdict = "accept" if place < round(12 * chance) else "reject"
            corrections.append(build_correction(len(corrections), float(quality), verdict))
    result = recalibrate(corrections, policy)
    # By Chow's rule between odds of 1:2 and 2:1, that is 70 - 3.5 and 70 + 3.5.
    assert result.policy.accept_from == pytest.approx(73.5, abs=1.5)
    assert result.policy.reject_below == pytest.approx(66.5, abs=1.5)


def test_counts_of_what_went_wrong(build_correction: BuildCorrection, policy: Policy) -> None:
    corrections = say(build_correction, 60.0, 40.0, 30)
    wrong = [(70.0, "reject"), (71.0, "review"), (20.0, "accept"), (50.0, "accept"), (50.5, "reject"), (21.0, "review")]
    corrections += [build_correction(100 + i, quality, verdict) for i, (quality, verdict) in enumerate(wrong)]
    before = recalibrate(corrections, policy).before
    assert before.to_dict() == {
        "photos": 36,
        "wrong_accepts": 2,
        "wrong_rejects": 2,
        "needless_reviews": 2,
        "cost": 3 + 1 + 3 + 1 + 1 + 1,
    }


def test_limits_of_attributes_are_taken_into_account(build_correction: BuildCorrection) -> None:
    text = "[quality]\naccept_from = 60\nreject_below = 40\n[attributes.noise]\nminimum = 50\nreject_below = 30\n"
    policy = parse_policy(text, "own")
    # All noisy photos are rejected by the policy's other limit, and people agree: that moves no limit of the quality.
    noisy = [build_correction(200 + i, 90.0 - i / 10, "reject", noise=10.0) for i in range(40)]
    result = recalibrate([*say(build_correction, 75.0, 30.0, 120), *noisy], policy)
    assert result.policy.accept_from == pytest.approx(75.0, abs=1.0)
    assert all(evaluate(correction.score, result.policy).decision == "reject" for correction in noisy)


def test_the_weighted_quality_is_judged_where_the_policy_says_so(build_correction: BuildCorrection) -> None:
    text = '[quality]\naccept_from = 60\nreject_below = 40\njudged_by = "weighted"\n[weights]\ncolor = 1\n'
    corrections = [
        build_correction(i, 50.0, "accept" if color >= 80 else "reject", color=float(color))
        for i, color in enumerate(np.linspace(10, 95, 60), 1)
    ]
    result = recalibrate(corrections, parse_policy(text, "own"))
    assert result.policy.accept_from == pytest.approx(80.0, abs=1.5)
    assert result.policy.judged_by == "weighted"


def test_too_few(build_correction: BuildCorrection, policy: Policy) -> None:
    corrections = say(build_correction, 75.0, 30.0, 19)
    with pytest.raises(UsageError, match="19 photos have corrections, 20 are needed"):
        recalibrate(corrections, policy)
    with pytest.raises(UsageError, match="19 photos have corrections, 20 are needed"):
        recalibrate([*corrections, corrections[0]], policy)
    recalibrate(corrections, policy, min_count=19)
    with pytest.raises(UsageError, match="10 or more"):
        recalibrate(corrections, policy, min_count=9)


def test_the_latest_verdict_on_a_photo_counts(build_correction: BuildCorrection, policy: Policy) -> None:
    corrections = say(build_correction, 75.0, 30.0)
    changed = [build_correction(97 + place, 50.0, verdict, "p") for place, verdict in enumerate(("accept", "review"))]
    result = recalibrate([changed[0], *corrections, changed[1], changed[1]], policy)
    expected = recalibrate([*corrections, changed[1]], policy)
    assert (result.photos, result.superseded, expected.superseded) == (61, 1, 0)
    assert result.policy == expected.policy
    assert result.to_dict()["superseded"] == 1


def test_verdicts_that_contradict_the_score(build_correction: BuildCorrection, policy: Policy) -> None:
    corrections = [build_correction(i, 20.0 + i, "reject" if i > 20 else "accept") for i in range(1, 41)]
    with pytest.raises(UsageError, match="contradict the score"):
        recalibrate(corrections, policy)


def test_one_verdict_one_group_or_two_models(build_correction: BuildCorrection, policy: Policy) -> None:
    with pytest.raises(UsageError, match="all 30 corrections say accept"):
        recalibrate([build_correction(i, 50.0 + i, "accept") for i in range(30)], policy)
    verdicts = ["accept" if i > 15 else "reject" for i in range(30)]
    with pytest.raises(UsageError, match="one group"):
        recalibrate([build_correction(i, 40.0 + i, v, group="g") for i, v in enumerate(verdicts)], policy)
    models = [ModelInfo("built", "1", letter * 64, "none") for letter in "ab"]
    with pytest.raises(UsageError, match="2 models"):
        recalibrate([build_correction(i, 40.0 + i, v, model=models[i % 2]) for i, v in enumerate(verdicts)], policy)


def test_a_group_is_held_out_as_a_whole(build_correction: BuildCorrection, policy: Policy) -> None:
    groups = [f"listing {number % 7}" for number in range(70)]
    folds = _assign_folds(groups)
    assert sorted(set(folds.tolist())) == list(range(FOLDS))
    for group in set(groups):
        assert len({fold for fold, name in zip(folds.tolist(), groups, strict=True) if name == group}) == 1
    assert _assign_folds(groups[::-1]).tolist() == folds.tolist()[::-1], "the order does not matter"
    # Of two listings one is judged by 75, the other by 55: what is fitted to one costs on the other, so nothing is won.
    points = np.linspace(40.2, 89.7, 30).tolist()
    corrections = [
        build_correction(100 * place + i, quality, "accept" if quality >= limit else "review", group=f"{limit}")
        for place, limit in enumerate((75, 55))
        for i, quality in enumerate(points)
    ]
    assert recalibrate(corrections, policy).is_kept


@pytest.mark.parametrize("text", [OWN, "[quality]\naccept_from = 60\nreject_below = 60\n"])
def test_a_policy_survives_its_file(text: str, tmp_path: Path) -> None:
    policy = parse_policy(text, "own")
    save_policy(policy, tmp_path / "own.toml", ["before and\nafter"])
    assert load_policy(tmp_path / "own.toml") == policy
    assert parse_policy(format_policy(policy), "own") == policy
    assert (tmp_path / "own.toml").read_text(encoding="utf-8").startswith("# before and\n# after\nname")
    with pytest.raises(UsageError, match="--force"):
        save_policy(policy, tmp_path / "own.toml")


def test_the_default_policy_survives_its_file(policy: Policy) -> None:
    assert parse_policy(format_policy(policy), "default") == policy


def test_the_latest_verdict_counts_though_its_photo_is_gone(build_correction: BuildCorrection, tmp_path: Path) -> None:
    def fail() -> PhotoScorer:
        raise AssertionError("nothing is to be scored")

    first, other, last = (build_correction(number, 50.0 + number, "accept", "p") for number in (1, 2, 3))
    first, last = (replace(c, score=replace(c.score, model=ModelInfo("a", "1", "0" * 64, "x"))) for c in (first, last))
    usable, lost = score_again([first, other, last], tmp_path, other.score.model.sha256, fail)
    assert ([correction.id for correction in usable], lost) == ([1, 2, 3], [])
    assert {correction.score for correction in usable} == {other.score}


def test_scores_of_another_model_are_made_again(
    store: FeedbackStore, photo: Path, tmp_path: Path, examples_dir: Path, build_score: Callable, scorer: PhotoScorer
) -> None:
    own = scorer.contract.sha256
    gone = tmp_path / "gone.jpg"
    gone.write_bytes((examples_dir / "coffee-dark.jpg").read_bytes())
    store.add(photo, build_score(11.0), "accept")
    store.add(gone, build_score(12.0), "reject")
    kept = examples_dir / "coffee-good.jpg"
    store.add(kept, scorer.score(kept), "accept")
    gone.unlink()
    usable, lost = score_again(store.corrections(), store.photos, own, PhotoScorer.default)
    assert [correction.id for correction in usable] == [1, 3]
    assert [correction.id for correction in lost] == [2]
    assert usable[0].score.quality == scorer.score(photo).quality
    assert usable[0].verdict == "accept"

    def fail() -> PhotoScorer:
        raise AssertionError("nothing to score again")

    assert len(score_again(usable, store.photos, own, fail)[0]) == 2
