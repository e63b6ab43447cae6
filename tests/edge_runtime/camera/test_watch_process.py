"""``photogate watch`` from end to end: each test starts the real process, with the shipped model."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime import PhotoScorer

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def read_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_folder_is_scored_in_order_to_its_end(run_command: Run, folder: Path) -> None:
    result = run_command("watch", f"shelf={folder}", "--fps", "2")
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"skipped: {folder / 'broken.jpg'}: not a photo")
    *lines, summary = read_lines(result.stdout)
    assert [(line["type"], line["source"], line["timestamp_ms"]) for line in lines] == [
        ("result", "shelf", 0),
        ("result", "shelf", 500),
        ("result", "shelf", 1000),
    ]
    assert all(0 <= line["quality"] <= 100 and len(line["attributes"]) == 5 for line in lines)
    assert {line["verdict"] for line in lines} <= {"accept", "review", "reject"}
    assert summary["type"] == "summary"
    assert (summary["frames"], summary["scored"], summary["corrupt"], summary["dropped"]) == (3, 3, 1, 0)
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p95"]
    assert not summary["is_interrupted"]


def test_score_is_that_of_one_look_at_the_photo(run_command: Run, folder: Path) -> None:
    """The view of a frame may be made by a short cut, so not to the last digit."""
    (folder / "broken.jpg").unlink()
    watched = read_lines(run_command("watch", folder).stdout)[:-1]
    with PhotoScorer.default(is_quick=True) as scorer:
        qualities = [scorer.score(path).quality for path in sorted(folder.iterdir())]
    assert [line["quality"] for line in watched] == pytest.approx(qualities, abs=0.5)


def test_output_for_people(run_command: Run, folder: Path) -> None:
    result = run_command("watch", folder, "--format", "text", "--every", "2")
    assert result.returncode == 0
    first, second, summary = result.stdout.splitlines()
    assert first.split()[0] == "0.000"
    assert second.split()[0] == "2.000"
    assert "3 scored, 0 unchanged, 0 failed, 0 dropped, 1 corrupt" in summary


def test_unchanged_frames_are_scored_again_only_if_asked_to(
    run_command: Run, tmp_path: Path, photo: Image.Image
) -> None:
    raw = photo.resize((64, 48)).tobytes() * 5
    (tmp_path / "raw").write_bytes(raw)
    counts = []
    for arguments in ((), ("--no-skip-unchanged",)):
        with (tmp_path / "raw").open("rb") as stream:
            result = run_command(
                "watch", "-", "--size", "64x48", "--pixel-format", "rgb", "--fps", "10", *arguments, stdin=stream
            )
        assert result.returncode == 0, result.stderr
        summary = read_lines(result.stdout)[-1]
        counts.append((summary["scored"], summary["unchanged"]))
    assert counts == [(1, 4), (5, 0)]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing.mp4"],
        ["ftp://a/b"],
        ["http://127.0.0.1:1/video"],
        [".", "--policy", "none.toml"],
        [".", "--size", "wide"],
        [".", "--every", "-1"],
        [".", "--fps", "0"],
        [".", "--duration", "0"],
        [".", "--best-shot", "x.png"],
        ["a=.", "a=.."],
        ["a=.", "b=..", "--best-shot", "x.jpg"],
        [".", "--monitor", "none.toml"],
        [".", "--relearn"],
        ["-", "--pixel-format", "nv12"],
        ["-", "--pixel-format", "rgb", "--size", "10x10"],
        [".", "--best-seconds", "1e306", "--best-shot", "x.jpg"],
        [".", "--fps", "1e-10", "--realtime"],
    ],
)
def test_wrong_usage(run_command: Run, folder: Path, arguments: list[str]) -> None:
    result = run_command("watch", *arguments, cwd=folder, stdin=subprocess.DEVNULL)
    assert (result.returncode, result.stdout) == (2, "")
    assert "photogate watch:" in result.stderr
    assert "Traceback" not in result.stderr


def test_best_shot_is_the_best_frame_whole(run_command: Run, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "best.jpg"
    result = run_command("watch", folder, "--best-shot", out)
    assert result.returncode == 0, result.stderr
    *lines, summary = read_lines(result.stdout)
    best = max(lines, key=lambda line: line["quality"])
    assert summary["best_shot"]["timestamp_ms"] == best["timestamp_ms"]
    assert summary["best_shot"]["quality"] == best["quality"]
    names = sorted(path for path in folder.iterdir() if path.suffix == ".png")
    original = np.asarray(Image.open(names[best["timestamp_ms"] // 1000])).astype(float)
    kept = np.asarray(Image.open(out)).astype(float)
    assert kept.shape == original.shape
    assert np.abs(kept - original).mean() < 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.jpg", "photos"]
    before = out.read_bytes()
    refused = run_command("watch", folder, "--best-shot", out)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert out.read_bytes() == before
    assert run_command("watch", folder, "--best-shot", out, "--force").returncode == 0


def test_best_shot_does_not_replace_a_photo_that_is_watched(run_command: Run, folder: Path, photo: Image.Image) -> None:
    original = folder / "3.jpg"
    photo.save(original)
    before = original.read_bytes()
    result = run_command("watch", f"shelf={folder}", "--best-shot", original, "--force")
    assert (result.returncode, result.stdout) == (2, "")
    assert "is the original" in result.stderr
    assert original.read_bytes() == before


def test_missing_folder_is_refused_before_the_camera_is_opened(run_command: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/video"
        result = run_command("watch", address, "--best-shot", tmp_path / "none" / "best.jpg")
        assert result.returncode == 2
        assert "there is no folder" in result.stderr
        with pytest.raises(TimeoutError):
            server.accept()


def test_view_without_a_display_is_a_line_of_text(
    run_command: Run, folder: Path, package_environment: dict[str, str]
) -> None:
    environment = {key: value for key, value in package_environment.items() if "DISPLAY" not in key}
    result = run_command("watch", folder, "--view", "--realtime", "--fps", "10", "--language", "zh", env=environment)
    assert result.returncode == 0
    assert len(read_lines(result.stdout)) >= 2  # still for programs, as this is no terminal
    if sys.platform.startswith("linux"):
        assert "no window, this machine has no display" in result.stderr
        assert f"{folder} [#" in result.stderr


def test_monitor_prints_events(run_command: Run, tmp_path: Path, photo: Image.Image) -> None:
    """A shelf in good light, then in the dark."""
    (tmp_path / "monitor.toml").write_text(
        'schema = 1\n[monitor]\nfolder = "kept"\n[baseline]\nlearn_s = 10\n'
        '[[region]]\nname = "left"\ncamera = "shelf"\n'
    )
    scene = np.asarray(photo.resize((160, 120)))[..., 1].astype(float)
    noise = np.random.default_rng(0)
    with (tmp_path / "raw").open("wb") as stream:
        for number in range(200):
            light = 1.0 if number < 120 else 0.1
            stream.write((light * scene + noise.normal(0, 2, scene.shape)).clip(0, 255).astype(np.uint8).tobytes())
    arguments = ["--size", "160x120", "--pixel-format", "gray", "--fps", "4", "--monitor", tmp_path / "monitor.toml"]
    with (tmp_path / "raw").open("rb") as stream:
        result = run_command("watch", "shelf=-", *arguments, stdin=stream)
    assert result.returncode == 0, result.stderr
    *events, summary = read_lines(result.stdout)
    assert {event["type"] for event in events} == {"event"}
    dark = [event for event in events if event["kind"] == "dark"]
    assert [(event["camera"], event["region"], event["state"]) for event in dark] == [("shelf", "left", "opened")]
    assert summary["events"] == sum(event["state"] == "opened" for event in events)
    assert summary["monitor"]["cameras"]["shelf"]["frames"] == 200
    with (tmp_path / "raw").open("rb") as stream:
        result = run_command("watch", "door=-", *arguments, stdin=stream)
    assert result.returncode == 2
    assert "'door'" in result.stderr
    for option in ("--view", "--best-shot=x.jpg"):
        refused = run_command("watch", "shelf=-", *arguments, option, stdin=subprocess.DEVNULL, cwd=tmp_path)
        assert refused.returncode == 2
        assert "leave one of the two out" in refused.stderr
        assert refused.stderr.count("photogate watch:") == 1, "no window is opened before that"
