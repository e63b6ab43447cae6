"""From the text that names a source to the source, opened."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from edge_runtime.camera.sources.address import Address, StreamAddress, parse_source, parse_stream_address
from edge_runtime.camera.sources.capture import Capture, SignalError
from edge_runtime.camera.sources.extras import choose_decoder, load_cv2
from edge_runtime.camera.sources.live_source import LiveSource, OpenCapture
from edge_runtime.camera.sources.mjpeg_capture import open_mjpeg
from edge_runtime.camera.sources.opencv_capture import open_camera, open_video_with_opencv
from edge_runtime.camera.sources.options import SourceOptions
from edge_runtime.camera.sources.photo_folder import open_photo_folder
from edge_runtime.camera.sources.piped import open_piped
from edge_runtime.camera.sources.pyav_capture import open_video_with_pyav
from edge_runtime.camera.sources.recorded_source import RecordedSource
from edge_runtime.camera.sources.single_photo import holds_single_photo
from edge_runtime.camera.sources.source import Source
from edge_runtime.camera.sources.tcp import check_reachable
from edge_runtime.errors import SourceError
from edge_runtime.formats import PHOTO_SUFFIXES

__all__ = ["describe_sources", "open_source"]

DEFAULT_FOLDER_FPS = 1.0
STREAM = "a stream that is not MJPEG"


def open_source(text: str, options: SourceOptions | None = None) -> Source:
    """Opens a camera, stream, file, folder or standard input.

    Cameras and streams come back by themselves: when the signal is lost, Interruption is yielded until it is there
    again. Files, folders and standard input end. Close the source, or use it as a context manager.

    Args:
        text: as :func:`describe_sources` tells.
        options: how; None: the defaults.

    Raises:
        SourceError: it cannot be opened, or an extra is not installed. A camera or stream that merely is not there is
            no error with ``options.waits_for_signal``.
    """
    try:
        return _open(parse_source(text), options or SourceOptions())
    except SignalError as error:  # which is for those who may try again, and told to nobody outside
        raise SourceError(str(error)) from error


def describe_sources() -> str:
    """What can be named as a source, with examples: for the help of commands."""
    return DESCRIPTION


def _open(source: Address, options: SourceOptions) -> Source:
    if source.kind == "stdin":
        return RecordedSource(source.name, open_piped(options), options, is_stamped_on_arrival=not options.fps)
    if source.kind == "camera":
        return _open_camera(int(source.text), source.name, options)
    if source.kind == "stream":
        address = parse_stream_address(source.text)
        if not address.scheme.startswith("http"):
            choose_decoder(options.decoder, STREAM)  # waiting for a signal does not install it
        return _open_live(
            source.name, lambda is_stopped: _open_stream(address, source.name, options, is_stopped), options
        )
    return _open_path(source.text, options)


def _open_path(path: str, options: SourceOptions) -> Source:
    if sys.platform.startswith("linux") and path.startswith("/dev/"):
        return _open_camera(path, path, options)
    try:
        if Path(path).is_dir():
            return RecordedSource(path, open_photo_folder(path, options.fps or DEFAULT_FOLDER_FPS), options)
        is_file, is_there = Path(path).is_file(), Path(path).exists()
        size_bytes = Path(path).stat().st_size if is_file else 0
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"{path}: cannot open the file: {reason}; check the path") from error
    if not is_file:
        if is_there:
            raise SourceError(f"{path}: not a regular file; pipe it in: photogate watch - < {path}")
        if Path(path).is_symlink():
            raise SourceError(f"{path}: broken link, its target is missing; restore the target or the path")
        raise SourceError(f"{path}: no such file or folder; check the path, or name another source")
    if not size_bytes:
        raise SourceError(f"{path}: the file is empty; copy or download it again")
    if Path(path).suffix.lower() in PHOTO_SUFFIXES - {".gif", ".apng"}:
        raise SourceError(f"{path}: a photo, not a video; `photogate score` takes photos, or name the folder it is in")
    try:
        with Path(path).open("rb") as file:
            if holds_single_photo(file):
                raise SourceError(
                    f"{path}: a photo, whatever its name says, and not a video; `photogate score` takes photos"
                )
    except OSError as error:
        reason = error.strerror or error
        raise SourceError(f"{path}: cannot read the file: {reason}; check the path and its permissions") from error
    return RecordedSource(path, _open_video(path, path, options, str, is_file=True), options)


def _open_camera(camera: int | str, name: str, options: SourceOptions) -> Source:
    load_cv2("a camera of this machine")  # waiting for a signal does not install it
    return _open_live(name, lambda _: open_camera(camera, name, options), options)


def _open_live(name: str, open_capture: OpenCapture, options: SourceOptions) -> Source:
    first: Capture | None = None
    try:
        first = open_capture(lambda: False)
    except SignalError:
        if not options.waits_for_signal:
            raise
    if first is not None and first.is_finite:  # a file on a server: nothing of it is to be left out
        return RecordedSource(name, first, options)
    return LiveSource(name, open_capture, options, first)


def _open_stream(address: StreamAddress, name: str, options: SourceOptions, is_stopped: Callable[[], bool]) -> Capture:
    if address.scheme in ("http", "https"):
        stream = open_mjpeg(address, name, options, is_stopped)
        if stream is not None:
            return stream
    else:
        check_reachable(name, address.host, address.port, options.open_timeout_ms, is_stopped)
    return _open_video(address.url, name, options, address.hide, is_file=False)


def _open_video(
    place: str, name: str, options: SourceOptions, hide: Callable[[object], str], *, is_file: bool
) -> Capture:
    decoder, module = choose_decoder(options.decoder, "a video file" if is_file else STREAM)
    if decoder == "pyav":
        return open_video_with_pyav(place, name, options, module, hide, is_file=is_file)
    return open_video_with_opencv(place, name, options, module, is_file=is_file)


DESCRIPTION = """\
SOURCE is one of

  0, 1, ...                a camera of this machine, by its number (extra: camera)
  /dev/video0              a camera by its device; /dev/v4l/by-id/... stays the same whatever is plugged in first
  clip.mp4                 a video file, played to its end (extra: stream or camera)
  photos/                  a folder: its photos sorted by name, --fps of them a second of video
  http://host/video.mjpg   MJPEG over HTTP or HTTPS, as most IP cameras offer it (needs no extra)
  rtsp://host:554/path     RTSP or RTSPS (extra: stream, or camera)
  https://host/live.m3u8   HLS, or a video file on a server (extra: stream, or camera)
  -                        standard input: JPEGs one after another, or raw frames with
                           --size 1280x720 --pixel-format nv12 (rgb bgr rgba bgra gray nv12 nv21 i420 yuyv)

User and password go into the address, rtsp://user:password@host/path, with @ : / # in them written %40 %3A %2F %23;
they are shown nowhere. A camera or stream that is lost is opened again, for ever; a file, a folder and standard
input end. For example:

  photogate watch 0
  photogate watch rtsp://user:password@192.168.1.20/stream1
  ffmpeg -i clip.mp4 -f mjpeg - | photogate watch -
  rpicam-vid -t 0 --codec mjpeg -o - | photogate watch -
"""
