"""What a shelf camera sees, made up: a picture of a shelf, daylight that drifts, noise, customers, and what goes wrong.

Everything follows from the picture, the script and a seed. Frames and interruptions come in simulated time, and the
truth is a list of incidents in the same time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from benchmarks.shelf.customers import Customer, draw_customer
from benchmarks.shelf.things import draw_box, draw_cover, draw_patch
from edge_runtime.camera import Frame
from edge_runtime.camera.sources import Interruption

__all__ = ["INCIDENTS", "Incident", "IncidentKind", "Scene", "draw_shelf", "write_script"]

IncidentKind = Literal[
    "defocus", "smear", "lights_off", "bump", "box", "glare", "cast", "frozen_feed", "lost_signal", "customer"
]
INCIDENTS: tuple[IncidentKind, ...] = get_args(IncidentKind)[:-1]
"""What has to be found; a customer has to be let pass."""

MARGIN = 0.12  # of the picture's sides, outside the frame: what a bump brings into view
NOISE_SHARES = (1.0, 1.6)  # of the script's noise, in the light and in the dark
DAYLIGHT_PERIOD_S = 7200.0  # a day's swing of light, in a quarter of the time
DAYLIGHT_SWING = 0.22  # share of the light
DAYLIGHT_TINT = 0.05  # octaves
FADE_S = 0.6  # of what does not come at once

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Incident:
    """Something that goes wrong, or a customer.

    Attributes:
        kind: what.
        start_ms, end_ms: from when until when, in the scene's time.
        strength: 0-1, from what people just notice to what they cannot overlook.
    """

    kind: IncidentKind
    start_ms: int
    end_ms: int
    strength: float = 0.5

    def to_dict(self) -> dict[str, Any]:
        """A line of the truth file."""
        return asdict(self)


def write_script(
    rng: np.random.Generator, kinds: Sequence[IncidentKind], quiet_s: float, pause_s: float = 30.0
) -> tuple[list[Incident], float]:
    """Incidents one after another, in random order, with a customer between any two.

    Args:
        rng: decides on order, lengths (5-25 s; customers 2-6 s) and strengths.
        kinds: each once.
        quiet_s: before the first.
        pause_s: after each.

    Returns:
        The incidents, and how long the scene takes in seconds.
    """
    now_s = quiet_s
    script: list[Incident] = []
    for kind in (kinds[number] for number in rng.permutation(len(kinds))):
        pair: tuple[tuple[IncidentKind, float, float], ...] = (("customer", 2.0, 6.0), (kind, 5.0, 25.0))
        for name, shortest_s, longest_s in pair:
            length_s = float(rng.uniform(shortest_s, longest_s))
            script.append(
                Incident(name, round(1000 * now_s), round(1000 * (now_s + length_s)), float(rng.uniform(0, 1)))
            )
            now_s += length_s + pause_s / 2
        now_s += pause_s / 2
    return script, now_s


def draw_shelf(seed: int, size: tuple[int, int] = (480, 360)) -> Picture:
    """A shelf for those who have no photo of one: boards, rows of packs with bands and print, price tags.

    Args:
        seed: of everything in it.
        size: (width, height) in pixels.

    Returns:
        RGB uint8 (height, width, 3).
    """
    rng = np.random.default_rng(seed)
    width, height = size
    canvas = np.full((height, width, 3), rng.integers(60, 110), np.float32)
    boards = int(rng.integers(3, 5))
    board_px = height // boards
    for board in range(boards):
        bottom = (board + 1) * board_px - 12
        left = int(rng.integers(0, 8))
        while left < width - 12:
            pack_px = int(rng.integers(18, 42))
            color, band = rng.uniform(40, 230, 3), rng.uniform(30, 245, 3)
            facings = int(rng.integers(1, 4))
            print_rows = rng.uniform(0.3, 1.0, (board_px, pack_px // 3 + 1))
            top = max(bottom - int(board_px * rng.uniform(0.55, 0.88)), 0)
            for facing in range(facings):
                start, end = left + facing * (pack_px + 1), min(left + facing * (pack_px + 1) + pack_px, width)
                if start >= width:
                    break
                pack = np.broadcast_to(color, (bottom - top, end - start, 3)).copy()
                third = (bottom - top) // 3
                pattern = np.repeat(print_rows, 3, axis=1)[: 2 * third - third, : end - start, np.newaxis]
                pack[third : 2 * third] = band * pattern
                canvas[top:bottom, start:end] = pack * np.linspace(1.1, 0.75, end - start)[:, np.newaxis]
            left += facings * (pack_px + 1) + int(rng.integers(0, 6))
        canvas[bottom : bottom + 10] = rng.uniform(170, 220)
        for tag in range(int(rng.integers(5, 20)), width - 20, int(rng.integers(35, 60))):
            canvas[bottom + 1 : bottom + 9, tag : tag + 18] = (245, 245, 235)
            canvas[bottom + 3 : bottom + 7, tag + 3 : tag + 14 : 2] = 40
    return canvas.clip(0, 255).astype(np.uint8)


class Scene:
    """A camera in front of a shelf. Iterate over :meth:`items`, as often as wanted: the same comes each time."""

    def __init__(
        self,
        picture: Picture,
        script: Sequence[Incident],
        duration_s: float,
        *,
        fps: float = 2.0,
        size: tuple[int, int] = (400, 300),
        noise: float = 2.5,
        restock_s: float = 900.0,
        seed: int = 0,
    ) -> None:
        """Prepares a scene.

        Args:
            picture: RGB uint8 (height, width, 3) of a shelf; the camera sees its middle.
            script: incidents, ordered; customers may overlap with others.
            duration_s: how long it takes.
            fps: frames of one second.
            size: of the frames, (width, height).
            noise: standard deviation of a frame's sensor noise, in levels.
            restock_s: mean time until some goods change; each time a spot of about a tenth of either side to a quarter.
            seed: of noise, daylight, goods and of how incidents look.
        """
        self.script = list(script)
        self.duration_s = duration_s
        self._fps = fps
        self._size = size
        self._noise = noise
        self._restock_s = restock_s
        self._seed = seed
        width, height = (round(side / (1 - 2 * MARGIN)) for side in size)
        self._picture = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))

    @property
    def truth(self) -> list[Incident]:
        """What has to be found, without the customers."""
        return [incident for incident in self.script if incident.kind != "customer"]

    def items(self) -> Iterator[Frame | Interruption]:
        """Frames at the scene's rate, and an interruption each second while the signal is lost."""
        rng = np.random.default_rng(self._seed)
        looks = {id(incident): np.random.default_rng([self._seed, n]) for n, incident in enumerate(self.script)}
        width, height = self._size
        noise = rng.normal(0, self._noise, (height + 64, width + 64, 3)).astype(np.float32)
        phase = float(rng.uniform(0, 2 * np.pi))
        goods = self._picture
        restock_ms = 1000 * float(rng.exponential(self._restock_s))
        shown: dict[tuple[int, int], Picture] = {}  # the still parts of the incidents that are going on
        version = 0
        frozen: Picture | None = None
        told_ms = -1_000_000
        customers: dict[int, Customer] = {}
        for number in range(round(self.duration_s * self._fps)):
            now_ms = round(1000 * number / self._fps)
            now = [incident for incident in self.script if incident.start_ms <= now_ms < incident.end_ms]
            kinds = {incident.kind for incident in now}
            if now_ms >= restock_ms:
                goods, version = _restock(goods, rng), version + 1
                restock_ms = now_ms + 1000 * float(rng.exponential(self._restock_s))
            if "lost_signal" in kinds:
                if now_ms - told_ms >= 1000:
                    told_ms = now_ms
                    yield Interruption(now_ms, "made up", 1, 1000)
                continue
            if "frozen_feed" in kinds and frozen is not None:
                yield Frame(frozen, now_ms)
                continue
            # The camera's noise differs from frame to frame; cut from one large field, it costs little.
            down, right = rng.integers(0, 64, 2)
            grain = noise[down : down + height, right : right + width] * float(rng.choice([-1, 1]))
            still = [incident for incident in now if incident.kind in _STILL]
            key = (version, sum(id(incident) for incident in still))
            if key not in shown:
                shown = {key: self._show(goods, still, looks)}
            seen = shown[key]
            for incident in now:
                if incident.kind == "customer":
                    customer = customers.setdefault(id(incident), Customer.choose(looks[id(incident)], self._size))
                    progress = (now_ms - incident.start_ms) / (incident.end_ms - incident.start_ms)
                    seen = draw_customer(seen, customer, progress)
            light = self._find_light(now_ms, phase, now)
            is_dark = bool(light.max() < 0.5)
            lit = seen * light.astype(np.float32) + grain * np.float32(NOISE_SHARES[is_dark])
            frozen = np.clip(lit, 0, 255).astype(np.uint8)
            yield Frame(frozen, now_ms)

    def _find_light(self, now_ms: int, phase: float, now: Sequence[Incident]) -> NDArray[np.float64]:
        """Gains of red, green and blue."""
        angle = 2 * np.pi * now_ms / 1000 / DAYLIGHT_PERIOD_S + phase
        tint = DAYLIGHT_TINT * np.sin(angle + 1)
        gains = (0.9 + DAYLIGHT_SWING * np.sin(angle)) * np.exp2([tint, 0.0, -tint])
        for incident in now:
            share = min(1.0, (now_ms - incident.start_ms + 1) / (1000 * FADE_S))
            if incident.kind == "lights_off":
                gains = gains * (0.28 - 0.24 * incident.strength)
            elif incident.kind == "glare":
                gains = gains * (1 + share * (1.8 + 1.5 * incident.strength))
            elif incident.kind == "cast":
                octaves = share * (0.28 + 0.3 * incident.strength)
                gains = gains * np.exp2([octaves, 0.0, -octaves])
        return gains

    def _show(self, goods: Picture, still: Sequence[Incident], looks: dict[int, np.random.Generator]) -> Picture:
        """The frame without light, customers and noise."""
        width, height = self._size
        bumps = [incident for incident in still if incident.kind == "bump"]
        picture = Image.fromarray(goods)
        left, top = (picture.width - width) / 2, (picture.height - height) / 2
        if bumps:
            rng = np.random.default_rng(int(looks[id(bumps[0])].integers(1 << 30)))
            strength = bumps[0].strength
            picture = picture.rotate(float(rng.choice([-1, 1])) * 3 * strength, Image.Resampling.BICUBIC)
            angle = float(rng.uniform(0, 2 * np.pi))
            shift_px = width * (0.04 + 0.06 * strength)
            left += float(np.clip(shift_px * np.cos(angle), -left, left))
            top += float(np.clip(shift_px * np.sin(angle), -top, top))
        picture = picture.crop((round(left), round(top), round(left) + width, round(top) + height))
        for incident in still:
            rng = np.random.default_rng(int(looks[id(incident)].integers(1 << 30)))
            strength = incident.strength
            if incident.kind == "defocus":
                picture = picture.filter(ImageFilter.GaussianBlur((0.007 + 0.012 * strength) * width))
            elif incident.kind == "smear":
                mask = draw_patch(rng, self._size, share=0.55 + 0.35 * strength, softness=0.05)
                smeared = picture.filter(ImageFilter.GaussianBlur((0.012 + 0.015 * strength) * width))
                veil = Image.new("RGB", picture.size, (150, 148, 140))
                picture.paste(Image.blend(smeared, veil, 0.15 + 0.2 * strength), mask=mask)
            elif incident.kind == "box":
                picture.paste(draw_box(rng, self._size), mask=draw_cover(rng, self._size, 0.5 + 0.35 * strength))
        return np.asarray(picture)


_STILL = ("defocus", "smear", "bump", "box")


def _restock(goods: Picture, rng: np.random.Generator) -> Picture:
    """Some goods are sold, or others put in their place: a part of the shelf comes to look like another part."""
    height, width, _ = goods.shape
    rows, columns = (int(side * rng.uniform(0.1, 0.25)) for side in (height, width))
    (top, left), (from_top, from_left) = (
        (int(rng.integers(0, height - rows)), int(rng.integers(0, width - columns))) for _ in range(2)
    )
    changed = goods.copy()
    changed[top : top + rows, left : left + columns] = goods[
        from_top : from_top + rows, from_left : from_left + columns
    ]
    return changed
