"""The gate: the score it gives is the scorer's, and the stricter of policy and rules decides."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime import InputError, PhotoScorer, UsageError
from edge_runtime.errors import PolicyError
from edge_runtime.gate import Gate, GateResult, OverlayFinding, RulePack, RuleReason, compute_weighted_quality
from edge_runtime.gate.policy import Policy, parse_policy
from edge_runtime.gate.rules import load_pack, parse_pack
from edge_runtime.result import ScoreFailure

DrawPhoto = Callable[..., Image.Image]
ACCEPT_ALL = parse_policy("[quality]\naccept_from = 0\nreject_below = 0\n", "all.toml")
BEFORE, AFTER = date(2027, 1, 30), date(2027, 1, 31)


def clean(picture: np.ndarray) -> OverlayFinding:
    return OverlayFinding(False)


CLEAN = {"text": clean, "watermark": clean}


@pytest.fixture
def listing(tmp_path: Path, draw_photo: DrawPhoto) -> Path:
    """A photo that breaks no rule of any pack."""
    path = tmp_path / "listing.jpg"
    draw_photo((2048, 2048), (150, 150, 1898, 1898)).save(path, quality=92)
    return path


def codes(result: GateResult) -> list[str]:
    return [reason.code for reason in result.reasons]


@pytest.mark.parametrize("form", ["jpg", "png", "webp"])
@pytest.mark.parametrize("size", [(640, 480), (2999, 1777)])
def test_the_score_is_the_scorers(
    scorer: PhotoScorer, photo: Image.Image, tmp_path: Path, form: str, size: tuple[int, int]
) -> None:
    path = tmp_path / f"a.{form}"
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.resize(size).save(path, exif=exif)
    gate = Gate(scorer, rules=["amazon"])
    for given in (path, str(path), path.read_bytes(), Image.open(path), np.asarray(Image.open(path).convert("RGB"))):
        expected, found = scorer.score(given), gate.judge(given).score
        for name in ("quality", "attributes", "category", "style", "interval", "image", "path", "model"):
            assert getattr(found, name) == getattr(expected, name), name
        assert found.timings.total_ms >= found.timings.inference_ms > 0
    frame = np.asarray(photo.resize(size))
    bgr = frame[..., ::-1].copy()
    assert gate.judge(bgr, "bgr").score.quality == scorer.score(bgr, "bgr").quality
    assert gate.judge(bgr, "bgr").outcomes[3][1].value == gate.judge(frame).outcomes[3][1].value


def test_without_rules_the_policy_decides_alone(scorer: PhotoScorer, photo: Image.Image) -> None:
    result = Gate(scorer).judge(photo)
    assert result.outcomes == ()
    assert result.policy == "default"
    assert result.weighted_quality == compute_weighted_quality(result.score.attributes)


@pytest.mark.parametrize("pack", ["amazon", "ebay", "google-merchant", "shopify"])
def test_a_photo_that_breaks_no_rule(scorer: PhotoScorer, listing: Path, pack: str) -> None:
    result = Gate(scorer, ACCEPT_ALL, [pack], detectors=CLEAN, today=AFTER).judge(listing)
    assert (result.decision, codes(result)) == ("accept", [])
    assert {outcome.state for _, outcome in result.outcomes} == {"passed"}


@pytest.mark.parametrize("pack", ["amazon", "ebay"])
def test_what_nobody_checked_is_reviewed(scorer: PhotoScorer, listing: Path, pack: str) -> None:
    result = Gate(scorer, ACCEPT_ALL, [pack]).judge(listing)
    assert result.decision == "review"
    assert codes(result) == ["not_checked_no_detector"] * 2
    text, watermark = result.reasons
    assert isinstance(text, RuleReason) and isinstance(watermark, RuleReason)
    assert (text.rule, watermark.rule) == (f"{pack}/text", f"{pack}/watermark")
    assert (text.state, text.value, text.level) == ("not_checked", None, "must")
    assert all(outcome.state != "passed" for _, outcome in result.outcomes if outcome.rule.check in CLEAN)


def test_checked_elsewhere(scorer: PhotoScorer, listing: Path) -> None:
    words = '[quality]\naccept_from = 0\nreject_below = 0\n[rules]\nchecked_elsewhere = ["text"{}]\n'
    one, both = (parse_policy(words.format(more), "p.toml") for more in ("", ', "watermark"'))
    assert Gate(scorer, one, ["ebay"]).judge(listing).decision == "review"
    result = Gate(scorer, both, ["ebay"]).judge(listing)
    assert result.decision == "accept"
    assert codes(result) == ["not_checked_no_detector"] * 2, "it is still said"
    assert [reason.decides for reason in result.reasons] == [None] * 2


def test_a_broken_must_rejects_and_a_recommendation_does_not(
    scorer: PhotoScorer, tmp_path: Path, draw_photo: DrawPhoto
) -> None:
    path = tmp_path / "a.jpg"
    draw_photo((700, 700), (200, 200, 487, 487)).save(path, quality=95)
    result = Gate(scorer, ACCEPT_ALL, ["amazon"], detectors=CLEAN).judge(path)
    assert result.decision == "reject"
    assert codes(result) == ["product_too_small", "longest_side_too_short"]
    fill, size = result.reasons
    assert (size.level, fill.level) == ("should", "must")  # type: ignore[union-attr]
    assert (fill.decides, size.decides) == ("reject", None), "what decided stands first"
    assert fill.advice == "Step closer or crop: the product fills 41 %, the rule asks 85 %."
    assert fill.message == ("The product is too small in the picture: it fills 41 %, Amazon requires at least 85 %.")
    result = Gate(scorer, ACCEPT_ALL, ["google-merchant"], today=AFTER).judge(path)
    assert (result.decision, codes(result)) == ("accept", ["shortest_side_too_short"])


def test_chinese(scorer: PhotoScorer, tmp_path: Path, draw_photo: DrawPhoto) -> None:
    path = tmp_path / "a.jpg"
    draw_photo((700, 700), (200, 200, 487, 487)).save(path, quality=95)
    strict = parse_policy("[quality]\naccept_from = 100\nreject_below = 0\n", "p.toml")
    result = Gate(scorer, strict, ["amazon"], language="zh").judge(path)
    messages = {reason.code: reason.message for reason in result.reasons}
    assert messages["low_quality"] == "照片整体质量低于要求。"
    advice = {reason.code: reason.advice for reason in result.reasons}
    assert advice["product_too_small"] == "靠近一些拍摄或裁剪：商品占画面 41 %，规则要求 85 %。"


def test_a_rule_of_tomorrow_is_advice_today(scorer: PhotoScorer, tmp_path: Path, photo: Image.Image) -> None:
    path = tmp_path / "a.jpg"
    photo.save(path)  # 640 x 480
    early = Gate(scorer, ACCEPT_ALL, ["google-merchant"], today=BEFORE).judge(path)
    assert early.decision == "accept"
    assert early.reasons[0].code == "shortest_side_too_short"
    assert early.reasons[0].message.endswith("This becomes a requirement on 2027-01-31.")
    late = Gate(scorer, ACCEPT_ALL, ["google-merchant"], today=AFTER).judge(path)
    assert late.decision == "reject"
    assert "2027" not in late.reasons[0].message


def test_the_stricter_of_policy_and_rules_decides(scorer: PhotoScorer, listing: Path) -> None:
    reject_all = parse_policy("[quality]\naccept_from = 100\nreject_below = 100\n", "p.toml")
    result = Gate(scorer, reject_all, ["shopify"]).judge(listing)
    assert (result.decision, codes(result)) == ("reject", ["low_quality"])
    assert Gate(scorer, reject_all, ["ebay"]).judge(listing).decision == "reject"


def test_advice_of_the_score_stands_behind_what_rejected(scorer: PhotoScorer, examples_dir: Path) -> None:
    result = Gate(scorer, rules=["amazon"]).judge(examples_dir / "coffee-dark.jpg")
    decided = [reason["decides"] for reason in result.to_dict()["reasons"]]
    assert decided == sorted(decided, key=("reject", "review", None).index)
    assert (result.decision, decided[0], result.reasons[0].code) == ("reject", "reject", "background_not_white")
    assert [reason.decides for reason in result.reasons] == decided


def test_one_pack_needs_no_list(scorer: PhotoScorer) -> None:
    packs = Gate(scorer, rules=["ebay"]).packs
    assert Gate(scorer, rules="ebay").packs == Gate(scorer, rules=load_pack("ebay")).packs == packs


def test_several_packs(scorer: PhotoScorer, listing: Path) -> None:
    result = Gate(scorer, ACCEPT_ALL, ["shopify", load_pack("ebay")], detectors=CLEAN).judge(listing)
    assert [pack.name for pack, _ in result.outcomes] == ["shopify"] * 4 + ["ebay"] * 4
    with pytest.raises(UsageError, match="two rule packs have one name"):
        Gate(scorer, rules=["ebay", "ebay"])


def test_json(scorer: PhotoScorer, listing: Path) -> None:
    document = Gate(scorer, ACCEPT_ALL, ["amazon"]).judge(listing).to_dict()
    assert list(document) == [
        *("path", "verdict", "quality", "weighted_quality", "interval", "interval_coverage", "band", "attributes"),
        *("category", "style", "reasons", "rules", "policy", "image", "timings_ms", "model"),
    ]
    assert document["verdict"] == "review"
    assert document["image"] == {"width_px": 2048, "height_px": 2048}
    assert list(document["timings_ms"]) == ["decode", "preprocess", "inference", "total", "rules"]
    rules: dict[str, Any] = {outcome["rule"]: outcome for outcome in document["rules"]}
    assert rules["amazon/background"] == {
        "rule": "amazon/background",
        "level": "must",
        "state": "passed",
        "value": 255.0,
        "limit": 255.0,
        "unit": "levels",
    }
    assert rules["amazon/fill"]["value"] == pytest.approx(85.4, abs=0.3)
    assert rules["amazon/text"]["value"] is None
    assert list(document["reasons"][0]) == [
        *("code", "decides", "rule", "level", "state", "value", "limit", "message", "advice"),
    ]
    assert "path" not in Gate(scorer).judge(Image.open(listing)).to_dict()


def test_judge_many(scorer: PhotoScorer, listing: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(listing.read_bytes()[:3000])
    photos = [listing, broken, listing.read_bytes(), 3, tmp_path / "none.jpg"]
    for rules in ([], ["amazon"]):
        results = list(Gate(scorer, rules=rules).judge_many(photos))  # type: ignore[arg-type]
        assert [type(result) for result in results] == [
            *(GateResult, ScoreFailure, GateResult, ScoreFailure, ScoreFailure),
        ]
        assert [result.path for result in results if isinstance(result, ScoreFailure)] == [
            *(str(broken), "#3", str(tmp_path / "none.jpg")),
        ]


@pytest.mark.parametrize("rules", [[], ["amazon"]])
def test_bad_input(scorer: PhotoScorer, tmp_path: Path, rules: list[str]) -> None:
    gate = Gate(scorer, rules=rules)
    for photo in (tmp_path, tmp_path / "none.jpg", b"", b"no photo", np.zeros((9, 9, 3), np.uint8), None):
        with pytest.raises(InputError):
            gate.judge(photo)  # type: ignore[arg-type]


def test_odd_pictures(scorer: PhotoScorer) -> None:
    gate = Gate(scorer, rules=["amazon"])
    for picture in (
        Image.new("RGB", (16, 4000), "white"),
        Image.new("RGBA", (400, 400), (255, 0, 0, 0)),
        Image.new("L", (17, 16), 0),
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)),
    ):
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        assert gate.judge(stream.getvalue()).decision in ("accept", "review", "reject")


def test_wrong_use(scorer: PhotoScorer) -> None:
    with pytest.raises(UsageError, match="no messages in 'de'"):
        Gate(scorer, language="de")
    with pytest.raises(UsageError, match="did you mean 'watermark'"):
        Gate(scorer, detectors={"watermarks": clean})
    with pytest.raises(PolicyError, match="no such rule pack"):
        Gate(scorer, rules=["aliexpress"])
    with pytest.raises(PolicyError, match="cannot read the policy"):
        Gate(scorer, "none.toml")
    with pytest.raises(PolicyError, match="the policy's path is empty"):
        Gate(scorer, "")
    assert isinstance(Gate(scorer).policy, Policy)
    assert Gate(scorer, rules=None).packs == ()


def test_every_failing_rule_has_words(scorer: PhotoScorer, tmp_path: Path, draw_photo: DrawPhoto) -> None:
    """One pack with limits that nothing meets: all of its texts are said, in both languages, without a hole."""
    rules = {
        "longest_side": "minimum = 9999",
        "shortest_side": "maximum = 20",
        "megapixels": "maximum = 0.1",
        "aspect_ratio": "minimum = 3",
        "file_size": "maximum = 0.001",
        "file_format": 'formats = ["GIF"]',
        "extension": "",
        "background_white": "minimum = 255",
        "background_even": "maximum = 0",
        "product_fill": "maximum = 20",
        "product_centered": "maximum = 1",
        "border": "",
        "text": "",
        "watermark": "",
    }
    text = 'schema = 1\nname = "own"\ntitle = "TITLE"\nsource = "s"\nas_of = 2026-11-20\n' + "".join(
        f'[[rules]]\nname = "{check}"\ncheck = "{check}"\nlevel = "must"\n{more}\n' for check, more in rules.items()
    )
    pack: RulePack = parse_pack(text, "own.toml")
    photo = draw_photo((500, 500), (10, 10, 300, 300), (200, 200, 200))
    pixels = np.asarray(photo).copy()
    pixels[400:450] += 5
    framed = Image.new("RGB", (520, 520), "black")
    framed.paste(Image.fromarray(pixels), (10, 10))
    path = tmp_path / "a.webp"
    framed.save(path, "PNG")
    found = {"text": lambda picture: OverlayFinding(True), "watermark": lambda picture: OverlayFinding(True)}
    for language in ("en", "zh"):
        result = Gate(scorer, ACCEPT_ALL, [pack], language=language, detectors=found).judge(path)
        assert [outcome.state for _, outcome in result.outcomes] == ["failed"] * len(rules)
        assert len(set(codes(result))) == len(rules)
        for reason in result.reasons:
            assert "TITLE" in reason.message
            assert "{" not in reason.message + reason.advice
            assert reason.advice
