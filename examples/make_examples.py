"""Makes the example photos: two motifs, each once as a seller should upload it and several times as one should not.

    python examples/make_examples.py [--out FOLDER]

The mug is rendered by ``mug_scene.py``. The coffee cup is scikit-image's photograph ``coffee`` (CC0, see README.md) and
needs scikit-image; without it only the mug is made. Same versions of numpy and Pillow, same bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mug_scene import Camera, render_mug
from numpy.typing import NDArray
from PIL import Image, ImageFilter

__all__ = ["main"]

JPEG_QUALITY = 92
SEED = 20261120

Picture = NDArray[np.uint8]


def main(argv: list[str] | None = None) -> int:
    """Writes the photos and names each on standard output.

    Returns:
        0 when all were made, 1 when the coffee cup was left out for want of scikit-image.
    """
    parser = argparse.ArgumentParser(description="Make the example photos again.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to (default: here)")
    out: Path = parser.parse_args(argv).out
    out.mkdir(parents=True, exist_ok=True)
    for name, picture in build_mugs():
        _save(picture, out / name)
    coffee = load_coffee()
    if coffee is None:
        print("coffee cup left out: pip install scikit-image", file=sys.stderr)
        return 1
    for name, picture in build_coffees(coffee):
        _save(picture, out / name)
    return 0


def load_coffee() -> Picture | None:
    """scikit-image's coffee cup, RGB uint8 (400, 600, 3); None where scikit-image is not installed."""
    try:
        from skimage import data
    except ImportError:
        return None
    coffee: Picture = data.coffee()
    return coffee


def build_mugs() -> Iterator[tuple[str, Picture]]:
    """The rendered mug: as it should be, with a colour cast and no contrast, and slipping out of the frame."""
    mug = render_mug(Camera())
    yield "mug-good.jpg", mug
    yield "mug-color-cast.jpg", flatten_and_tint(mug)
    stray = Camera(target=(-0.92, 0.86, 0.0))
    yield "mug-off-frame.jpg", render_mug(stray)


def build_coffees(coffee: Picture) -> Iterator[tuple[str, Picture]]:
    """The coffee cup: as photographed, out of focus, under-exposed, and at far too high a sensitivity."""
    yield "coffee-good.jpg", coffee
    yield "coffee-blurred.jpg", np.asarray(Image.fromarray(coffee).filter(ImageFilter.GaussianBlur(4.0)))
    yield "coffee-dark.jpg", under_expose(coffee, stops=3.0)
    yield "coffee-noisy.jpg", add_noise(coffee, sigma=0.13)


def under_expose(picture: Picture, stops: float) -> Picture:
    """``picture`` as a shutter too fast by ``stops`` would have taken it, read noise included."""
    rng = np.random.default_rng(SEED)
    linear = _to_linear(picture) * 2.0**-stops
    return _to_srgb(linear + rng.normal(0, 0.0012, linear.shape))


def add_noise(picture: Picture, sigma: float) -> Picture:
    """``picture`` with noise of standard deviation ``sigma`` (of full scale 1) at white, less in the shadows.

    Half of it is blotches two pixels wide, as a phone's demosaicing leaves them.
    """
    rng = np.random.default_rng(SEED)
    linear = _to_linear(picture)
    fine = rng.normal(0, 1, linear.shape)
    small = rng.normal(0, 1, ((linear.shape[0] + 1) // 2, (linear.shape[1] + 1) // 2, 3))
    coarse = small.repeat(2, axis=0).repeat(2, axis=1)[: linear.shape[0], : linear.shape[1]]
    return _to_srgb(linear + sigma * np.sqrt(linear + 0.02) * (fine + coarse) / np.sqrt(2))


def flatten_and_tint(picture: Picture) -> Picture:
    """``picture`` under a tungsten lamp with the wrong white balance, through a hazy lens: orange and washed out."""
    hazy = 0.42 * _to_linear(picture) + 0.13
    return _to_srgb(hazy * np.array([1.10, 0.78, 0.42]))


def _to_linear(picture: Picture) -> NDArray[np.float64]:
    """sRGB uint8 to linear light, 0-1 (IEC 61966-2-1)."""
    value = picture / 255.0
    linear: NDArray[np.float64] = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return linear


def _to_srgb(linear: NDArray[np.float64]) -> Picture:
    light = np.clip(linear, 0, 1)
    value = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(value * 255 + 0.5).astype(np.uint8)


def _save(picture: Picture, path: Path) -> None:
    Image.fromarray(picture).save(path, quality=JPEG_QUALITY)
    print(f"{path}: {picture.shape[1]}x{picture.shape[0]}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())
