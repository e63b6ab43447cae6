"""A heat map as a picture: the photo, greyed a little, with glowing places, and a legend that a phone can show.

Colours stand for points on one fixed scale. A photo that is equally good all over stays grey, however its few points
are spread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from edge_runtime.explain.explanation import suggest_budget_ms

if TYPE_CHECKING:
    from edge_runtime.explain.explanation import Explanation

__all__ = ["FULL_SCALE_POINTS", "list_scale_colors", "render_heat"]

FULL_SCALE_POINTS = 50.0  # and more: half of an attribute gone is as bad as a colour has to say
UNSEEN_POINTS = 8.0  # below, a place keeps the photo's grey: so little is noise of the readout
SIDES_PX = (480, 1200)  # of the picture's longer side: smaller photos are enlarged, larger ones reduced
NARROWEST_PX = 360  # of the picture, for the legend's sake; a narrower photo is set in the middle
GREYED, DIMMED = 0.65, 0.8  # share of colour taken from the photo, and of brightness left
STRONGEST_COVER = 0.8  # opacity of the hottest place
# Lightness rises evenly, and survives red-green blindness and grey print: from the upper part of matplotlib's inferno.
RAMP = np.array([(106, 23, 110), (165, 44, 96), (218, 75, 61), (246, 131, 20), (250, 193, 40), (245, 249, 170)])
PAPER, INK, FAINT_INK = (255, 255, 255), (28, 28, 30), (105, 105, 112)
BOX_LIGHT, BOX_DARK = (255, 255, 255), (20, 20, 20)
SCALE_GREY = 150.0  # pixel value of 255 under the scale
WIDTH_PER_FONT_SIZE = 27.0  # keeps about fifty characters a line
FAULT_WORDS = {
    "blurred": "looks blurred",
    "noisy": "looks noisy",
    "dark": "looks too dark",
    "bright": "looks too bright",
    "warm": "has a warm colour cast",
    "cool": "has a cool colour cast",
}


def render_heat(explanation: Explanation, image: Image.Image, *, has_legend: bool = True) -> Image.Image:
    """Draws an explanation.

    Args:
        explanation: of that photo.
        image: the photo, upright, at any scale and in any mode that converts to RGB.
        has_legend: False: the photo with its heat alone, for who says the rest in other words.

    Returns:
        An RGB picture: the photo with its heat, and below it the legend.
    """
    photo = _fit(image.convert("RGB"))
    covered = Image.fromarray(_cover(np.asarray(photo, dtype=np.float32), explanation.heat))
    if explanation.stands_out:
        _draw_box(covered, explanation)
    if not has_legend:
        return covered
    width_px = max(covered.width, NARROWEST_PX)
    legend = _draw_legend(explanation, width_px)
    picture = Image.new("RGB", (width_px, covered.height + legend.height), PAPER)
    picture.paste(covered, ((width_px - covered.width) // 2, 0))
    picture.paste(legend, (0, covered.height))
    return picture


def list_scale_colors(count: int) -> list[str]:
    """What grey becomes as points are lost, "#rrggbb", from none to FULL_SCALE_POINTS in even steps."""
    points = np.linspace(0.0, FULL_SCALE_POINTS, count, dtype=np.float32)
    return ["#" + bytes(color).hex() for color in _draw_scale(1, points)[0]]


def _draw_scale(height_px: int, points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The colours of points over grey, (height_px, len(points), 3)."""
    grey = np.full((height_px, len(points), 3), SCALE_GREY, dtype=np.float32)
    return _cover(grey, np.broadcast_to(points, (height_px, len(points))))


def _fit(photo: Image.Image) -> Image.Image:
    longer = max(photo.size)
    wanted = min(max(longer, SIDES_PX[0]), SIDES_PX[1])
    if wanted == longer:
        return photo
    width_px, height_px = (max(1, round(side * wanted / longer)) for side in photo.size)
    return photo.resize((width_px, height_px), Image.Resampling.LANCZOS)


