"""The best frame of the last seconds: the right one, at full size, in bounded memory, and in its file."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime import PhotoScorer, Score
from edge_runtime.camera import Frame, FrameResult
from edge_runtime.camera.best_shot import BestShot, Shot
from edge_runtime.cli import watch_best
from edge_runtime.cli.watch_best import BestShotFile, find_originals
from edge_runtime.errors import ModelError, SourceError, UsageError

Offer = Callable[..., FrameResult]


@pytest.fixture(scope="module")
def template(scorer: PhotoScorer) -> Score:
    return scorer.score(np.zeros((64, 64, 3), np.uint8))


@pytest.fixture
def build(template: Score) -> Offer:
    """A result of a grey frame; the level tells frames apart. Without a level: of an unchanged one."""

    def make(
        timestamp_ms: int, quality: float, level: int | None = None, size: tuple[int, int] = (64, 48)
    ) -> FrameResult:
        score = replace(template, quality=quality)
        if level is None:
            return FrameResult(timestamp_ms, score, is_unchanged=True)
        return FrameResult(
            timestamp_ms, score, frame=Frame(np.full((size[1], size[0], 3), level, np.uint8), timestamp_ms)
        )

    return make


def get_level(shot: Shot | None) -> int:
    assert shot is not None
    return int(np.asarray(Image.open(io.BytesIO(shot.jpeg)))[0, 0, 0])


def test_best_of_the_window_is_kept_until_it_is_too_old(build: Offer) -> None:
    best = BestShot(window_ms=1000)
    assert best.best is None
    assert best.offer(build(0, 50, 10))
    assert best.offer(build(100, 80, 20))
    for timestamp_ms in range(200, 1100, 100):
        assert not best.offer(build(timestamp_ms, 60 - timestamp_ms / 100, 30))
        assert get_level(best.best) == 20
    assert best.offer(build(1100, 40, 40))  # the one of 100 ms is a second old
    assert best.best is not None
    assert (get_level(best.best), best.best.timestamp_ms, best.best.quality) == (30, 200, 58)


def test_window_of_a_random_stream_is_as_a_full_memory_would_have_it(build: Offer) -> None:
    generator = np.random.default_rng(5)
    qualities = generator.uniform(0, 100, 400)
    best = BestShot(window_ms=1000)
    for number, quality in enumerate(qualities):
        best.offer(build(20 * number, float(quality), number % 200))
        slot = 20 * number // 100
        window = [value for index, value in enumerate(qualities[: number + 1]) if 20 * index // 100 > slot - 10]
        assert best.best is not None
        assert best.best.quality == max(window)


def test_result_is_whole_and_upright(build: Offer, template: Score) -> None:
    generator = np.random.default_rng(0)
    smooth = np.asarray(
        Image.fromarray(generator.integers(0, 256, (9, 16, 3), dtype=np.uint8)).resize(
            (1280, 720), Image.Resampling.BICUBIC
        )
    )
    best = BestShot()
    best.offer(FrameResult(0, template, frame=Frame(smooth[..., ::-1], 0, "bgr", 90)))
    shot = best.best
    assert shot is not None
    picture = np.asarray(Image.open(io.BytesIO(shot.jpeg)))
    assert picture.shape == (1280, 720, 3)
    assert (shot.width_px, shot.height_px) == (720, 1280)
    assert np.abs(picture.astype(float) - np.rot90(smooth, -1)).mean() < 1


def test_memory_is_bounded_whatever_the_scores_do(build: Offer) -> None:
    noise = Frame(np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8), 0)
    one = BestShot(window_ms=1000)
    one.offer(replace(build(0, 50, 1), frame=noise))
    jpeg_bytes = one.size_bytes
    best = BestShot(window_ms=1000, max_bytes=3 * jpeg_bytes)
    most = 0
    for timestamp_ms in range(0, 3000, 10):  # falling: every slot's best could become the best
        best.offer(replace(build(timestamp_ms, 100 - timestamp_ms / 100, 1), frame=noise))
        most = max(most, best.size_bytes)
    assert most == 3 * jpeg_bytes
    # The best is kept though it alone is larger than that.
    small = BestShot(window_ms=1000, max_bytes=1)
    small.offer(replace(build(0, 50, 1), frame=noise))
    assert small.size_bytes == jpeg_bytes
    # Without the limit it is one frame a slot.
    free = BestShot(window_ms=1000)
    for timestamp_ms in range(0, 3000, 10):
        free.offer(replace(build(timestamp_ms, 100 - timestamp_ms / 100, 1), frame=noise))
    assert free.size_bytes <= 10 * jpeg_bytes


def test_frames_are_encoded_only_when_they_may_be_the_best(build: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    from edge_runtime.camera import best_shot

    encoded: list[int] = []
    original = best_shot.encode_jpeg

    def note(frame: Frame) -> bytes:
        encoded.append(frame.timestamp_ms)
        return original(frame)

    monkeypatch.setattr(best_shot, "encode_jpeg", note)
    best = BestShot(window_ms=10_000)
    for number in range(100):
        best.offer(build(10 * number, 90.0 if number == 40 else 50.0 - number / 10, 7))
    assert encoded == [0, 400]


def test_unchanged_scene_stays_in_the_window(build: Offer) -> None:
    best = BestShot(window_ms=1000)
    best.offer(build(0, 70, 10))
    best.offer(build(50, 60, 20))
    for timestamp_ms in range(100, 5000, 100):
        best.offer(build(timestamp_ms, 60))  # looks like the frame of 50 ms
    assert best.best is not None
    assert (get_level(best.best), best.best.quality) == (20, 60)
    assert best.best.timestamp_ms >= 4000


def test_failed_frames_leave_what_was_good(build: Offer) -> None:
    best = BestShot(window_ms=1000)
    best.offer(build(0, 70, 10))
    assert not best.offer(FrameResult(100, None, error=ModelError("x")))
    assert not best.offer(FrameResult(200, None, is_unchanged=True, error=ModelError("x")))
    assert get_level(best.best) == 10


def test_other_quality_may_decide(build: Offer) -> None:
    best = BestShot()
    best.offer(build(0, 90, 10), quality=30)
    best.offer(build(1, 40, 20), quality=60)
    assert best.best is not None
    assert (get_level(best.best), best.best.quality) == (20, 60)


@pytest.mark.parametrize("settings", [{"window_ms": 9}, {"max_bytes": 0}])
def test_numbers_out_of_range(settings: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="not possible"):
        BestShot(**settings)


def test_file_is_the_best_at_any_time(build: Offer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(watch_best, "monotonic", lambda: clock[0])
    path = tmp_path / "best.jpg"
    kept = BestShotFile(path, window_ms=60_000)
    kept.offer(build(0, 50, 10, size=(200, 100)), 50)
    assert Image.open(path).size == (200, 100)
    before = path.stat()
    kept.offer(build(100, 60, 20), 60)  # better, but the second is not over
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    clock[0] = 1.5
    kept.offer(build(200, 40, 30), 40)
    assert np.asarray(Image.open(path))[0, 0, 0] == 20
    kept.offer(build(300, 80, 40), 80)
    assert kept.finish() == {"path": str(path), "timestamp_ms": 300, "quality": 80, "width_px": 64, "height_px": 48}
    assert np.asarray(Image.open(path))[0, 0, 0] == 40
    assert [entry.name for entry in tmp_path.iterdir()] == ["best.jpg"]


def test_nothing_is_written_without_a_frame(tmp_path: Path) -> None:
    assert BestShotFile(tmp_path / "best.jpg", 1000).finish() is None
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written_are_refused_at_once(tmp_path: Path) -> None:
    there = tmp_path / "there.jpg"
    there.write_bytes(b"kept")
    for path, words in (
        (there, "--force"),
        (tmp_path / "none" / "x.jpg", "no folder"),
        (tmp_path / "x.png", "ends in .jpg"),
        (tmp_path, "ends in .jpg"),
    ):
        with pytest.raises(UsageError, match=words):
            BestShotFile(path, 1000)
    assert there.read_bytes() == b"kept"
    BestShotFile(there, 1000, force=True)


def test_photos_and_videos_that_are_watched_are_never_replaced(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.jpg", "b.JPEG", ".hidden.jpg", "notes.txt"):
        (photos / name).write_bytes(b"kept")
    (tmp_path / "link.jpg").symlink_to(photos / "a.jpg")
    originals = find_originals(str(photos))
    assert originals == [str(photos / "a.jpg"), str(photos / "b.JPEG")]
    for path in (photos / "a.jpg", photos / "b.JPEG", tmp_path / "link.jpg", photos / ".." / "photos" / "a.jpg"):
        for force in (True, False):
            with pytest.raises(UsageError, match=r"is the original .*never overwritten"):
                BestShotFile(path, 1000, originals=originals, force=force)
    assert (photos / "a.jpg").read_bytes() == b"kept"
    BestShotFile(photos / "best.jpg", 1000, originals=originals)
    clip = tmp_path / "clip.jpg"  # a file whose name does not say that it is a video
    clip.write_bytes(b"kept")
    with pytest.raises(UsageError, match="never overwritten"):
        BestShotFile(clip, 1000, originals=find_originals(str(clip)), force=True)


def test_cameras_and_streams_have_no_originals(tmp_path: Path) -> None:
    for source in ("0", "-", "rtsp://user:secret@host/a", "http://host/video.jpg"):
        assert find_originals(source) == []
    with pytest.raises(SourceError, match="no photos"):
        find_originals(str(tmp_path))


def test_full_disk_is_told_of_once_and_tried_again(
    build: Offer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr(watch_best, "monotonic", lambda: clock[0])

    def refuse(path: Path, content: bytes, *, force: bool) -> None:
        raise UsageError(f"{path}: cannot write the file: No space left on device")

    monkeypatch.setattr(watch_best, "write_output", refuse)
    kept = BestShotFile(tmp_path / "best.jpg", 60_000)
    for number in range(5):
        clock[0] += 2
        kept.offer(build(number, 50 + number, number), 50 + number)
    assert capsys.readouterr().err.count("No space left") == 1
    with pytest.raises(UsageError, match="No space left"):
        kept.finish()
    monkeypatch.undo()
    entry = kept.finish()
    assert entry is not None
    assert entry["quality"] == 54
