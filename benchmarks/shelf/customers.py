"""Customers who pass a shelf, or stop at it for a moment, for made-up scenes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Customer", "draw_customer"]

Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Customer:
    """How a customer looks and walks.

    Attributes:
        figure: RGB uint8 (height, width, 3).
        mask: bool (height, width).
        is_from_left: the direction of walking.
        stop_share: of the time, spent standing in the middle; also then nobody stands quite still.
        sway_px: by how much.
    """

    figure: Picture
    mask: NDArray[np.bool_]
    is_from_left: bool
    stop_share: float
    sway_px: float

    @classmethod
    def choose(cls, rng: np.random.Generator, size: tuple[int, int]) -> Customer:
        """Anybody, 15 to 45 % as wide as the frame of ``size`` (width, height)."""
        width, height = size
        span = int(width * rng.uniform(0.15, 0.45))
        rows, columns = np.mgrid[0:height, 0:span].astype(np.float32)
        across = (columns - span / 2) / (span / 2)
        top = height * float(rng.uniform(0.0, 0.25))
        head_px = 0.28 * span
        is_head = np.hypot(rows - top - head_px, columns - span / 2) < head_px
        is_body = (rows > top + 1.8 * head_px) & (np.abs(across) < 0.95)
        figure = np.empty((height, span, 3), np.float32)
        figure[:] = rng.uniform(20, 220, 3)
        stripes = rng.uniform(0, 40) * np.sin(rows / float(rng.uniform(3, 12)) + across)
        figure += stripes[..., np.newaxis]
        figure[is_head] = np.array([200, 160, 135]) * rng.uniform(0.4, 1.1)
        figure *= (1 - 0.35 * across**2)[..., np.newaxis]
        return cls(
            figure=figure.clip(0, 255).astype(np.uint8),
            mask=is_head | is_body,
            is_from_left=bool(rng.integers(2)),
            stop_share=float(rng.choice([0.0, 0.0, rng.uniform(0.3, 0.6)])),
            sway_px=float(rng.uniform(0.008, 0.025) * width),
        )


def draw_customer(seen: Picture, customer: Customer, progress: float) -> Picture:
    """The frame with a customer in it, who has made ``progress`` (0-1) of the way across."""
    width = seen.shape[1]
    span = customer.mask.shape[1]
    walk = (1 - customer.stop_share) / 2
    if customer.stop_share and walk < progress < 1 - walk:
        place = 0.5
    else:
        place = progress if not customer.stop_share else min(progress, 1 - progress) / walk / 2
        if customer.stop_share and progress > 0.5:
            place = 1 - place
    sway = customer.sway_px * np.sin(9 * progress * 2 * np.pi)
    place = place if customer.is_from_left else 1 - place
    left = round(-span + place * (width + span) + sway)
    start, end = max(left, 0), min(left + span, width)
    if start >= end:
        return seen
    part = np.s_[:, start - left : end - left]
    drawn = seen.copy()
    drawn[:, start:end][customer.mask[part]] = customer.figure[part][customer.mask[part]]
    return drawn
