"""The order, ties, near-duplicates and the words for the choice, on scores that are known."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import pytest

from edge_runtime.best import TIE_POINTS, Candidate, Ranking, order_candidates
from edge_runtime.errors import InputError
from edge_runtime.gate.policy import Policy, load_policy, parse_policy
from edge_runtime.result import ScoreFailure

BuildCandidate = Callable[..., Candidate]


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy()


def names(ranking: Ranking) -> list[str]:
    return [photo.name for photo in ranking.photos]


def test_the_better_photo_stands_first(build_candidate: BuildCandidate, policy: Policy) -> None:
    candidates = [build_candidate(name, quality) for name, quality in (("a", 50.0), ("b", 70.0), ("c", 61.0))]
    ranking = order_candidates(candidates, policy)
    assert names(ranking) == ["b", "c", "a"]
    assert [photo.rank for photo in ranking.photos] == [1, 2, 3]
    assert ranking.best is ranking.photos[0]
    assert [photo.verdict.decision for photo in ranking.photos] == ["accept", "accept", "review"]
    assert all(photo.cluster is None and photo.duplicate_of is None for photo in ranking.photos)


def test_photos_that_the_score_cannot_tell_apart_are_called_as_good(
    build_candidate: BuildCandidate, policy: Policy
) -> None:
    near, far = 70.0 - TIE_POINTS + 0.1, 70.0 - TIE_POINTS - 0.1
    ranking = order_candidates([build_candidate(n, q) for n, q in (("a", 70.0), ("b", near), ("c", far))], policy)
    assert [photo.is_as_good_as_best for photo in ranking.photos] == [True, True, False]
    assert [photo.name for photo in ranking.ties] == ["b"]
    assert "As good as it: b (within 3 points" in ranking.explain()


def test_a_limit_between_two_photos_does_not_make_them_differ(build_candidate: BuildCandidate, policy: Policy) -> None:
    # 60.5 is accepted and 59.5 is to review, but the score cannot tell one from the other.
    ranking = order_candidates([build_candidate("a", 59.5, sharpness=30.0), build_candidate("b", 60.5)], policy)
    assert [photo.verdict.decision for photo in ranking.photos] == ["accept", "review"]
    assert ranking.photos[1].is_as_good_as_best


def test_what_the_policy_holds_back_is_not_best(build_candidate: BuildCandidate) -> None:
    text = "[quality]\naccept_from = 50\nreject_below = 30\n[attributes.noise]\nminimum = 60\nrequired = true\n"
    candidates = [build_candidate("noisy", 71.0, noise=50.0), build_candidate("clean", 70.0)]
    ranking = order_candidates(candidates, parse_policy(text, "own"))
    assert names(ranking) == ["clean", "noisy"]
    assert not ranking.photos[1].is_as_good_as_best
    assert "noisy scores 1.0 points more, but the policy says review to it and accept to this" in ranking.explain()


def test_equal_points_are_decided_by_attributes_then_pixels_then_place(
    build_candidate: BuildCandidate, policy: Policy
) -> None:
    candidates = [
        build_candidate("plain", 70.01),
        build_candidate("larger", 70.03, size=(1280, 960)),
        build_candidate("sharp", 69.98, sharpness=95.0),
        build_candidate("plain too", 70.04),
    ]
    assert names(order_candidates(candidates, policy)) == ["sharp", "larger", "plain", "plain too"]


def test_a_policy_that_judges_by_weights_orders_by_them(build_candidate: BuildCandidate) -> None:
    text = '[quality]\naccept_from = 50\nreject_below = 30\njudged_by = "weighted"\n[weights]\ncolor = 1\n'
    candidates = [build_candidate("dull", 90.0, color=60.0), build_candidate("vivid", 40.0, color=75.0)]
    ranking = order_candidates(candidates, parse_policy(text, "own"))
    assert names(ranking) == ["vivid", "dull"]
    assert ranking.comparisons[0].quality == pytest.approx(15.0)
    assert "15.0 points ahead of dull (color +15)" in ranking.explain()


def test_near_duplicates_are_near_to_the_photo_that_is_kept(build_candidate: BuildCandidate, policy: Policy) -> None:
    # b lies between a and c, which are 8 bits apart: with the best in the middle all three are one view, ...
    a, b, c = 0b1111, 0, 0b11110000
    middle = [build_candidate(n, q, bits=h) for n, q, h in (("a", 60.0, a), ("b", 70.0, b), ("c", 50.0, c))]
    ranking = order_candidates(middle, policy, max_distance=4)
    assert [(photo.name, photo.duplicate_of, photo.distance_bits) for photo in ranking.photos] == [
        *(("b", None, None), ("a", "b", 4), ("c", "b", 4)),
    ]
    # ... with the best at an end the other end is another view: no chain.
    end = [build_candidate(n, q, bits=h) for n, q, h in (("a", 70.0, a), ("b", 60.0, b), ("c", 50.0, c))]
    ranking = order_candidates(end, policy, max_distance=4)
    assert [photo.duplicate_of for photo in ranking.photos] == [None, "a", None]
    assert [photo.cluster for photo in ranking.photos] == [1, 1, 2]
    assert [photo.name for photo in ranking.distinct] == ["a", "c"]


def test_the_order_of_the_arguments_does_not_matter(build_candidate: BuildCandidate, policy: Policy) -> None:
    hashes = (0, 0b111, 0b111111, 0xFFFF, 0x1FFFF)
    candidates = [build_candidate(f"{i}", 50.0 + 5 * i, bits=bits) for i, bits in enumerate(hashes)]
    rankings = {
        json.dumps(order_candidates(order, policy, max_distance=4).to_dict())
        for order in itertools.permutations(candidates)
    }
    assert len(rankings) == 1


def test_distance_zero_joins_only_equal_hashes(build_candidate: BuildCandidate, policy: Policy) -> None:
    candidates = [build_candidate(n, q, bits=b) for n, q, b in (("a", 70.0, 7), ("b", 60.0, 7), ("c", 50.0, 6))]
    ranking = order_candidates(candidates, policy, max_distance=0)
    assert [photo.duplicate_of for photo in ranking.photos] == [None, "a", None]
    assert ranking.photos[1].identical_to is None, "without files nobody can say that"


def test_of_copies_as_good_as_each_other_the_much_larger_is_taken(
    build_candidate: BuildCandidate, policy: Policy
) -> None:
    small = build_candidate("small", 71.0, size=(640, 480), bits=1)
    large = build_candidate("large", 69.0, size=(1280, 960), bits=0)
    other = build_candidate("other", 70.0, bits=0xFFFFFF)
    ranking = order_candidates([small, large, other], policy, max_distance=8)
    assert names(ranking) == ["large", "small", "other"]
    assert [photo.duplicate_of for photo in ranking.photos] == [None, "large", None]
    assert "as good as small, with 4.0 times its pixels" in ranking.explain()
    far = build_candidate("far", 65.0, size=(1280, 960), bits=0)
    assert names(order_candidates([small, far], policy, max_distance=8)) == ["small", "far"]
    assert names(order_candidates([small, large, other], policy)) == ["small", "other", "large"]


def test_why_names_the_attributes_that_lead_and_those_that_do_not(
    build_candidate: BuildCandidate, policy: Policy
) -> None:
    candidates = [
        build_candidate("best", 75.0, bits=0, sharpness=90.0, noise=70.0),
        *(build_candidate(f"copy {i}", 60.0 - i, bits=1, sharpness=60.0, exposure=82.0) for i in range(3)),
    ]
    ranking = order_candidates(candidates, policy, max_distance=8)
    runner_up, median = ranking.comparisons
    assert (runner_up.against, runner_up.name, runner_up.quality) == ("runner_up", "copy 0", 15.0)
    assert [(lead.attribute, lead.points) for lead in runner_up.attributes] == [("sharpness", 30.0), ("noise", -10.0)]
    assert (median.against, median.name, median.count, median.quality) == ("median", None, 3, 16.0)
    text = ranking.explain()
    assert "15.0 points ahead of copy 0 (sharpness +30, noise -10)" in text
    assert "16.0 points above the median of the 3 other near-duplicates" in text


def test_no_lead_is_said(build_candidate: BuildCandidate, policy: Policy) -> None:
    ranking = order_candidates([build_candidate("a", 75.0), build_candidate("b", 65.0)], policy)
    assert "no single attribute differs by 5 points" in ranking.explain()


def test_one_photo_and_none(build_candidate: BuildCandidate, policy: Policy) -> None:
    failure = ScoreFailure("x.jpg", InputError("x.jpg: no such file; check the path"))
    one = order_candidates([build_candidate("a", 70.0, bits=5)], policy, max_distance=8)
    assert one.explain() == "a is the only photo."
    assert (one.comparisons, one.ties, one.photos[0].cluster) == ((), (), 1)
    left = order_candidates([build_candidate("a", 70.0)], policy, failures=[failure])
    assert left.explain() == "a is the only photo that could be scored."
    none = order_candidates([], policy, max_distance=8, failures=[failure])
    assert none.best is None
    assert none.to_dict()["best"] is None
    assert none.to_dict()["failures"][0]["error"]["type"] == "InputError"


def test_a_best_that_is_rejected_is_no_praise(build_candidate: BuildCandidate, policy: Policy) -> None:
    ranking = order_candidates([build_candidate("a", 30.0), build_candidate("b", 20.0)], policy)
    assert ranking.explain().endswith("The policy rejects even this one: take the photo again.")


def test_json_form(build_candidate: BuildCandidate, policy: Policy) -> None:
    candidates = [build_candidate(n, q, bits=b) for n, q, b in (("a", 70.0, 0), ("b", 60.0, 1), ("c", 50.0, 255 << 9))]
    document = json.loads(json.dumps(order_candidates(candidates, policy, max_distance=4).to_dict(), allow_nan=False))
    assert document["best"] == "a"
    assert document["clusters"] == [["a", "b"], ["c"]]
    assert document["why"]["comparisons"][0]["path"] == "b"
    assert list(document["photos"][1])[:8] == [
        *("path", "rank", "is_best", "is_as_good_as_best", "cluster", "duplicate_of", "distance_bits", "identical_to"),
    ]
    assert document["photos"][1]["duplicate_of"] == "a"
    assert document["photos"][0]["attributes"]["sharpness"] == 80.0
