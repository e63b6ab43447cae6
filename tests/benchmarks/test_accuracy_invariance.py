"""Sizes, encodings and turns, with a model that sees only one of them."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.accuracy_report.invariance import measure_invariance, store_as_display_p3, summarise, write_jpeg
from benchmarks.accuracy_report.photos import ScoredPhoto
from benchmarks.invariance import InvarianceOptions, run_invariance
from edge_runtime import Score
from edge_runtime.decode import decode_photo
from edge_runtime.errors import UsageError
from edge_runtime.models import DEFAULT_MODEL, find_model
from train.data.manifest import Photo


class _SizeScorer:
    """Gives a point for every 0.1 megapixels, and 50 more where the left half is brighter than the right."""

    def __init__(self, build_score: Callable[..., Score]) -> None:
        self._build_score = build_score

    def score(self, photo: bytes) -> Score:
        picture = decode_photo(photo)
        grey = np.asarray(picture.image.convert("L"), dtype=np.float64)
        left, right = np.array_split(grey, 2, axis=1)
        points = picture.width_px * picture.height_px / 1e5 + (50.0 if left.mean() > right.mean() else 0.0)
        return self._build_score(points, size=(picture.width_px, picture.height_px))


@pytest.fixture
def gradient_photo(tmp_path: Path) -> Photo:
    """2.4 megapixels, bright on the left, dark on the right."""
    row = np.linspace(230, 30, 2000).astype(np.uint8)
    pixels = np.broadcast_to(row[None, :, None], (1200, 2000, 3))
    Image.fromarray(np.ascontiguousarray(pixels)).save(tmp_path / "photo.png")
    return Photo("photo.png", tmp_path / "photo.png", None, "", "", "g", "")


def test_each_change_is_measured_against_what_it_changes(
    gradient_photo: Photo, build_score: Callable[..., Score]
) -> None:
    scorer: Any = _SizeScorer(build_score)
    scored = [ScoredPhoto(gradient_photo, {"m": scorer.score(gradient_photo.path.read_bytes())}, 0.0)]
    found = measure_invariance(scored, {"m": scorer}, limit=5)
    assert (found["photos"], found["large_photos"]) == (1, 1)
    tables = found["models"]["m"]
    assert list(tables["sizes"]) == ["2 MP", "1 MP", "0.3 MP", "0.12 MP"], "what the photo has that much for"
    assert set(tables["enlarged"]) == {"12 MP", "3 MP"}
    assert tables["sizes"]["1 MP"]["max_points"] == pytest.approx(14.0, abs=0.1)
    assert tables["enlarged"]["12 MP"]["max_points"] == pytest.approx(96.0, abs=0.2)
    assert tables["spread"]["spread"]["max_points"] == pytest.approx(21.0, abs=0.1), "from 2.4 down to 0.3, not 0.12"
    assert tables["encodings"]["JPEG 95"]["max_points"] == tables["encodings"]["JPEG 85"]["max_points"] == 0.0
    assert tables["encodings"]["in Display P3"]["max_points"] == 0.0
    assert tables["encodings"]["mirrored"]["max_points"] == pytest.approx(50.0)
    assert tables["encodings"]["turned by EXIF"]["max_points"] == 0.0, "the runtime turns it upright"


def test_large_photos_are_taken_first(build_score: Callable[..., Score], tmp_path: Path) -> None:
    scored = []
    for index, side in enumerate((100, 1100, 120, 140)):
        path = tmp_path / f"{index}.png"
        Image.new("RGB", (side, side), (90, 90, 90)).save(path)
        scored.append(
            ScoredPhoto(Photo(path.name, path, None, "", "", "g", ""), {"m": build_score(0, size=(side, side))}, 0)
        )
    scorer: Any = _SizeScorer(build_score)
    found = measure_invariance(scored, {"m": scorer}, limit=2)
    assert (found["photos"], found["large_photos"]) == (2, 1)


def test_sizes_are_told_from_large_to_small_whatever_photo_came_first(
    build_score: Callable[..., Score], tmp_path: Path
) -> None:
    scorer: Any = _SizeScorer(build_score)
    scored = []
    for width, height in ((1100, 1000), (2200, 1000)):
        path = tmp_path / f"{width}.png"
        Image.new("RGB", (width, height), (90, 90, 90)).save(path)
        score = build_score(0, size=(width, height))
        scored.append(ScoredPhoto(Photo(path.name, path, None, "", "", "g", ""), {"m": score}, 0))
    tables = measure_invariance(scored, {"m": scorer}, limit=2)["models"]["m"]
    assert list(tables["sizes"]) == ["2 MP", "1 MP", "0.3 MP", "0.12 MP"]
    assert list(tables["encodings"]) == ["JPEG 95", "JPEG 85", "in Display P3", "mirrored", "turned by EXIF"]


def test_summary_is_of_absolute_differences() -> None:
    assert summarise([-3.0, 1.0, 2.0]) == {
        "photos": 3, "p50_points": 2.0, "p90_points": pytest.approx(2.8), "max_points": 3.0, "within_goal_share": 1.0,
    }  # fmt: skip


def test_the_share_within_the_goal_counts_what_is_more_than_three_points() -> None:
    assert summarise([-3.1, 3.0, 0.0, 9.0])["within_goal_share"] == 0.5


def test_the_command_needs_no_ratings(tmp_path: Path, examples_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = tmp_path / "m.csv"
    photo = os.path.relpath(examples_dir / "mug-good.jpg", tmp_path)
    manifest.write_text(f"file,mos,category,style,group,licence\n{photo},,,,g,CC0\n")
    arguments = ["invariance", "--data", str(manifest), "--part", "all", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    report = json.loads((tmp_path / "out" / "invariance.json").read_text())
    assert report["data"]["photos"] == report["invariance"]["photos"] == 1
    tables = report["invariance"]["models"]["int8"]
    assert tables["encodings"]["turned by EXIF"]["max_points"] < 1.0
    printed = capsys.readouterr().out
    assert "| saved again mirrored " in printed and "within 3" in printed
    assert f"photogate-large {report['models']['int8']['version']}" in printed
    assert main(arguments) == 2, "an earlier result is not overwritten"


def test_without_a_photo_that_can_be_decoded_there_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    manifest = tmp_path / "m.csv"
    manifest.write_text("file,mos,category,style,group,licence\nbroken.jpg,,,,g,CC0\n")
    said: list[str] = []
    options = InvarianceOptions((manifest,), tmp_path / "out", find_model(DEFAULT_MODEL), part="all")
    with pytest.raises(UsageError, match="no photo that can be decoded"):
        run_invariance(options, said.append)
    assert len(said) == 1 and "broken.jpg" in said[0], "it says which photo, and why"
    assert not (tmp_path / "out").exists()


def test_orientation_is_written_into_the_file() -> None:
    content = write_jpeg(Image.new("RGB", (40, 20)), orientation=6)
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (40, 20)
    assert decode_photo(content).image.size == (20, 40)


def test_display_p3_has_other_numbers_and_looks_the_same() -> None:
    content = store_as_display_p3(Image.new("RGB", (64, 64), (255, 0, 0)))
    with Image.open(io.BytesIO(content)) as image:
        stored = np.asarray(image, dtype=np.int16)[32, 32]
    # What sRGB's red is in Display P3 (W3C, CSS Color 4: color(display-p3 0.9176 0.2003 0.1386)).
    assert np.abs(stored - (234, 51, 35)).max() <= 2
    assert np.abs(np.asarray(decode_photo(content).image, dtype=np.int16)[32, 32] - (255, 0, 0)).max() <= 4
