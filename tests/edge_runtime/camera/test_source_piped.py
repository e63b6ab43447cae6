"""Raw frames and JPEGs from a pipe, in whatever pieces they come."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from edge_runtime.camera.frames import Frame, PixelFormat
from edge_runtime.camera.sources import SourceOptions, open_source
from edge_runtime.camera.sources.piped import compute_raw_shape, open_piped
from edge_runtime.camera.sources.recorded_source import RecordedSource
from edge_runtime.errors import SourceError


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    threads, files = set(threading.enumerate()), count_open_files()
    yield
    assert not set(threading.enumerate()) - threads  # what an earlier test held may have ended meanwhile
    assert count_open_files() == files


def count_open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if sys.platform.startswith("linux") else 0  # noqa: PTH208


class Writer:
    """Writes to a pipe from a thread, in pieces, and closes it."""

    def __init__(self, data: bytes, piece: int = 100_000, *, is_left_open: bool = False) -> None:
        self.read_end, self.write_end = os.pipe()
        self.data, self.piece, self.is_left_open = data, piece, is_left_open
        self.thread = threading.Thread(target=self.write)

    def write(self) -> None:
        for start in range(0, len(self.data), self.piece):
            os.write(self.write_end, self.data[start : start + self.piece])
        if not self.is_left_open:
            os.close(self.write_end)

    def __enter__(self) -> Writer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.join()
        os.close(self.read_end)
        if self.is_left_open:
            os.close(self.write_end)


def read_all(options: SourceOptions, writer: Writer) -> tuple[list[Frame], RecordedSource]:
    capture = open_piped(options, writer.read_end)
    with RecordedSource("standard input", capture, options, is_stamped_on_arrival=not options.fps) as source:
        frames = [item for item in source if isinstance(item, Frame)]
    assert all(later.timestamp_ms > earlier.timestamp_ms for earlier, later in pairwise(frames))
    return frames, source


def make_jpeg(level: int, size: tuple[int, int] = (64, 48)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (level,) * 3).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("pixel_format", "frame_bytes"),
    [
        *(("rgb", 3), ("bgr", 3), ("rgba", 4), ("bgra", 4), ("yuyv", 2)),
        *(("gray", 1), ("nv12", 1.5), ("nv21", 1.5), ("i420", 1.5)),
    ],
)
@pytest.mark.parametrize("piece", [997, 100_000])
def test_raw_frames_and_a_short_last_one(pixel_format: PixelFormat, frame_bytes: float, piece: int) -> None:
    size = (64, 48)
    shape = compute_raw_shape(size, pixel_format)
    assert np.prod(shape) == frame_bytes * 64 * 48
    sent = np.random.default_rng(0).integers(0, 256, (4, *shape), np.uint8)
    options = SourceOptions(size=size, pixel_format=pixel_format, fps=25)
    with Writer(sent.tobytes()[:-10], piece) as writer:
        frames, source = read_all(options, writer)
    assert len(frames) == 3
    assert source.counts.corrupt == 1
    for frame, pixels in zip(frames, sent[:3], strict=True):
        assert frame.pixel_format == pixel_format
        np.testing.assert_array_equal(frame.pixels, pixels)
    assert [frame.timestamp_ms for frame in frames] == [0, 40, 80]


def test_whole_frames_leave_nothing_corrupt() -> None:
    options = SourceOptions(size=(64, 48), pixel_format="gray")
    with Writer(bytes(64 * 48 * 3)) as writer:
        frames, source = read_all(options, writer)
    assert (len(frames), source.counts.corrupt) == (3, 0)


def test_jpegs_with_a_damaged_one_and_another_size() -> None:
    jpegs = [make_jpeg(10), make_jpeg(60)[:300], make_jpeg(110), make_jpeg(160, (80, 32)), make_jpeg(210)[:-2]]
    with Writer(b"".join(jpegs), 133) as writer:
        frames, source = read_all(SourceOptions(fps=10), writer)
    assert [round(float(frame.pixels.mean()), -1) for frame in frames] == [10, 110, 160]
    assert [frame.pixels.shape for frame in frames] == [(48, 64, 3), (48, 64, 3), (32, 80, 3)]
    assert source.counts.corrupt == 2
    assert frames[0].timestamp_ms == 0


def test_jpegs_are_stamped_as_they_arrive() -> None:
    read_end, write_end = os.pipe()
    capture = open_piped(SourceOptions(), read_end)
    with RecordedSource("standard input", capture, SourceOptions(), is_stamped_on_arrival=True) as source:
        iterator = iter(source)
        os.write(write_end, make_jpeg(10))
        first = next(iterator)
        time.sleep(0.2)
        os.write(write_end, make_jpeg(20))
        second = next(iterator)
        os.close(write_end)
        assert list(iterator) == []
    os.close(read_end)
    assert second.timestamp_ms - first.timestamp_ms >= 190


def test_bytes_that_hold_no_picture_end_without_frames() -> None:
    with Writer(os.urandom(300_000).replace(b"\xff\xd8\xff", b"...")) as writer:
        frames, source = read_all(SourceOptions(), writer)
    assert frames == []
    assert source.counts.frames == 0


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe's read cannot be ended there")
@pytest.mark.parametrize("options", [SourceOptions(), SourceOptions(size=(64, 48), pixel_format="rgb")])
def test_closing_ends_a_read_that_waits(options: SourceOptions) -> None:
    data = make_jpeg(1) if options.pixel_format is None else bytes(64 * 48 * 3)
    with Writer(data + data[:100], is_left_open=True) as writer:
        source = RecordedSource("standard input", open_piped(options, writer.read_end), options)
        timer = threading.Timer(0.3, source.close)
        timer.start()
        assert len(list(source)) == 1
        timer.join()
        source.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no timers that signal")
def test_closing_from_the_handler_of_a_signal() -> None:
    with Writer(make_jpeg(1), is_left_open=True) as writer:
        source = RecordedSource("standard input", open_piped(SourceOptions(), writer.read_end), SourceOptions())
        before = signal.signal(signal.SIGALRM, lambda *_: source.close())
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try:
            assert len(list(source)) == 1
        finally:
            signal.signal(signal.SIGALRM, before)


def test_raw_frames_need_a_size() -> None:
    with pytest.raises(SourceError, match="--size 1280x720"):
        open_piped(SourceOptions(pixel_format="rgb"), 0)


def test_closed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SourceError, match="standard input is closed"):
        open_source("-")


@pytest.mark.skipif(sys.platform == "win32", reason="terminals are others there")
def test_terminal_as_standard_input() -> None:
    import pty

    controller, terminal = pty.openpty()
    try:
        with pytest.raises(SourceError, match="nothing is piped in"):
            open_piped(SourceOptions(), terminal)
    finally:
        os.close(controller)
        os.close(terminal)


def test_as_a_process(package_environment: dict[str, str]) -> None:
    code = (
        "from edge_runtime.camera.sources import open_source\n"
        "with open_source('-') as source:\n"
        "    print(*[frame.pixels.shape[1] for frame in source], source.counts.corrupt, source.name)\n"
    )
    data = make_jpeg(10) + make_jpeg(20, (80, 32)) + make_jpeg(30)[:200]
    output = subprocess.run(
        [sys.executable, "-c", code], input=data, env=package_environment, capture_output=True, check=True, timeout=120
    ).stdout
    assert output.decode().split() == ["64", "80", "1", "standard", "input"]


def test_closing_in_the_middle_of_a_frame_damages_nothing() -> None:
    options = SourceOptions(size=(320, 240), pixel_format="rgb")
    frame_bytes = 320 * 240 * 3
    with Writer(bytes(frame_bytes * 3 // 2), is_left_open=True) as writer:
        capture = open_piped(options, writer.read_end)
        source = RecordedSource("standard input", capture, options, is_stamped_on_arrival=True)
        assert isinstance(next(iter(source)), Frame)
        closing = threading.Timer(0.2, source.close)
        closing.start()
        assert list(source) == [], "the rest of the second frame never comes"
        closing.join()
        assert source.counts.corrupt == 0
