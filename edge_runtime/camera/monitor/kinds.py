"""What can be wrong with a shelf camera's picture: the kinds of events, how each is measured, and its usual limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["CAMERA_KINDS", "EVENT_KINDS", "REGION_KINDS", "RULES", "EventKind", "KindRule"]

EventKind = Literal[
    "lost_signal", "frozen", "dark", "overexposed", "moved", "obstructed", "blurred", "color_cast", "low_quality"
]

EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)
CAMERA_KINDS: tuple[EventKind, ...] = ("lost_signal", "frozen")
"""These concern a camera as a whole; their events name no region."""
REGION_KINDS: tuple[EventKind, ...] = tuple(kind for kind in EVENT_KINDS if kind not in CAMERA_KINDS)


@dataclass(frozen=True, slots=True)
class KindRule:
    """When an event of one kind opens and closes.

    Attributes:
        open_limit: the event opens once the smoothed value has been beyond it for ``min_duration_s``.
        close_limit: on the good side of ``open_limit``; the event closes once the value has been beyond it for
            ``close_after_s``. What lies between the two changes nothing.
        is_below: whether small values are the bad ones.
        unit: of the value, for people.
        advice: what to do about such an event.
        min_duration_s: time in which something moves in the region does not count.
        close_after_s: likewise.
        low, high: within which both limits must lie.
        is_enabled: whether this kind is looked for.
    """

    open_limit: float
    close_limit: float
    is_below: bool
    unit: str
    advice: str
    min_duration_s: float = 3.0
    close_after_s: float = 3.0
    low: float = 0.0
    high: float = 1.0
    is_enabled: bool = True


# Tuned with `python -m benchmarks monitor --part tune` on shop photos; its other half is what the page reports.
RULES: dict[EventKind, KindRule] = {
    "lost_signal": KindRule(
        open_limit=1,
        close_limit=0.5,
        is_below=False,
        unit="1 without a signal",
        advice="Check the camera's power, cable and network.",
        min_duration_s=4,
        close_after_s=0,
    ),
    # Sensor noise of one level makes two frames differ by 1.1. A camera that compresses strongly may repeat a still
    # picture exactly until its next key frame: then this takes a longer duration.
    "frozen": KindRule(
        open_limit=0.02,
        close_limit=0.04,
        is_below=True,
        unit="levels by which a frame differs from the one before",
        advice="Restart the camera: its clock goes on, its picture does not.",
        min_duration_s=4,
        close_after_s=1,
        high=10,
    ),
    "dark": KindRule(
        open_limit=0.45,
        close_limit=0.6,
        is_below=True,
        unit="share of the usual light",
        advice="Check the light, and whether the lens is covered.",
    ),
    "overexposed": KindRule(
        open_limit=0.2,
        close_limit=0.12,
        is_below=False,
        unit="share of the picture that is blown out",
        advice="Shade the camera, or lower its exposure.",
    ),
    "moved": KindRule(
        open_limit=0.025,
        close_limit=0.015,
        is_below=False,
        unit="share of the region's side by which it is shifted",
        advice="Aim the camera anew.",
    ),
    # Longer than the others: a customer may stand quite still for some seconds.
    "obstructed": KindRule(
        open_limit=0.35,
        close_limit=0.25,
        is_below=False,
        unit="share of the region that shows something else",
        advice="Clear the view of the shelf.",
        min_duration_s=8,
    ),
    "blurred": KindRule(
        open_limit=0.6,
        close_limit=0.75,
        is_below=True,
        unit="share of the usual detail",
        advice="Clean the lens; if that does not help, focus it.",
    ),
    "color_cast": KindRule(
        open_limit=0.3,
        close_limit=0.18,
        is_below=False,
        unit="octaves by which the colour balance is off",
        advice="Check the lamps and the white balance.",
        high=4,
    ),
    "low_quality": KindRule(
        open_limit=15,
        close_limit=9,
        is_below=False,
        unit="points of quality below the usual",
        advice="Look at the evidence picture, and clean the lens.",
        high=100,
    ),
}
