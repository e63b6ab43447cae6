"""What the page draws: the calibration plot, small curves, thumbnails; all of it inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edge_runtime.contract import ViewSpec
from edge_runtime.decode import decode_photo

__all__ = ["build_thumbnail", "draw_calibration", "draw_curves", "to_address"]

THUMBNAIL_PX = 176  # longest side: sharp at the width a phone gives it, about 5 KB
THUMBNAIL_QUALITY = 70
CURVE_WIDTH, CURVE_HEIGHT = 96, 30


def build_thumbnail(photo: Path) -> str:
    """A small copy of the photo as a ``data:`` address.

    Raises:
        InputError: it cannot be decoded.
    """
    picture = decode_photo(photo, ViewSpec(THUMBNAIL_PX, THUMBNAIL_PX)).image.copy()
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=THUMBNAIL_QUALITY)
    return to_address(stream.getvalue(), "image/jpeg")


def draw_curves(quality: Sequence[float], attribute: Sequence[float]) -> str:
    """Two curves on 0-100 over the strengths as SVG: quality drawn full, the attribute dashed."""
    lines = []
    for look, values in (("", quality), (' stroke-dasharray="3 2" opacity="0.7"', attribute)):
        points = " ".join(
            f"{2 + (CURVE_WIDTH - 4) * index / max(1, len(values) - 1):.1f},"
            f"{2 + (CURVE_HEIGHT - 4) * (1 - value / 100):.1f}"
            for index, value in enumerate(values)
        )
        lines.append(f'<polyline points="{points}"{look}/>')
    size = f'width="{CURVE_WIDTH}" height="{CURVE_HEIGHT}" viewBox="0 0 {CURVE_WIDTH} {CURVE_HEIGHT}"'
    look = 'fill="none" stroke="currentColor" stroke-width="1.5" role="img" aria-label="mean points by strength"'
    return f"<svg {size} {look}>{''.join(lines)}</svg>"


def draw_calibration(predicted: Sequence[float], mos: Sequence[float], bins: Sequence[dict[str, Any]]) -> str | None:
    """Every photo, the bins' means and the diagonal as a PNG in a ``data:`` address; None without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return None
    figure = Figure(figsize=(5.0, 4.6), dpi=170, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot([0, 100], [0, 100], color="#999999", linewidth=1.0, linestyle="--", label="what is said is what is rated")
    size = 14 if len(predicted) < 500 else 6
    axes.scatter(predicted, mos, s=size, color="#0571b0", alpha=0.35, linewidths=0, label="one photo")
    axes.plot(
        [part["mean_predicted_points"] for part in bins],
        [part["mean_rated_points"] for part in bins],
        "o-",
        color="#ca0020",
        linewidth=1.5,
        markersize=5,
        label="mean of a bin",
    )
    axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="predicted, points", ylabel="rated by people, points", aspect="equal")
    axes.set_xticks(np.arange(0, 101, 20))
    axes.grid(True, color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": "photogate benchmarks"})
    with Image.open(io.BytesIO(stream.getvalue())) as image:  # few colours: a palette saves two thirds
        small = image.convert("RGB").quantize(64, dither=Image.Dither.NONE)
    stream = io.BytesIO()
    small.save(stream, "PNG", optimize=True)
    return to_address(stream.getvalue(), "image/png")


def to_address(content: bytes, kind: str) -> str:
    """A ``data:`` address, with which a page holds a file of the media type ``kind`` in itself."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
