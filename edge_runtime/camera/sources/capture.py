"""What is common to everything that delivers pictures, once it is opened: grab the next one, decode it if wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_runtime.camera.frames import Frame, PixelFormat, Rotation
from edge_runtime.errors import FrameError, SourceError

__all__ = ["Capture", "CorruptPictureError", "Picture", "SignalError", "build_frame"]

ROTATIONS: tuple[Rotation, ...] = (0, 90, 180, 270)


class SignalError(SourceError):
    """There is no signal now, though there may be one later: unplugged, refused, timed out, ended."""


class CorruptPictureError(SourceError):
    """One picture cannot be decoded; the next one may be all right."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture, as ``Frame`` has it, but for the time.

    Attributes:
        pixels: of the shape that ``pixel_format`` asks for; nobody else writes to it.
        pixel_format: how they are to be read.
        rotation: degrees clockwise that turn it upright.
    """

    pixels: NDArray[np.uint8]
    pixel_format: PixelFormat = "rgb"
    rotation: Rotation = 0


def build_frame(picture: Picture, timestamp_ms: int, turned: Rotation) -> Frame:
    """The picture as a frame; ``turned`` is what the camera's mounting adds to the picture's own rotation.

    Raises:
        CorruptPictureError: it is no frame, for it is too small.
    """
    rotation = ROTATIONS[(picture.rotation + turned) // 90 % 4]
    try:
        return Frame(picture.pixels, timestamp_ms, picture.pixel_format, rotation)
    except FrameError as error:
        raise CorruptPictureError(str(error)) from error


class Capture(Protocol):
    """An opened device, stream, file or folder. Used from one thread, but for ``interrupt``."""

    @property
    def position_ms(self) -> float | None:
        """Of the picture grabbed last in its own stream, in milliseconds; None: unknown."""

    @property
    def is_finite(self) -> bool:
        """Whether the end is an end, and not a loss of signal."""

    def grab(self) -> bool:
        """Waits for the next picture and takes it, undecoded where that is possible.

        Returns:
            Whether there is one; False: the end.

        Raises:
            CorruptPictureError: there is, but it is no use.
            SignalError: there is none, and the signal is lost.
        """

    def retrieve(self) -> Picture:
        """Decodes the picture that was grabbed last.

        Raises:
            CorruptPictureError: it cannot be decoded.
        """

    def interrupt(self) -> None:
        """Makes a ``grab`` that another thread waits in return soon, if that is possible; it may raise or not."""

    def close(self) -> None:
        """Lets go of the device or file; a second time does nothing."""
