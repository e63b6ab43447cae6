"""Where a detector of added text or watermarks is plugged in.

Telling the print on a product from text that was laid over the photo needs a trained model. Without one, the checks
"text" and "watermark" answer "not checked"; they never pass a photo that nothing has looked at. ``text_detector`` holds
one, an extra, that finds text beside the product; for watermarks there is none that is good enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["OVERLAY_CHECKS", "OverlayDetector", "OverlayFinding"]

OVERLAY_CHECKS = ("text", "watermark")


@dataclass(frozen=True, slots=True)
class OverlayFinding:
    """What a detector says: True, False, or None when it cannot tell, which counts as not checked."""

    is_found: bool | None


class OverlayDetector(Protocol):
    """Looks for one kind of overlay; given to ``Gate(..., detectors={"text": detector})``."""

    def __call__(self, picture: NDArray[np.uint8]) -> OverlayFinding:
        """Looks at a photo.

        Args:
            picture: RGB uint8 (height, width, 3), longer side at most 1024 pixels; not to be written to.
        """
