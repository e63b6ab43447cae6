"""The reasons a photo can be marked down for, in words a seller understands; a policy file may use its own words."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["REASON_TEXTS", "ReasonText"]


@dataclass(frozen=True, slots=True)
class ReasonText:
    """A reason's stable ``code`` for programs, and its ``message`` and ``advice`` for people."""

    code: str
    message: str
    advice: str


REASON_TEXTS = {
    "quality": ReasonText(
        "low_quality",
        "The photo as a whole looks worse than asked for.",
        "Take it again by a window in daylight, hold still, and fill the picture with the product.",
    ),
    "sharpness": ReasonText(
        "blurred",
        "The photo is not sharp.",
        "Tap the product to focus, rest the phone on something steady, and wipe the lens.",
    ),
    "noise": ReasonText(
        "noisy",
        "The photo is grainy.",
        "Add light rather than letting the camera amplify it: move to a window or switch a lamp on; do not zoom.",
    ),
    "exposure": ReasonText(
        "bad_exposure",
        "The photo is too dark, too bright, or flat.",
        "Tap the product to set the brightness; avoid a bright window behind it and direct sun on it.",
    ),
    "color": ReasonText(
        "color_cast",
        "The colours look tinted or pale.",
        "Use one kind of light only, daylight at best, and set the white balance to automatic.",
    ),
    "composition": ReasonText(
        "bad_composition",
        "The product is badly framed.",
        "Show the whole product in the middle, let it fill most of the picture, and clear the background.",
    ),
}
