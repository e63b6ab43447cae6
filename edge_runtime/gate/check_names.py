"""What the rules of a pack can ask for: the names of the checks, and what each must be told."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["CHECKS", "CHECK_NAMES", "CheckSpec"]


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """What a check measures.

    Attributes:
        unit: of its value and limits; "" for words and plain ratios.
        too_low, too_high: the codes for a value below the rule's ``minimum``, above its ``maximum``; "" where a check
            has no such limit. A check without either is a question: ``found`` is the code when the answer is bad.
        found: see there.
        highest: the largest limit that makes sense; levels end at 255, percentages at 100.
        needs_pixels: the photo must be decoded for it, a look at the file does not do.
    """

    unit: str = ""
    too_low: str = ""
    too_high: str = ""
    found: str = ""
    highest: float = float("inf")
    needs_pixels: bool = False


CHECKS = MappingProxyType(
    {
        "longest_side": CheckSpec("px", "longest_side_too_short", "longest_side_too_long"),
        "shortest_side": CheckSpec("px", "shortest_side_too_short", "shortest_side_too_long"),
        "megapixels": CheckSpec("MP", "too_few_megapixels", "too_many_megapixels"),
        "aspect_ratio": CheckSpec("", "picture_too_narrow", "picture_too_wide"),
        "file_size": CheckSpec("MB", "", "file_too_large"),
        "file_format": CheckSpec(found="format_not_accepted"),
        "extension": CheckSpec(found="extension_mismatch"),
        "background_white": CheckSpec("levels", "background_not_white", "", "", 255, True),
        "background_even": CheckSpec("levels", "", "background_uneven", "", 255, True),
        "product_fill": CheckSpec("%", "product_too_small", "product_too_large", "", 100, True),
        "product_centered": CheckSpec("%", "", "product_off_center", "", 100, True),
        "border": CheckSpec(found="border_found", needs_pixels=True),
        "text": CheckSpec(found="text_found", needs_pixels=True),
        "watermark": CheckSpec(found="watermark_found", needs_pixels=True),
    }
)
CHECK_NAMES = tuple(CHECKS)
