"""MJPEG over HTTP from a real server, a process of its own that is killed and started again on its port."""

from __future__ import annotations

import base64
import io
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.camera.frames import Frame
from edge_runtime.camera.sources import Interruption, Source, SourceOptions, open_source
from edge_runtime.errors import SourceError

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
Play = Callable[[Source, int], "list[Frame | Interruption]"]

SERVER = """
import base64, hashlib, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


SMALL, LARGE = base64.b64decode("SMALL_JPEG"), base64.b64decode("LARGE_JPEG")

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.partition("?")[0]
        wanted = self.headers.get("Authorization", "")
        if path == "/basic" and wanted != "Basic " + base64.b64encode(b"ann:s3@cret").decode():
            return self.refuse('Basic realm="cam"')
        if path == "/digest" and not self.is_digest_right(wanted, "ann:cam:s3@cret"):
            return self.refuse('Digest realm="cam", nonce="abc", qop="auth", algorithm=MD5')
        if path == "/umlauts" and not self.is_digest_right(wanted, "k\u00e4the:B\u00fcro:gr\u00fcn99"):
            return self.refuse('Digest realm="B\u00fcro", nonce="abc", qop="auth"'.encode().decode("latin-1"))
        if path.startswith("/to/"):
            return self.answer(302, Location=path[3:])
        if path.startswith("/port/"):
            return self.answer(302, Location="http://127.0.0.1:%s/basic" % path[6:])
        if path == "/moved":
            return self.answer(302, Location="/video")
        if path == "/elsewhere":
            return self.answer(302, Location="http://localhost:%d/video" % self.server.server_port)
        if path in ("/page", "/picture"):
            return self.answer(200, **{"Content-Type": {"/page": "text/html", "/picture": "image/jpeg"}[path]})
        if path == "/missing":
            return self.answer(404)
        if path == "/echo":
            return self.send_error(418, "not for ann:s3@cret")
        if path == "/busy":
            return self.answer(503)
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for index in range(100_000):
            good = LARGE if path == "/resized" and index >= 5 else SMALL
            data = good[: len(good) // 2] if path == "/damaged" and index % 3 == 1 else good
            for _ in range(200 if path == "/empty" and index >= 3 else 0):
                self.wfile.write(b"--frame\\r\\nContent-Type: image/jpeg\\r\\nContent-Length: 0\\r\\n\\r\\n\\r\\n")
                time.sleep(0.05)
            if path == "/stalls" and index == 3:
                time.sleep(60)
            head = b"--frame\\r\\nContent-Type: image/jpeg\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(data)
            self.wfile.write(head + data + b"\\r\\n")
            time.sleep(0.02)

    def refuse(self, how):
        self.answer(401, **{"WWW-Authenticate": how})

    def answer(self, code, **headers):
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def is_digest_right(self, given, secret):
        if not given.startswith("Digest "):
            return False
        parts = dict(part.strip().split("=", 1) for part in given[7:].split(","))
        parts = {key: value.strip('"') for key, value in parts.items()}
        md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
        secret, request = md5(secret), md5("GET:" + self.path)
        middle = ":".join([parts["nonce"], parts["nc"], parts["cnonce"], parts["qop"]])
        return parts["response"] == md5(secret + ":" + middle + ":" + request)

    def log_message(self, *arguments):
        pass

ThreadingHTTPServer.daemon_threads = True
server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


def make_jpeg(size: tuple[int, int]) -> str:
    file = io.BytesIO()
    Image.new("RGB", size, (40, 40, 40)).save(file, "JPEG")
    return base64.b64encode(file.getvalue()).decode()


class Camera:
    """The server, to switch on and off."""

    def __init__(self, script: Path) -> None:
        server = SERVER.replace("SMALL_JPEG", make_jpeg((160, 120))).replace("LARGE_JPEG", make_jpeg((320, 240)))
        script.write_text(server)
        self.script = script
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    def switch_on(self) -> None:
        command = [sys.executable, str(self.script), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def switch_off(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()

    def url(self, path: str, user: str = "") -> str:
        return f"http://{user}127.0.0.1:{self.port}{path}"


@pytest.fixture
def make_camera(tmp_path: Path) -> Iterator[Callable[[], Camera]]:
    made: list[Camera] = []

    def make() -> Camera:
        made.append(Camera(tmp_path / "camera.py"))
        return made[-1]

    yield make
    for camera in made:
        camera.switch_off()


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Camera]:
    camera = Camera(tmp_path_factory.mktemp("camera") / "camera.py")
    camera.switch_on()
    yield camera
    camera.switch_off()


def test_frames_arrive_as_they_were_sent(play: Play, camera: Camera) -> None:
    with open_source(camera.url("/video")) as source:
        items = play(source, 5)
    assert source.counts.frames == 5
    for item in items:
        assert isinstance(item, Frame)
        assert (item.pixels.shape, item.pixel_format) == ((120, 160, 3), "rgb")
        assert np.abs(item.pixels.astype(int) - 40).max() <= 1


def test_stream_that_is_killed_and_started_again_on_its_port(play: Play, make_camera: Callable[[], Camera]) -> None:
    camera = make_camera()
    camera.switch_on()
    options = SourceOptions(first_retry_ms=50, longest_retry_ms=200, retry_jitter=0, read_timeout_ms=2_000)
    items: list[Frame | Interruption] = []
    with open_source(camera.url("/video"), options) as source:
        for losses in (1, 2):
            items += play(source, 5)
            camera.switch_off()
            items += until(source, lambda item: isinstance(item, Interruption) and item.attempt == 2)
            camera.switch_on()
            items += play(source, 5)
            assert source.counts.reconnects == losses
        counts = source.counts
    stamps = [item.timestamp_ms for item in items]
    assert all(later > earlier for earlier, later in pairwise(stamps))
    interruptions = [item for item in items if isinstance(item, Interruption)]
    assert "refused" in interruptions[1].reason
    assert [item.attempt for item in interruptions[:2]] == [1, 2]
    assert [item.retry_in_ms for item in interruptions[:2]] == [50, 100]
    assert counts.frames == sum(isinstance(item, Frame) for item in items)
    assert counts.corrupt == 0  # what was cut off by the kill is lost, not damaged


def until(source: Source, is_last: Callable[[Frame | Interruption], bool]) -> list[Frame | Interruption]:
    items: list[Frame | Interruption] = []
    for item in source:
        items.append(item)
        if is_last(item):
            break
    return items


def test_damaged_pictures_are_skipped_and_counted(play: Play, camera: Camera) -> None:
    with open_source(camera.url("/damaged")) as source:
        items = play(source, 20)
        counts = source.counts
    assert all(isinstance(item, Frame) for item in items)
    received = counts.frames + counts.dropped
    # Of every three sent the second is damaged, so good pictures are twice as many.
    assert received / 2 - 1 <= counts.corrupt <= received / 2 + 1
    assert counts.reconnects == 0


def test_camera_that_changes_its_resolution(play: Play, camera: Camera) -> None:
    with open_source(camera.url("/resized")) as source:
        items = play(source, 10)
    shapes = [item.pixels.shape[:2] for item in items if isinstance(item, Frame)]
    assert len(items) == 10
    assert shapes[-1] == (240, 320)


@pytest.mark.parametrize("path", ["/stalls", "/empty"])
def test_stream_without_pictures_is_opened_again(play: Play, camera: Camera, path: str) -> None:
    options = SourceOptions(first_retry_ms=20, longest_retry_ms=50, read_timeout_ms=400)
    with open_source(camera.url(path), options) as source:
        started = time.monotonic()
        items = until(source, lambda item: isinstance(item, Interruption))
        assert time.monotonic() - started < 10
        items += play(source, 1)
    assert "no picture any more" in items[-2].reason  # type: ignore[union-attr]
    assert source.counts.reconnects == 1


def test_closing_while_the_stream_stalls(camera: Camera) -> None:
    source = open_source(camera.url("/stalls"), SourceOptions(read_timeout_ms=30_000))
    timer = threading.Timer(0.6, source.close)
    timer.start()
    started = time.monotonic()
    items = list(source)
    timer.join()
    assert time.monotonic() - started < 10
    assert 1 <= len(items) <= 3


def test_closing_while_connecting_to_nobody() -> None:
    # A listener that never accepts: once its queue is full, connecting waits.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        options = SourceOptions(waits_for_signal=True, open_timeout_ms=300, first_retry_ms=20, longest_retry_ms=20)
        source = open_source(f"http://127.0.0.1:{port}/video", options)
        item = next(iter(source))
        assert isinstance(item, Interruption)
        started = time.monotonic()
        source.close()
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("path", ["/basic", "/digest", "/to/basic", "/to/digest"])
def test_user_and_password(play: Play, camera: Camera, path: str) -> None:
    with open_source(camera.url(path, "ann:s3%40cret@")) as source:
        assert isinstance(play(source, 1)[0], Frame)
        assert "s3" not in source.name
    for user in ("ann:wrong99@", ""):
        with pytest.raises(SourceError, match="user or password missing or wrong") as caught:
            open_source(camera.url(path, user))
        assert "wrong99" not in str(caught.value)


def test_letters_that_are_not_ascii_in_user_and_password(play: Play, camera: Camera) -> None:
    with open_source(camera.url("/umlauts", "k%C3%A4the:gr%C3%BCn99@")) as source:
        assert isinstance(play(source, 1)[0], Frame)
    with pytest.raises(SourceError, match="user or password missing or wrong"):
        open_source(camera.url("/umlauts", "k%C3%A4the:blau%E2%82%AC99@"))


def test_blanks_in_an_address_are_quoted_and_hide_nothing(play: Play, camera: Camera) -> None:
    with open_source(camera.url("/video?password=my s3cret&channel=1")) as source:
        assert isinstance(play(source, 1)[0], Frame)
    assert source.name == camera.url("/video?password=***&channel=1")


def test_foreign_words_are_masked(camera: Camera) -> None:
    with pytest.raises(SourceError, match="HTTP 418") as caught:
        open_source(camera.url("/echo", "ann:s3%40cret@"))
    assert "s3" not in str(caught.value)


def test_redirection_is_followed_on_the_camera_only(play: Play, camera: Camera) -> None:
    with open_source(camera.url("/moved")) as source:
        assert isinstance(play(source, 1)[0], Frame)
    with pytest.raises(SourceError, match="another host, localhost"):
        open_source(camera.url("/elsewhere"))


@pytest.mark.parametrize("user", ["", "ann:s3%40cret@"])
def test_another_port_gets_no_password_and_that_is_said(
    camera: Camera, make_camera: Callable[[], Camera], user: str
) -> None:
    other = make_camera()
    other.switch_on()
    says = f"sends on to http://127.0.0.1:{other.port}/, .* name that address"
    with pytest.raises(SourceError, match=says) as caught:
        open_source(camera.url(f"/port/{other.port}", user))
    assert "missing or wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "says"),
    [("/page", "a web page"), ("/picture", "a single picture"), ("/missing", "404"), ("/busy", "503")],
)
def test_answers_that_are_no_stream(camera: Camera, path: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        open_source(camera.url(path))


def test_server_that_speaks_no_http() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(1_000)
                line.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(SourceError, match="no usable answer"):
            open_source(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join()


def test_proxies_of_the_environment_are_not_used(play: Play, camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with open_source(camera.url("/video")) as source:
        assert isinstance(play(source, 1)[0], Frame)


def test_neither_opencv_nor_pyav_is_imported(camera: Camera, package_environment: dict[str, str]) -> None:
    code = (
        "import sys\n"
        "from edge_runtime.camera.sources import open_source\n"
        f"with open_source({camera.url('/video')!r}) as source:\n"
        "    print(next(iter(source)).pixels.shape, 'cv2' in sys.modules, 'av' in sys.modules)\n"
    )
    output = subprocess.check_output([sys.executable, "-c", code], env=package_environment, text=True, timeout=60)
    assert output.split(") ")[1].split() == ["False", "False"]
