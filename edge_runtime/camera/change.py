"""Whether a frame shows anything else than the last one that was scored, told from a few hundred of its pixels.

A shelf at which nobody stands needs no new score. What the sensor adds from frame to frame must not count, what makes
another score must: a thing moved, a smeared lens, light that fades so slowly that no two neighbouring frames differ.
The comparison is therefore with the last frame that was scored, never with the one before.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.camera.frames import Frame
from edge_runtime.camera.yuv import split_planes
from edge_runtime.errors import UsageError

__all__ = ["DEFAULT_THRESHOLD", "ChangeDetector", "Samples", "sample_frame"]

ROWS, COLUMNS = 24, 32  # of the grid: a square of 1 % of the frame's area holds 6 to 9 of its 768 points
BLOCK_ROWS, BLOCK_COLUMNS = 6, 8  # blocks of 4 x 4 points
# In levels of 255. With sensor noise of standard deviation 2, the difference of two frames has 2.8: one value in 45,000
# differs by more than 12, a block's mean has 0.7, the frame's 0.1.
DEFAULT_THRESHOLD = 12.0
MIN_VALUES = 4  # so many beyond the threshold are no chance: of 2,304 values that noise moves, one time in 4 million
BLOCK_SHARE = 1 / 3  # of the threshold, for the mean of a block: finds what differs little, but all over
FRAME_SHARE = 1 / 6  # of the threshold, for the mean of the frame: finds a change of light

_SUM_ROWS = np.kron(np.eye(BLOCK_ROWS), np.full(ROWS // BLOCK_ROWS, 1 / 4)).astype(np.float32)
_SUM_COLUMNS = np.kron(np.eye(BLOCK_COLUMNS), np.full(COLUMNS // BLOCK_COLUMNS, 1 / 4)).T.astype(np.float32)


class Samples(NamedTuple):
    """What is kept of a frame: its layout, and some of its pixels.

    Attributes:
        layout: pixel format, shape and rotation; frames of different layouts are never alike.
        values: float32 (channels, 24, 32), 0-255.
    """

    layout: tuple[object, ...]
    values: NDArray[np.float32]


def sample_frame(frame: Frame) -> Samples:
    """Pixels of ``frame`` on a regular grid; takes microseconds, however large the frame is."""
    if frame.pixel_format in ("gray", "nv12", "nv21", "i420", "yuyv"):
        is_gray = frame.pixel_format == "gray"
        planes = [frame.pixels] if is_gray else list(split_planes(frame))
    else:
        planes = [frame.pixels[..., channel] for channel in range(3)]
    values = np.empty((len(planes), ROWS, COLUMNS), np.float32)
    for plane, kept in zip(planes, values, strict=True):
        height, width = plane.shape
        if height % ROWS == width % COLUMNS == 0:  # of most cameras; several times as fast
            row_step, column_step = height // ROWS, width // COLUMNS
            kept[...] = plane[row_step // 2 :: row_step, column_step // 2 :: column_step]
        else:  # the same over the whole frame; of fewer pixels than points some count twice
            rows, columns = (2 * np.arange(ROWS) + 1) * height, (2 * np.arange(COLUMNS) + 1) * width
            kept[...] = plane[rows[:, np.newaxis] // (2 * ROWS), columns // (2 * COLUMNS)]
    return Samples((frame.pixel_format, frame.pixels.shape, frame.rotation), values)


class ChangeDetector:
    """Compares frames with the last one that was scored. Not thread-safe.

    A frame is unchanged if fewer than 4 of its 2,304 sampled values differ by more than the threshold, no block's mean
    (of 48) by more than a third, and no channel's mean by more than a sixth of it.
    """

    def __init__(self, threshold: float = DEFAULT_THRESHOLD) -> None:
        """Makes a detector that has seen nothing.

        Args:
            threshold: in levels of 255. The default bears sensor noise of standard deviation 2; a dark or cheap camera
                needs six times its own.

        Raises:
            UsageError: ``threshold`` is not positive.
        """
        if not threshold > 0:
            raise UsageError(
                f"the threshold of change is {threshold}; pass a positive number of levels, for example 12"
            )
        self.threshold = float(threshold)
        self._scored: Samples | None = None

    def is_unchanged(self, frame: Frame | Samples) -> bool:
        """Whether ``frame`` looks like the last one that was scored; False where there is none."""
        samples = frame if isinstance(frame, Samples) else sample_frame(frame)
        scored = self._scored
        if scored is None or scored.layout != samples.layout:
            return False
        difference = samples.values - scored.values
        if np.count_nonzero(np.abs(difference) > self.threshold) >= MIN_VALUES:
            return False
        blocks = _SUM_ROWS @ difference @ _SUM_COLUMNS
        if np.abs(blocks).max() > self.threshold * BLOCK_SHARE:
            return False
        means = blocks.reshape(len(blocks), -1).mean(axis=1)
        return bool(np.abs(means).max() <= self.threshold * FRAME_SHARE)

    def mark_scored(self, frame: Frame | Samples) -> None:
        """Makes ``frame`` the one that later ones are compared with."""
        self._scored = frame if isinstance(frame, Samples) else sample_frame(frame)

    def forget(self) -> None:
        """Lets the next frame count as changed, for example since scoring has failed."""
        self._scored = None
