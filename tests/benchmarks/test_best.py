"""Picks held against ratings: the arithmetic where it is known, and the whole run on example photos."""

from __future__ import annotations

import csv
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import pytest

from benchmarks.__main__ import main
from benchmarks.best import OUTPUT_NAME, BestOptions, SceneOutcome, format_best, judge_pick, run_best, summarize
from edge_runtime.errors import UsageError
from edge_runtime.models import DEFAULT_MODEL, find_model

RATINGS = {
    "coffee-good.jpg": 0.85,
    "coffee-noisy.jpg": 0.6,
    "coffee-dark.jpg": 0.55,
    "coffee-blurred.jpg": 0.2,
    "mug-good.jpg": 0.8,
    "mug-off-frame.jpg": 0.5,
    "mug-color-cast.jpg": 0.4,
}


@pytest.fixture
def manifest(tmp_path: Path, examples_dir: Path) -> Path:
    """Two scenes of example photos with ratings that nobody would dispute, in the part test."""
    with (tmp_path / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "mos", "category", "style", "group", "licence", "content", "split"])
        for name, mos in RATINGS.items():
            shutil.copy(examples_dir / name, tmp_path / name)
            scene = name.split("-")[0]
            writer.writerow([name, mos, "", "", scene, "CC0", "food" if scene == "coffee" else "object", "test"])
    return tmp_path / "manifest.csv"


@pytest.fixture
def options(manifest: Path, tmp_path: Path) -> BestOptions:
    return BestOptions((manifest,), tmp_path / "out", find_model(DEFAULT_MODEL), prefix="", fewest=3)


def test_what_people_say_to_a_pick() -> None:
    ratings = [0.5, 0.8, 0.79, 0.3]
    best = judge_pick(1, [], ratings, 0.02)
    assert (best["people_rank"], best["loss"], best["is_within_error"], best["is_best_named"]) == (1, 0.0, True, True)
    third = judge_pick(0, [2], ratings, 0.02)
    assert third["people_rank"] == 3
    assert third["loss"] == pytest.approx(0.3)
    assert not third["is_within_error"]
    assert not third["is_best_named"]
    assert judge_pick(0, [1], ratings, 0.02)["is_best_named"]
    assert third["chance"] == 0.5


def test_ties_are_honoured() -> None:
    # Third, but by less than a standard error of a difference, which is sqrt(2) * .02 = .028.
    near = judge_pick(0, [], [0.772, 0.8, 0.8, 0.3], 0.02)
    assert (near["people_rank"], near["is_within_error"]) == (3, True)
    assert not judge_pick(0, [], [0.771, 0.8, 0.8, 0.3], 0.02)["is_within_error"]
    assert not judge_pick(0, [], [0.799, 0.8, 0.8, 0.3], 0.0)["is_within_error"]
    # Equal ratings share a rank.
    assert judge_pick(0, [], [0.8, 0.8, 0.8, 0.8], 0.0)["people_rank"] == 1
    assert judge_pick(0, [], [0.8, 0.8, 0.8, 0.8], 0.0)["chance"] == 1.0


def test_a_second_panel() -> None:
    assert judge_pick(0, [], [0.9, 0.8, 0.1], 0.01)["panel"] == 1.0
    # Three photos as good as each other and no error of ratings large enough to tell: any may win.
    far_apart = judge_pick(0, [], [0.500, 0.501, 0.502], 5.0)["panel"]
    assert far_apart == pytest.approx(2 / 3, abs=0.03)


