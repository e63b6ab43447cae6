"""Which source does a text mean, what do errors say about it, and what do they keep to themselves?"""

from __future__ import annotations

import builtins
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.camera.sources import SourceOptions, describe_sources, open_source
from edge_runtime.camera.sources.address import parse_source, parse_stream_address
from edge_runtime.errors import SourceError


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("0", "camera", "camera 0"),
        ("07", "camera", "camera 7"),
        ("-", "stdin", "standard input"),
        ("/dev/stdin", "stdin", "standard input"),
        ("/dev/video0", "path", "/dev/video0"),
        ("clip.mp4", "path", "clip.mp4"),
        ("a:b.mp4", "path", "a:b.mp4"),
        (r"C:\clips\a.mp4", "path", r"C:\clips\a.mp4"),
        ("rtsp://cam/1", "stream", "rtsp://cam/1"),
        ("RTSP://cam/1", "stream", "RTSP://cam/1"),
        ("http://[::1]:8080/v", "stream", "http://[::1]:8080/v"),
        ("http://cam/logo@2x", "stream", "http://cam/logo@2x"),
    ],
)
def test_kind_and_name(text: str, kind: str, name: str) -> None:
    source = parse_source(text)
    assert (source.kind, source.name) == (kind, name)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("rtsp://ann:s3cret@cam:554/a", "rtsp://***@cam:554/a"),
        ("rtsp://ann@cam/a", "rtsp://***@cam/a"),
        ("http://cam/v?user=ann&pwd=s3cret&channel=2", "http://cam/v?user=***&pwd=***&channel=2"),
        ("http://cam/v?apikey=s3cret", "http://cam/v?apikey=***"),
        ("rtsp://cam/user=ann_password=s3cret_channel=1.sdp", "rtsp://cam/user=***_password=***_channel=1.sdp"),
        ("rtsp://ann:s3%40cret@cam/a", "rtsp://***@cam/a"),
        ("http://cam/v?loginuse=s3ann&loginpas=s3cret&rate=0", "http://cam/v?loginuse=***&loginpas=***&rate=0"),
        ("http://cam/v?next-token=s3cret_s3,s3/s3.s3", "http://cam/v?next-token=***"),
        ("rtsp://cam/v?password=my s3cret\ts3&channel=2", "rtsp://cam/v?password=***&channel=2"),
    ],
)
def test_credentials_are_masked(url: str, name: str) -> None:
    source = parse_source(url)
    assert source.name == name
    assert "s3" not in repr(source)
    assert "s3" not in repr(parse_stream_address(url))


@pytest.mark.parametrize("url", ["rtsp://ann:s3/cret@cam/a", "rtsp://ann:p@s3/cret@cam/a", "rtsp://ann:#s3cret@cam"])
def test_password_with_raw_slash_is_not_shown_by_the_error(url: str) -> None:
    try:
        name = parse_source(url).name
    except SourceError as error:
        name = str(error)
    assert "s3" not in name
    assert "cret" not in name


def test_foreign_messages_are_masked() -> None:
    address = parse_stream_address("rtsp://ann%20lee:s3%40cret@cam/a")
    message = "Server\nsaid: ann lee / s3@cret at rtsp://ann%20lee:s3%40cret@cam/a (s3%40cret)"
    hidden = address.hide(message)
    assert "s3" not in hidden
    assert "lee" not in hidden
    assert "rtsp://***@cam/a" in hidden
    assert "\n" not in hidden


def test_password_reaches_the_camera_decoded() -> None:
    address = parse_stream_address("http://ann:s3%40cret@cam:81/a?x=1")
    assert (address.user, address.password, address.host, address.port) == ("ann", "s3@cret", "cam", 81)
    assert address.bare == "http://cam:81/a?x=1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "source is empty"),
        ("ftp://ann:s3cret@cam/a.mp4", "unknown kind of address ftp"),
        ("ftp://cam/a.mp4?password=my s3cret", "unknown kind of address ftp"),
        ("http://", "not a usable address"),
        ("http://cam:99999/", "port of 1 to 65535"),
        ("missing/clip.mp4", "no such file or folder"),
    ],
)
def test_what_cannot_be_opened_says_why(text: str, says: str) -> None:
    with pytest.raises(SourceError, match=says) as caught:
        open_source(text)
    assert "s3cret" not in str(caught.value)


