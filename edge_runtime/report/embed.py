"""Foreign text and pictures in a page: JSON that cannot leave its script element, and data addresses."""

from __future__ import annotations

import base64
import json
from typing import Any

__all__ = ["embed_jpeg", "embed_json"]

# What could end a script element, open a comment in one, or be read as an entity. JSON allows all of it as \uXXXX,
# and outside of strings none of these occurs.
_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def embed_json(value: Any) -> str:
    """``value`` as JSON for ``<script type="application/json">``: ASCII, and without ``<``, ``>`` and ``&``.

    Raises:
        ValueError: a number is not finite, for which JSON has no word.
    """
    return json.dumps(value, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)


def embed_jpeg(jpeg: bytes) -> str:
    """The bytes of a JPEG as a data address."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
