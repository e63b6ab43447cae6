"""Video files and folders are played to their end, every picture in order, whatever is broken in them."""

from __future__ import annotations

import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.camera.frames import Frame
from edge_runtime.camera.sources import Source, SourceOptions, open_source
from edge_runtime.camera.sources.capture import CorruptPictureError, Picture, SignalError
from edge_runtime.camera.sources.recorded_source import RecordedSource
from edge_runtime.errors import SourceError

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

FRAMES, FPS = 20, 20
DECODERS = ("pyav", "opencv")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 20 frames, each 10 levels brighter than the one before, with a bright left half."""
    cv2 = pytest.importorskip("cv2", reason="needs OpenCV: pip install 'photogate[camera]'")
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_clip(cv2, path, "mp4v")
    return path


@pytest.fixture(params=DECODERS)
def decoder(request: pytest.FixtureRequest) -> Any:
    pytest.importorskip({"pyav": "av", "opencv": "cv2"}[request.param], reason="needs the extras stream and camera")
    return request.param


def write_clip(cv2: Any, path: Path, codec: str, size: tuple[int, int] = (160, 96), frames: int = FRAMES) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), FPS, size)
    assert writer.isOpened()
    for index in range(frames):
        picture = np.full((size[1], size[0], 3), 10 * index + 20, np.uint8)
        picture[:, : size[0] // 2] = 250
        writer.write(picture)
    writer.release()


def frames_of(source: Source) -> list[Frame]:
    frames = [item for item in source if isinstance(item, Frame)]
    assert all(later.timestamp_ms > earlier.timestamp_ms for earlier, later in pairwise(frames))
    return frames


def right_half(frame: Frame) -> float:
    return float(frame.pixels[:, frame.pixels.shape[1] // 2 + 8 :].mean())


def test_every_frame_in_order_with_its_time(clip: Path, decoder: Any) -> None:
    with open_source(str(clip), SourceOptions(decoder=decoder)) as source:
        frames = frames_of(source)
        assert list(source) == []
    assert source.counts.frames == len(frames) == FRAMES
    assert [frame.timestamp_ms for frame in frames] == [1000 // FPS * index for index in range(FRAMES)]
    for index, frame in enumerate(frames):
        assert frame.pixels.shape == (96, 160, 3)
        assert right_half(frame) == pytest.approx(10 * index + 20, abs=5)
    assert source.name == str(clip)


def test_both_decoders_agree_on_colours(clip: Path) -> None:
    pytest.importorskip("av", reason="needs PyAV: pip install 'photogate[stream]'")
    pictures = {}
    for name in DECODERS:
        with open_source(str(clip), SourceOptions(decoder=name)) as source:  # type: ignore[arg-type]
            frame = frames_of(source)[5]
        pictures[name] = frame.pixels if frame.pixel_format == "rgb" else frame.pixels[..., ::-1]
    difference = np.abs(pictures["pyav"].astype(int) - pictures["opencv"])
    assert difference.max() <= 3


def test_frames_kept_by_the_taker_are_not_written_over(clip: Path, decoder: Any) -> None:
    with open_source(str(clip), SourceOptions(decoder=decoder)) as source:
        frames = frames_of(source)
    assert len({round(right_half(frame)) for frame in frames}) == FRAMES


def test_rotation_that_a_phone_wrote_into_the_file(clip: Path, tmp_path: Path, decoder: Any) -> None:
    data = bytearray(clip.read_bytes())
    matrix = data.index(b"tkhd") + 44  # ISO 14496-12, 8.3.2: of the track header, version 0
    assert struct.unpack(">9i", data[matrix : matrix + 36])[0] == 0x10000
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 96 << 16, 0, 0x40000000)
    path = tmp_path / "turned.mp4"
    path.write_bytes(data)
    with open_source(str(path), SourceOptions(decoder=decoder)) as source:
        frame = frames_of(source)[0]
    assert (frame.width_px, frame.height_px) == (96, 160)
    upright = np.rot90(frame.pixels, -frame.rotation // 90)
    # Clockwise by a quarter: what was left is on top.
    assert upright[:70].mean() > 240
    assert upright[-70:].mean() < 40


def test_truncated_file_ends_where_it_is_cut(tmp_path: Path, decoder: Any) -> None:
    cv2 = pytest.importorskip("cv2", reason="needs OpenCV: pip install 'photogate[camera]'")
    whole = tmp_path / "whole.avi"
    write_clip(cv2, whole, "MJPG")
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 8 // 10])
    with open_source(str(cut), SourceOptions(decoder=decoder)) as source:
        frames = frames_of(source)
    assert FRAMES // 3 <= len(frames) < FRAMES
    if decoder == "pyav":  # OpenCV does not tell
        assert source.counts.corrupt == 1


def test_file_cut_before_its_index_is_no_video(clip: Path, tmp_path: Path, decoder: Any) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(clip.read_bytes()[:400])
    with pytest.raises(SourceError, match=r"cut\.mp4.*no video"):
        open_source(str(path), SourceOptions(decoder=decoder))


def test_damaged_pictures_are_skipped_and_counted(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2", reason="needs OpenCV: pip install 'photogate[camera]'")
    pytest.importorskip("av", reason="needs PyAV: pip install 'photogate[stream]'")
    path = tmp_path / "damaged.avi"
    write_clip(cv2, path, "MJPG")
    data = bytearray(path.read_bytes())
    picture = data.find(b"\xff\xd8\xff")
    for index in range(FRAMES):
        if index in (4, 9):
            data[picture : picture + 200] = bytes(200)  # its head
        picture = data.find(b"\xff\xd8\xff", picture + 3)
    path.write_bytes(data)
    with open_source(str(path), SourceOptions(decoder="pyav")) as source:
        frames = frames_of(source)
    assert source.counts.corrupt == 2
    assert len(frames) == FRAMES - 2
    assert frames[4].timestamp_ms == 250  # the time of the lost one has passed


def test_rate_limit_of_a_file(clip: Path) -> None:
    with open_source(str(clip), SourceOptions(max_fps=5)) as source:
        frames = frames_of(source)
    assert [frame.timestamp_ms for frame in frames] == [0, 200, 400, 600, 800]
    assert source.counts.thinned == FRAMES - 5


def test_file_at_its_own_speed(clip: Path) -> None:
    started = time.monotonic()
    with open_source(str(clip), SourceOptions(is_paced=True)) as source:
        assert len(frames_of(source)) == FRAMES
    assert time.monotonic() - started >= 0.9


def test_closed_before_it_is_played(clip: Path, decoder: Any) -> None:
    source = open_source(str(clip), SourceOptions(decoder=decoder))
    source.close()
    assert list(source) == []


def test_sound_without_video(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="needs PyAV: pip install 'photogate[stream]'")
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(SourceError, match="no video"):
        open_source(str(path), SourceOptions(decoder="pyav"))


class JoinedRecordings:
    """Positions jump back in the middle, and one picture is broken."""

    is_finite = True

    def __init__(self) -> None:
        self.positions: list[float | None] = [1000.0, 1040.0, 1080.0, 0.0, 40.0, None]
        self.position_ms: float | None = None
        self.is_closed = False

    def grab(self) -> bool:
        if not self.positions:
            return False
        self.position_ms = self.positions.pop(0)
        return True

    def retrieve(self) -> Picture:
        if self.position_ms == 1040.0:
            raise CorruptPictureError("broken")
        return Picture(np.zeros((16, 16), np.uint8), "gray", 90)

    def interrupt(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True


def test_times_go_on_where_recordings_were_joined() -> None:
    capture = JoinedRecordings()
    with RecordedSource("joined", capture, SourceOptions(rotation=270)) as source:
        frames = frames_of(source)
        assert capture.is_closed  # at the end, not only when it is closed
    assert [frame.timestamp_ms for frame in frames] == [0, 80, 120, 160, 200]
    assert source.counts.corrupt == 1
    assert {frame.rotation for frame in frames} == {0}


def test_recording_whose_connection_breaks_off_raises_what_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> bool:
        raise SignalError("the connection broke off")

    capture = JoinedRecordings()
    monkeypatch.setattr(capture, "grab", fail)
    with RecordedSource("joined", capture, SourceOptions()) as source:
        with pytest.raises(SourceError, match="broke off") as caught:
            frames_of(source)
        assert type(caught.value) is SourceError
        assert capture.is_closed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six photos, of which the third is broken and the fifth larger, and things that are no photos."""
    folder = tmp_path / "photos"
    (folder / "inside").mkdir(parents=True)
    for index in range(6):
        size = (120, 80) if index == 4 else (64, 48)
        Image.new("RGB", size, (40 * index,) * 3).save(folder / f"shot_{index}.png")
    broken = folder / "shot_2.png"
    broken.write_bytes(broken.read_bytes()[:60])
    (folder / "notes.txt").write_text("no photo")
    (folder / "._shot_0.png").write_bytes(b"left by another system")
    Image.new("RGB", (64, 48)).save(folder / "inside" / "a.png")
    return folder


