"""Peers judged on photos whose ratings are their brightness; what is absent is said; nothing is signed by ratings."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from benchmarks.__main__ import main
from benchmarks.accuracy import load_rated_photos
from benchmarks.memory import Footprint
from benchmarks.peers import run as peers_run
from benchmarks.peers.agreement import compute_agreement, fit_rating_map
from benchmarks.peers.boosted import MEASUREMENTS, build_measurer
from benchmarks.peers.catalogue import PEER_KEYS, PEERS, Peer, PeerFiles, find_peer
from benchmarks.peers.footprint import measure_peer_footprint
from benchmarks.peers.libraries import open_laplacian
from benchmarks.peers.published import PUBLISHED
from edge_runtime.errors import UsageError


def _load(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def test_keys_are_unique_and_an_unknown_one_is_refused() -> None:
    assert len(set(PEER_KEYS)) == len(PEERS)
    assert PEER_KEYS[0] == "photogate"
    with pytest.raises(UsageError, match="brisque"):
        find_peer("brisk")


def test_low_is_better_where_the_documents_say_so() -> None:
    assert {peer.key for peer in PEERS if not peer.is_better_higher} == {"brisque", "niqe"}


def test_published_figures_name_their_source() -> None:
    assert all(0 < figure.srcc < 1 and figure.source and figure.learnt_from for figure in PUBLISHED)
    assert len({(figure.model, figure.judged_on) for figure in PUBLISHED}) == len(PUBLISHED)


def test_rating_map_rises_and_averages_what_falls() -> None:
    rating_map = fit_rating_map([1, 2, 3, 3], [0.1, 0.5, 0.3, 0.3])
    np.testing.assert_allclose(rating_map(np.array([0.0, 1.0, 2.0, 3.0, 9.0])), [0.1, 0.1, 1.1 / 3, 1.1 / 3, 1.1 / 3])
    np.testing.assert_allclose(rating_map(np.array([1.5])), [(0.1 + 1.1 / 3) / 2])


def test_every_peer_is_timed_on_every_picture(brightness_manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counted calls of one that makes one call a turn, and of one that warms up before several."""
    photos = load_rated_photos([brightness_manifest], "test", 7)
    seen: dict[str, list[int]] = {"photogate": [], "laplacian-variance": []}
    calls_ms = {"photogate": 30.0, "laplacian-variance": 15.0}
    present = ""

    def build_measure(call: Callable[[], object], clock: object) -> Callable[[], float]:
        def measure() -> float:
            call()
            return calls_ms[present]

        return measure

    def build_score(key: str) -> Callable[[Image.Image], float]:
        def score(picture: Image.Image) -> float:
            nonlocal present
            present = key
            seen[key].append(picture.getpixel((0, 0))[0])  # type: ignore[index]
            return 0.0

        return score

    entries = [peers_run._Entry(find_peer(key), build_score(key)) for key in seen]
    monkeypatch.setattr(peers_run, "build_measure", build_measure)
    peers_run._time(entries, photos)
    for key, warmup, a_turn in (("photogate", 5, 1), ("laplacian-variance", 5, 3)):
        turns = np.array(seen[key][warmup:]).reshape(-1, a_turn)
        assert (turns == turns[:, :1]).all(), "a turn has one picture"
        assert len(set(turns[:8, 0])) == 8, "all of them, one after the other"
        assert set(np.unique(turns[:, 0], return_counts=True)[1]) == {3}, "24 rounds on 8 pictures"


def test_agreement_of_known_scores() -> None:
    ratings = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    scores = [1.0, 8.0, 27.0, 64.0, 125.0, 216.0]
    mapped = compute_agreement(scores, ratings, range(6), fit_rating_map(scores, ratings), 50)
    assert mapped["srcc"]["value"] == pytest.approx(1.0)
    assert mapped["plcc"]["value"] == pytest.approx(1.0)
    plain = compute_agreement(scores, ratings, range(6), None, 50)
    assert plain["srcc"]["value"] == pytest.approx(1.0)
    assert plain["plcc"]["value"] < 0.95
    assert plain["plcc"]["low"] <= plain["plcc"]["value"] <= plain["plcc"]["high"]
    one_group = compute_agreement(scores, ratings, [0] * 6, None, 50)["srcc"]
    assert one_group == {"value": pytest.approx(1.0), "low": None, "high": None, "reason": ""}
    constant = compute_agreement([1.0] * 6, ratings, range(6), None, 50)
    assert constant["srcc"]["value"] is None and "constant" in constant["srcc"]["reason"]


