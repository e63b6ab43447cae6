"""The benchmark of heat maps: where faults are put, how hits are counted, and one small run from end to end."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.explain import ExplainOptions, format_explain, run_explain
from benchmarks.explain_patches import PATCH_KINDS, SIDE_SHARES, Patch, draw_patch, spoil_place
from edge_runtime.errors import UsageError
from edge_runtime.models import DEFAULT_MODEL, find_model


@pytest.fixture(scope="module")
def textured() -> NDArray[np.uint8]:
    """320 x 480 pixels: coloured tiles on the left, plain grey on the right."""
    pixels = np.full((320, 480, 3), 200, dtype=np.uint8)
    tiles = np.random.default_rng(2).integers(20, 236, (64, 48, 3), dtype=np.uint8)
    pixels[:, :240] = tiles.repeat(5, axis=0).repeat(5, axis=1)
    return pixels


@pytest.mark.parametrize("kind", PATCH_KINDS)
def test_only_the_patch_is_spoilt_and_it_lies_on_content(textured: NDArray[np.uint8], kind: str) -> None:
    spoilt = spoil_place(textured, kind, np.random.default_rng(0))
    assert spoilt is not None
    patch = spoilt.patch
    assert spoilt.attribute == PATCH_KINDS[kind]
    assert SIDE_SHARES[0] <= patch.right - patch.left <= SIDE_SHARES[1]
    assert patch.left < 0.5, "the right half has no content"
    changed = np.abs(spoilt.pixels.astype(int) - textured).max(axis=-1) > 0
    rows, columns = np.nonzero(changed)
    assert patch.left * 480 - 1 <= columns.min() and columns.max() <= patch.right * 480 + 1
    assert patch.top * 320 - 1 <= rows.min() and rows.max() <= patch.bottom * 320 + 1


def test_a_plain_photo_has_no_place_to_spoil() -> None:
    plain = np.full((320, 320, 3), 255, dtype=np.uint8)
    assert spoil_place(plain, "defocus", np.random.default_rng(0)) is None


def test_the_same_seed_is_the_same_patch() -> None:
    assert draw_patch(np.random.default_rng(5)) == draw_patch(np.random.default_rng(5))


def test_patch_area_is_the_chance_of_a_random_point() -> None:
    patch = Patch(0.2, 0.5, 0.5, 0.7)
    points = np.random.default_rng(0).uniform(size=(4000, 2))
    assert np.mean([patch.holds(x, y) for x, y in points]) == pytest.approx(patch.area, abs=0.015)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory, textured: NDArray[np.uint8]) -> Path:
    """Five highly rated photos with texture, one badly rated one, and one with nothing on it; all in the test part."""
    folder = tmp_path_factory.mktemp("explain")
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "mos", "category", "style", "group", "licence", "split"])
        for index in range(7):
            pixels = np.full_like(textured, 250) if index == 6 else np.roll(textured, 31 * index, axis=1)
            Image.fromarray(pixels).save(folder / f"{index}.png")
            writer.writerow([f"{index}.png", 0.2 if index == 5 else 0.8, "", "", f"group{index}", "CC0", "test"])
    return folder / "manifest.csv"


def test_run(manifest: Path, tmp_path: Path) -> None:
    options = ExplainOptions(
        (manifest,), tmp_path / "out", find_model(DEFAULT_MODEL), count=5, budget_ms=1.0, examples=None
    )
    report = run_explain(options, say=lambda line: None)
    assert json.loads((tmp_path / "out" / "explain.json").read_text())["summary"] == json.loads(
        json.dumps(report["summary"])
    )
    with Image.open(tmp_path / "out" / "explain.png") as sheet:
        assert sheet.width > 600
    photos = report["photos"]
    assert len(photos) == 5
    assert "5.png" not in {photo["photo"] for photo in photos}, "a badly rated photo may be spoilt anywhere"
    assert "6.png" not in {photo["photo"] for photo in photos}, "a plain photo has no place to spoil"
    assert {photo["kind"] for photo in photos} == set(PATCH_KINDS)
    everything = report["summary"]["hits"]["attribute"]["all"]
    assert everything["photos"] == 5
    assert everything["hits"] == sum(photo["modes"]["attribute"]["is_hit"] for photo in photos)
    assert everything["interval"][0] <= everything["hit_share"] <= everything["interval"][1]
    assert 0.04 <= everything["random_share"] <= 0.13
    assert "| attribute | all | 5 |" in format_explain(report)
    assert report["schema"] == 1
    assert f"sha256 {report['model']['sha256'][:12]}" in format_explain(report)
    with pytest.raises(UsageError, match="already"):
        run_explain(options)


def test_nothing_to_measure(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="no photo of part 'validation'"):
        run_explain(
            ExplainOptions((manifest,), tmp_path / "a", find_model(DEFAULT_MODEL), part="validation", examples=None)
        )
    arguments = ["explain", "--data", str(manifest), "--out", str(tmp_path / "b"), "--count", "0"]
    assert main(arguments) == 2
    assert "--count" in capsys.readouterr().err