def test_files_that_are_no_video(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "gone.mp4")
    (tmp_path / "folder").mkdir()
    for name, says in (
        ("empty.mp4", "empty"),
        ("photo.jpg", "photogate score"),
        ("link.mp4", "broken link"),
        ("folder", "no photos in this folder"),
    ):
        with pytest.raises(SourceError, match=says) as caught:
            open_source(str(tmp_path / name))
        assert name in str(caught.value)


def test_refused_connection(unused_port: int) -> None:
    for scheme in ("http", "rtsp"):
        if scheme == "rtsp":
            pytest.importorskip("av", reason="needs PyAV: pip install 'photogate[stream]'")
        url = f"{scheme}://ann:s3cret@127.0.0.1:{unused_port}/video"
        with pytest.raises(SourceError, match="refused") as caught:
            open_source(url)
        assert type(caught.value) is SourceError, "no name that docs/seller-apps.md does not know"
        assert str(unused_port) in str(caught.value)
        assert "s3cret" not in str(caught.value)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="devices have paths on Linux only")
def test_no_such_camera() -> None:
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'photogate[camera]'")
    for text in ("971", "/dev/video971"):
        with pytest.raises(SourceError, match=r"/dev/video971 does not exist"):
            open_source(text)


def test_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__
    for name in ("cv2", "av"):
        monkeypatch.setitem(sys.modules, name, None)

    def refuse(name: str, *arguments: Any, **settings: Any) -> Any:
        if name in ("cv2", "av"):
            raise ImportError(f"No module named {name!r}")
        return real_import(name, *arguments, **settings)

    monkeypatch.setattr(builtins, "__import__", refuse)
    (tmp_path / "a.mp4").write_bytes(b"not empty")
    waiting = SourceOptions(waits_for_signal=True)
    for text, options, extra in (
        (str(tmp_path / "a.mp4"), SourceOptions(), r"photogate\[camera\].*photogate\[stream\]"),
        (str(tmp_path / "a.mp4"), SourceOptions(decoder="opencv"), r"photogate\[camera\]"),
        (str(tmp_path / "a.mp4"), SourceOptions(decoder="pyav"), r"photogate\[stream\]"),
        ("0", waiting, r"photogate\[camera\]"),  # waiting does not install it
        ("rtsp://127.0.0.1:9/", waiting, r"photogate\[stream\]"),
    ):
        with pytest.raises(SourceError, match=extra):
            open_source(text, options)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"pixel_format": "nv16"}, "pass one of rgb"),
        ({"rotation": 45}, "pass one of 0, 90"),
        ({"size": (0, 50)}, "16 to 65535"),
        ({"size": (17, 16), "pixel_format": "nv12"}, "even numbers"),
        ({"size": (10, 10)}, "10x10; pass 16 to 65535"),
        ({"size": (64, 15), "pixel_format": "rgb"}, "64x15; pass 16 to 65535"),
        ({"size": (16, 17), "pixel_format": "i420"}, "even numbers"),
        ({"size": (17, 16), "pixel_format": "yuyv"}, "even numbers"),
        ({"fps": 0}, "more than 0"),
        ({"fps": float("nan")}, "more than 0"),
        ({"max_fps": -1}, "0 or more"),
        ({"first_retry_ms": 900, "longest_retry_ms": 800}, "900 or more"),
        ({"decoder": "gstreamer"}, "auto, opencv, pyav"),
    ],
)
def test_options_out_of_range(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SourceError, match=says):
        SourceOptions(**settings)


def test_odd_sizes_without_shared_colours_are_fine() -> None:
    assert SourceOptions(size=(17, 17), pixel_format="rgb").size == (17, 17)
    assert SourceOptions(size=(16, 17), pixel_format="yuyv").size == (16, 17)


def test_help_names_every_kind_of_source() -> None:
    text = describe_sources()
    for word in ("/dev/video0", "clip.mp4", "photos/", "http://", "rtsp://", "m3u8", "nv12", "--size", "extra: camera"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 120


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
