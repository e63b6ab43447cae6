"""What gets onto or in front of a lens, for made-up scenes: grease, and boxes."""

from __future__ import annotations

import numpy as np
from PIL import Image

__all__ = ["draw_box", "draw_cover", "draw_patch"]


def draw_patch(rng: np.random.Generator, size: tuple[int, int], share: float, softness: float) -> Image.Image:
    """A mask: an ellipse of about ``share`` of the frame's area, somewhere near the middle, with a soft edge."""
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    center = rng.uniform(0.4, 0.6, 2)
    radius = np.sqrt(share / np.pi)
    distance = np.hypot((rows - center[0]) / radius, (columns - center[1]) / radius)
    return Image.fromarray((255 * np.clip((1 - distance) / softness + 0.5, 0, 1)).astype(np.uint8))


def draw_cover(rng: np.random.Generator, size: tuple[int, int], share: float) -> Image.Image:
    """A mask: ``share`` of the frame from one side."""
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    side = int(rng.integers(4))
    turned = mask if side < 2 else mask.T
    covered = round(share * turned.shape[1])
    if side % 2:
        turned[:, :covered] = 255
    else:
        turned[:, turned.shape[1] - covered :] = 255
    return Image.fromarray(mask)


def draw_box(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Cardboard: brown, with some shade, a seam and a label."""
    width, height = size
    shade = np.linspace(rng.uniform(0.7, 1), rng.uniform(0.7, 1), width)[np.newaxis, :, np.newaxis]
    board = np.array([150.0, 115.0, 80.0]) * rng.uniform(0.7, 1.2) * shade * np.ones((height, 1, 1))
    board[height // 2 - 2 : height // 2 + 2] *= 0.7
    board[height // 5 : height // 3, width // 4 : width // 2] = 220
    return Image.fromarray(board.clip(0, 255).astype(np.uint8))
