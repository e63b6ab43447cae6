"""Trials: the photo itself with a known fault all over, in two or three strengths a fault.

They are made on the model's view with numpy and Pillow, so they are coarser than the degradations that training uses;
what they have to do is to show how the model's maps and its scores move when this very photo gets worse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from edge_runtime.explain.cells import average_cells

__all__ = ["FAULTS", "TRIALS", "Fault", "Trial", "find_changed_cells", "make_trials"]

REFERENCE_SIDE_PX = 320  # radii below are in pixels of a view of this side
GRAIN_RADIUS_PX = 0.5  # demosaicing leaves noise that neighbours share
GAMMA = 2.2  # the sRGB curve is close to this power, through which a gain in light is a gain in the pixel value
SEEN_CHANGE = 3.0  # mean absolute change of a cell's pixel values from which the fault counts as being there
NOISE_SEED = 5

_Apply = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Fault:
    """A kind of fault and the attribute that it takes points from."""

    name: str
    attribute: str


@dataclass(frozen=True)
class Trial:
    """One fault at one strength; ``strength`` 1 is the strongest trial of its fault."""

    fault: int
    strength: float
    apply: _Apply


FAULTS = (
    Fault("blurred", "sharpness"),
    Fault("noisy", "noise"),
    Fault("dark", "exposure"),
    Fault("bright", "exposure"),
    Fault("warm", "color"),
    Fault("cool", "color"),
)
"""In the order of the readout's columns. Composition is nothing that one place has, so no fault stands for it."""


def make_trials(view: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The view with each of :data:`TRIALS` all over; uint8 of the view's shape, in that order."""
    return [trial.apply(view) for trial in TRIALS]


def find_changed_cells(
    view: NDArray[np.uint8], trials: Sequence[NDArray[np.uint8]], rows: int, columns: int
) -> NDArray[np.bool_]:
    """Where each trial changes something: bool (trials, rows, columns).

    A blurred plain ground is the plain ground, and a brightened white is white: there the fault is not.
    """
    signed = view.astype(np.int16)
    means = [average_cells(np.abs(trial - signed), rows, columns).mean(axis=-1) for trial in trials]
    return np.stack(means) > SEEN_CHANGE


def _blur(radius_px: float) -> _Apply:
    def apply(view: NDArray[np.uint8]) -> NDArray[np.uint8]:
        scaled = radius_px * min(view.shape[:2]) / REFERENCE_SIDE_PX
        return np.asarray(Image.fromarray(view).filter(ImageFilter.GaussianBlur(scaled)), dtype=np.uint8)

    return apply


def _add_noise(sigma: float) -> _Apply:
    def apply(view: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width, _ = view.shape
        return np.rint(view + np.float32(sigma) * _draw_grain(height, width)).clip(0, 255).astype(np.uint8)

    return apply


@lru_cache(maxsize=1)
def _draw_grain(height: int, width: int) -> NDArray[np.float32]:
    """(height, width, 3) noise of unit variance, the same each time: drawing it takes longer than the model."""
    drawn = np.random.default_rng(NOISE_SEED).standard_normal((height, width, 3), dtype=np.float32)
    grey = Image.fromarray(np.rint(128.0 + 40.0 * drawn).clip(0, 255).astype(np.uint8))
    soft = np.asarray(grey.filter(ImageFilter.GaussianBlur(GRAIN_RADIUS_PX)), dtype=np.float32)
    grain: NDArray[np.float32] = (soft - soft.mean()) / soft.std()
    grain.flags.writeable = False
    return grain


def _change_light(*stops: float) -> _Apply:
    """Gains in stops of light, one for all channels or one for each of red, green and blue."""
    gains = 2.0 ** (np.broadcast_to(np.array(stops), 3) / GAMMA)
    curves = np.rint(np.arange(256) * gains[:, None]).clip(0, 255).astype(np.uint8)

    def apply(view: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.stack([curves[channel][view[..., channel]] for channel in range(3)], axis=-1)

    return apply


TRIALS = (
    Trial(0, 0.4, _blur(1.5)),
    Trial(0, 0.8, _blur(3.0)),
    Trial(0, 1.0, _blur(6.0)),
    Trial(1, 0.5, _add_noise(18.0)),
    Trial(1, 1.0, _add_noise(45.0)),
    Trial(2, 0.6, _change_light(-2.0)),
    Trial(2, 1.0, _change_light(-4.0)),
    Trial(3, 0.6, _change_light(1.5)),
    Trial(3, 1.0, _change_light(3.0)),
    Trial(4, 0.6, _change_light(0.35, 0.0, -0.6)),
    Trial(4, 1.0, _change_light(0.6, 0.0, -1.2)),
    Trial(5, 0.6, _change_light(-0.6, 0.0, 0.35)),
    Trial(5, 1.0, _change_light(-1.2, 0.0, 0.6)),
)
