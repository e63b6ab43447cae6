"""Checks of the file and its size, on both sides of each limit; overlays are never passed unseen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.gate.checks import EXTENSIONS, RuleOutcome
from edge_runtime.gate.overlay import OverlayFinding
from edge_runtime.gate.rule_reasons import build_rule_reason
from edge_runtime.gate.rules import load_pack

DrawPhoto = Callable[..., Image.Image]
CheckPhoto = Callable[..., RuleOutcome]


@pytest.mark.parametrize("form", ["jpg", "png"])
@pytest.mark.parametrize(
    ("rule", "size", "wanted"),
    [
        ('check = "longest_side"\nminimum = 500', (499, 300), "failed"),
        ('check = "longest_side"\nminimum = 500', (500, 300), "passed"),
        ('check = "longest_side"\nminimum = 500', (300, 500), "passed"),
        ('check = "longest_side"\nmaximum = 10000', (10000, 20), "passed"),
        ('check = "longest_side"\nmaximum = 10000', (20, 10001), "failed"),
        ('check = "longest_side"\nmaximum = 4472', (4472, 100), "passed"),
        ('check = "longest_side"\nmaximum = 4472', (4473, 100), "failed"),
        ('check = "shortest_side"\nminimum = 500', (500, 900), "passed"),
        ('check = "shortest_side"\nminimum = 500', (900, 499), "failed"),
        ('check = "shortest_side"\nmaximum = 600', (700, 601), "failed"),
        ('check = "megapixels"\nmaximum = 20', (5000, 4000), "passed"),
        ('check = "megapixels"\nmaximum = 20', (5000, 4001), "failed"),
        ('check = "megapixels"\nminimum = 0.25', (500, 499), "failed"),
        ('check = "aspect_ratio"\nminimum = 0.8\nmaximum = 1.25', (400, 500), "passed"),
        ('check = "aspect_ratio"\nminimum = 0.8\nmaximum = 1.25', (399, 500), "failed"),
        ('check = "aspect_ratio"\nminimum = 0.8\nmaximum = 1.25', (500, 400), "passed"),
        ('check = "aspect_ratio"\nminimum = 0.8\nmaximum = 1.25', (501, 400), "failed"),
    ],
)
def test_sizes(check: CheckPhoto, tmp_path: Path, form: str, rule: str, size: tuple[int, int], wanted: str) -> None:
    path = tmp_path / f"a.{form}"
    Image.new("RGB", size, (200, 10, 60)).save(path)
    assert check(rule, path).state == wanted


def test_a_limit_that_is_hardly_missed_is_not_shown_as_met(check: CheckPhoto, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (1079, 1349)).save(path)  # 4:5 but for a fraction of a pixel
    outcome = check('check = "aspect_ratio"\nminimum = 0.8', path)
    assert (outcome.state, outcome.to_dict("p")["value"]) == ("failed", 0.7999)
    assert "0.7999" in build_rule_reason(outcome, load_pack("ebay")).message


@pytest.mark.parametrize(
    ("rule", "size", "message"),
    [
        ('check = "aspect_ratio"\nmaximum = 1.33', (400, 300), "is 1.333, eBay requires at most 1.33."),
        (
            'check = "aspect_ratio"\nminimum = 1.3333333333334',
            (400, 300),
            "1.3333333333333, eBay requires at least 1.3333333333334.",
        ),
        ('check = "longest_side"\nmaximum = 720.5', (721, 400), "has 721 px, eBay requires at most 720.5 px."),
        ('check = "longest_side"\nminimum = 720.5', (720, 400), "has 720 px, eBay requires at least 720.5 px."),
        ('check = "megapixels"\nmaximum = 0.025', (200, 126), "0.0252 MP, eBay requires at most 0.025 MP."),
        ('check = "megapixels"\nmaximum = 0.000001', (20, 20), "0.0004 MP, eBay requires at most 0.000001 MP."),
    ],
)
def test_the_limit_is_shown_as_written(
    check: CheckPhoto, tmp_path: Path, rule: str, size: tuple[int, int], message: str
) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", size).save(path)
    outcome = check(rule, path)
    reason = build_rule_reason(outcome, load_pack("ebay"))
    assert outcome.state == "failed"
    assert message in reason.message
    document = reason.to_dict()
    assert str(document["limit"]) in (rule.rpartition(" ")[2], "1e-06")
    assert (document["value"] < document["limit"]) == ("minimum" in rule)


@pytest.mark.parametrize(("size", "wanted"), [((8000, 8000), "passed"), ((8000, 8001), "failed")])
def test_sixty_four_megapixels(check: CheckPhoto, tmp_path: Path, size: tuple[int, int], wanted: str) -> None:
    path = tmp_path / "a.jpg"
    Image.new("L", size, 200).save(path, quality=50)
    assert check('check = "megapixels"\nmaximum = 64', path).state == wanted


def test_sides_are_those_of_the_upright_photo(check: CheckPhoto, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees
    path = tmp_path / "a.jpg"
    Image.new("RGB", (600, 400)).save(path, exif=exif)
    assert check('check = "aspect_ratio"\nmaximum = 1', path).value == pytest.approx(400 / 600)


@pytest.mark.parametrize(("size_bytes", "wanted"), [(16_000_000, "passed"), (16_000_001, "failed")])
def test_file_size(check: CheckPhoto, tmp_path: Path, size_bytes: int, wanted: str) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (400, 400)).save(path)
    content = path.read_bytes()
    path.write_bytes(content + bytes(size_bytes - len(content)))  # decoders ignore what follows the picture
    outcome = check('check = "file_size"\nmaximum = 16', path)
    assert outcome.state == wanted
    assert outcome.to_dict("p")["value"] == size_bytes / 1e6


def test_formats_and_extensions(check: CheckPhoto, tmp_path: Path) -> None:
    for title, suffixes in EXTENSIONS.items():
        if title in ("HEIC", "AVIF", "JPEG 2000"):
            continue  # not every Pillow can write them
        for suffix in suffixes:
            path = tmp_path / f"photo{suffix.upper()}"
            image = Image.new("L" if suffix == ".pgm" else "RGB", (40, 40))
            image.save(path, format=title.upper())
            assert check('check = "extension"', path).state == "passed", suffix
            assert check(f'check = "file_format"\nformats = ["{title}"]', path).state == "passed"
            outcome = check('check = "file_format"\nformats = ["HEIC"]', path)
            assert (outcome.state, outcome.value, outcome.code) == ("failed", title, "format_not_accepted")
            for wrong in (".avif", "", ".jpg.txt"):
                renamed = path.rename(tmp_path / f"photo{wrong}")
                outcome = check('check = "extension"', renamed)
                assert (outcome.state, outcome.code, outcome.limit) == ("failed", "extension_mismatch", suffixes[0])
                path = renamed


def test_png_named_jpg(check: CheckPhoto, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (40, 40)).save(path, format="PNG")
    outcome = check('check = "extension"', path)
    assert (outcome.state, outcome.value, outcome.limit, outcome.format) == ("failed", ".jpg", ".png", "PNG")


@pytest.mark.parametrize("check_name", ["file_size", "file_format", "extension"])
def test_a_photo_without_a_file(check: CheckPhoto, check_name: str) -> None:
    more = {"file_size": "\nmaximum = 16", "file_format": '\nformats = ["JPEG"]', "extension": ""}[check_name]
    outcome = check(f'check = "{check_name}"{more}', Image.new("RGB", (40, 40)))
    assert (outcome.state, outcome.code) == ("not_checked", "not_checked_no_file")


@pytest.mark.parametrize("name", ["text", "watermark"])
def test_overlays_are_never_passed_without_a_detector(check: CheckPhoto, draw_photo: DrawPhoto, name: str) -> None:
    outcome = check(f'check = "{name}"', draw_photo())
    assert (outcome.state, outcome.code) == ("not_checked", "not_checked_no_detector")
    for found, wanted in ((True, "failed"), (False, "passed"), (None, "not_checked")):
        seen: list[tuple[int, ...]] = []

        def detect(picture: np.ndarray, answer: bool | None = found, seen: list = seen) -> OverlayFinding:
            seen.append(picture.shape)
            return OverlayFinding(answer)

        assert check(f'check = "{name}"', draw_photo(), {name: detect}).state == wanted
        assert seen == [(1000, 1000, 3)]
