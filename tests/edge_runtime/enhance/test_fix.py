"""``enhance``: what is kept, what is not, and that the proof is about the very bytes that are written."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from edge_runtime import PhotoScorer
from edge_runtime.decode import decode_photo
from edge_runtime.enhance import compute_psnr_db, compute_ssim, enhance
from edge_runtime.enhance.facts import measure_facts
from edge_runtime.enhance.operations import Operation
from edge_runtime.enhance.proposals import MIN_TILT_DEG, TILT_AGREEMENT, TILT_LENGTH
from edge_runtime.enhance.search import Search, _count_clipped, format_missing
from edge_runtime.errors import InputError, UsageError
from edge_runtime.formats import PhotoFormat

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'photogate[fix]'")
pytest.importorskip("skimage", reason="needs scikit-image: pip install 'photogate[fix]'")

Pixels = NDArray[np.uint8]
Encode = Callable[..., bytes]


def test_a_dark_photo_is_fixed_and_the_proof_is_about_its_bytes(
    light_scorer: Any, dark_pixels: Pixels, encode: Encode
) -> None:
    original = encode(dark_pixels)
    result = enhance(original, light_scorer)
    assert result.outcome == "fixed"
    assert result.gain >= 3.0
    assert result.after is not None
    assert result.encoded is not None
    assert result.format is PhotoFormat.JPEG
    assert {step.name for step in result.operations} & {"exposure", "gamma", "contrast"}
    assert result.encoded in light_scorer.scored_bytes
    written, before = (np.asarray(decode_photo(data).image) for data in (result.encoded, original))
    assert result.after.quality == light_scorer.score(written).quality
    assert result.ssim == compute_ssim(before, written)
    assert result.psnr_db == compute_psnr_db(before, written)
    assert result.ssim >= 0.6
    document = result.to_dict()
    assert document["before"]["quality"] < document["after"]["quality"]
    assert document["timings_ms"]["total"] > 0


def test_margin(light_scorer: Any, dark_pixels: Pixels, encode: Encode) -> None:
    original = encode(dark_pixels)
    gain = enhance(original, light_scorer).gain
    refused = enhance(original, light_scorer, min_gain=min(gain + 5.0, 100.0))
    assert (refused.outcome, refused.encoded, refused.after) == ("nothing_kept", None, None)
    assert "nothing kept" in refused.explanation
    assert refused.gain == 0.0


def test_floor(light_scorer: Any, dark_pixels: Pixels, encode: Encode) -> None:
    result = enhance(encode(dark_pixels), light_scorer, min_ssim=0.9999)
    assert result.outcome == "nothing_kept"
    assert re.search(r"would gain .*, but its SSIM is 0\.\d{3,}, 0\.9999 is asked for", result.explanation)


def test_a_promise_that_the_finished_file_breaks_is_not_kept(
    make_scorer: Any, dark_pixels: Pixels, encode: Encode
) -> None:
    calls: list[bytes] = []

    def judge(pixels: Pixels) -> tuple[float, dict[str, float]]:
        points = min(float(pixels.mean()), 150.0) / 1.5
        return points, {"exposure": points}

    scorer = make_scorer(judge)
    score = scorer.score

    def score_less(photo: object, color_order: str = "rgb") -> Any:
        if isinstance(photo, bytes) and photo != original:
            calls.append(photo)
            photo = dark_pixels
        return score(photo, color_order)

    original = encode(dark_pixels)
    scorer.score = score_less
    result = enhance(original, scorer)
    assert calls, "no finished file was scored"
    assert result.outcome == "nothing_kept"
    assert "the finished file gains" in result.explanation


def test_quality_alone_is_not_enough(make_scorer: Any, dark_pixels: Pixels, encode: Encode) -> None:
    """The attribute that an operation is there for must rise, and none that it may spoil may fall."""

    def judge(pixels: Pixels, **attributes: float) -> tuple[float, dict[str, float]]:
        return min(float(pixels.mean()), 150.0) / 1.5, {"exposure": 40.0, **attributes}

    result = enhance(encode(dark_pixels), make_scorer(judge))
    assert result.outcome == "nothing_kept"
    assert re.search(r"but its (exposure|gamma|contrast) does not raise exposure by 1 point", result.explanation)

    def judge_spoilt(pixels: Pixels) -> tuple[float, dict[str, float]]:
        points = min(float(pixels.mean()), 150.0) / 1.5
        return points, {"exposure": points, "noise": max(250.0 - 5.0 * points, 0.0)}

    result = enhance(encode(dark_pixels), make_scorer(judge_spoilt))
    assert result.outcome == "nothing_kept"
    assert "but it would lose too much noise" in result.explanation


def test_what_leaves_no_level_is_refused_for_that(make_scorer: Any, encode: Encode) -> None:
    pixels = np.full((240, 320, 3), 60, np.uint8)
    pixels[:, ::2] = 120

    def judge(pixels: Pixels) -> tuple[float, dict[str, float]]:
        points = 100.0 * float((pixels >= 254).mean())
        return points, {"exposure": points}

    bright = [Operation("exposure", (("stops", 3.0),))]
    search = Search(pixels, make_scorer(judge), 0.0)
    assert search.run(bright) == []
    assert search.best_objection == "it would leave too many pixels pure black or at the top of a channel"
    colors = np.array([[(0, 0, 0), (255, 90, 90), (0, 90, 90), (90, 90, 90)]], np.uint8)
    assert _count_clipped(colors) == 0.5, "a vivid colour has a channel at the bottom, and has lost nothing"


@pytest.mark.parametrize(
    ("value", "limit", "decimals", "text"),
    [
        *((1.04, 3.0, 1, "1.0"), (2.9, 3.0, 1, "2.9"), (2.96, 3.0, 1, "2.96"), (2.9996, 3.0, 1, "2.9996")),
        *((0.5996, 0.6, 3, "0.5996"), (-0.01, 0.0, 1, "-0.01")),
    ],
)
def test_a_figure_never_looks_like_the_limit_that_it_misses(
    value: float, limit: float, decimals: int, text: str
) -> None:
    assert format_missing(value, limit, decimals) == text


def test_a_good_photo_is_left_alone(make_scorer: Any, photo: Image.Image) -> None:
    scorer = make_scorer(lambda pixels: (90.0, {}))
    result = enhance(photo, scorer)
    assert result.outcome in ("nothing_to_do", "nothing_kept")
    assert result.encoded is None


def test_blur_means_retake_whatever_else_is_improved(make_scorer: Any, dark_pixels: Pixels, encode: Encode) -> None:
    def judge(pixels: Pixels) -> tuple[float, dict[str, float]]:
        points = min(float(pixels.mean()), 150.0) / 1.5
        return points, {"exposure": points, "sharpness": 30.0}

    result = enhance(encode(dark_pixels), make_scorer(judge))
    assert result.outcome == "fixed"
    assert result.needs_retake
    assert "sharpen" not in [step.name for step in result.operations]
    assert any("focus" in advice for advice in result.to_dict()["advice"])
    assert not enhance(encode(dark_pixels), make_scorer(lambda pixels: (50.0, {}))).needs_retake


def test_only_what_is_allowed(light_scorer: Any, dark_pixels: Pixels, encode: Encode) -> None:
    result = enhance(encode(dark_pixels), light_scorer, operations=["gamma"])
    assert [step.name for step in result.operations] == ["gamma"]
    assert enhance(encode(dark_pixels), light_scorer, operations=["crop"]).outcome == "nothing_to_do"


def test_policy_operations_and_language_as_the_gate_takes_them(
    light_scorer: Any, dark_pixels: Pixels, encode: Encode, tmp_path: Path
) -> None:
    policy = tmp_path / "shop.toml"
    policy.write_text("[quality]\naccept_from = 90\nreject_below = 80\n[attributes.exposure]\nminimum = 95\n", "utf-8")
    result = enhance(encode(dark_pixels), light_scorer, policy, operations="exposure", language="zh")
    assert result.before_verdict.policy == "shop"
    assert [operation.name for operation in result.operations] == ["exposure"]
    assert result.before_verdict.reasons[0].message == "照片太暗、太亮或对比不足。"
    with pytest.raises(UsageError, match="no messages in 'fr'"):
        enhance(encode(dark_pixels), light_scorer, language="fr")
    with pytest.raises(UsageError, match="no operation 'cropp'"):
        enhance(encode(dark_pixels), light_scorer, operations="cropp")


def test_why_nothing_was_tried(make_scorer: Any) -> None:
    good = make_scorer(lambda pixels: (90.0, {}))
    blurred = make_scorer(lambda pixels: (30.0, {"sharpness": 5.0}))
    dark = make_scorer(lambda pixels: (30.0, {"exposure": 5.0}))
    white = np.full((200, 200, 3), 255, np.uint8)
    assert enhance(white, good).explanation == "nothing in the photo calls for a change"
    text = enhance(white, good, operations=["crop"]).explanation
    assert text == "nothing in the photo calls for the operations that are allowed"
    text = enhance(white, blurred).explanation
    assert text.startswith("no operation can help with what the photo is marked down for (sharpness)")
    text = enhance(white, dark, operations=["crop"]).explanation
    assert text.startswith("none of the operations that are allowed can help") and "(exposure)" in text


def test_a_crop_is_compared_with_the_original_cropped_alike(make_scorer: Any, encode: Encode) -> None:
    pixels = np.full((900, 1200, 3), 255, np.uint8)
    pixels[350:550, 450:750] = (90, 40, 40)

    def judge(pixels: Pixels) -> tuple[float, dict[str, float]]:
        points = 40.0 + 50.0 * float((pixels[..., 1] < 128).mean())
        return points, {"composition": points}

    result = enhance(encode(pixels, "PNG"), make_scorer(judge))
    assert [step.name for step in result.operations] == ["crop"]
    assert result.ssim == pytest.approx(1.0)
    assert result.psnr_db == float("inf")
    assert result.to_dict()["psnr_db"] is None
    assert any("after the same crop" in note for note in result.notes)
    assert result.after is not None
    assert max(result.after.image.width_px, result.after.image.height_px) >= 500


def test_a_large_photo_is_searched_small_and_written_large(light_scorer: Any, photo: Image.Image) -> None:
    large = photo.resize((1600, 1200)).point(lambda level: level * 0.45)
    result = enhance(large, light_scorer)
    assert result.format is PhotoFormat.PNG
    assert result.encoded is not None
    with Image.open(io.BytesIO(result.encoded)) as image:
        assert image.size == (1600, 1200)


def test_a_thin_photo_is_searched_with_rows_enough_for_a_score(light_scorer: Any, photo: Image.Image) -> None:
    thin = photo.resize((3000, 17)).point(lambda level: level * 0.45)
    assert enhance(thin, light_scorer).before is not None


def test_a_banner_is_not_turned_until_nothing_is_left_of_it(make_scorer: Any) -> None:
    image = Image.new("RGB", (4000, 160), (230, 230, 230))
    for left in range(0, 4000, 1400):
        ImageDraw.Draw(image).line((left, 20, left + 1200, 125), fill=(60, 60, 60), width=12)
    banner = np.asarray(image.resize((1000, 40), Image.Resampling.BOX))

    def judge(pixels: Pixels) -> tuple[float, dict[str, float]]:
        assert min(pixels.shape[:2]) >= 16, "the scorer would refuse it"
        return 50.0, {"composition": 40.0}

    tilt = measure_facts(banner).tilt
    assert abs(tilt.angle_deg) > MIN_TILT_DEG
    assert min(tilt.agreement / TILT_AGREEMENT, tilt.length / TILT_LENGTH) >= 1, "the lines do lean"
    assert enhance(banner, make_scorer(judge), operations=["deskew"]).outcome == "nothing_to_do"


def test_frames_in_both_orders(light_scorer: Any, dark_pixels: Pixels) -> None:
    kept = dark_pixels.copy()
    rgb = enhance(dark_pixels, light_scorer)
    bgr = enhance(dark_pixels[..., ::-1], light_scorer, color_order="bgr")
    assert rgb.encoded is not None
    assert rgb.encoded == bgr.encoded
    assert np.array_equal(dark_pixels, kept)


def test_the_search_prefers_the_mildest_of_equals(light_scorer: Any, dark_pixels: Pixels) -> None:
    steps = [Operation("gamma", (("exponent", exponent),)) for exponent in (0.5, 0.499)]
    best = Search(dark_pixels, light_scorer, 0.0).run(steps)[0]
    assert best.operations == (steps[0],)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_gain": -1.0}, "least gain"),
        ({"min_gain": float("nan")}, "least gain"),
        ({"min_ssim": 1.5}, "least SSIM"),
        ({"operations": ["sharpn"]}, "did you mean"),
    ],
)
def test_wrong_settings(light_scorer: Any, dark_pixels: Pixels, settings: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        enhance(dark_pixels, light_scorer, **settings)


def test_inputs_that_cannot_be_fixed(light_scorer: Any, dark_pixels: Pixels) -> None:
    layer = Image.fromarray(dark_pixels).convert("RGBA")
    layer.putalpha(100)
    with pytest.raises(InputError, match="partly transparent"):
        enhance(layer, light_scorer)


@pytest.mark.parametrize("chosen", [None, PhotoFormat.JPEG], ids=["by itself", "by the caller"])
def test_a_format_that_cannot_hold_the_photo(light_scorer: Any, photo: Image.Image, chosen: PhotoFormat | None) -> None:
    """Nobody has asked for the one that is found for a JPEG 2000: then it is the photo's fault, and others go on."""
    picture = photo.resize((66_000, 16)).point(lambda level: level * 0.45)
    picture.format = PhotoFormat.JPEG2000.key
    with pytest.raises(InputError if chosen is None else UsageError, match="cannot write 66000 x 16 pixels as JPEG"):
        enhance(picture, light_scorer, output_format=chosen, min_ssim=0.0)