def test_measurements_of_known_pictures() -> None:
    pytest.importorskip("cv2", reason="needs OpenCV: pip install '.[peers]'")
    measure = build_measurer()
    grey = dict(zip(MEASUREMENTS, measure(Image.new("RGB", (200, 100), (128, 128, 128))), strict=True))
    assert grey["brightness"] == 128 and grey["megapixels"] == pytest.approx(0.02)
    assert not any(grey[name] for name in ("contrast", "saturation", "colorfulness", "noise_sigma", "entropy_bits"))
    white = dict(zip(MEASUREMENTS, measure(Image.new("RGB", (64, 64), "white")), strict=True))
    assert (white["clipped_bright"], white["clipped_dark"]) == (1.0, 0.0)
    noise = np.random.default_rng(0).normal(128, 10, (256, 256)).clip(0, 255).astype(np.uint8)
    noisy = dict(zip(MEASUREMENTS, measure(Image.fromarray(noise).convert("RGB")), strict=True))
    assert noisy["noise_sigma"] == pytest.approx(10, rel=0.05), "what was added"
    red = np.zeros((64, 64, 3), dtype=np.uint8)
    red[..., 0] = 255
    # rg = 255 and yb = 127.5 everywhere: no spread, 0.3 times the length of the mean
    colourful = dict(zip(MEASUREMENTS, measure(Image.fromarray(red)), strict=True))["colorfulness"]
    assert colourful == pytest.approx(0.3 * np.hypot(255, 127.5))


def test_blur_lowers_the_variance_of_the_laplacian(examples_dir: Path) -> None:
    pytest.importorskip("cv2", reason="needs OpenCV: pip install '.[peers]'")
    score = open_laplacian()
    photo = _load(examples_dir / "coffee-good.jpg")
    assert score(photo.filter(ImageFilter.GaussianBlur(3))) < 0.5 * score(photo)