def test_shares_and_means() -> None:
    outcome = SceneOutcome("s", "food", 6, "a", 0.7, "b", 0.8, 2, 0.1, 1, True, True, 0.3, 0.9)
    worse = replace(outcome, people_rank=4, loss=0.3, is_within_error=False, is_best_named=False, chance=0.5, panel=0.7)
    found = summarize([outcome, outcome, outcome, worse])
    assert found["top2"]["share"] == 0.75
    assert found["top1"]["share"] == 0.0
    assert found["mean_loss"] == pytest.approx(0.15)
    assert (found["random_top2"], found["second_panel_top2"]) == (pytest.approx(0.35), pytest.approx(0.85))
    # Wilson's interval of 3 of 4, by hand: centre (.75 + 1.96^2/8) / (1 + 1.96^2/4).
    z = NormalDist().inv_cdf(0.975)
    centre = (0.75 + z * z / 8) / (1 + z * z / 4)
    half = z / (1 + z * z / 4) * math.sqrt(0.75 * 0.25 / 4 + z * z / 64)
    assert found["top2"]["interval"] == pytest.approx((centre - half, centre + half))
    low, high = summarize([outcome] * 20)["top2"]["interval"]
    assert (round(low, 3), round(high, 3)) == (0.839, 1.0)


def test_the_run_on_example_photos(options: BestOptions, capsys: pytest.CaptureFixture[str]) -> None:
    report = run_best(options)
    assert "written to" in capsys.readouterr().err
    assert json.loads((options.out / OUTPUT_NAME).read_text(encoding="utf-8"))["all"]["scenes"] == 2
    picks = {scene["scene"]: (scene["pick"], scene["people_rank"]) for scene in report["scenes"]}
    assert picks == {"coffee": ("coffee-good.jpg", 1), "mug": ("mug-good.jpg", 1)}
    assert report["all"]["top2"]["share"] == 1.0
    assert report["all"]["random_top2"] == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert set(report["by_content"]) == {"food", "object"}
    assert report["keys"] == {}, "the test side chooses nothing"
    assert "| food | 1 | 100.0%" in format_best(report)
    assert report["schema"] == 1
    assert (
        f"- model: photogate-large {report['model']['version']}, sha256 {report['model']['sha256'][:12]}"
        in format_best(report)
    )


def test_keys_are_tried_on_the_other_sides(options: BestOptions, manifest: Path) -> None:
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(",test", ",validation"), encoding="utf-8")
    report = run_best(replace(options, part="validation"))
    assert len(report["keys"]) >= 8
    assert report["keys"]["quality"]["top2"] == 1.0
    assert "| ranked by |" in format_best(report)


def test_impossible_options(options: BestOptions) -> None:
    with pytest.raises(UsageError, match="no scene of 9 rated photos"):
        run_best(replace(options, fewest=9))
    with pytest.raises(UsageError, match="at least 3"):
        run_best(replace(options, fewest=2))
    with pytest.raises(UsageError, match="no rated photo"):
        run_best(replace(options, part="train"))
    with pytest.raises(UsageError, match="0 or more"):
        run_best(replace(options, rating_error=-0.1))
    options.out.mkdir()
    (options.out / OUTPUT_NAME).write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        run_best(options)


def test_command_line(options: BestOptions, manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["best", "--data", str(manifest), "--out", str(options.out), "--artifact", str(options.artifact)]
    assert main([*arguments, "--prefix", "", "--fewest", "3"]) == 0
    assert "| all | 2 | 100.0%" in capsys.readouterr().out
    assert main([*arguments, "--prefix", "", "--fewest", "3"]) == 2
    assert "--force" in capsys.readouterr().err
    assert main([*arguments, "--prefix", "none", "--force"]) == 2


@pytest.mark.slow
def test_picks_on_the_swept_scenes(shared_data: Path, tmp_path: Path) -> None:
    options = BestOptions((shared_data / "manifest.csv",), tmp_path, find_model(DEFAULT_MODEL), seed=6)
    found = run_best(options)["all"]
    assert found["scenes"] >= 15
    # Far from chance, which is 17 %; the figure itself, and the goal of 90 %, are the benchmark's to tell.
    assert found["top2"]["interval"][0] > 2 * found["random_top2"]
    assert found["mean_loss"] < 0.06
