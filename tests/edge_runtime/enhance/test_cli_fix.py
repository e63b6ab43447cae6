"""``photogate fix`` from end to end: each test starts the real process with the shipped model."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime import PhotoScorer
from edge_runtime.cli import fix as cli_fix
from edge_runtime.cli.main import main
from edge_runtime.enhance import compute_psnr_db, compute_ssim

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'photogate[fix]'")
pytest.importorskip("skimage", reason="needs scikit-image: pip install 'photogate[fix]'")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(tmp_path: Path, examples_dir: Path) -> Path:
    """A dark photo, a good one, and a broken one."""
    root = tmp_path / "photos"
    root.mkdir()
    for name in ("coffee-dark.jpg", "coffee-good.jpg"):
        shutil.copy(examples_dir / name, root)
    (root / "z.jpg").write_bytes((root / "coffee-good.jpg").read_bytes()[:3000])
    return root


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_folder(run_command: Run, folder: Path, tmp_path: Path, scorer: PhotoScorer) -> None:
    before = {path: (digest(path), path.stat().st_mtime_ns) for path in folder.iterdir()}
    out = tmp_path / "out"
    result = run_command("fix", folder, "-o", out, "--format", "jsonl")
    assert result.returncode == 1, "one input failed"
    dark, good, broken = (json.loads(line) for line in result.stdout.splitlines())
    assert {path: (digest(path), path.stat().st_mtime_ns) for path in folder.iterdir()} == before
    assert [path.name for path in out.iterdir()] == ["coffee-dark.jpg"]
    written = out / "coffee-dark.jpg"
    assert (dark["outcome"], dark["output"]) == ("fixed", str(written))
    assert dark["after"]["quality"] == round(scorer.score(written).quality, 1)
    pictures = [np.asarray(Image.open(path)) for path in (folder / "coffee-dark.jpg", written)]
    assert dark["ssim"] == pytest.approx(compute_ssim(*pictures), abs=1e-6)
    assert dark["psnr_db"] == pytest.approx(compute_psnr_db(*pictures), abs=1e-3)
    assert dark["gain"] >= 3.0
    assert (good["output"], good["after"], good["operations"]) == (None, None, [])
    assert broken["error"]["type"] == "DecodeError"


def test_dry_run_and_table(run_command: Run, folder: Path) -> None:
    (folder / "z.jpg").unlink()
    result = run_command("fix", folder, "--dry-run")
    assert result.returncode == 0
    assert sorted(path.name for path in folder.iterdir()) == ["coffee-dark.jpg", "coffee-good.jpg"]
    assert result.stdout.split()[:4] == ["photo", "outcome", "quality", "gain"]
    assert "fixed" in result.stdout
    assert "nothing" in result.stdout
    assert "1 fixed" in result.stderr
    assert "written to" not in result.stdout


def test_a_photo_that_is_named_twice_stops_nothing(run_command: Run, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run_command("fix", folder / "coffee-dark.jpg", folder, "-o", out, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [Path(row["path"]).name for row in rows] == [
        "coffee-dark.jpg",
        "coffee-dark.jpg",
        "coffee-good.jpg",
        "z.jpg",
    ]
    assert {row["output"] for row in rows[:2]} == {str(out / "coffee-dark.jpg")}
    first, _, good, broken = rows
    assert float(first["quality_after"]) == pytest.approx(
        float(first["quality_before"]) + float(first["gain"]), abs=0.11
    )
    assert (first["needs_retake"], good["quality_after"], broken["quality_before"]) == ("false", "", "")
    assert float(first["exposure_after"]) > float(first["exposure_before"])
    assert run_command("fix", folder, "-o", out).returncode == 2, "of an earlier run it is not overwritten"


def test_photos_that_would_share_an_output_are_refused_and_the_others_are_fixed(
    run_command: Run, folder: Path, tmp_path: Path
) -> None:
    with Image.open(folder / "coffee-dark.jpg") as image:
        for name in ("shot.bmp", "shot.png"):  # a BMP is written as PNG
            image.save(folder / name)
    out = tmp_path / "out"
    result = run_command("fix", folder, "-o", out, "--format", "jsonl")
    assert result.returncode == 1
    records = {Path(record["path"]).name: record for record in map(json.loads, result.stdout.splitlines())}
    assert list(records) == ["coffee-dark.jpg", "coffee-good.jpg", "shot.bmp", "shot.png", "z.jpg"]
    for name, other in (("shot.bmp", "shot.png"), ("shot.png", "shot.bmp")):
        assert records[name]["error"]["type"] == "InputError"
        assert f"{folder / other} would be written to {out / 'shot.png'}, too" in records[name]["error"]["message"]
    assert records["coffee-dark.jpg"]["outcome"] == "fixed"
    assert [path.name for path in out.iterdir()] == ["coffee-dark.jpg"]


def test_nothing_kept_writes_nothing(run_command: Run, examples_dir: Path, tmp_path: Path) -> None:
    result = run_command("fix", examples_dir / "coffee-blurred.jpg", "-o", tmp_path / "out.jpg", "--min-gain", "100")
    assert result.returncode == 0
    assert "nothing kept" in result.stdout or "nothing in the photo" in result.stdout
    assert "retake: the photo is not sharp" in result.stdout
    assert "Tap the product to focus" in result.stdout
    assert "1 to take again" in result.stderr
    assert not list(tmp_path.iterdir())


def test_suffix_of_the_output_decides(run_command: Run, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    options = ("--only", "exposure,gamma,contrast", "--min-gain", "1")
    result = run_command("fix", folder / "coffee-dark.jpg", "-o", out, *options)
    assert result.returncode == 0
    with Image.open(out) as image:
        assert image.format == "PNG"


def test_outputs_are_protected(run_command: Run, folder: Path, tmp_path: Path) -> None:
    dark = folder / "coffee-dark.jpg"
    before = digest(dark)
    (tmp_path / "link.jpg").symlink_to(dark)
    (tmp_path / "old.jpg").write_bytes(b"precious")
    for output, words in (
        (dark, "never overwritten"),
        (tmp_path / "link.jpg", "never overwritten"),
        (folder, "never overwritten"),
    ):
        result = run_command("fix", dark, "-o", output, "--force")
        assert (result.returncode, result.stdout) == (2, "")
        assert words in result.stderr
    assert digest(dark) == before
    result = run_command("fix", dark, "-o", tmp_path / "old.jpg")
    assert result.returncode == 2
    assert "pass --force" in result.stderr
    assert (tmp_path / "old.jpg").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fix"], "PATH"),
        (["fix", "x.jpg"], "where to?"),
        (["fix", "x.jpg", "-o", "y.gif"], "cannot write .gif"),
        (["fix", "x.jpg", "-o", ""], "--output is empty"),
        (["fix", "x.jpg", "y.jpg", "-o", ""], "--output is empty"),
        (["fix", "x.jpg", "--dry-run", "--only", "sharpn"], "did you mean 'sharpen'"),
        (["fix", "x.jpg", "--dry-run", "--min-gain", "much"], "invalid float"),
        (["fix", "x.jpg", "y.jpg", "-o", "z.txt"], "is a file"),
    ],
)
def test_wrong_usage(run_command: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "z.txt").write_text("a file")
    result = run_command(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_library_is_named_with_its_extra(
    package_environment: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    for module, title in (("cv2", "OpenCV"), ("skimage", "scikit-image")):
        code = (
            f"import sys\nsys.modules[{module!r}] = None\nfrom edge_runtime.cli.main import main\n"
            f"sys.exit(main(['fix', {str(folder)!r}, '--dry-run']))"
        )
        result = subprocess.run(
            [sys.executable, "-c", code],
            env=package_environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert result.returncode == 2
        assert f"needs {title}" in result.stderr
        assert "pip install 'photogate[fix]'" in result.stderr


def test_a_photo_that_is_named_twice_is_written_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written: list[tuple[Path, bool]] = []
    monkeypatch.setattr(
        cli_fix, "write_result", lambda result, target, originals, *, force: written.append((target, force))
    )
    dark, out = str(folder / "coffee-dark.jpg"), tmp_path / "out"
    assert main(["fix", dark, dark, "-o", f"{out}/", "--format", "jsonl"]) == 0
    assert [json.loads(line)["outcome"] for line in capsys.readouterr().out.splitlines()] == ["fixed"] * 2
    assert written == [(out / "coffee-dark.jpg", False)]
