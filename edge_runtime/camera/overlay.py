"""What the viewfinder draws over the picture: a bar for the score, a piece of advice, and a hint when to shoot.

Drawn with Pillow, which comes with a font and can take any other; OpenCV's own letters know no Chinese.
"""

from __future__ import annotations

import contextlib
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from edge_runtime.result import Decision

__all__ = ["WORDS", "Reading", "draw_overlay", "has_letters"]

WORDS = {
    "en": {
        "shoot": "Steady: shoot now",
        "good": "Good. Hold still.",
        "waiting": "Waiting for a picture",
        "accept": "accept",
        "review": "review",
        "reject": "reject",
    },
    "zh": {
        "shoot": "画面稳定，请按快门",
        "good": "画面良好，请保持稳定。",
        "waiting": "正在等待画面",
        "accept": "通过",
        "review": "复核",
        "reject": "拒绝",
    },
}
COLORS: dict[Decision | None, tuple[int, int, int]] = {
    "accept": (46, 160, 67),
    "review": (219, 154, 4),
    "reject": (207, 34, 46),
    None: (130, 130, 130),
}
WHITE, TRACK, HINT = (255, 255, 255), (70, 70, 70), (95, 230, 120)
BAND_LIGHT = 0.35  # of the picture's light is left behind the writing
MAX_LINES = 2
# Fonts with Chinese letters, as systems bring them: Linux, macOS, Windows.
CHINESE_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansSC-Regular.otf",
    "SourceHanSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "DroidSansFallback.ttf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "STHeiti Medium.ttc",
    "msyh.ttc",
    "simhei.ttf",
    "simsun.ttc",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is to be shown of a source.

    Attributes:
        quality: in points; None: there is no score.
        decision: of the policy; None: there is none.
        advice: what to do better; None: nothing.
        is_ready: whether now is the moment to shoot.
        note: what is wrong, for example with the signal; stands in the advice's place.
    """

    quality: float | None = None
    decision: Decision | None = None
    advice: str | None = None
    is_ready: bool = False
    note: str | None = None

    def describe(self, language: str = "en") -> str:
        """The line of words below the bar: the hint, the note, the advice, or a word of praise."""
        words = WORDS[language]
        if self.note is not None:
            return self.note
        if self.quality is None:
            return words["waiting"]
        if self.is_ready:
            return words["shoot"]
        return words["good"] if self.advice is None else self.advice


def draw_overlay(picture: NDArray[np.uint8], reading: Reading, language: str = "en") -> NDArray[np.uint8]:
    """Draws what is to be shown on a copy of a picture.

    Args:
        picture: RGB uint8 (height, width, 3), of the size in which it will be seen.
        reading: what is to be shown.
        language: "en" or "zh"; Chinese without a font for it comes out as boxes, see :func:`has_letters`.

    Returns:
        RGB uint8 of the same shape: below, a band with the bar and a line or two of words; a frame all around when it
        is the moment to shoot.
    """
    height_px, width_px, _ = picture.shape
    letters_px = max(10, min(height_px // 22, width_px // 26))
    margin_px = letters_px // 2
    font = _load_font(reading.describe(language), letters_px)
    lines = _wrap(reading.describe(language), font, width_px - 4 * margin_px)
    line_px = letters_px * 5 // 4
    bar_px = letters_px * 3 // 4
    band_px = min(height_px, 4 * margin_px + bar_px + line_px * MAX_LINES)  # of one height, whatever is written

    canvas = picture.copy()
    band = canvas[height_px - band_px :]
    band[...] = (band * BAND_LIGHT).astype(np.uint8)
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    color = COLORS[reading.decision]
    top = height_px - band_px + margin_px
    number = "" if reading.quality is None else f"{reading.quality:.0f}"
    label = number if reading.decision is None else f"{number} {WORDS[language][reading.decision]}"
    label_font = _load_font(label, letters_px)
    label_px = int(label_font.getlength(label)) + margin_px if label else 0
    left, right = 2 * margin_px, max(2 * margin_px + 1, width_px - 2 * margin_px - label_px)
    draw.rectangle((left, top, right, top + bar_px), fill=TRACK)
    if reading.quality is not None:
        filled = min(max(reading.quality, 0.0), 100.0) / 100
        draw.rectangle((left, top, left + round((right - left) * filled), top + bar_px), fill=color)
        draw.text((right + margin_px, top + bar_px // 2), label, font=label_font, fill=WHITE, anchor="lm")
    for row, line in enumerate(lines):
        y = top + bar_px + margin_px + row * line_px
        draw.text((left, y), line, font=font, fill=HINT if reading.is_ready else WHITE, anchor="la")
    if reading.is_ready:
        draw.rectangle((0, 0, width_px - 1, height_px - 1), outline=COLORS["accept"], width=max(3, margin_px // 2))
    return np.array(image)


def has_letters(language: str) -> bool:
    """Whether this machine has a font for a language."""
    return language != "zh" or _find_chinese_font() is not None


@lru_cache(maxsize=1)
def _find_chinese_font() -> str | None:
    for name in CHINESE_FONTS:  # Pillow looks through the system's folders
        with contextlib.suppress(OSError):
            ImageFont.truetype(name, 20)
            return name
    return None


def _load_font(text: str, letters_px: int) -> Any:
    """The font that has the letters of ``text``; Pillow's own where no other is known."""
    is_wide = any(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return _load_named_font(_find_chinese_font() if is_wide else None, letters_px)


@lru_cache(maxsize=16)
def _load_named_font(name: str | None, letters_px: int) -> Any:
    return ImageFont.load_default(letters_px) if name is None else ImageFont.truetype(name, letters_px)


def _wrap(text: str, font: Any, width_px: int) -> list[str]:
    """At most MAX_LINES lines; what does not fit ends in three dots. Breaks at blanks, and between wide letters."""
    lines = [""]
    for piece in _split(" ".join(text.split())):
        if font.getlength(lines[-1] + piece.rstrip()) <= width_px or not lines[-1]:
            lines[-1] += piece
        elif len(lines) < MAX_LINES:
            lines.append(piece)
        else:
            lines[-1] = lines[-1].rstrip() + "..."
            break
    # A word may be longer than the line.
    return [_cut(line.rstrip(), font, width_px) for line in lines]


def _split(text: str) -> list[str]:
    pieces = [""]
    for letter in text:
        pieces[-1] += letter
        if letter == " " or unicodedata.east_asian_width(letter) in "WF":
            pieces.append("")
    return pieces


def _cut(line: str, font: Any, width_px: int) -> str:
    while len(line) > 4 and font.getlength(line) > width_px:
        line = line.removesuffix("...")[:-1] + "..."
    return line
