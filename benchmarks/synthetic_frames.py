"""Frames that need no camera: smooth pictures, and pairs of small frames in several sizes and formats."""

from __future__ import annotations

import numpy as np

from edge_runtime.camera import Frame, PixelFormat

__all__ = ["build_pictures", "build_small_frames"]

SMALL_SIZES = ((64, 48), (96, 64), (320, 240))
SMALL_FORMATS: tuple[PixelFormat, ...] = ("rgb", "nv12", "gray", "bgr")


def build_small_frames() -> list[Frame]:
    """Pairs of frames that differ by sensor noise only; neighbouring pairs differ in picture, size or format."""
    frames = []
    for size in SMALL_SIZES:
        for pixel_format in SMALL_FORMATS:
            pictures = build_pictures(size)
            for picture in pictures[:2]:
                for seed in range(2):
                    noise = np.random.default_rng(seed).normal(0, 2, picture.shape)
                    noisy = (picture + noise).clip(0, 255).astype(np.uint8)
                    frames.append(Frame(_convert(noisy, pixel_format), 0, pixel_format))
    return frames


def build_pictures(size: tuple[int, int], count: int = 8) -> list[np.ndarray]:
    """Smooth RGB pictures, each of its own colours and waves."""
    width, height = size
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    pictures = []
    for number in range(count):
        channels = [
            128 + 90 * np.sin(down / height * (3 + number) + channel) * np.cos(across / width * (5 - number) + number)
            for channel in range(3)
        ]
        pictures.append(np.stack(channels, axis=-1).clip(0, 255).astype(np.uint8))
    return pictures


def _convert(picture: np.ndarray, pixel_format: PixelFormat) -> np.ndarray:
    """The picture's pixels as another format has them; colours need not be right."""
    if pixel_format == "rgb":
        return picture
    if pixel_format == "bgr":
        return np.ascontiguousarray(picture[..., ::-1])
    luma = np.ascontiguousarray(picture[..., 1])
    if pixel_format == "gray":
        return luma
    chroma = picture[::2, ::2, ::2].reshape(len(picture) // 2, -1)
    return np.concatenate([luma, chroma])