def _cover(pixels: NDArray[np.float32], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The greyed photo with the ramp's colours over it, as opaque as the place is hot."""
    height, width, _ = pixels.shape
    smooth = Image.fromarray(heat.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    share = _to_share(np.asarray(smooth, dtype=np.float32))
    luma = pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
    grey = DIMMED * (GREYED * luma[..., None] + (1.0 - GREYED) * pixels)
    opacity = STRONGEST_COVER * (share**0.7)[..., None]
    return np.rint((1.0 - opacity) * grey + opacity * _color(share)).clip(0, 255).astype(np.uint8)


def _to_share(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """0 up to UNSEEN_POINTS, 1 from FULL_SCALE_POINTS on."""
    share: NDArray[np.float32] = ((points - UNSEEN_POINTS) / (FULL_SCALE_POINTS - UNSEEN_POINTS)).clip(0.0, 1.0)
    return share


def _color(share: NDArray[np.float32]) -> NDArray[np.float32]:
    """The ramp's colour of each share, float (..., 3)."""
    knots = np.linspace(0.0, 1.0, len(RAMP))
    return np.stack([np.interp(share, knots, RAMP[:, channel]) for channel in range(3)], axis=-1).astype(np.float32)


def _draw_box(picture: Image.Image, explanation: Explanation) -> None:
    size, box = explanation.score.image, explanation.box
    across, down = picture.width / size.width_px, picture.height / size.height_px
    line = max(2, round(max(picture.size) / 300))
    left, top = box.left * across, box.top * down
    # A window of a narrow photo may be less than one pixel of the picture.
    sides = [left, top, max(box.right * across - 1, left), max(box.bottom * down - 1, top)]
    draw = ImageDraw.Draw(picture)
    draw.rectangle([sides[0] - line, sides[1] - line, sides[2] + line, sides[3] + line], outline=BOX_DARK, width=line)
    draw.rectangle(sides, outline=BOX_LIGHT, width=line)


def _draw_legend(explanation: Explanation, width_px: int) -> Image.Image:
    size = max(14, round(width_px / WIDTH_PER_FONT_SIZE))
    margin, gap = round(0.8 * size), round(0.35 * size)
    title_font, font, small = (ImageFont.load_default(round(scale * size)) for scale in (1.25, 1.0, 0.85))
    lines = [(_say_title(explanation), title_font, INK)]
    lines += [(line, font, INK) for line in _wrap(_say_finding(explanation), font, width_px - 2 * margin)]
    bar_height = size
    height_px = 2 * margin + sum(_measure(one_font) + gap for _, one_font, _ in lines) + bar_height + gap
    height_px += _measure(small)
    legend = Image.new("RGB", (width_px, height_px), PAPER)
    draw = ImageDraw.Draw(legend)
    top = margin
    for text, one_font, ink in lines:
        draw.text((margin, top), text, fill=ink, font=one_font)
        top += _measure(one_font) + gap
    bar_width = width_px - 2 * margin
    points = np.linspace(0.0, FULL_SCALE_POINTS, bar_width, dtype=np.float32)
    legend.paste(Image.fromarray(_draw_scale(bar_height, points)), (margin, top))
    top += bar_height + gap // 2
    ticks = (("0", 0.0, "la"), ("25", 0.5, "ma"), ("50 points lost or more", 1.0, "ra"))
    for text, place, anchor in ticks:
        draw.text((margin + place * bar_width, top), text, fill=FAINT_INK, font=small, anchor=anchor)
    return legend


def _say_title(explanation: Explanation) -> str:
    return f"{explanation.attribute.capitalize()}: {explanation.points:.0f} of 100"


def _say_finding(explanation: Explanation) -> str:
    finding = _say_place(explanation)
    if explanation.is_complete:
        return finding
    return f"{finding} Unfinished: time was up; try --budget-ms {suggest_budget_ms(explanation.elapsed_ms)}."


def _say_place(explanation: Explanation) -> str:
    if not explanation.stands_out:
        return "No region stands out: no place costs many more points than the rest."
    fault = explanation.faults[0][0] if explanation.faults else ""
    looks = FAULT_WORDS.get(fault, "looks worst")
    return f"The marked place {looks}. All over the photo, that would cost about {explanation.box_points:.0f} points."


def _wrap(text: str, font: Any, width_px: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width_px:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _measure(font: Any) -> int:
    """Height of a line in pixels."""
    _, top, _, bottom = font.getbbox("Ágjp")
    return int(bottom - min(top, 0))