# -- the shipped model -----------------------------------------------------------------------------------------------


def test_dark_example_gets_lighter(scorer: PhotoScorer, examples_dir: Path) -> None:
    result = enhance(examples_dir / "coffee-dark.jpg", scorer)
    assert result.outcome == "fixed"
    assert result.gain >= 3.0
    assert result.encoded is not None
    before = np.asarray(Image.open(examples_dir / "coffee-dark.jpg"))
    after, good = (
        np.asarray(Image.open(source)) for source in (io.BytesIO(result.encoded), examples_dir / "coffee-good.jpg")
    )
    assert after.mean() > 1.3 * before.mean()
    assert compute_psnr_db(good, after) > compute_psnr_db(good, before) + 3.0, "a fooled score, not a better photo"


def test_cast_example_loses_its_cast(scorer: PhotoScorer, examples_dir: Path) -> None:
    result = enhance(examples_dir / "mug-color-cast.jpg", scorer)
    assert result.outcome == "fixed"
    assert "white_balance" in [step.name for step in result.operations]
    assert result.encoded is not None
    corner = np.asarray(Image.open(io.BytesIO(result.encoded)))[:20, :20].reshape(-1, 3).mean(axis=0)
    assert np.ptp(corner) < 10.0


@pytest.mark.parametrize("name", ["coffee-good.jpg", "mug-good.jpg"])
def test_good_examples_are_left_alone(scorer: PhotoScorer, examples_dir: Path, name: str) -> None:
    assert enhance(examples_dir / name, scorer).encoded is None


def test_blurred_example_is_to_be_taken_again(scorer: PhotoScorer, examples_dir: Path) -> None:
    result = enhance(examples_dir / "coffee-blurred.jpg", scorer)
    assert result.needs_retake
    assert any("Tap the product to focus" in advice for advice in result.to_dict()["advice"])
