"""``photogate report`` from end to end: each test starts the real process."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[str]"]
ReadPage = Callable[[Path], Any]


@pytest.fixture
def folder(tmp_path: Path, photo: Image.Image) -> Path:
    """Two photos, a broken one, and one in a folder."""
    root = tmp_path / "photos"
    (root / "inner").mkdir(parents=True)
    photo.save(root / "a.jpg")
    photo.resize((400, 300)).save(root / "b.png")
    (root / "c.jpg").write_bytes((root / "a.jpg").read_bytes()[:5000])
    photo.save(root / "inner" / "d.webp")
    return root


def test_a_page_and_its_data(run_command: Run, folder: Path, tmp_path: Path, read_page: ReadPage) -> None:
    out, data = tmp_path / "report.html", tmp_path / "report.jsonl"
    options = ("--rules", "ebay", "--recursive", "--title", "Stall 7", "--data", data, "--heat-maps", "1")
    result = run_command("report", folder, "-o", out, *options)
    assert (result.returncode, result.stdout) == (1, ""), result.stderr
    assert "1 failed (policy default, eBay rules of 20" in result.stderr
    assert f"wrote {out}, 0." in result.stderr
    records = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    paths = [str(folder / name) for name in ("a.jpg", "b.png", "c.jpg", "inner/d.webp")]
    assert [record["path"] for record in records] == paths
    page = read_page(out)
    judged = [record for record in records if "error" not in record]
    rows = page.json("rows")
    texts = page.json("head")["texts"]
    found = [(texts[folder] + name, quality) for name, folder, quality, *_ in rows]
    assert found == [(record["path"], record["quality"]) for record in judged]
    for record, details in zip(judged, page.details(), strict=True):
        assert details["interval"] == record["interval"]
        states = [outcome["state"] for outcome in record["rules"]]
        assert [outcome[1] for outcome in details["rules"]] == states
        assert len(details["said"]) == len(record["reasons"])
    assert next(page.details())["size"] == [640, 480]
    ranks = [(("accept", "review", "reject").index(record["verdict"]), -record["quality"]) for record in judged]
    assert page.json(f"heat{ranks.index(max(ranks))}")["picture"].startswith("data:image/jpeg;base64,/9j/")
    assert sum((attributes.get("id") or "")[:4] == "heat" for attributes, _ in page.scripts) == 1
    assert "eBay rules of" in page.text and "Stall 7" in page.text
    assert "truncated JPEG" in page.text


def test_the_same_records_as_photogate_gate(run_command: Run, folder: Path, tmp_path: Path) -> None:
    out, data = tmp_path / "report.html", tmp_path / "report.csv"
    run_command(
        "report", folder, "-o", out, "--rules", "amazon", "--language", "zh", "--data", data, "--heat-maps", "0"
    )
    gate = run_command("gate", folder, "--rules", "amazon", "--language", "zh", "--format", "csv")
    ours, theirs = (list(csv.DictReader(text.splitlines())) for text in (data.read_text("utf-8"), gate.stdout))
    assert len(ours) == 3
    for row in (*ours, *theirs):
        row.pop("total_ms")
    assert ours == theirs
    codes = {code for row in ours for code in row["reasons"].split() if code.startswith("not_checked")}
    assert len(codes) > 1
    page = out.read_text("utf-8")
    assert all(f"({code})" in page for code in codes), "the words for a check alone do not tell them apart"


def test_exit_code_0(run_command: Run, folder: Path, tmp_path: Path) -> None:
    assert run_command("report", folder / "a.jpg", "-o", tmp_path / "report.html", "--heat-maps", "0").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.jpg"], "-o/--output"),
        (["a.jpg", "-o", "old.html"], "exists already"),
        (["a.jpg", "-o", "none/new.html"], "there is no folder none"),
        (["a.jpg", "-o", "new.html", "--data", "new.xml"], "end the name in .jsonl or .csv"),
        (["a.jpg", "-o", "new.csv", "--data", "./new.csv"], "end the name in .html"),
        (["a.jpg", "-o", "-"], "--output -: a report is an HTML page"),
        (["a.jpg", "-o", "new.html", "--data", "old.csv"], "exists already"),
        (["a.jpg", "-o", "new.html", "--rules", "ebuy"], "did you mean 'ebay'"),
        (["a.jpg", "-o", "new.html", "--max-thumbnails", "-1"], "pass 0 or more"),
        (["a.jpg", "-o", "new.html", "--heat-maps", "-1"], "pass 0 or more"),
        (["a.jpg", "-o", "new.html", "--threads", "0"], "pass 1 or more"),
        (["a.jpg", "-o", "new.html", "--threads", "two"], "invalid number value"),
        (["a.jpg", "-o", "new.html", "--language", "fr"], "invalid choice"),
    ],
)
def test_wrong_usage(run_command: Run, folder: Path, arguments: list[str], message: str) -> None:
    for name in ("old.html", "old.csv"):
        (folder / name).write_text("mine")
    result = run_command("report", *arguments, cwd=folder)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert (folder / "old.html").read_text() == (folder / "old.csv").read_text() == "mine"
    assert {path.name for path in folder.iterdir()} == {"a.jpg", "b.png", "c.jpg", "inner", "old.html", "old.csv"}


def test_without_jinja2_it_says_what_to_install(
    package_environment: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    code = (
        "import sys; sys.modules['jinja2'] = None\n"
        "from edge_runtime.cli.main import main\n"
        "sys.exit(main(['report', 'a.jpg', '-o', 'new.html']))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=package_environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "pip install 'photogate[report]'" in result.stderr
    assert not (folder / "new.html").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows limits no file's size")
@pytest.mark.parametrize("most_bytes", [10_000, 60_000])
def test_no_room_for_the_file(
    package_environment: dict[str, str], folder: Path, tmp_path: Path, most_bytes: int
) -> None:
    """A limit on the size of files does what a full disk does: writing fails, and closing what is buffered, too."""
    place = tmp_path / "out"
    place.mkdir()
    (place / "report.html").write_text("mine")
    code = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({most_bytes}, {most_bytes}))\n"
        "from edge_runtime.cli.main import main\n"
        "sys.exit(main(['report', *['a.jpg'] * 40, '-o', sys.argv[1], '--data', sys.argv[2], '--force']))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(place / "report.html"), str(place / "report.jsonl")],
        cwd=folder,
        env=package_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2, result.stderr
    assert "cannot write the file: File too large; make room" in result.stderr
    assert "Traceback" not in result.stderr
    assert (place / "report.html").read_text() == "mine"
    assert [path.name for path in place.iterdir()] == ["report.html"]


def test_nothing_heavy_is_imported(package_environment: dict[str, str]) -> None:
    code = "import edge_runtime.cli.report, sys; print(*{'jinja2', 'matplotlib', 'cv2'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], env=package_environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no SIGINT for another process")
def test_ctrl_c_leaves_no_file(package_environment: dict[str, str], folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.mkdir()
    command = [sys.executable, "-m", "edge_runtime", "report", *["a.jpg"] * 5000]
    outputs = ["-o", str(place / "report.html"), "--data", str(place / "report.csv")]
    process = subprocess.Popen([*command, *outputs], cwd=folder, env=package_environment, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 60
        # The data file is opened first; when it grows, photos are being judged.
        while not any(path.stat().st_size > 1000 for path in place.glob(".photogate-*.part")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert b"interrupted" in stderr and b"Traceback" not in stderr
    assert list(place.iterdir()) == []


def test_help(run_command: Run) -> None:
    result = run_command("report", "--help")
    assert result.returncode == 0
    assert "Exit codes: 0" in result.stdout


def test_a_photo_is_never_written_over(run_command: Run, folder: Path, tmp_path: Path) -> None:
    kept = (folder / "a.jpg").read_bytes()
    for name in ("a.html", "a.csv"):
        (folder / name).write_bytes(kept)
    for photo, options in (
        (folder / "a.html", ("-o", folder / "a.html")),
        (folder / "a.csv", ("-o", tmp_path / "page.html", "--data", folder / "a.csv")),
    ):
        result = run_command("report", photo, *options, "--force")
        assert result.returncode == 2
        assert "is the original" in result.stderr
        assert photo.read_bytes() == kept
    assert not (tmp_path / "page.html").exists()
