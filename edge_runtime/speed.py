"""How fast photos are scored on this machine: models and photos in turns, each turn timed step by step."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import product
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.result import ModelInfo, Timings
from edge_runtime.scorer import Photo, PhotoScorer
from edge_runtime.timing_noise import is_noisy

__all__ = ["MIN_ROUNDS", "Speed", "draw_frame", "draw_jpeg", "measure_speed"]

MIN_ROUNDS = 10  # fewer say nothing about a 95th percentile
_TILE_PX = 40

Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True)
class Speed:
    """How long one model took for one photo.

    Attributes:
        photo: its name.
        model: the model.
        threads: of the interpreter.
        p50_ms: median of the whole, from the photo's bytes or the frame to the score.
        p95_ms: 95th percentile of it.
        min_ms: the fastest of all.
        steps_ms: medians of the steps: "decode", "preprocess", "inference".
        calls: how many were counted.
    """

    photo: str
    model: ModelInfo
    threads: int
    p50_ms: float
    p95_ms: float
    min_ms: float
    steps_ms: Mapping[str, float]
    calls: int

    @property
    def is_noisy(self) -> bool:
        """Whether the slow calls took more than twice the median: other programs had the processor."""
        return is_noisy(self.p50_ms, self.p95_ms)

    def to_dict(self) -> dict[str, Any]:
        """As JSON; milliseconds with three decimals."""
        return {
            "photo": self.photo,
            "model": self.model.to_dict(),
            "threads": self.threads,
            **{name: round(getattr(self, name), 3) for name in ("p50_ms", "p95_ms", "min_ms")},
            "steps_ms": {name: round(value, 3) for name, value in self.steps_ms.items()},
            "calls": self.calls,
            "is_noisy": self.is_noisy,
        }


def measure_speed(
    scorers: Mapping[str, PhotoScorer],
    photos: Mapping[str, Photo],
    seconds: float,
    threads: int = 1,
    clock: Callable[[], float] = perf_counter,
) -> list[Speed]:
    """Scores every photo with every model in turns, so that what slows the machine for a while slows all of them.

    Args:
        scorers: by the model's name.
        photos: by name; each can be scored. Paths are read anew each time.
        seconds: for each pair, about; at least :data:`MIN_ROUNDS` rounds are made all the same. A first round, which
            also sets up memory, does not count.
        threads: what the scorers were opened with.
        clock: tells seconds.

    Returns:
        A record for each pair, photo by photo.

    Raises:
        InputError: a photo cannot be scored (any more).
    """
    timings: dict[Key, list[Timings]] = {key: [] for key in product(photos, scorers)}
    models: dict[Key, ModelInfo] = {}
    for photo, model in timings:
        models[photo, model] = scorers[model].score(photos[photo]).model
    started = clock()
    rounds = 0
    while rounds < MIN_ROUNDS or clock() - started < seconds * len(timings):
        for (photo, model), taken in timings.items():
            taken.append(scorers[model].score(photos[photo]).timings)
        rounds += 1
    return [_summarise(key[0], models[key], threads, taken) for key, taken in timings.items()]


def draw_frame(width_px: int = 1280, height_px: int = 720) -> NDArray[np.uint8]:
    """A picture that needs no file, (height, width, 3) RGB: soft shades, hard-edged tiles and the noise of a sensor,
    so that its JPEG takes about as many bytes as a photo's."""
    rows, columns = np.mgrid[0:height_px, 0:width_px].astype(np.int32)
    tiles = (rows // _TILE_PX + columns // _TILE_PX) % 2 * 60
    shades = np.stack([rows * 120 // height_px, columns * 120 // width_px, 150 - rows * 120 // height_px], axis=-1)
    noise = np.random.default_rng(0).normal(0.0, 4.0, (height_px, width_px, 1)).astype(np.int32)
    frame: NDArray[np.uint8] = np.clip(shades + tiles[..., np.newaxis] + noise + 20, 0, 255).astype(np.uint8)
    return frame


def draw_jpeg(width_px: int = 4000, height_px: int = 3000) -> bytes:
    """:func:`draw_frame` as a JPEG of quality 90, by default of 12 megapixels, as phones make them."""
    stream = io.BytesIO()
    Image.fromarray(draw_frame(width_px, height_px)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _summarise(photo: str, model: ModelInfo, threads: int, taken: Sequence[Timings]) -> Speed:
    by_step = {
        field.name.removesuffix("_ms"): np.array([getattr(each, field.name) for each in taken])
        for field in fields(Timings)
    }
    total = by_step.pop("total")
    return Speed(
        photo,
        model,
        threads,
        p50_ms=float(np.median(total)),
        p95_ms=float(np.quantile(total, 0.95)),
        min_ms=float(total.min()),
        steps_ms={name: float(np.median(values)) for name, values in by_step.items()},
        calls=len(taken),
    )
