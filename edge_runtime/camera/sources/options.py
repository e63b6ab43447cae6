"""How a source is opened and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from edge_runtime.camera.frames import HALVED_PLANES, PixelFormat, Rotation
from edge_runtime.decode import MIN_SIDE_PX
from edge_runtime.errors import SourceError

__all__ = ["MAX_SIDE_PX", "Decoder", "SourceOptions"]

Decoder = Literal["auto", "opencv", "pyav"]
MAX_SIDE_PX = 65_535  # of a frame, as of a JPEG


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How a source is opened and kept; what does not apply to its kind is ignored.

    Attributes:
        size: (width_px, height_px): of raw frames on standard input, where it is needed; asked of a camera, which
            may deliver another.
        pixel_format: of raw frames on standard input; None: standard input is MJPEG.
        fps: frames a second: of an image folder (default 1) and of standard input (default: frames are stamped as
            they arrive), asked of a camera.
        max_fps: frames beyond this rate are left out, most of them undecoded; 0: all are taken.
        rotation: degrees clockwise that turn the camera's picture upright, beside what the file itself says.
        is_paced: files and folders are played at their own speed instead of as fast as they are asked for.
        waits_for_signal: a camera or stream that is not there at first is waited for, as one that is lost later.
        max_retries: attempts to reconnect before the iteration raises SourceError; None: without end.
        first_retry_ms, longest_retry_ms: wait before the first attempt, doubled for each further one up to the longest.
        retry_jitter: each wait is made longer by a random share up to this, so that many cameras behind one switch do
            not all come back at once.
        seed: of that randomness; None: another each time.
        open_timeout_ms: to connect and get the first packet.
        read_timeout_ms: without a picture for so long, the signal is lost.
        rtsp_transport: "tcp" loses no packets; "udp" for cameras that know nothing else.
        checks_certificate: of MJPEG over HTTPS; False for a camera with a certificate that it made itself.
        decoder: of files and streams: "pyav" (extra ``stream``), "opencv" (extra ``camera``), or "auto": PyAV if it is
            installed, because it counts corrupt pictures and reads the stream's own timestamps and colour space.
    """

    size: tuple[int, int] | None = None
    pixel_format: PixelFormat | None = None
    fps: float | None = None
    max_fps: float = 0.0
    rotation: Rotation = 0
    is_paced: bool = False
    waits_for_signal: bool = False
    max_retries: int | None = None
    first_retry_ms: int = 500
    longest_retry_ms: int = 30_000
    retry_jitter: float = 0.2
    seed: int | None = None
    open_timeout_ms: int = 10_000
    read_timeout_ms: int = 5_000
    rtsp_transport: Literal["tcp", "udp"] = "tcp"
    checks_certificate: bool = True
    decoder: Decoder = "auto"

    def __post_init__(self) -> None:
        """Checks what can be checked without a source.

        Raises:
            SourceError: a value is out of its range, or not one of those allowed.
        """
        for field, allowed in (
            ("pixel_format", (None, *get_args(PixelFormat))),
            ("rotation", get_args(Rotation)),
            ("rtsp_transport", ("tcp", "udp")),
            ("decoder", get_args(Decoder)),
        ):
            value = getattr(self, field)
            if value not in allowed:
                known = ", ".join(str(choice) for choice in allowed if choice is not None)
                raise SourceError(f"source option {field} is {value!r}; pass one of {known}")
        for field, lowest in (
            ("first_retry_ms", 1),
            ("longest_retry_ms", self.first_retry_ms),
            ("open_timeout_ms", 1),
            ("read_timeout_ms", 1),
            ("retry_jitter", 0),
            ("max_fps", 0),
            ("max_retries", 0),
        ):
            value = getattr(self, field)
            if value is not None and not lowest <= value < float("inf"):
                raise SourceError(f"source option {field} is {value}; pass {lowest} or more")
        if self.fps is not None and not 0 < self.fps < float("inf"):
            raise SourceError(f"source option fps is {self.fps}; pass more than 0")
        if self.size is not None:
            self._check_size(*self.size)

    def _check_size(self, width_px: int, height_px: int) -> None:
        if min(width_px, height_px) < MIN_SIDE_PX or max(width_px, height_px) > MAX_SIDE_PX:
            raise SourceError(
                f"source option size is {width_px}x{height_px}; pass {MIN_SIDE_PX} to {MAX_SIDE_PX} pixels a side"
            )
        is_halved = self.pixel_format in HALVED_PLANES
        if (width_px % 2 and (is_halved or self.pixel_format == "yuyv")) or (height_px % 2 and is_halved):
            raise SourceError(
                f"source option size is {width_px}x{height_px}, but {self.pixel_format} shares colours between "
                "neighbouring pixels; pass even numbers"
            )
