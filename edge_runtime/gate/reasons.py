"""The reasons a score can be marked down for: stable codes for programs, words from the catalogues for people."""

from __future__ import annotations

from edge_runtime.gate.catalogue import load_catalogue
from edge_runtime.result import Reason

__all__ = ["REASON_CODES", "build_reason"]

REASON_CODES = {
    "quality": "low_quality",
    "sharpness": "blurred",
    "noise": "noisy",
    "exposure": "bad_exposure",
    "color": "color_cast",
    "composition": "bad_composition",
}


def build_reason(
    code: str,
    attribute: str,
    value: float,
    limit: float,
    language: str = "en",
    message: str | None = None,
    advice: str | None = None,
) -> Reason:
    """A reason with the catalogue's words, or with a policy's own ``message`` and ``advice`` where it has them."""
    catalogue = load_catalogue(language)
    return Reason(
        code,
        attribute,
        value,
        limit,
        catalogue.say(f"{code}.message") if message is None else message,
        catalogue.say(f"{code}.advice") if advice is None else advice,
    )
