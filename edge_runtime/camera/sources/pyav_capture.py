"""Video files and streams by PyAV: the stream's own times, colours, rotation and damage, and a time-out on reading."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from edge_runtime.camera.frames import Rotation
from edge_runtime.camera.sources.capture import CorruptPictureError, Picture, SignalError
from edge_runtime.camera.sources.options import SourceOptions

__all__ = ["PyAvCapture", "open_video_with_pyav"]

MAX_DELAY = 64  # pictures come out of a decoder at most so many packets later: 16 for order, the rest for its threads
MAX_FAILURES = 100  # packets in a row that cannot be read: a damaged file's rest is given up


class PyAvCapture:
    """An open container's first video stream."""

    def __init__(self, container: Any, av: Any, name: str, hide: Callable[[object], str], *, is_finite: bool) -> None:
        """Takes ``container``, which has a video stream, over.

        Args:
            container: an open input container.
            av: the module.
            name: of the source.
            hide: takes the credentials out of FFmpeg's messages.
            is_finite: as Capture has it.
        """
        self._container: Any = container
        self._av = av
        self._name = name
        self._hide = hide
        self._stream: Any = container.streams.video[0]
        self._packets: Iterator[Any] = container.demux(self._stream)
        self._decoded: deque[Any] = deque()
        self._damaged: deque[int | None] = deque(maxlen=MAX_DELAY)  # times of packets that came damaged
        self._frame: Any = None
        self._failures = 0
        self._is_at_end = False
        self.is_finite = is_finite
        self.position_ms: float | None = None

    def grab(self) -> bool:
        """See Capture. Video is decoded here, because each picture builds on those before; only its colours wait."""
        while not self._decoded:
            if self._is_at_end:
                return False
            self._read_packet()
        self._frame = self._decoded.popleft()
        time_s = self._frame.time
        self.position_ms = None if time_s is None else 1e3 * time_s
        if self._frame.is_corrupt or (self._frame.pts is not None and self._frame.pts in self._damaged):
            raise CorruptPictureError(f"{self._name}: a picture with parts missing")
        return True

    def retrieve(self) -> Picture:
        """See Capture. Grey stays grey; all else becomes RGB, by the matrix and range that the stream declares."""
        is_gray = self._frame.format.name.startswith("gray")
        try:
            pixels = self._frame.to_ndarray(format="gray" if is_gray else "rgb24")
        except (self._av.error.FFmpegError, ValueError, MemoryError) as error:
            raise CorruptPictureError(
                f"{self._name}: a picture that cannot be converted ({self._hide(error)})"
            ) from None
        return Picture(pixels, "gray" if is_gray else "rgb", _to_clockwise(self._frame.rotation))

    def interrupt(self) -> None:
        """Not possible: FFmpeg comes back by itself after the time-out."""

    def close(self) -> None:
        """See Capture."""
        self._decoded.clear()
        self._frame = self._stream = None
        self._packets = iter(())
        self._is_at_end = True
        self._container.close()

    def _read_packet(self) -> None:
        """Reads one packet and decodes what it completes."""
        error = self._av.error
        try:
            packet = next(self._packets, None)
            if packet is None:
                self._is_at_end = True
                return
        except (error.ExitError, error.TimeoutError):
            raise SignalError(f"{self._name}: no picture any more; check the camera and the network") from None
        except error.FFmpegError as problem:
            self._failures += 1
            self._packets = self._container.demux(self._stream)  # the one that raised has ended
            if not self.is_finite:
                raise SignalError(f"{self._name}: the stream broke off ({_reason(problem)})") from None
            self._is_at_end = self._failures >= MAX_FAILURES
            raise CorruptPictureError(f"{self._name}: a part that cannot be read") from None
        if packet.is_corrupt:
            self._damaged.append(packet.pts)
        try:
            self._decoded.extend(packet.decode())
            self._failures = 0
        except error.EOFError:
            self._is_at_end = True
        except error.FFmpegError as problem:
            raise CorruptPictureError(f"{self._name}: a picture is damaged ({_reason(problem)})") from None


def open_video_with_pyav(
    place: str, name: str, options: SourceOptions, av: Any, hide: Callable[[object], str], *, is_file: bool
) -> PyAvCapture:
    """Opens a file or an address.

    Raises:
        SignalError: it cannot be opened, or there is no video in it.
    """
    is_rtsp = not is_file and place.lower().startswith("rtsp")
    # "nobuffer" leaves out the pictures that were read to find out what the stream is: right for what is live only.
    settings = {"rtsp_transport": options.rtsp_transport, "fflags": "nobuffer"} if is_rtsp else {}
    timeout = None if is_file else (options.open_timeout_ms / 1e3, options.read_timeout_ms / 1e3)
    error = av.error
    try:
        container = av.open(f"file:{place}" if is_file else place, "r", options=settings, timeout=timeout)
    # Not "from": FFmpeg's own message holds the address as it was given, and a traceback would show it.
    except (error.ExitError, error.TimeoutError):
        raise SignalError(
            f"{name}: no video within {options.open_timeout_ms / 1e3:g} s; check that the camera is switched on"
        ) from None
    except error.HTTPUnauthorizedError:
        raise SignalError(
            f"{name}: user or password missing or wrong; write them into the address: rtsp://user:password@host/path"
        ) from None
    except (error.InvalidDataError, error.EOFError):
        remedy = "it is no video, or damaged; check the path" if is_file else "check the path of the address"
        raise SignalError(f"{name}: there is no video to read; {remedy}") from None
    except (error.FFmpegError, OSError, ValueError) as problem:
        raise SignalError(f"{name}: cannot be opened ({_reason(problem)}); check the path and the rights") from None
    if not container.streams.video:
        container.close()
        raise SignalError(f"{name}: there is sound or text in it, but no video; name another file or address")
    # By RTSP even what has a length is a camera's: when it breaks off, FFmpeg reports the same as at its end.
    is_finite = is_file or (not is_rtsp and bool(container.duration))
    return PyAvCapture(container, av, name, hide, is_finite=is_finite)


def _reason(problem: object) -> str:
    """FFmpeg's words without its number and the address."""
    return str(getattr(problem, "strerror", None) or type(problem).__name__)


def _to_clockwise(degrees: int) -> Rotation:
    """PyAV tells by how much the picture is to be turned counter-clockwise; odd angles are left alone."""
    turns: dict[int, Rotation] = {0: 0, 90: 270, 180: 180, 270: 90}
    return turns.get(degrees % 360, 0)
