"""Added text is found beside a product, and never claimed where it cannot be told."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from edge_runtime import PhotoScorer, UsageError
from edge_runtime.gate import Gate
from edge_runtime.gate.text_detector import TextDetector

Run = Callable[..., Any]
EXTRA = "needs the extra text: pip install 'photogate[text]'"


def draw(
    text: str,
    place: tuple[int, int],
    *,
    hole: bool = False,
    background: int = 255,
    ink: tuple[int, int, int] = (20, 20, 20),
) -> Image.Image:
    """A striped box before a plain ground, 640 x 480, and something written."""
    picture = Image.new("RGB", (640, 480), (background,) * 3)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((60, 180, 420, 460), fill=(170, 60, 40))
    for x in range(60, 420, 24):
        pen.rectangle((x, 180, x + 8, 460), fill=(60, 80, 150))
    if hole:
        pen.ellipse((180, 260, 260, 400), fill=(background,) * 3)
    pen.text(place, text, fill=ink, font=ImageFont.load_default(size=38))
    return picture


@pytest.fixture(scope="module")
def detector() -> TextDetector:
    pytest.importorskip("cv2", reason=EXTRA)
    if find_spec("rapidocr_onnxruntime") is None:
        pytest.skip(EXTRA)
    return TextDetector()


@pytest.mark.parametrize("background", [255, 235])
def test_text_beside_the_product_is_found(detector: TextDetector, background: int) -> None:
    for text, place in (("SALE 50%", (40, 40)), ("www.shop.com", (300, 90))):
        assert detector(np.asarray(draw(text, place, background=background))).is_found is True


@pytest.mark.parametrize("ink", [(255, 0, 0), (0, 0, 255), (0, 128, 0)])
def test_coloured_text_is_found_in_a_jpeg_whose_colours_bleed(
    detector: TextDetector, ink: tuple[int, int, int]
) -> None:
    content = io.BytesIO()
    draw("SALE 50% OFF", (100, 60), ink=ink).save(content, "JPEG", quality=75)
    assert detector(np.asarray(Image.open(content))).is_found is True


def test_print_on_a_white_box_belongs_to_the_product(detector: TextDetector) -> None:
    picture = Image.new("RGB", (640, 480), (255, 255, 255))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((120, 80, 520, 420), fill=(240, 240, 240))
    for row in range(4):
        pen.text((160, 110 + 75 * row), "Rice flour", fill=(200, 0, 0), font=ImageFont.load_default(size=50))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=75)
    assert detector(np.asarray(Image.open(content))).is_found is None


def test_nothing_is_said_where_nothing_is_written_beside_the_product(detector: TextDetector) -> None:
    for picture in (draw("", (0, 0)), draw("", (0, 0), hole=True), draw("Kitchen", (150, 300))):
        assert detector(np.asarray(picture)).is_found is None


def test_nothing_is_said_of_a_photo_without_a_plain_background(detector: TextDetector) -> None:
    rng = np.random.default_rng(0)
    scene: NDArray[np.uint8] = np.kron(rng.integers(0, 256, (12, 16, 3)), np.ones((40, 40, 1), int)).astype(np.uint8)
    picture = Image.fromarray(scene)
    ImageDraw.Draw(picture).text((40, 40), "SALE 50%", fill=(0, 0, 0), font=ImageFont.load_default(size=48))
    assert detector(np.asarray(picture)).is_found is None


def test_equal_photos_get_equal_answers_in_any_size(detector: TextDetector) -> None:
    picture = draw("NEW PRICE", (60, 60))
    for size in ((640, 480), (1024, 768), (320, 240)):
        assert detector(np.asarray(picture.resize(size))).is_found is True


def test_the_gate_rejects_by_it_and_passes_nobody(detector: TextDetector, scorer: PhotoScorer) -> None:
    gate = Gate(scorer, rules=["ebay"], detectors={"text": detector})
    result = gate.judge(draw("SALE 50%", (40, 40)).resize((1280, 960)))
    assert result.decision == "reject"
    assert "text_found" in [reason.code for reason in result.reasons]
    clean = gate.judge(draw("", (0, 0)).resize((1280, 960)))
    assert {outcome.state for _, outcome in clean.outcomes if outcome.rule.check == "text"} == {"not_checked"}


def test_the_command_looks_for_text_when_asked(detector: TextDetector, run_command: Run, tmp_path: Path) -> None:
    path = tmp_path / "listing.png"
    draw("SALE 50%", (40, 40)).save(path)
    without = run_command("gate", path, "--rules", "ebay", "--format", "jsonl")
    result = run_command("gate", path, "--rules", "ebay", "--detect-text", "--format", "jsonl")
    assert "text_found" in result.stdout and "text_found" not in without.stdout
    assert result.returncode == 3


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2", reason=EXTRA)
    monkeypatch.setattr("edge_runtime.gate.text_detector.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"photogate\[text\]"):
        TextDetector()
