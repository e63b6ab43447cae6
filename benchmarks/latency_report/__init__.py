"""``python -m benchmarks latency``: models, photos, frames and cold starts against the clock."""

from __future__ import annotations
