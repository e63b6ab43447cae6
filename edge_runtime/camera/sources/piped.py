"""Frames that another program writes to standard input: raw, of a declared size, or JPEGs one after another."""

from __future__ import annotations

import io
import os
import select
import sys
import threading
from collections import deque

import numpy as np
from numpy.typing import NDArray

from edge_runtime.camera.frames import CHANNELS, PixelFormat
from edge_runtime.camera.sources.capture import CorruptPictureError, Picture
from edge_runtime.camera.sources.jpeg import decode_jpeg
from edge_runtime.camera.sources.jpeg_splitter import JpegSplitter
from edge_runtime.camera.sources.options import SourceOptions
from edge_runtime.errors import SourceError

__all__ = ["PipedJpegs", "PipedRawFrames", "compute_raw_shape", "open_piped"]

READ_BYTES = 2**20


class _Pipe:
    """Reads a file descriptor, and stops waiting when it is told to."""

    def __init__(self, descriptor: int) -> None:
        """The descriptor stays its owner's to close."""
        self._descriptor = descriptor
        self._file = io.FileIO(descriptor, closefd=False)
        self._lock = threading.Lock()  # so that nobody writes into a pipe that is being closed
        self._wake_read, self._wake_write = os.pipe()
        self._is_closed = False

    def read_into(self, buffer: memoryview) -> int:
        """Reads what there is, at least one byte; 0: the end, or interrupted."""
        # On Windows select() takes sockets only: there a read ends when its writer does.
        if sys.platform != "win32":
            ready, _, _ = select.select([self._descriptor, self._wake_read], [], [])
            if self._wake_read in ready:
                return 0
        return self._file.readinto(buffer) or 0

    def interrupt(self) -> None:
        with self._lock:
            if not self._is_closed:
                os.write(self._wake_write, b"\0")

    def close(self) -> None:
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._wake_read)
                os.close(self._wake_write)
                self._file.close()


class PipedRawFrames:
    """Raw frames of one size and format, without anything between them."""

    is_finite = True

    def __init__(self, pipe: _Pipe, shape: tuple[int, ...], pixel_format: PixelFormat, fps: float | None) -> None:
        """Args: where from, the array's shape, how it is to be read, and the rate if it is known."""
        self._pipe = pipe
        self._shape = shape
        self._pixel_format = pixel_format
        self._fps = fps
        self._index = -1
        self._pixels: NDArray[np.uint8] = np.empty(0, np.uint8)

    @property
    def position_ms(self) -> float | None:
        """See Capture."""
        return self._index * 1e3 / self._fps if self._fps else None

    def grab(self) -> bool:
        """See Capture; a last frame that is cut off is corrupt."""
        pixels = np.empty(self._shape, np.uint8)  # a new one each time: the last is still somebody's
        buffer = pixels.reshape(-1).data
        filled = 0
        while filled < len(buffer):
            count = self._pipe.read_into(buffer[filled : filled + READ_BYTES])
            if not count:
                break
            filled += count
        if 0 < filled < len(buffer):
            raise CorruptPictureError(f"standard input ended {len(buffer) - filled} bytes before the end of a frame")
        self._index += 1
        self._pixels = pixels
        return filled > 0

    def retrieve(self) -> Picture:
        """See Capture."""
        return Picture(self._pixels, self._pixel_format)

    def interrupt(self) -> None:
        """See Capture."""
        self._pipe.interrupt()

    def close(self) -> None:
        """See Capture."""
        self._pipe.close()


class PipedJpegs:
    """JPEGs one after another, as ``ffmpeg -f mjpeg`` or ``-f mpjpeg`` and camera tools write them."""

    is_finite = True

    def __init__(self, pipe: _Pipe, fps: float | None) -> None:
        """Args: where from, and the rate if it is known."""
        self._pipe = pipe
        self._fps = fps
        self._splitter = JpegSplitter()
        self._corrupt = 0
        self._pending: deque[bytes] = deque()
        self._buffer = bytearray(READ_BYTES)
        self._jpeg = b""
        self._index = -1
        self._is_at_end = False

    @property
    def position_ms(self) -> float | None:
        """See Capture; a damaged picture's time passes, too."""
        return self._index * 1e3 / self._fps if self._fps else None

    def grab(self) -> bool:
        """See Capture."""
        while not self._pending:
            if self._corrupt < self._splitter.corrupt:
                self._corrupt += 1
                self._index += 1
                raise CorruptPictureError("a damaged picture on standard input")
            if self._is_at_end:
                return False
            count = self._pipe.read_into(memoryview(self._buffer))
            self._pending.extend(self._splitter.feed(memoryview(self._buffer)[:count]))
            if not count:
                self._is_at_end = True
                self._pending.extend(self._splitter.finish())
        self._jpeg = self._pending.popleft()
        self._index += 1
        return True

    def retrieve(self) -> Picture:
        """See Capture."""
        return decode_jpeg(self._jpeg)

    def interrupt(self) -> None:
        """See Capture."""
        self._pipe.interrupt()

    def close(self) -> None:
        """See Capture."""
        self._pending.clear()
        self._pipe.close()


def open_piped(options: SourceOptions, descriptor: int | None = None) -> PipedRawFrames | PipedJpegs:
    """Opens standard input: raw frames if a pixel format is given, else JPEGs.

    Args:
        options: ``pixel_format`` and, with it, ``size``.
        descriptor: to read in place of standard input's.

    Raises:
        SourceError: nothing is piped in, standard input is closed, or the size of raw frames is not given.
    """
    if options.pixel_format is not None and options.size is None:
        raise SourceError(
            f"standard input: raw {options.pixel_format} frames need their size; add it, as --size 1280x720"
        )
    try:
        if descriptor is None:
            descriptor = sys.stdin.fileno()
        is_terminal = os.isatty(descriptor)
    except (AttributeError, OSError, ValueError) as error:
        raise SourceError("standard input is closed; pipe frames in, or name another source") from error
    if is_terminal:
        raise SourceError(
            "standard input: nothing is piped in; pipe a program's frames in, as in "
            "ffmpeg -i clip.mp4 -f mjpeg - | photogate watch -"
        )
    pipe = _Pipe(descriptor)
    if options.pixel_format is None or options.size is None:
        return PipedJpegs(pipe, options.fps)
    return PipedRawFrames(
        pipe, compute_raw_shape(options.size, options.pixel_format), options.pixel_format, options.fps
    )


def compute_raw_shape(size: tuple[int, int], pixel_format: PixelFormat) -> tuple[int, ...]:
    """The shape of the array for a frame of ``size`` = (width_px, height_px), as ``Frame`` has it."""
    width_px, height_px = size
    if pixel_format == "gray":
        return height_px, width_px
    if pixel_format in CHANNELS:
        return height_px, width_px, CHANNELS[pixel_format]
    return height_px * 3 // 2, width_px  # 4:2:0: half as many bytes of colour as of brightness