def test_folder_is_played_by_name_and_a_broken_photo_is_skipped(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open_source(str(folder), SourceOptions(fps=4)) as source:
        frames = frames_of(source)
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [0, 40, 120, 160, 200]
    assert [frame.timestamp_ms for frame in frames] == [0, 250, 750, 1000, 1250]
    assert frames[3].pixels.shape == (80, 120, 3)
    assert (source.counts.frames, source.counts.corrupt) == (5, 1)
    (message,) = caplog.messages
    assert message.startswith(f"skipped: {folder / 'shot_2.png'}: truncated PNG")


def test_photo_that_is_gone_meanwhile_is_skipped(folder: Path) -> None:
    with open_source(str(folder)) as source:
        iterator = iter(source)
        next(iterator)
        (folder / "shot_3.png").unlink()
        assert len(list(iterator)) == 3
    assert source.counts.corrupt == 2


def test_closing_ends_a_folder_that_is_played_slowly(folder: Path) -> None:
    source = open_source(str(folder), SourceOptions(fps=0.01, is_paced=True))
    timer = threading.Timer(0.3, source.close)
    timer.start()
    started = time.monotonic()
    assert len(list(source)) == 1
    assert time.monotonic() - started < 30
    timer.join()


class ClipServer(BaseHTTPRequestHandler):
    data = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(len(self.data)))
        self.end_headers()
        self.wfile.write(self.data)

    def log_message(self, *_: object) -> None:
        pass


def test_file_on_a_server_ends_too(clip: Path, decoder: Any) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Clip", (ClipServer,), {"data": clip.read_bytes()}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with open_source(f"http://127.0.0.1:{server.server_port}/clip.mp4", SourceOptions(decoder=decoder)) as source:
            frames = frames_of(source)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert len(frames) == FRAMES
    assert source.counts.dropped == 0