@pytest.mark.parametrize("key", ["cleanvision-blurry", "cleanvision-dark", "cleanvision-light"])
def test_cleanvision_sees_what_its_issues_are_named_after(key: str, examples_dir: Path) -> None:
    pytest.importorskip("cleanvision", reason="needs cleanvision: pip install '.[peers]'")
    score = find_peer(key).open(PeerFiles(None, Path()))
    photo = _load(examples_dir / "coffee-good.jpg")
    faulty = {
        "cleanvision-blurry": photo.filter(ImageFilter.GaussianBlur(30)),
        "cleanvision-dark": photo.point(lambda value: value // 10),
        "cleanvision-light": photo.point(lambda value: 230 + value // 10),
    }
    assert 0 <= score(faulty[key]) < score(photo) <= 1


def test_absent_files_and_libraries_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    files = PeerFiles(None, tmp_path)
    for key, says in (("nima-technical", "--peers"), ("niqe", "pip install pyiqa"), ("photogate", "--artifact")):
        with pytest.raises(UsageError, match=says):
            find_peer(key).open(files)


@pytest.fixture
def with_stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue holds five peers whose answers are known; none of them is timed or weighed for long."""

    def read_brightness(picture: Image.Image) -> float:
        return float(np.asarray(picture).mean())

    def refuse(files: PeerFiles) -> Callable[[Image.Image], float]:
        raise UsageError("not installed: pip install nothing")

    def break_down(picture: Image.Image) -> float:
        raise ZeroDivisionError("broken on purpose")

    plain = replace(find_peer("laplacian-variance"), key="right", open=lambda files: read_brightness)
    stubs: list[Peer] = [
        plain,
        replace(plain, key="falls", is_better_higher=False),
        replace(plain, key="absent", open=refuse),
        replace(plain, key="breaks", open=lambda files: break_down),
        replace(plain, key="nowhere", open=lambda files: lambda picture: float("nan")),
    ]
    by_key = {peer.key: peer for peer in stubs}
    monkeypatch.setattr(peers_run, "PEER_KEYS", tuple(by_key))
    monkeypatch.setattr(peers_run, "find_peer", by_key.__getitem__)
    monkeypatch.setattr(peers_run, "PLAN", replace(peers_run.PLAN, rounds=2, max_calls_per_turn=2))
    monkeypatch.setattr(peers_run, "measure_peer_footprint", lambda *given: Footprint(1.0, 1.0, 5_000_000))


@pytest.fixture
def manifest(brightness_manifest: Path, tmp_path: Path) -> Path:
    """The photos of ``brightness_manifest``, half of them in the train part."""
    lines = brightness_manifest.read_text(encoding="utf-8").splitlines()
    header, rows = lines[0], [line.split(",") for line in lines[1:]]
    for index, row in enumerate(rows):
        row[0] = str(brightness_manifest.parent / row[0])
        row[-1] = "train" if index % 2 else "validation"
    path = tmp_path / "manifest.csv"
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return path


def test_photos_that_were_learnt_from_are_said(
    tmp_path: Path, manifest: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers_run, "PEER_KEYS", ())
    arguments = ["peers", "--data", str(manifest), "--artifact", str(tmp_path), "--seed", "0", "--part", "train"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    assert "have learnt from these very photos" in (tmp_path / "out" / "peers.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("with_stubs")
def test_the_whole_command(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install '.[bench]'")
    out = tmp_path / "out"
    arguments = ["peers", "--data", str(manifest), "--out", str(out), "--artifact", str(tmp_path), "--resamples", "50"]
    arguments += ["--seed", "0"]
    assert main(arguments) == 1, "a peer that breaks is a row that failed"
    document = json.loads((out / "peers.json").read_text(encoding="utf-8"))
    rows = {row["key"]: row for row in document["peers"]}
    assert rows["right"]["srcc"]["value"] == pytest.approx(1.0)
    assert rows["falls"]["srcc"]["value"] == pytest.approx(-1.0), "signed by its documents, though the ratings disagree"
    assert rows["falls"]["plcc"]["value"] is None, "its monotone map is flat"
    assert (rows["absent"]["is_failed"], rows["absent"]["srcc"]) == (False, None)
    assert "pip install nothing" in rows["absent"]["note"]
    assert "broken on purpose" in rows["breaks"]["note"] and "nan" in rows["nowhere"]["note"]
    assert rows["right"]["latency"]["calls"] >= 2
    assert rows["right"]["footprint"]["peak_memory_bytes"] == 5_000_000
    assert (document["schema"], document["data"]["rated_photos"], document["data"]["train_photos"]) == (1, 4, 4)
    table = (out / "peers.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == table.strip()
    assert "1.000 " in table and "1.000 [" not in table, "four groups are too few for an interval"
    assert "MUSIQ" in table
    assert (out / "peers.png").stat().st_size > 1000
    assert document["notes"] == [], "nothing of these photos was learnt"
    assert main(arguments) == 2, "results are not overwritten unasked"
    assert "--force" in capsys.readouterr().err


@pytest.mark.usefixtures("with_stubs")
def test_a_photo_without_a_number_is_left_out_and_said(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install '.[bench]'")

    def stumble(picture: Image.Image) -> float:
        value = float(np.asarray(picture).mean())
        if value < 60:
            raise ArithmeticError("no convergence")
        return value

    stumbles = replace(find_peer("laplacian-variance"), key="stumbles", open=lambda files: stumble)
    monkeypatch.setattr(peers_run, "PEER_KEYS", ("stumbles",))
    monkeypatch.setattr(peers_run, "find_peer", {"stumbles": stumbles}.__getitem__)
    options = peers_run.PeersOptions((manifest,), tmp_path / "out", tmp_path, tmp_path, seed=0, resamples=20)
    strict = peers_run.run_peers(options)["peers"][0]
    assert (strict["is_failed"], strict["srcc"]) == (True, None), "one of four is too many"
    monkeypatch.setattr(peers_run, "MOST_UNANSWERED", 0.5)
    lenient = peers_run.run_peers(replace(options, is_forced=True))["peers"][0]
    assert not lenient["is_failed"]
    assert lenient["srcc"]["value"] == pytest.approx(1.0)
    assert lenient["latency"]["calls"] >= 2, "timed on the photos that it has a number for"
    assert lenient["note"].startswith("no number for 1 of 4 photos, left out; the first: ")
    assert lenient["note"].endswith("ss01_20.png: ArithmeticError: no convergence")


def test_memory_of_a_peer_is_taken_in_a_process_of_its_own(examples_dir: Path) -> None:
    pytest.importorskip("cv2", reason="needs OpenCV: pip install '.[peers]'")
    found = measure_peer_footprint("laplacian-variance", PeerFiles(None, Path()), examples_dir / "coffee-good.jpg")
    assert found.load_ms > 0
    assert found.peak_memory_bytes is None or 1e6 < found.peak_memory_bytes < 500e6
    with pytest.raises(UsageError, match="--peers"):
        measure_peer_footprint("nima-technical", PeerFiles(None, Path("/absent")), examples_dir / "coffee-good.jpg")
