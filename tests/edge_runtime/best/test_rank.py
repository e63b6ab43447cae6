"""``rank`` and ``photogate best`` on real photos."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from edge_runtime import PhotoScorer
from edge_runtime.best import rank
from edge_runtime.errors import UsageError

Run = Callable[..., "subprocess.CompletedProcess[str]"]
NEEDS_IMAGEHASH = "needs imagehash: pip install 'photogate[best]'"


@pytest.fixture
def burst(tmp_path: Path, examples_dir: Path) -> Path:
    """A photo, the same file again, a smaller, a darker and a slightly cut copy, and another motif."""
    with Image.open(examples_dir / "coffee-good.jpg") as image:
        width, height = image.size
        image.resize((width // 2, height // 2)).save(tmp_path / "half.png")
        ImageEnhance.Brightness(image).enhance(0.5).save(tmp_path / "dark.jpg", quality=95)
        image.crop((6, 4, width, height)).save(tmp_path / "cut.jpg", quality=95)
    shutil.copy(examples_dir / "coffee-good.jpg", tmp_path / "a.jpg")
    shutil.copy(examples_dir / "coffee-good.jpg", tmp_path / "b.jpg")
    shutil.copy(examples_dir / "mug-good.jpg", tmp_path / "mug.jpg")
    return tmp_path


def test_copies_are_found_and_other_motifs_are_not(scorer: PhotoScorer, burst: Path) -> None:
    pytest.importorskip("imagehash", reason=NEEDS_IMAGEHASH)
    ranking = rank(sorted(burst.iterdir()), scorer)
    by_name = {Path(photo.name).name: photo for photo in ranking.photos}
    coffee = {by_name[name].cluster for name in ("a.jpg", "b.jpg", "half.png", "dark.jpg", "cut.jpg")}
    assert len(coffee) == 1
    assert by_name["mug.jpg"].cluster not in coffee
    assert by_name["mug.jpg"].duplicate_of is None
    assert by_name["a.jpg"].score.quality == by_name["b.jpg"].score.quality
    assert by_name["dark.jpg"].score.quality < by_name["a.jpg"].score.quality - 3
    assert len(ranking.distinct) == 2


def test_identical_files_are_told_and_the_first_stands_first(scorer: PhotoScorer, burst: Path) -> None:
    pytest.importorskip("imagehash", reason=NEEDS_IMAGEHASH)
    first, second = burst / "b.jpg", burst / "a.jpg"
    ranking = rank([first, second], scorer)
    assert [photo.name for photo in ranking.photos] == [str(first), str(second)]
    copy = ranking.photos[1]
    assert (copy.identical_to, copy.duplicate_of, copy.distance_bits) == (str(first), str(first), 0)
    assert copy.is_as_good_as_best
    assert "is the same file" in ranking.explain()


def test_scores_are_those_of_the_scorer(scorer: PhotoScorer, examples_dir: Path) -> None:
    paths = sorted(examples_dir.glob("*.jpg"))
    ranking = rank(paths, scorer, max_distance=None)
    assert len(ranking.photos) == len(paths) >= 7
    for photo in ranking.photos:
        score = scorer.score(photo.name)
        assert (photo.score.quality, photo.score.attributes) == (score.quality, score.attributes)
        assert photo.score.image == score.image
    qualities = [round(photo.score.quality, 1) for photo in ranking.photos]
    assert qualities == sorted(qualities, reverse=True)


def test_frames_bytes_and_images(scorer: PhotoScorer, examples_dir: Path) -> None:
    pytest.importorskip("imagehash", reason=NEEDS_IMAGEHASH)
    path = examples_dir / "coffee-good.jpg"
    with Image.open(path) as image:
        frame = np.asarray(image.convert("RGB"))
        ranking = rank([frame, path.read_bytes(), image, path, 7], scorer)  # type: ignore[list-item]
    assert sorted(photo.name for photo in ranking.photos) == sorted(["#0", "#1", "#2", str(path)])
    assert {photo.cluster for photo in ranking.photos} == {1}
    assert [failure.path for failure in ranking.failures] == ["#4"]
    bgr = np.ascontiguousarray(frame[..., ::-1])
    (photo,) = rank([bgr], scorer, color_order="bgr").photos
    (same,) = rank([frame], scorer).photos
    assert photo.score.quality == same.score.quality


def test_without_imagehash(scorer: PhotoScorer, examples_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagehash", None)
    photos = [examples_dir / "mug-good.jpg"]
    with pytest.raises(UsageError, match=r"photogate\[best\].*--no-duplicates"):
        rank(photos, scorer)
    assert len(rank(photos, scorer, max_distance=None).photos) == 1


@pytest.mark.parametrize("bits", [-1, 65])
def test_impossible_distances(scorer: PhotoScorer, bits: int) -> None:
    with pytest.raises(UsageError, match="bits"):
        rank([], scorer, max_distance=bits)


def test_a_folder_is_no_list_of_photos(scorer: PhotoScorer, examples_dir: Path) -> None:
    for photos in (str(examples_dir), examples_dir, b"data"):
        with pytest.raises(UsageError, match="pass a list of photos"):
            rank(photos, scorer, max_distance=None)  # type: ignore[arg-type]


def test_language(scorer: PhotoScorer, examples_dir: Path, run_command: Run) -> None:
    photo = examples_dir / "coffee-dark.jpg"
    (ranked,) = rank([photo], scorer, max_distance=None, language="zh").photos
    assert ranked.verdict.reasons[0].message == "照片太暗、太亮或对比不足。"
    result = run_command("best", photo, "--no-duplicates", "--language", "zh", "--format", "jsonl")
    assert json.loads(result.stdout)["reasons"][0]["message"] == "照片太暗、太亮或对比不足。"
    table = run_command("best", photo, "--no-duplicates", "--language", "zh")
    assert table.stdout.split()[:4] == ["照片", "名次", "质量", "加权"]
    assert "已排名 1 张" in table.stderr


def test_the_notes_of_the_table_in_both_languages(run_command: Run, burst: Path) -> None:
    pytest.importorskip("imagehash", reason=NEEDS_IMAGEHASH)
    shutil.copyfile(burst / "a.jpg", burst / "z.jpg")
    english = run_command("best", burst).stdout
    chinese = run_command("best", burst, "--language", "zh").stdout
    assert "near-duplicate of" in english
    assert "near-duplicate of" not in chinese.partition("best of")[0]
    assert "近似重复" in chinese
    assert f"same file as {burst / 'a.jpg'}" in english
    assert f"与 {burst / 'a.jpg'} 为同一文件" in chinese


def test_command_json_lines(run_command: Run, burst: Path) -> None:
    pytest.importorskip("imagehash", reason=NEEDS_IMAGEHASH)
    (burst / "broken.jpg").write_bytes((burst / "a.jpg").read_bytes()[:2000])
    result = run_command("best", burst, "--format", "jsonl")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 1, "one photo is broken"
    assert [record.get("rank") for record in records] == [1, 2, 3, 4, 5, 6, None]
    assert records[-1]["error"]["type"] == "DecodeError"
    assert records[0]["is_best"]
    assert records[0]["why"]["summary"].startswith(records[0]["path"])
    assert all("why" not in record for record in records[1:])
    assert [record["identical_to"] for record in records if record.get("identical_to")] == [str(burst / "a.jpg")]


def test_command_top_leaves_out_near_duplicates(run_command: Run, burst: Path) -> None:
    pytest.importorskip("imagehash", reason=NEEDS_IMAGEHASH)
    result = run_command("best", burst, "--top", "3", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert result.returncode == 0
    assert len(rows) == 2, "there are only two motifs"
    assert all(row["duplicate_of"] == "" for row in rows)
    assert "" not in rows[0] and {row["is_as_good_as_best"] for row in rows} <= {"true", "false"}
    every = run_command("best", burst, "--top", "3", "--no-duplicates", "--format", "csv")
    assert len(list(csv.DictReader(io.StringIO(every.stdout)))) == 3
    strict = run_command("best", burst, "--max-distance", "0", "--top", "9", "--format", "jsonl")
    assert len(strict.stdout.splitlines()) > 2


def test_command_table_says_why(run_command: Run, examples_dir: Path) -> None:
    photos = [examples_dir / f"coffee-{fault}.jpg" for fault in ("blurred", "good", "dark")]
    result = run_command("best", *photos, "--no-duplicates")
    lines = result.stdout.splitlines()
    assert result.returncode == 0
    assert lines[0].split()[:3] == ["photo", "rank", "quality"]
    assert "coffee-good.jpg" in lines[1]
    assert lines[1].endswith("best")
    assert "coffee-good.jpg is the best of 3:" in " ".join(lines[4:])
    assert "3 ranked, 0 failed" in result.stderr


def test_command_when_all_photos_fail(run_command: Run, tmp_path: Path) -> None:
    result = run_command("best", tmp_path / "none.jpg", tmp_path, "--no-duplicates")
    assert result.returncode == 1
    assert "No photo could be scored" in result.stdout
    assert result.stdout.count("InputError") == 2


def test_command_wrong_usage(run_command: Run, examples_dir: Path) -> None:
    photo = examples_dir / "mug-good.jpg"
    for options in (("--top", "0"), ("--max-distance", "65"), ("--max-distance", "3", "--no-duplicates")):
        result = run_command("best", photo, *options)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr
    assert run_command("best").returncode == 2


def test_nothing_heavy_is_imported_at_the_start(package_environment: dict[str, str]) -> None:
    code = (
        "import edge_runtime.cli.main, edge_runtime.best, edge_runtime.cli.best, sys\n"
        "print(*{'imagehash', 'scipy', 'pywt', 'cv2'} & set(sys.modules))"
    )
    output = subprocess.check_output([sys.executable, "-c", code], env=package_environment, text=True, timeout=120)
    assert output.strip() == ""
