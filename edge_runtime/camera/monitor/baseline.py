"""What is usual in a region: learnt in the first minutes, then followed slowly, and never far from what was learnt."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.camera.monitor.measurement import DARK_LEVEL, Measurement
from edge_runtime.camera.monitor.state import read_number
from edge_runtime.camera.monitor.structure import BLOCKS, THUMB_PX, blur

__all__ = ["Baseline", "Learner", "find_unfit"]

BLURRED_PASSES = (3, 12)  # of the versions that a picture out of focus is compared with; sigma 1.2 and 2.4 of 80 pixels
KEPT_PICTURES = 48  # of the learning time: their median has no customer who stood there for less than half of it
MIN_PICTURES = 8
RESTLESS_SHARE = 0.6  # of the learning time in motion: a screen, a fan; such a block tells nothing
MAX_RESTLESS = 0.5  # of the blocks; if more of them move, it is the light that flickers, or a crowd
MIN_TEXTURED = 4  # blocks of 64; fewer, and neither focus nor aim can be told
MIN_DETAIL = 0.06  # median over textured blocks; see Measurement.detail
MAX_BURNT = 0.5
MAX_DETAIL_LOSS = 0.25  # share of the learnt detail that following may lose: a lens that gets dirty is seen in the end
MAX_QUALITY_LOSS = 6.0  # points, likewise
MAX_CAST = 0.15  # octaves, likewise
MAX_LIGHT_LOSS = 0.5  # share of the learnt light, likewise
MAX_KEPT = 1000.0  # no level, detail, octave or quality is as large as that
RENEWAL_CHANGE = 0.5  # levels by which the blurred versions may lag behind before they are made anew


@dataclass(eq=False)
class Baseline:
    """What is usual. ``follow`` changes it in place.

    Attributes:
        level, burnt, chroma, has_color, detail, is_textured: as of a Measurement.
        is_restless: bool (8, 8), blocks in which something moves all the time.
        quality: 0-100; None if nothing could be scored.
        versions: float32 (80, 80), the usual picture as it is, and more and more blurred.
        learnt: level, detail and quality as first learnt.
        tint: octaves of red and of blue by which the colour balance has been followed since.
    """

    level: float
    burnt: float
    chroma: NDArray[np.float32]
    has_color: NDArray[np.bool_]
    detail: NDArray[np.float32]
    is_textured: NDArray[np.bool_]
    is_restless: NDArray[np.bool_]
    quality: float | None
    versions: list[NDArray[np.float32]]
    learnt: dict[str, Any] = field(default_factory=dict)
    tint: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        self.versions = _blur_all(self.versions[0])
        self._blurred_of = self.versions[0].copy()
        if not self.learnt:
            self.learnt = {
                "level": self.level,
                "detail": self.detail.copy(),
                "quality": self.quality,
            }

    def follow(self, now: Measurement, quality: float | None, light_weight: float, scene_weight: float) -> None:
        """Moves a little towards a picture in which nothing is wrong.

        Args:
            now: the picture.
            quality: its smoothed quality, 0-100.
            light_weight: 0-1, for level, colour and blown-out share, which daylight changes within an hour.
            scene_weight: 0-1, for the picture, its detail and its quality, which change as goods are sold.
        """
        learnt = self.learnt
        level = self.level + light_weight * (now.level - self.level)
        self.level = max(level, MAX_LIGHT_LOSS * learnt["level"], DARK_LEVEL)
        self.burnt += light_weight * (now.burnt - self.burnt)
        self._follow_color(now, light_weight, scene_weight)
        self.detail += np.float32(scene_weight) * (now.detail - self.detail)
        np.maximum(self.detail, np.float32(1 - MAX_DETAIL_LOSS) * learnt["detail"], out=self.detail)
        usual = self.versions[0]
        usual += np.float32(scene_weight) * (now.thumb * np.float32(self.level / max(now.level, 1.0)) - usual)
        if float(np.abs(usual - self._blurred_of).mean()) > RENEWAL_CHANGE:
            self.versions = _blur_all(usual)
            self._blurred_of = usual.copy()
        if quality is not None and self.quality is not None:
            self.quality += scene_weight * (quality - self.quality)
            self.quality = max(self.quality, learnt["quality"] - MAX_QUALITY_LOSS)

    def replace_quality(self, quality: float | None) -> None:
        """Says what is usual by another model's judgement; None if that is not known yet."""
        self.quality = self.learnt["quality"] = quality

    def _follow_color(self, now: Measurement, light_weight: float, scene_weight: float) -> None:
        """What all blocks have in common is the light's, and has a bound; what each has of its own is the goods'."""
        difference = now.chroma - self.chroma
        judged = now.has_color & self.has_color
        parts = [difference[..., n][judged[..., n]] for n in range(2)]
        common = np.array([np.median(part) if part.size else 0.0 for part in parts])
        tint = np.clip(self.tint + light_weight * common, -MAX_CAST, MAX_CAST)
        self.chroma += (tint - self.tint + scene_weight * (difference - common)).astype(np.float32)
        self.tint = float(tint[0]), float(tint[1])

    def to_dict(self) -> dict[str, Any]:
        """JSON types; arrays in base64."""
        return {
            "level": self.level,
            "burnt": self.burnt,
            "chroma": _pack(self.chroma),
            "has_color": _pack(self.has_color),
            "tint": list(self.tint),
            "detail": _pack(self.detail),
            "is_textured": _pack(self.is_textured),
            "is_restless": _pack(self.is_restless),
            "quality": self.quality,
            "picture": _pack(self.versions[0]),
            "learnt": {**self.learnt, "detail": _pack(self.learnt["detail"])},
        }

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Baseline:
        """What ``to_dict`` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        blocks = (BLOCKS, BLOCKS)
        quality, learnt_quality = (_read_quality(part["quality"]) for part in (kept, kept["learnt"]))
        if (quality is None) != (learnt_quality is None):
            raise ValueError("only one of two qualities is known")
        learnt = {
            "level": read_number(kept["learnt"]["level"], 0, MAX_KEPT),
            "detail": _unpack(kept["learnt"]["detail"], np.float32, blocks),
            "quality": learnt_quality,
        }
        red, blue = (read_number(value, -MAX_KEPT, MAX_KEPT) for value in kept["tint"])
        return cls(
            level=read_number(kept["level"], 0, MAX_KEPT),
            burnt=read_number(kept["burnt"], 0, MAX_KEPT),
            chroma=_unpack(kept["chroma"], np.float32, (*blocks, 2)),
            has_color=_unpack(kept["has_color"], np.bool_, (*blocks, 2)),
            tint=(red, blue),
            detail=_unpack(kept["detail"], np.float32, blocks),
            is_textured=_unpack(kept["is_textured"], np.bool_, blocks),
            is_restless=_unpack(kept["is_restless"], np.bool_, blocks),
            quality=quality,
            versions=[_unpack(kept["picture"], np.float32, (THUMB_PX, THUMB_PX))],
            learnt=learnt,
        )


class Learner:
    """Collects pictures until their median can be called usual, then begins anew. Its memory is bounded."""

    def __init__(self, learn_s: float) -> None:
        """Begins; ``learn_s`` is the time of fit pictures that is needed."""
        self._learn_ms = 1000 * learn_s
        self.clear()

    def clear(self) -> None:
        """Forgets what was collected."""
        self._kept: list[tuple[Measurement, float | None]] = []
        self._moving = np.zeros((BLOCKS, BLOCKS))
        self._count = 0
        self._seen_ms = 0.0
        self._next_ms = 0.0
        self._newest_ms: int | None = None

    def add(
        self, now: Measurement, motion: NDArray[np.bool_], quality: float | None, timestamp_ms: int
    ) -> Baseline | None:
        """Takes a picture in which nothing is wrong; returns the baseline once there are enough."""
        if self._newest_ms is not None:
            # A pause, for example while the picture was dark, is not time in which anything was learnt.
            self._seen_ms += min(timestamp_ms - self._newest_ms, self._learn_ms / MIN_PICTURES)
        self._newest_ms = timestamp_ms
        self._count += 1
        self._moving += motion
        if self._seen_ms >= self._next_ms and len(self._kept) < KEPT_PICTURES:
            self._kept.append((now, quality))
            self._next_ms += self._learn_ms / KEPT_PICTURES
        if self._seen_ms < self._learn_ms or len(self._kept) < MIN_PICTURES:
            return None
        learnt = self._learn()
        self.clear()
        return learnt

    def _learn(self) -> Baseline:
        pictures = [picture for picture, _ in self._kept]
        qualities = [quality for _, quality in self._kept if quality is not None]

        def middle(name: str) -> Any:
            return np.median([getattr(picture, name) for picture in pictures], axis=0)

        is_restless = self._moving / self._count > RESTLESS_SHARE
        if is_restless.mean() > MAX_RESTLESS:
            is_restless[:] = False
        return Baseline(
            level=float(middle("level")),
            burnt=float(middle("burnt")),
            chroma=middle("chroma").astype(np.float32),
            has_color=middle("has_color") > 0.5,
            detail=middle("detail").astype(np.float32),
            is_textured=middle("is_textured") > 0.5,
            is_restless=is_restless,
            quality=float(np.median(qualities)) if qualities else None,
            versions=[middle("thumb").astype(np.float32)],
        )


def find_unfit(now: Measurement) -> str | None:
    """Why nothing should be learnt from a picture, for what is wrong would be called usual; None if it is fit."""
    if now.level < DARK_LEVEL:
        return "dark"
    if now.burnt > MAX_BURNT:
        return "overexposed"
    textured = now.is_textured
    if textured.sum() < MIN_TEXTURED:
        return "featureless"
    if float(np.median(now.detail[textured])) < MIN_DETAIL:
        return "blurred"
    return None


def _blur_all(picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [picture, *(blur(picture, passes) for passes in BLURRED_PASSES)]


def _pack(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def _unpack(text: str, kind: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    values: NDArray[Any] = np.frombuffer(base64.b64decode(text, validate=True), kind).reshape(shape).copy()
    if not np.abs(values).max() <= MAX_KEPT:  # nor is it NaN
        raise ValueError("an array holds what is no number that was measured")
    return values


def _read_quality(value: Any) -> float | None:
    return None if value is None else read_number(value, 0, MAX_KEPT)
